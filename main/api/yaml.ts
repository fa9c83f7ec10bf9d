import { isNode, isScalar, Lexer, LineCounter, parseAllDocuments, Parser, visit, type CollectionTag, type Document, type ScalarTag, type Tags } from 'yaml';
import type { Json } from './json.ts';
import { nestedTooDeep } from './jsonError.ts';
import { yamlError } from './yamlError.ts';

/** What is wrong with the text, and where. */
export class YamlError extends Error {
  constructor(
    message: string,
    /** The same in the words of the library that Kubernetes reads YAML with, as far as they are known. */
    readonly inGo: string = message,
  ) {
    super(message);
  }
}

/** An apiserver takes no larger request. */
const maxLength = 3 * 1024 * 1024;
/** How often one anchor may stand for something, nested ones multiplied: enough for manifests, too little for a bomb. */
const maxAliasCount = 1000;

/**
 * Keys, values and marks. Each costs time and some hundred bytes while a text is read, so that three megabytes of short ones would
 * hold everybody up for half a minute; the largest definitions that are in use have 200,000.
 */
const maxWords = 500_000;

/** Its reader goes down into what is nested on the stack, several calls each time. */
const maxDepth = 500;

/** The marks of a text can be read without going down. */
function checkShape(text: string): void {
  if (text.length < 2 * maxDepth) return;
  const parser = new Parser();
  let words = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++words > maxWords) throw new YamlError(`yaml: the text has more than ${maxWords} words: send it as JSON`);
    // What it has made of the text so far is of no interest, but it goes on only as it is taken.
    Array.from(parser.next(lexeme));
    if (parser.stack.length > maxDepth) throw tooDeep();
  }
}

const tooDeep = () => new YamlError(`yaml: exceeded max depth of ${maxDepth}`);

// kubectl and the apiserver read YAML 1.1 through a Go library that differs from the standard in these points:
// octal numbers may be written 0o17, numbers beyond all bounds stay text, dates and base 60 are text.
const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?0o[0-7_]+$/,
  resolve: (text) => (text.startsWith('-') ? -1 : 1) * parseInt(text.replace(/^[-+]?0o|_/g, ''), 8),
};
const hugeNumber: ScalarTag = {
  tag: 'tag:yaml.org,2002:str',
  default: true,
  test: /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)[eE]\+?\d{3,}$/,
  resolve: (text) => (Number.isFinite(Number(text)) ? Number(text) : text),
};
const float: ScalarTag = { tag: 'tag:yaml.org,2002:float', default: false, resolve: (text) => Number(text) };
const binary: ScalarTag = {
  tag: 'tag:yaml.org,2002:binary',
  default: false,
  resolve: (text, onError) => {
    try {
      return atob(text.replace(/\s/g, ''));
    } catch {
      onError('!!binary value contains invalid base64 data');
      return text;
    }
  },
};
const replaced = new Set(['tag:yaml.org,2002:timestamp', 'tag:yaml.org,2002:binary']);

function customTags(tags: Tags): Tags {
  const kept = tags.filter((tag: string | CollectionTag | ScalarTag) => {
    if (typeof tag === 'string') return tag !== 'timestamp' && tag !== 'binary';
    return !replaced.has(tag.tag) && !('format' in tag && tag.format === 'TIME');
  });
  return [octal, hugeNumber, ...kept, float, binary];
}

const jsonLike = /^\s*[{[]/;

/** One document, as kubectl reads it. Throws a YamlError. */
export function parseYaml(text: string): Json {
  // JSON is YAML, and most "YAML" that reaches a server is JSON.
  if (jsonLike.test(text)) {
    if (nestedTooDeep(text)) throw tooDeep();
    try {
      return JSON.parse(text) as Json;
    } catch {
      // Then it is YAML in flow style, or wrong in a way that YAML's own reader explains better.
    }
  }
  const documents = read(text);
  return documents.length ? toJson(documents[0]!) : null;
}

/** All documents of a text, those that are empty left out. Throws a YamlError. */
export function parseYamlDocuments(text: string): Json[] {
  return read(text)
    .map(toJson)
    .filter((value) => value !== null);
}

/** One document as `parseYaml` reads it, and the keys that stand twice in one map, in upstream's words; the last one counts. */
export function parseYamlWithDuplicates(text: string): { value: Json; duplicates(): string[] } {
  if (jsonLike.test(text)) {
    if (nestedTooDeep(text)) throw tooDeep();
    try {
      return { value: JSON.parse(text) as Json, duplicates: () => duplicatesOf(text) };
    } catch {
      // As in parseYaml.
    }
  }
  const lines = new LineCounter();
  const documents = read(text, lines);
  return { value: documents.length ? toJson(documents[0]!) : null, duplicates: () => duplicatesIn(documents, lines) };
}

function duplicatesOf(text: string): string[] {
  const lines = new LineCounter();
  return duplicatesIn(read(text, lines), lines);
}

function duplicatesIn(documents: readonly Document[], lines: LineCounter): string[] {
  const complaints: string[] = [];
  for (const document of documents)
    visit(document, {
      Map(_, map) {
        const seen = new Set<unknown>();
        for (const { key } of map.items) {
          if (!isScalar(key)) continue;
          if (seen.has(key.value)) complaints.push(`line ${lines.linePos(key.range?.[0] ?? 0).line}: key ${JSON.stringify(key.value)} already set in map`);
          seen.add(key.value);
        }
      },
    });
  return complaints;
}

function read(text: string, lineCounter = new LineCounter()): Document[] {
  if (text.length > maxLength) throw new YamlError(`the text is longer than ${maxLength} characters`);
  checkShape(text);
  try {
    const documents = parseAllDocuments(text, {
      version: '1.1',
      merge: true,
      uniqueKeys: false,
      logLevel: 'error',
      customTags,
      lineCounter,
      // Showing where in the text each of a hundred thousand faults is would take minutes: it is done for the one that is told.
      prettyErrors: false,
    });
    const found = Array.isArray(documents) ? documents : [];
    for (const { errors } of found) {
      const [error] = errors;
      if (!error) continue;
      const place = lineCounter.linePos(error.pos[0]);
      throw new YamlError(`${error.message} at line ${place.line}, column ${place.col}`, yamlError(error, place.line, text));
    }
    return found;
  } catch (error) {
    throw asYamlError(error);
  }
}

function toJson(document: Document): Json {
  try {
    const value = document.toJS({ maxAliasCount }) as Json;
    const circle = circularAnchor(document);
    if (circle !== undefined) throw new YamlError(`anchor '${circle}' value contains itself`, `yaml: anchor '${circle}' value contains itself`);
    return value;
  } catch (error) {
    const alias = /^Unresolved alias .*: (.*)$/.exec(error instanceof Error ? error.message : '');
    if (alias) throw new YamlError(alias[0], `yaml: unknown anchor '${alias[1]}' referenced`);
    throw asYamlError(error);
  }
}

/** The anchor of what an alias within it stands for: no JSON can say that. */
function circularAnchor(document: Document): string | undefined {
  let found: string | undefined;
  visit(document, {
    Alias(_, alias, path) {
      if (!path.some((node) => isNode(node) && 'anchor' in node && node.anchor === alias.source)) return undefined;
      found = alias.source;
      return visit.BREAK;
    },
  });
  return found;
}

/** What is nested deeper than the stack goes ends up here, too. */
const asYamlError = (error: unknown) =>
  error instanceof YamlError ? error : new YamlError(error instanceof Error ? error.message : String(error));
