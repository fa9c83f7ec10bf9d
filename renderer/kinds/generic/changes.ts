import { equalJson } from '../../../main/api/json.ts';
import { resourcePath, type KubeObject } from '../../../main/api/meta.ts';
import type { WatchHandle } from '../../../preload/contract.ts';
import { messageOf, type Client, type Resource } from '../../client/index.ts';
import { essence } from '../../client/manifests.ts';

/** One field that a write has changed; undefined where it was or is not there. */
export interface FieldChange {
  path: string;
  from: string | undefined;
  to: string | undefined;
}

/** One write to an object, as the server's history has it. */
export interface Change {
  version: string;
  /** `known`: it was so already where the history begins. */
  type: 'made' | 'changed' | 'deleted' | 'known';
  /** As it was after the write. */
  object: KubeObject;
  before: KubeObject | undefined;
  /** The field manager that wrote, and the subresource where it was one; empty where nothing tells. */
  who: string;
  at: string | undefined;
  fields: readonly FieldChange[];
}

/** More are not looked at: a status that changes every second fills any page. */
const most = 500;
const mostFields = 40;
/** The version that a store begins with. */
const first = 1;
/** Versions by which the oldest may be missed. */
const near = 64;

interface Listed {
  metadata?: { resourceVersion?: string };
  items?: KubeObject[];
}

interface Manager {
  manager?: string;
  subresource?: string;
  operation?: string;
  time?: string;
}

const managersOf = (object: KubeObject | undefined): readonly Manager[] => (object?.metadata as { managedFields?: Manager[] } | undefined)?.managedFields ?? [];

/** Whose entry a write has made anew: the one that was not there in this form before, the latest of several. */
function writerOf(object: KubeObject, before: KubeObject | undefined): Manager | undefined {
  const old = managersOf(before);
  const fresh = managersOf(object).filter((entry) => !old.some((each) => equalJson(each, entry)));
  return fresh.sort((a, b) => ((a.time ?? '') < (b.time ?? '') ? 1 : -1))[0];
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function differences(from: unknown, to: unknown, path: string, found: FieldChange[]): void {
  if (found.length >= mostFields || equalJson(from, to)) return;
  const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isMap(from) && isMap(to)) {
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) differences(from[key], to[key], path ? `${path}.${key}` : key, found);
  } else if (Array.isArray(from) && Array.isArray(to) && from.length === to.length) {
    for (const index of from.keys()) differences(from[index], to[index], `${path}[${index}]`, found);
  } else found.push({ path, from: from === undefined ? undefined : text(from), to: to === undefined ? undefined : text(to) });
}

/** Which fields differ, without the server's bookkeeping. */
export function fieldChanges(before: KubeObject, after: KubeObject): FieldChange[] {
  const found: FieldChange[] = [];
  differences(essence(before), essence(after), '', found);
  return found;
}

function changeOf(type: string, object: KubeObject, before: KubeObject | undefined): Change {
  const writer = type === 'DELETED' ? undefined : writerOf(object, before);
  return {
    version: object.metadata?.resourceVersion ?? '',
    type: type === 'DELETED' ? 'deleted' : type === 'KNOWN' ? 'known' : before ? 'changed' : 'made',
    object,
    before,
    who: [writer?.manager, writer?.subresource].filter(Boolean).join(' · '),
    at: writer?.time ?? (type === 'DELETED' ? undefined : before ? undefined : object.metadata?.creationTimestamp),
    fields: before && type !== 'DELETED' ? fieldChanges(before, object) : [],
  };
}

/**
 * Follows the writes to one object from the oldest that the store still knows: a watch from a version of long ago tells
 * them one by one, and then those to come. `onChange` gets all so far, the latest first; none, before the first one comes.
 */
export function followChanges({ api, bridge }: Client, resource: Resource, object: KubeObject, onChange: (changes: readonly Change[]) => void, onError: (message: string) => void): () => void {
  const { namespace, name = '' } = object.metadata ?? {};
  const path = resourcePath(resource, namespace);
  const only = { fieldSelector: `metadata.name=${name}` };
  let changes: readonly Change[] = [];
  let watch: WatchHandle | undefined;
  let isOver = false;

  /** The object as it was at a version; rejects where the store has forgotten it. */
  const stateAt = (version: number) => api.get<Listed>(`${path}?${new URLSearchParams({ ...only, resourceVersion: String(version), resourceVersionMatch: 'Exact' })}`);
  const isKept = (version: number) =>
    stateAt(version).then(
      () => true,
      () => false,
    );
  /** The oldest version that can be watched from, near enough: what is compacted goes on meanwhile. */
  async function oldest(): Promise<number> {
    if (await isKept(first)) return first;
    const { metadata } = await api.get<Listed>(`${path}?${new URLSearchParams({ ...only })}`);
    let kept = Number(metadata?.resourceVersion);
    let gone = first;
    while (kept - gone > near) {
      const middle = Math.floor((kept + gone) / 2);
      if (await isKept(middle)) kept = middle;
      else gone = middle;
    }
    return kept;
  }
  function add(type: string, now: KubeObject) {
    const last = changes[0];
    changes = [changeOf(type, now, last && last.type !== 'deleted' ? last.object : undefined), ...changes].slice(0, most);
    onChange(changes);
  }
  async function start() {
    const from = await oldest();
    const known = (await stateAt(from)).items?.[0];
    if (isOver) return;
    // That there is none is news as well.
    onChange([]);
    if (known) add('KNOWN', { ...known, apiVersion: object.apiVersion, kind: object.kind } as KubeObject);
    watch = bridge.watch(
      `${path}?${new URLSearchParams({ ...only, watch: '1', resourceVersion: String(from) })}`,
      (line) => {
        const event = JSON.parse(line) as { type: string; object: KubeObject & { message?: string } };
        if (event.type === 'ERROR') onError(event.object.message ?? '');
        else if (event.type !== 'BOOKMARK') add(event.type, event.object);
      },
      (error) => {
        if (error && !isOver) onError(error);
      },
    );
  }
  start().catch((error: unknown) => onError(messageOf(error)));
  return () => {
    isOver = true;
    watch?.cancel();
  };
}
