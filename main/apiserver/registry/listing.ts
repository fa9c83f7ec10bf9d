import { badRequest, expired, failure, StatusError } from '../../api/status.ts';
import { CompactedError, FutureRevisionError, type Entry } from '../../store/index.ts';
import { decodeContinue, encodeContinue } from './continueToken.ts';
import type { Registry } from './generic.ts';
import type { Selection } from './selection.ts';

export interface ListRequest {
  /** '' for all. */
  namespace: string;
  selection: Selection;
  resourceVersion?: string;
  resourceVersionMatch?: string;
  limit?: number;
  continue?: string;
}

/** One page of a collection, or all of it. */
export interface Page {
  entries: Entry[];
  /** 0: there is none, the objects are not stored. */
  revision: number;
  continue?: string;
  /** Known only for lists without selectors. */
  remaining?: number;
}

const minFilteredPage = 1000;
/** Milliseconds for which a list may go on page by page as of its beginning. Upstream's compaction interval (storagebackend.DefaultCompactInterval). */
const maxPagingAge = 5 * 60_000;
const inconsistentContinue =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';

/** Mirrors k8s.io/apiserver/pkg/storage/etcd3/store.go (GetList) and storage/util.go (ValidateListOptions). */
export async function list(registry: Registry, request: ListRequest): Promise<Page> {
  const namespace = request.namespace || (registry.definition.namespaced ? (request.selection.exact('metadata.namespace') ?? '') : '');
  if (registry.strategy.computed) return computed(registry, namespace, request.selection);
  const name = request.selection.exact('metadata.name');
  const prefix = registry.prefix(namespace);
  if (request.continue) await registry.store.fresh(Math.max(decodeContinue(request.continue, prefix).revision, 1));
  else await reach(registry, request.resourceVersion);
  const from = startOf(request, prefix, registry.store.revision);
  if (name !== undefined && !request.continue && from.revision === undefined && (namespace || !registry.definition.namespaced))
    return single(registry, request.selection, namespace, name);

  // What is served from memory anyway upstream pages no lists at "any version".
  const limit = request.resourceVersion === '0' ? undefined : request.limit || undefined;
  // A selector may leave little of a page, so more than the client wants is read at a time.
  const pageSize = limit && !request.selection.empty ? Math.max(limit, minFilteredPage) : limit;
  const entries: Entry[] = [];
  let { start, revision } = from;
  for (;;) {
    const page = await read(registry, prefix, { start, revision, limit: pageSize }, request.continue !== undefined);
    revision = page.revision;
    for (let i = 0; i < page.entries.length; i++) {
      const entry = page.entries[i]!;
      if (limit && entries.length === limit) return { entries, revision, continue: encodeContinue(entry.key, prefix, revision) };
      if (request.selection.empty || request.selection.picks(entry)) entries.push(entry);
    }
    if (!page.more) return { entries, revision };
    start = `${page.entries.at(-1)!.key}\0`;
    if (limit && entries.length === limit)
      return {
        entries,
        revision,
        continue: encodeContinue(start, prefix, revision),
        ...(request.selection.empty ? { remaining: page.remaining } : {}),
      };
  }
}

async function computed(registry: Registry, namespace: string, selection: Selection): Promise<Page> {
  const objects = await registry.strategy.computed!.list(namespace);
  const entries = objects.map((object) => registry.computed(object)).sort((a, b) => (a.key < b.key ? -1 : 1));
  return { entries: selection.empty ? entries : entries.filter((entry) => selection.picks(entry)), revision: 0 };
}

async function single(registry: Registry, selection: Selection, namespace: string, name: string): Promise<Page> {
  const entry = await registry.store.get(registry.key(namespace, name));
  return { entries: entry && selection.picks(entry) ? [entry] : [], revision: registry.store.revision };
}

async function read(registry: Registry, prefix: string, at: { start?: string; revision?: number; limit?: number }, paging: boolean) {
  // Clients that page for hours must not hold the past: upstream compacts it every five minutes, we keep it for other ends.
  if (paging && at.revision !== undefined && registry.store.isOutdated(at.revision, maxPagingAge)) throw tooOld(prefix, at.start!);
  try {
    return await registry.store.list(prefix, at);
  } catch (error) {
    if (error instanceof FutureRevisionError) throw tooLarge(error.asked, error.current);
    if (!(error instanceof CompactedError)) throw error;
    if (!paging) throw expired('The resourceVersion for the provided list is too old.');
    throw tooOld(prefix, at.start!);
  }
}

/** Says how to go on without the past. */
function tooOld(prefix: string, start: string): StatusError {
  const { status } = expired(inconsistentContinue);
  return new StatusError({ ...status, metadata: { continue: encodeContinue(start, prefix, -1) } });
}

/** Lets the store come to what the request must see at least: any state will do, a certain one, or the newest. */
export async function reach({ store }: Registry, resourceVersion: string | undefined): Promise<void> {
  if (resourceVersion === '0') return;
  await store.fresh(parseResourceVersion(resourceVersion) || undefined);
}

/** Which revision a list must show (undefined: the newest) and with which key it starts. */
function startOf(request: ListRequest, prefix: string, newest: number): { start?: string; revision?: number } {
  if (request.continue) {
    const token = decodeContinue(request.continue, prefix);
    if (request.resourceVersion && request.resourceVersion !== '0')
      throw badRequest('specifying resource version is not allowed when using continue');
    return { start: token.start, revision: token.revision > 0 ? token.revision : undefined };
  }
  const revision = parseResourceVersion(request.resourceVersion);
  if (revision === 0) return {};
  const exact = request.resourceVersionMatch === 'Exact' || (!request.resourceVersionMatch && !!request.limit);
  if (revision > newest) throw tooLarge(revision, newest);
  return exact ? { revision } : {};
}

/** '' and '0' are 0. Throws 400. */
export function parseResourceVersion(text: string | undefined): number {
  if (!text || text === '0') return 0;
  if (!/^\d{1,19}$/.test(text))
    throw badRequest(`invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

/** Mirrors k8s.io/apiserver/pkg/storage/errors.go (NewTooLargeResourceVersionError). */
export function tooLarge(asked: number, current: number): StatusError {
  return failure(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    retryAfterSeconds: 1,
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
  });
}
