import { isMap, isScalar, isSeq, LineCounter, parseAllDocuments, visit, type Document, type Node, type Pair, type ScalarTag, type Tags } from 'yaml';

/** A place in a text that something is said about; offsets in UTF-16 units. */
export interface TextFinding {
  from: number;
  to: number;
  severity: 'error' | 'warning';
  message: string;
}

/** One document of a manifest. */
export interface ManifestDocument {
  /** As kubectl reads it; undefined where it cannot be read, null for an empty document. */
  value: unknown;
  findings: TextFinding[];
  /** Where the document is in the text. */
  from: number;
  to: number;
  /**
   * Where a field is, by the name the API server gives it: `spec.containers[0].image`. What is missing is found at
   * the nearest parent that is there.
   */
  find(field: string): { from: number; to: number };
}

/** `0o17` is fifteen to kubectl, though YAML 1.1 knows only `017`. */
const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  identify: () => false,
  default: true,
  format: 'OCT',
  test: /^[-+]?0o[0-7]+$/,
  resolve: (text) => (text.startsWith('-') ? -1 : 1) * Number.parseInt(text.replace(/^[-+]?0o/, ''), 8),
};

/** A float too large for a double stays the text that it is. */
const hugeFloat: ScalarTag = {
  tag: 'tag:yaml.org,2002:str',
  identify: () => false,
  default: true,
  test: /^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]{3,}$/,
  resolve: (text) => {
    const value = Number(text.replaceAll('_', ''));
    return Number.isFinite(value) ? value : text;
  },
};

const dropped = new Set(['tag:yaml.org,2002:timestamp', 'tag:yaml.org,2002:binary', 'tag:yaml.org,2002:set', 'tag:yaml.org,2002:omap', 'tag:yaml.org,2002:pairs']);

/** YAML 1.1 as kubectl's reader has it: no times of day, no dates, no sexagesimals. */
export const customTags = (tags: Tags): Tags => [
  octal,
  hugeFloat,
  ...tags.filter((tag) => typeof tag === 'string' || (!dropped.has(tag.tag) && !('format' in tag && tag.format === 'TIME'))),
];

/** More than this many aliases make a document that is not meant to be read (billion laughs). */
const mostAliases = 100;

/** Errors of the reader repeat what it could not read, however long that is. */
const longestMessage = 300;

/** What no text has; files that hold it are no manifests. Mirrors YAML's printable characters (yaml.org/spec/1.1, 5.1). */
const unprintable = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** The documents of a manifest, read as kubectl reads them. Never throws. */
export function parseManifest(text: string): ManifestDocument[] {
  const stray = unprintable.exec(text);
  if (stray) {
    const whole = { from: 0, to: text.length };
    const finding = { from: stray.index, to: stray.index + 1, severity: 'error' as const, message: 'control characters are not allowed' };
    return [{ value: undefined, findings: [finding], ...whole, find: () => whole }];
  }
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { version: '1.1', merge: true, uniqueKeys: false, customTags, lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  const documents = Array.isArray(parsed) ? parsed : [];
  return documents.map((document) => toManifestDocument(document as Document.Parsed, text));
}

function toManifestDocument(document: Document.Parsed, text: string): ManifestDocument {
  const findings: TextFinding[] = [
    ...document.errors.map((error) => ({ from: error.pos[0], to: Math.max(error.pos[1], error.pos[0] + 1), severity: 'error' as const, message: clip(error.message) })),
    ...document.warnings.map((warning) => ({ from: warning.pos[0], to: Math.max(warning.pos[1], warning.pos[0] + 1), severity: 'warning' as const, message: clip(warning.message) })),
    ...repeatedKeys(document),
  ];
  const [from, , to] = document.range;
  let value: unknown;
  if (document.errors.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: mostAliases }) as unknown;
    } catch (error) {
      findings.push({ from, to, severity: 'error', message: error instanceof Error ? error.message : String(error) });
    }
  }
  const bounded = findings.map((finding) => ({ ...finding, from: Math.min(finding.from, text.length), to: Math.min(finding.to, text.length) }));
  return { value, findings: bounded, from, to, find: (field) => locate(document, field) };
}

const clip = (message: string) => (message.length > longestMessage ? `${message.slice(0, longestMessage)}…` : message);

/** kubectl takes the last of equal keys without a word, and what the others say is lost. */
function repeatedKeys(document: Document.Parsed): TextFinding[] {
  const findings: TextFinding[] = [];
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key) || key.value === '<<') continue;
        if (seen.has(key.value)) findings.push({ ...rangeOf(key)!, severity: 'warning', message: `key ${JSON.stringify(key.value)} already set in map` });
        seen.add(key.value);
      }
    },
  });
  return findings;
}

/** `spec.template.metadata.labels[app.kubernetes.io/name]`, `spec.ports[0]`, `data[a.b]` → its steps. */
export function fieldSteps(field: string): string[] {
  const steps: string[] = [];
  for (const match of field.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)) steps.push(match[1] ?? match[2]!);
  return steps;
}

function locate(document: Document.Parsed, field: string): { from: number; to: number } {
  let node: unknown = document.contents;
  let found = rangeOf(node) ?? { from: document.range[0], to: document.range[0] };
  for (const step of fieldSteps(field)) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === step) as Pair | undefined;
      if (!pair) break;
      node = pair.value;
      found = rangeOf(pair.key) ?? found;
      const value = rangeOf(pair.value);
      if (isScalar(pair.value) && value && value.to > value.from) found = value;
    } else if (isSeq(node)) {
      const item = node.items[Number(step)];
      if (item === undefined) break;
      node = item;
      const range = rangeOf(item);
      if (range) found = { from: range.from, to: range.from };
    } else break;
  }
  return found;
}

function rangeOf(node: unknown): { from: number; to: number } | undefined {
  const range = (node as Node | null | undefined)?.range;
  return range ? { from: range[0], to: range[1] } : undefined;
}
