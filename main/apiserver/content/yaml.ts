import { parseDocument, type CollectionTag, type ScalarTag, type Tags } from 'yaml';
import type { Json } from '../../api/json.ts';

// kubectl and the apiserver read YAML 1.1 through Go's library, which differs from YAML 1.1 in these points:
// no dates, no binary, no sexagesimal numbers, octal with 0o as well; floats out of range stay strings.
const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  test: /^[-+]?0o[0-7]+$/,
  default: true,
  resolve: (text) => (text.startsWith('-') ? -1 : 1) * parseInt(text.replace(/^[-+]?0o/, ''), 8),
};
const hugeFloat: ScalarTag = {
  tag: 'tag:yaml.org,2002:str',
  test: /^[-+]?(?:[0-9]+\.?|[0-9]*\.[0-9]+)[eE][-+]?[0-9]{3,}$/,
  default: true,
  resolve: (text) => (Number.isFinite(Number(text)) ? Number(text) : text),
};
const dropped = new Set(['TIME', 'timestamp', 'binary']);

/** Thrown with the library's own words about what is wrong and where. */
export class YamlError extends Error {}

// Aliases may multiply a document ("billion laughs"); this many expansions are more than any manifest needs.
const maxAliases = 100;

/** One YAML document as JSON. */
export function parseYaml(text: string): Json {
  const document = parseDocument(text, {
    version: '1.1',
    merge: true,
    uniqueKeys: false,
    customTags: (tags: Tags) => [
      octal,
      hugeFloat,
      ...tags.filter((tag: string | CollectionTag | ScalarTag) => {
        if (typeof tag === 'string') return !dropped.has(tag);
        return !('format' in tag && dropped.has(tag.format ?? '')) && tag.tag !== 'tag:yaml.org,2002:timestamp' && tag.tag !== 'tag:yaml.org,2002:binary';
      }),
    ],
  });
  if (document.errors.length) throw new YamlError(document.errors[0]!.message);
  try {
    return document.toJS({ maxAliasCount: maxAliases }) as Json;
  } catch (error) {
    throw new YamlError(error instanceof Error ? error.message : String(error));
  }
}
