import { internalNameOf, type GroupVersionKind } from '../../api/meta.ts';
import { failure, type StatusError } from '../../api/status.ts';
import type { Call } from '../call.ts';
import { includeObjectOf } from './table.ts';

export type Format = 'json' | 'yaml' | 'protobuf';

/** What a client wants its answer to look like. */
export interface Accepted {
  format: Format;
  /** Another kind that shows the same: what kubectl's tables and metadata-only clients ask for. */
  as?: { kind: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'; version: 'v1' | 'v1beta1' };
}

export const mediaTypes: Record<Format, string> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
};
const formats = Object.entries(mediaTypes) as [Format, string][];
const everyType = Object.values(mediaTypes);
export const plainJson: Accepted = { format: 'json' };

interface Clause {
  type: string;
  parameters: Record<string, string>;
  quality: number;
}

// A client sends the same header with every request, so each is read once.
const known = new Map<string, Accepted | undefined>();
const knownLimit = 500;

/** Throws 406. Mirrors k8s.io/apiserver/pkg/endpoints/handlers/negotiation/negotiate.go. */
export function negotiate(accept: string | undefined): Accepted {
  if (!accept || accept === mediaTypes.json || accept === '*/*') return plainJson;
  let accepted = known.get(accept);
  if (accepted === undefined && !known.has(accept)) {
    accepted = choose(parseAccept(accept));
    if (known.size >= knownLimit) known.clear();
    known.set(accept, accepted);
  }
  if (!accepted) throw isKnown(accept) ? notAcceptable(everyType) : failure(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${everyType.join(', ')}`, {});
  return accepted;
}

/** Whether any of its types is one, whatever is asked of it besides. */
const isKnown = (accept: string): boolean => parseAccept(accept).some(({ type }) => type === '*/*' || everyType.includes(type));

const listVerbs = new Set(['list', 'watch', 'deletecollection']);

/** Refuses a request whose answer the client would not take, before anything is done. Throws 400, 406. */
export function checkAcceptable({ accept, query }: Pick<Call, 'accept' | 'query'>, verb: string, kind: GroupVersionKind & { listKind: string }): void {
  const { as } = negotiate(accept);
  if (as?.kind === 'Table') includeObjectOf(query);
  if (as?.kind === 'PartialObjectMetadata' && verb === 'deletecollection') throw notAcceptable([`you requested PartialObjectMetadata, but the requested object is a list (${kind.listKind})`]);
  if (as?.kind === 'PartialObjectMetadataList' && !listVerbs.has(verb))
    throw failure(406, 'NotAcceptable', `you requested PartialObjectMetadataList, but the requested object is not a list (*${internalNameOf(kind)})`);
}

/** The same for an answer that can only be shown as it is. Throws 406. */
export function negotiatePlain(accept: string | undefined): Accepted {
  if (!accept || !accept.includes('as=')) return negotiate(accept);
  const accepted = choose(parseAccept(accept).filter(({ parameters }) => parameters['as'] === undefined));
  if (!accepted) throw notAcceptable(everyType);
  return accepted;
}

function choose(clauses: Clause[]): Accepted | undefined {
  for (const clause of clauses)
    for (const [format, mediaType] of formats) {
      if (clause.type !== mediaType && clause.type !== '*/*') continue;
      const as = transformOf(clause.parameters, format);
      if (as !== 'refused') return as ? { format, as } : { format };
    }
  return undefined;
}

function transformOf({ as, g, v, stream, sv }: Record<string, string>, format: Format): Accepted['as'] | 'refused' {
  if (stream && stream !== 'watch') return 'refused';
  if (sv && sv !== 'v1') return 'refused';
  if (as === undefined && g === undefined && v === undefined) return undefined;
  if (g !== 'meta.k8s.io' || (v !== 'v1' && v !== 'v1beta1')) return 'refused';
  if (as === 'Table') return format === 'protobuf' ? 'refused' : { kind: as, version: v };
  return as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList' ? { kind: as, version: v } : 'refused';
}

function parseAccept(header: string): Clause[] {
  const clauses = header.split(',').map((text): Clause => {
    const [type = '', ...rest] = text.split(';').map((part) => part.trim());
    const parameters: Record<string, string> = {};
    let quality = 1;
    for (const part of rest) {
      const [name = '', value = ''] = part.split('=').map((p) => p.trim().replace(/^"(.*)"$/, '$1'));
      if (name === 'q') quality = Number(value) || 0;
      else parameters[name] = value;
    }
    return { type: type.toLowerCase(), parameters, quality };
  });
  const wildness = ({ type }: Clause) => (type === '*/*' ? 2 : type.endsWith('/*') ? 1 : 0);
  return clauses.sort((a, b) => b.quality - a.quality || wildness(a) - wildness(b));
}

export const notAcceptable = (types: string[]): StatusError =>
  failure(406, 'NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`);

export const unsupportedMediaType = (types: readonly string[] = everyType): StatusError =>
  failure(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${types.join(', ')}`);

/** Which format a body is in, by its Content-Type. Throws 415. */
export function bodyFormat(contentType: string | undefined): Format {
  if (!contentType) return 'json';
  const semicolon = contentType.indexOf(';');
  const type = (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
  for (const [format, mediaType] of formats) if (type === mediaType) return format;
  throw unsupportedMediaType();
}
