import type { Node, Pod } from '../../../main/api/index.ts';
import { controllerOf, resourcePath } from '../../../main/api/meta.ts';
import { causesOf, client, core, isConflict, isNotFound, messageOf, objectPath } from '../../client/index.ts';
import { evict, isMirror } from '../pod/evict.ts';

/* Mirrors kubectl's pkg/drain: filters.go, and evictPods and waitForDelete of drain.go. */

/** How often an eviction is asked for again that cannot be granted now, and after how many milliseconds. */
const tries = 6;
const pauseMs = 5_000;
/** How often it is looked whether the evicted pods have ended, in milliseconds. */
const lookMs = 1_000;
/** Seconds that a pod is given beyond its grace period. */
const spare = 30;
const defaultGrace = 30;

export interface Drained {
  evicted: number;
  /** Pods that are not let go, and why in the server's words. */
  held: { name: string; message: string }[];
  /** Names of pods that were let go and have not ended in the time they had. */
  ending: string[];
}

/** Waits for so many milliseconds. */
type Pause = (ms: number) => Promise<void>;
const sleep: Pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const hasEnded = ({ status }: Pod) => status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** All pods of a node, by whatever they are kept there. */
async function allOn(node: Node): Promise<Pod[]> {
  const query = new URLSearchParams({ fieldSelector: `spec.nodeName=${node.metadata?.name ?? ''}` });
  return (await client().api.get<{ items: Pod[] }>(`${resourcePath(core.pods)}?${query}`)).items;
}

/** Whether a DaemonSet is to keep it there. Mirrors daemonSetFilter: the group counts, and a pod that has ended is nobody's any more. */
const isOfDaemonSet = (pod: Pod): boolean => {
  const owner = controllerOf(pod);
  return owner?.kind === 'DaemonSet' && owner.apiVersion === 'apps/v1' && !hasEnded(pod);
};

/** Says of a pod of a DaemonSet whether that set is no longer there; each set is asked for once. Throws where it cannot be told. */
function orphans(): (pod: Pod) => Promise<boolean> {
  const known = new Map<string, Promise<boolean>>();
  const isMissing = (path: string) =>
    client()
      .api.get(path)
      .then(() => false)
      .catch((error: unknown) => {
        if (isNotFound(error)) return true;
        throw error;
      });
  return (pod) => {
    const path = resourcePath(core.daemonSets, pod.metadata?.namespace, controllerOf(pod)?.name);
    const asked = known.get(path) ?? isMissing(path);
    known.set(path, asked);
    return asked;
  };
}

/** The pods that a drain sees to, those that are on their way out among them: not those that the node itself or a DaemonSet keeps there. */
async function podsOn(node: Node): Promise<Pod[]> {
  const isOrphan = orphans();
  const found: Pod[] = [];
  for (const pod of await allOn(node)) if (!isMirror(pod) && (!isOfDaemonSet(pod) || (await isOrphan(pod)))) found.push(pod);
  return found;
}

const toEvict = (pods: readonly Pod[]) => pods.filter(({ metadata }) => !metadata?.deletionTimestamp);

/** Names of the pods that a drain takes from a node and nobody makes again: they have no controller, or a DaemonSet that is gone. */
export async function lostBy(node: Node): Promise<string[]> {
  const lost = toEvict(await podsOn(node)).filter((pod) => !controllerOf(pod) || isOfDaemonSet(pod));
  return lost.map(({ metadata }) => `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`);
}

export function setUnschedulable(node: Node, unschedulable: boolean): Promise<unknown> {
  return client().api.patch(objectPath(core.nodes, node), 'strategic', { spec: { unschedulable: unschedulable || null } });
}

/**
 * Cordons a node, evicts its pods and waits for their end, as `kubectl drain --ignore-daemonsets --force --delete-emptydir-data`
 * does. What is held back is asked for again some times; kubectl would ask for ever.
 */
export async function drain(node: Node, pause: Pause = sleep): Promise<Drained> {
  await setUnschedulable(node, true);
  const all = await podsOn(node);
  const wanted = toEvict(all);
  const words = new Map<Pod, string>();
  let left = wanted;
  for (let turn = 1; left.length > 0; turn++) {
    words.clear();
    for (const pod of left) {
      const message = await tryToEvict(pod);
      if (message !== undefined) words.set(pod, message);
    }
    left = words.size ? await stillOn(node, [...words.keys()]) : [];
    if (turn === tries || left.length === 0) break;
    await pause(pauseMs);
  }
  const held = left.map((pod) => ({ name: nameOf(pod), message: words.get(pod) ?? '' }));
  return { evicted: wanted.length - left.length, held, ending: held.length ? [] : await waitForEnd(node, all, pause) };
}

/** The server's words where the pod cannot be let go now and may be later. */
async function tryToEvict(pod: Pod): Promise<string | undefined> {
  try {
    return await evict(pod);
  } catch (error) {
    // Another has its name by now or is writing it; or it goes with its namespace, in which nothing can be evicted.
    const passes = isConflict(error) || causesOf(error).some(({ reason }) => reason === 'NamespaceTerminating');
    if (passes) return messageOf(error);
    throw error;
  }
}

/** Those that have not gone: another of the same name, which runs elsewhere by now, has another uid. */
async function stillOn(node: Node, pods: readonly Pod[]): Promise<Pod[]> {
  const there = new Set((await allOn(node)).map(({ metadata }) => metadata?.uid));
  return pods.filter(({ metadata }) => there.has(metadata?.uid));
}

async function waitForEnd(node: Node, pods: readonly Pod[], pause: Pause): Promise<string[]> {
  const grace = Math.max(0, ...pods.map(({ metadata, spec }) => metadata?.deletionGracePeriodSeconds ?? spec?.terminationGracePeriodSeconds ?? defaultGrace));
  let left = await stillOn(node, pods);
  for (let waited = 0; left.length > 0 && waited < (grace + spare) * 1_000; waited += lookMs) {
    await pause(lookMs);
    left = await stillOn(node, left);
  }
  return left.map(nameOf);
}

const nameOf = ({ metadata }: Pod): string => metadata?.name ?? '';
