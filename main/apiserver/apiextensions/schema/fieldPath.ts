import type { JsonSchema } from './types.ts';

/**
 * A path of fields and map keys below a schema, `.spec.list['key']`, as messages show it, with the schema that it leads to;
 * a text says why it leads nowhere. Mirrors ValidFieldPath of apiextensions' pkg/apiserver/schema/cel (validation.go).
 */
export function resolvePath(path: string, schema: JsonSchema, brackets = true): { path: string; schema: JsonSchema | undefined } | string {
  let at: JsonSchema | undefined = schema;
  let text = '';
  const tokens = path.match(/'(?:\\.|[^'\\])*'|[.[\]]|[^.[\]']+|./gs) ?? [];
  const step = (name: string): string | undefined => {
    if (at?.properties) {
      if (!Object.hasOwn(at.properties, name)) return 'does not refer to a valid field';
      text += text ? `.${name}` : name;
      at = at.properties[name];
    } else if (typeof at?.additionalProperties === 'object') {
      text += `[${name}]`;
      at = at.additionalProperties;
    } else return 'does not refer to a valid field';
    return undefined;
  };
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    let fault: string | undefined;
    if (token === '.') {
      const name = tokens[++i];
      if (name === undefined) return 'unexpected end of JSON path';
      fault = step(name);
    } else if (token === '[') {
      if (!brackets) return 'array notation is not allowed';
      const quoted = tokens[++i];
      if (quoted === undefined) return 'unexpected end of JSON path';
      if (!/^'.*'$/s.test(quoted)) return `expected single quoted string but got ${quoted}`;
      const name = unescape(quoted.slice(1, -1));
      if (name === undefined) return 'invalid string literal: invalid escape char';
      fault = step(name);
      if (fault === undefined) {
        const close = tokens[++i];
        if (close === undefined) return 'unexpected end of JSON path';
        if (close !== ']') return `expected ] but got ${close}`;
      }
    } else return `expected [ or . but got: ${token}`;
    if (fault !== undefined) return fault;
  }
  return { path: text, schema: at };
}

const escapes: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', "'": "'", '\\': '\\' };

function unescape(text: string): string | undefined {
  let valid = true;
  const plain = text.replace(/\\(.)/gs, (_, directive: string) => {
    valid &&= Object.hasOwn(escapes, directive);
    return escapes[directive] ?? '';
  });
  return valid ? plain : undefined;
}
