import type { Node, Pod } from '../../../main/api/index.ts';
import { controllerOf, resourcePath } from '../../../main/api/meta.ts';
import { client, core, objectPath } from '../../client/index.ts';
import { evict, isMirror } from '../pod/evict.ts';

/** How often an eviction is asked for again that a disruption budget holds back, and after how many milliseconds. */
const tries = 6;
const pauseMs = 5_000;

export interface Drained {
  evicted: number;
  /** Pods that are still there, and why in the server's words. */
  held: { name: string; message: string }[];
}

/** The pods that a drain takes from a node: all but those of DaemonSets and of the node itself. Mirrors the filters of kubectl's pkg/drain. */
export async function podsToEvict(node: Node): Promise<Pod[]> {
  const query = new URLSearchParams({ fieldSelector: `spec.nodeName=${node.metadata?.name ?? ''}` });
  const { items } = await client().api.get<{ items: Pod[] }>(`${resourcePath(core.pods)}?${query}`);
  return items.filter((pod) => !pod.metadata?.deletionTimestamp && !isMirror(pod) && controllerOf(pod)?.kind !== 'DaemonSet');
}

/** Pods that nobody makes again once they are evicted. */
export const lostBy = (pods: readonly Pod[]): string[] => pods.filter((pod) => !controllerOf(pod)).map(({ metadata }) => `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`);

export function setUnschedulable(node: Node, unschedulable: boolean): Promise<unknown> {
  return client().api.patch(objectPath(core.nodes, node), 'strategic', { spec: { unschedulable: unschedulable || null } });
}

/**
 * Cordons a node and evicts its pods, as `kubectl drain --ignore-daemonsets --force --delete-emptydir-data` does. What a
 * disruption budget holds back is asked for again some times; kubectl would ask for ever.
 */
export async function drain(node: Node, pause = () => new Promise<void>((resolve) => setTimeout(resolve, pauseMs))): Promise<Drained> {
  await setUnschedulable(node, true);
  let left = await podsToEvict(node);
  const wanted = left.length;
  let held: Drained['held'] = [];
  for (let turn = 1; left.length > 0; turn++) {
    held = [];
    const next: Pod[] = [];
    for (const pod of left) {
      const message = await evict(pod);
      if (message === undefined) continue;
      held.push({ name: pod.metadata?.name ?? '', message });
      next.push(pod);
    }
    left = next;
    if (turn === tries || left.length === 0) break;
    await pause();
  }
  return { evicted: wanted - left.length, held };
}
