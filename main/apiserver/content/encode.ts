import { parseApiVersion, type KubeObject } from '../../api/meta.ts';
import { withNulls } from '../../api/nulls.ts';
import { inGoOrder } from '../../api/order.ts';
import { encodeProtobuf, hasProtobuf } from '../../api/protobuf.ts';
import { schemaOf } from '../../api/schema.ts';
import type { Entry } from '../../store/index.ts';
import { stringify } from 'yaml';
import type { Answer, Call } from '../call.ts';
import type { Registry } from '../registry/generic.ts';
import type { Page } from '../registry/listing.ts';
import { objectOf } from '../registry/stored.ts';
import { mediaTypes, negotiate, negotiatePlain, notAcceptable, plainJson, type Accepted } from './negotiate.ts';
import { includeObjectOf, partialListOf, partialOf, tableOf, type ListMetadata } from './table.ts';

/** An answer as bytes or text for the wire. */
export interface Encoded {
  code: number;
  contentType: string;
  body: string | Uint8Array;
  headers?: Record<string, string>;
}

export type Settled = Exclude<Answer, { type: 'watch' | 'stream' | 'relay' | 'taken' | 'ended' | 'connected' }>;

/** Stored objects go out as they lie in the store, unless the client wants them in another shape. Throws 400, 406. */
export function encodeAnswer(answer: Settled, call: Pick<Call, 'accept' | 'query' | 'now' | 'userAgent'>): Encoded {
  if (answer.type === 'text') return answer;
  const accepted = answer.type === 'object' && answer.plainOnly ? negotiatePlain(call.accept) : negotiate(call.accept);
  const pretty = accepted.format === 'json' && wantsPretty(call);
  if (accepted.format === 'json' && !accepted.as && !pretty) return { code: codeOf(answer), contentType: mediaTypes.json, body: `${storedText(answer)}\n` };
  const object = accepted.as ? transformed(answer, call, accepted.as) : plainObject(answer);
  const { contentType, body } = encodeObject(object, accepted, pretty, answer.type !== 'object');
  return { code: codeOf(answer), contentType, body };
}

/** `stored`: the object is one of the store, or a list of those. */
export function encodeObject(object: KubeObject, { format }: Accepted, pretty: boolean, stored = false): { contentType: string; body: string | Uint8Array } {
  switch (format) {
    case 'json':
      return { contentType: mediaTypes.json, body: `${JSON.stringify(asGoWrites(object, stored), null, pretty ? 2 : 0)}\n` };
    case 'yaml':
      return { contentType: mediaTypes.yaml, body: stringify(asGoWrites(object, stored), { compat: 'yaml-1.1', aliasDuplicateObjects: false, indentSeq: false, lineWidth: 0, sortMapEntries: true }) };
    case 'protobuf':
      // Whoever prefers protobuf takes JSON as well; what is not built in has no other form.
      if (!hasProtobuf(object)) return encodeObject(object, plainJson, pretty, stored);
      return { contentType: mediaTypes.protobuf, body: encodeProtobuf(object) };
  }
}

function asGoWrites(object: KubeObject, stored: boolean): KubeObject {
  if (!object.kind) return object;
  const schema = schemaOf({ ...parseApiVersion(object.apiVersion ?? ''), kind: object.kind });
  // What comes out of the store is in order.
  return withNulls(schema, stored || !schema ? object : (inGoOrder(schema, object as unknown as Record<string, unknown>) as KubeObject), stored);
}

const codeOf = (answer: Settled): number => (answer.type === 'list' ? 200 : answer.code);

function storedText(answer: Exclude<Settled, { type: 'text' }>): string {
  switch (answer.type) {
    case 'entry':
      return answer.entry.value;
    case 'object':
      return JSON.stringify(asGoWrites(answer.object, false));
    case 'list':
      return listText(answer.page, answer.registry);
  }
}

const listText = (page: Page, registry: Registry): string => [...listPieces(page, registry)].join('');

/**
 * A list without parsing its items: their texts, less the kind and apiVersion that Go's typed lists leave out. It comes
 * in pieces of handy length, since all of it at once would lie in memory several times on its way out.
 */
function* listPieces(page: Page, { definition, apiVersion }: Registry): Generator<string> {
  const skip = `{"kind":${JSON.stringify(definition.kind)},"apiVersion":${JSON.stringify(apiVersion)},`.length;
  let text = `{"kind":${JSON.stringify(definition.listKind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":${JSON.stringify(listMetadata(page))},"items":[`;
  const { entries } = page;
  for (let i = 0; i < entries.length; i++) {
    text += (i === 0 ? '{' : ',{') + entries[i]!.value.slice(skip);
    if (text.length < pieceLength) continue;
    yield text;
    text = '';
  }
  yield `${text}]}`;
}

function* withLineEnd(pieces: Iterable<string>): Generator<string> {
  yield* pieces;
  yield '\n';
}

/**
 * Characters. A piece goes out in one turn of the event loop, of which each is as long as a busy cluster makes it: the
 * pods of a thousand nodes in many small pieces came after a minute.
 */
export const pieceLength = 1024 * 1024;

/** Characters from which on a list is long. */
const longLength = 256 * 1024;

/** The pieces of a list that is too long to go out at once; undefined: it is none, or goes out in another shape. */
export function longList(answer: Answer, call: Pick<Call, 'accept' | 'query' | 'userAgent'>): { contentType: string; pieces: Iterable<string> } | undefined {
  if (answer.type !== 'list' || !isLong(answer.page)) return undefined;
  const { format, as } = negotiate(call.accept);
  if (format !== 'json' || as || wantsPretty(call)) return undefined;
  return { contentType: mediaTypes.json, pieces: withLineEnd(listPieces(answer.page, answer.registry)) };
}

function isLong({ entries }: Page): boolean {
  let length = 0;
  for (const { value } of entries) if ((length += value.length) > longLength) return true;
  return false;
}

export function listMetadata(page: Page): ListMetadata {
  return {
    ...(page.revision ? { resourceVersion: String(page.revision) } : {}),
    ...(page.continue ? { continue: page.continue } : {}),
    ...(page.remaining !== undefined ? { remainingItemCount: page.remaining } : {}),
  };
}

/** A list as an object whose items are the shared ones of the store, which may have been read before. */
export function listObject(page: Page, { definition, apiVersion }: Registry, items = page.entries.map((entry) => objectOf(entry))): KubeObject & { items: KubeObject[] } {
  return { kind: definition.listKind, apiVersion, metadata: listMetadata(page), items };
}

export function plainObject(answer: Exclude<Settled, { type: 'text' }>): KubeObject {
  switch (answer.type) {
    case 'entry':
      return objectOf(answer.entry);
    case 'object':
      return answer.object;
    case 'list':
      return listObject(answer.page, answer.registry);
  }
}

function transformed(answer: Exclude<Settled, { type: 'text' }>, call: Pick<Call, 'query' | 'now'>, as: NonNullable<Accepted['as']>): KubeObject {
  if (answer.type === 'object') return answer.object;
  const isList = answer.type === 'list';
  const objects = isList ? answer.page.entries.map((entry: Entry) => objectOf(entry)) : [objectOf(answer.entry)];
  const metadata = isList ? listMetadata(answer.page) : { resourceVersion: objects[0]!.metadata?.resourceVersion };
  switch (as.kind) {
    case 'Table':
      return tableOf(answer.registry.strategy, objects, metadata, { version: as.version, include: includeObjectOf(call.query), now: call.now, headers: true });
    case 'PartialObjectMetadata':
      if (isList) throw notAcceptable([`you requested PartialObjectMetadata, but the requested object is a list (${answer.registry.definition.listKind})`]);
      return partialOf(objects[0]!, as.version);
    case 'PartialObjectMetadataList':
      if (!isList) throw notAcceptable([`you requested PartialObjectMetadataList, but the requested object is not a list (${answer.registry.definition.kind})`]);
      return partialListOf(objects, metadata, as.version);
  }
}

const humans = ['curl', 'Wget', 'Mozilla/5.0'];

/** Mirrors endpoints/handlers/negotiation/negotiate.go (isPrettyPrint). */
function wantsPretty({ query, userAgent }: Pick<Call, 'query' | 'userAgent'>): boolean {
  return query.flag('pretty') ?? humans.some((prefix) => userAgent.startsWith(prefix));
}
