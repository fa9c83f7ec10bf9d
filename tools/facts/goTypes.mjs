// Reads the type declarations of gofmt-ed Go source: enough of the language for Kubernetes' API packages.

/**
 * @typedef {{ name: string, type: string, tags: Record<string, string>, comment: string[], embedded: boolean }} GoField
 * @typedef {{ name: string, comment: string[], struct?: GoField[], base?: string, alias?: boolean }} GoType
 * @typedef {{ imports: Map<string, string>, types: Map<string, GoType>, constants: Map<string, { type: string, value?: string, from?: { importPath: string, name: string } }> }} GoFile
 */

function parseTags(text) {
  const tags = {};
  for (const [, key, value] of (text ?? '').matchAll(/(\w+):"((?:[^"\\]|\\.)*)"/g)) tags[key] = value.replace(/\\(.)/g, '$1');
  return tags;
}

function parseField(line, comment) {
  const match = /^(?:(\w+)\s+)?([^`\s/]+)\s*(?:`([^`]*)`)?\s*(?:\/\/.*)?$/.exec(line);
  if (!match) throw new Error(`cannot read this field: ${line}`);
  const [, name, type, tags] = match;
  return { name: name ?? type.replace(/^\*?(?:\w+\.)?/, ''), type, tags: parseTags(tags), comment, embedded: name === undefined };
}

/** @returns {GoFile} */
export function parseGo(source) {
  const file = { imports: new Map(), types: new Map(), constants: new Map() };
  let comment = [];
  let struct;
  let block;
  let inComment = false;
  for (const raw of source.split('\n')) {
    const line = raw.trim();
    if (inComment) {
      inComment = !line.includes('*/');
      continue;
    }
    if (line.startsWith('/*')) {
      inComment = !line.includes('*/');
      continue;
    }
    if (line.startsWith('//')) {
      comment.push(line.slice(2).trim());
      continue;
    }
    if (struct) {
      if (raw === '}') struct = undefined;
      else if (line !== '') struct.push(parseField(line, comment));
      comment = [];
      continue;
    }
    if (block) {
      if (line === ')') block = undefined;
      else if (block === 'import') readImport(file, line);
      else if (block === 'const') readConstant(file, line);
      comment = [];
      continue;
    }
    let match;
    if ((match = /^(import|const|var) \($/.exec(raw))) block = match[1];
    else if (raw.startsWith('import ')) readImport(file, line.slice('import '.length));
    else if (raw.startsWith('const ')) readConstant(file, line.slice('const '.length));
    else if ((match = /^type (\w+) struct \{$/.exec(raw))) {
      struct = [];
      file.types.set(match[1], { name: match[1], comment, struct });
    } else if ((match = /^type (\w+) struct ?\{\}$/.exec(raw))) file.types.set(match[1], { name: match[1], comment, struct: [] });
    else if ((match = /^type (\w+) (= )?([^\s{]+)(?: *\/\/.*)?$/.exec(raw)))
      file.types.set(match[1], { name: match[1], comment, base: match[3], alias: match[2] !== undefined });
    // A blank line lets go of a comment, except of markers, which may stand a line above.
    comment = line === '' ? comment.filter((text) => text.startsWith('+')) : [];
  }
  return file;
}

function readImport(file, line) {
  const match = /^(?:(\w+) )?"([^"]+)"$/.exec(line);
  if (match) file.imports.set(match[1] ?? match[2].slice(match[2].lastIndexOf('/') + 1), match[2]);
}

function readConstant(file, line) {
  const match = /^(\w+)(?:\s+([\w.]+))?\s*=\s*(?:([\w.]+)\()?"((?:[^"\\]|\\.)*)"\)?/.exec(line);
  if (match) file.constants.set(match[1], { type: match[2] ?? match[3] ?? '', value: match[4] });
  // `AddressTypeIPv4 = AddressType(v1.IPv4Protocol)`: the value is another package's.
  const borrowed = /^(\w+)\s*=\s*(\w+)\((\w+)\.(\w+)\)/.exec(line);
  if (borrowed) file.constants.set(borrowed[1], { type: borrowed[2], from: { importPath: file.imports.get(borrowed[3]), name: borrowed[4] } });
}

/** The markers of a comment: `+listType=map` → ['listType', 'map']. */
export function markers(comment) {
  const found = [];
  for (const text of comment) {
    const match = /^\+([\w:]+)(?:=(.*))?$/.exec(text.trim());
    if (match) found.push([match[1], match[2] ?? '']);
  }
  return found;
}
