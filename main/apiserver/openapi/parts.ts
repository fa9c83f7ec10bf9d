import { WireType, Writer } from '../../api/wire/writer.ts';
import { gnosticDocument } from './gnostic.ts';
import type { JsonObject } from './schemas.ts';

const sections = ['paths', 'definitions', 'parameters'] as const;
type Section = (typeof sections)[number];

/**
 * What an OpenAPI v2 document says, each entry written already. What is built in is by far the most of it and does not change,
 * so that a kind that a user defines costs its own entries and no more.
 */
export type Parts = Readonly<Record<Section, ReadonlyMap<string, string>>>;

/** The entries of a document that `known` does not have. */
export function partsOf(document: JsonObject, known?: Parts): Parts {
  const texts = (section: Section) =>
    Object.entries((document[section] ?? {}) as JsonObject).flatMap(([name, value]): [string, string][] => (known?.[section].has(name) ? [] : [[name, JSON.stringify(value)]]));
  return { paths: new Map(texts('paths')), definitions: new Map(texts('definitions')), parameters: new Map(texts('parameters')) };
}

/** The whole document as JSON: `head` is what it says besides, and entries are in the order of their names. */
export function textOfParts(head: JsonObject, parts: readonly Parts[]): string {
  const members = sections.map((section) => `${JSON.stringify(section)}:${sectionText(parts.map((part) => part[section]))}`);
  return `{${[...Object.entries(head).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`), ...members].join()}}`;
}

function sectionText(maps: readonly ReadonlyMap<string, string>[]): string {
  const names = maps.flatMap((map) => [...map.keys()]).sort();
  const texts: string[] = [];
  names.forEach((name, i) => {
    if (name !== names[i - 1]) texts.push(`${JSON.stringify(name)}:${maps.find((map) => map.has(name))!.get(name)!}`);
  });
  return `{${texts.join()}}`;
}

type Contents = Record<Section, Uint8Array>;

const written = new WeakMap<Parts, Contents>();

/** The same as protobuf: each of the parts is written once, and what they hold of a section is put behind each other. */
export function gnosticOfParts(head: JsonObject, parts: readonly Parts[]): Uint8Array {
  const contents = parts.map(contentsOf);
  const members = sections.flatMap((section) => {
    const all = contents.map((of) => of[section]);
    const length = all.reduce((sum, { byteLength }) => sum + byteLength, 0);
    return length ? [headOfMember(section, length), ...all] : [];
  });
  return Buffer.concat([gnosticDocument(head), ...members]);
}

function contentsOf(part: Parts): Contents {
  let contents = written.get(part);
  if (!contents) {
    const content = (section: Section) => contentOfOnly(gnosticDocument({ [section]: JSON.parse(sectionText([part[section]])) as JsonObject }));
    written.set(part, (contents = { paths: content('paths'), definitions: content('definitions'), parameters: content('parameters') }));
  }
  return contents;
}

/** As gnostic numbers them. */
const numbers: Record<Section, number> = { paths: 8, definitions: 9, parameters: 10 };

function headOfMember(section: Section, length: number): Uint8Array {
  const writer = new Writer();
  writer.varint(length);
  writer.tag(numbers[section], WireType.bytes);
  return writer.finish();
}

/** What the only member of a message holds: behind one byte of its number and those of its length. */
function contentOfOnly(message: Uint8Array): Uint8Array {
  let start = 1;
  while (message[start]! >= 0x80) start++;
  return message.subarray(start + 1);
}
