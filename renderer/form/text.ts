import { isMap, isSeq, parseAllDocuments, type Document } from 'yaml';
import { customTags } from '../yaml/parse.ts';

/** `spec.containers[0].image` → its steps, indexes as numbers; `labels[app.kubernetes.io/name]` names a key with dots. */
export function steps(path: string): (string | number)[] {
  const found: (string | number)[] = [];
  for (const match of path.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)) {
    const step = match[1] ?? match[2]!;
    found.push(match[1] !== undefined && /^\d+$/.test(step) ? Number(step) : step);
  }
  return found;
}

export function read(value: unknown, path: string): unknown {
  let at = value;
  for (const step of steps(path)) {
    if (at === null || typeof at !== 'object') return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

function documentsOf(text: string): Document[] {
  const parsed = parseAllDocuments(text, { version: '1.1', merge: true, uniqueKeys: false, customTags, logLevel: 'silent' });
  return Array.isArray(parsed) ? (parsed as unknown as Document[]) : [];
}

const print = (documents: readonly Document[]): string =>
  documents
    .map((document) => document.toString({ lineWidth: 0 }).replace(/^---\n/, ''))
    .join('---\n');

/**
 * The manifest with one field of one document changed; comments, order and all else stay as the user wrote them.
 * `undefined` removes the field, and the maps and lists that it leaves empty.
 */
export function withField(text: string, index: number, path: string, value: unknown): string {
  const documents = documentsOf(text);
  const document = documents[index];
  if (!document) return text;
  const way = steps(path);
  if (value === undefined) {
    document.deleteIn(way);
    for (let depth = way.length - 1; depth > 1; depth--) {
      const parent = document.getIn(way.slice(0, depth));
      if (!((isMap(parent) || isSeq(parent)) && parent.items.length === 0)) break;
      document.deleteIn(way.slice(0, depth));
    }
  } else document.setIn(way, document.createNode(value));
  return print(documents);
}

/** The manifest with one more document behind the others. */
export function withDocument(text: string, manifest: string): string {
  return `${text.trimEnd()}\n---\n${manifest}`;
}

/** The manifest without one of its documents. */
export function withoutDocument(text: string, index: number): string {
  return print(documentsOf(text).filter((_, at) => at !== index));
}
