import type { YAMLParseError } from 'yaml';

const words: Partial<Record<YAMLParseError['code'], string>> = {
  BAD_DIRECTIVE: 'found unknown directive name',
  BAD_DQ_ESCAPE: 'found unknown escape character',
  BAD_INDENT: 'did not find expected key',
  BAD_SCALAR_START: 'found character that cannot start any token',
  BLOCK_AS_IMPLICIT_KEY: 'mapping values are not allowed in this context',
  BLOCK_IN_FLOW: 'did not find expected node content',
  MISSING_CHAR: 'found unexpected end of stream',
  MULTILINE_IMPLICIT_KEY: "could not find expected ':'",
  TAB_AS_INDENT: 'found character that cannot start any token',
};

/** How far the line it names is from ours. */
const offsets: Partial<Record<YAMLParseError['code'], number>> = { TAB_AS_INDENT: 0, MULTILINE_IMPLICIT_KEY: 1 };

/** What is wrong with a YAML text, in the words of the library that Kubernetes reads it with (go-yaml), and the line it names. */
export function yamlError({ code, message }: YAMLParseError, line: number, text: string): string {
  const flow = inFlow(message, text);
  const why = flow ?? inBlock(message) ?? words[code] ?? message.split('\n')[0]!;
  // It counts from zero in most places, and does not tell where the first line is.
  const shown = line + (flow ? 0 : (offsets[code] ?? -1));
  return `yaml: ${shown > 0 ? `line ${shown}: ` : ''}${why}`;
}

/** A list or map in brackets that does not end. */
function inFlow(message: string, text: string): string | undefined {
  const open = /^Flow (sequence|map)/.exec(message)?.[1];
  if (!open) return undefined;
  if (/[[{,:]\s*$/.test(text)) return 'did not find expected node content';
  return `did not find expected ',' or '${open === 'map' ? '}' : ']'}'`;
}

const inBlock = (message: string): string | undefined =>
  message.startsWith('Unexpected block-seq-ind') ? 'block sequence entries are not allowed in this context' : undefined;
