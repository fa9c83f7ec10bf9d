import type { DaemonSet, Pod } from '../../api/index.ts';
import { scaledValue } from '../../api/intstr.ts';
import { isPodAvailable } from '../pods.ts';
import { hashLabel } from './nodes.ts';

export interface NodePods {
  node: string;
  pods: Pod[];
  shouldRun: boolean;
}

export interface Step {
  delete: Pod[];
  /** Names of nodes that get a pod. */
  create: string[];
}

export const isUpdated = (pod: Pod, hash: string): boolean => pod.metadata!.labels?.[hashLabel] === hash;

const isRolling = (set: DaemonSet) => (set.spec!.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate';

export function surgeOf(set: DaemonSet, nodes: number): number {
  const { maxSurge } = set.spec!.updateStrategy?.rollingUpdate ?? {};
  return isRolling(set) && maxSurge !== undefined ? scaledValue(maxSurge, nodes, true) : 0;
}

function unavailableOf(set: DaemonSet, nodes: number): number {
  const { maxUnavailable = 1 } = set.spec!.updateStrategy?.rollingUpdate ?? {};
  return scaledValue(maxUnavailable, nodes, true);
}

/** The next step of a rolling update. Mirrors rollingUpdate of pkg/controller/daemon/update.go. */
export function rollingStep(set: DaemonSet, nodes: NodePods[], hash: string, now: number): Step {
  const desired = nodes.filter((node) => node.shouldRun).length;
  const surge = surgeOf(set, desired);
  const unavailable = unavailableOf(set, desired);
  const isAvailable = (pod: Pod) => isPodAvailable(pod, set.spec!.minReadySeconds ?? 0, now);
  const withPods = nodes.filter((node) => node.pods.length > 0);
  // Both 0 is not valid; nothing could move.
  if (surge === 0) return replaceStep(withPods, hash, Math.max(unavailable, 1), isAvailable);
  return surgeStep(withPods, hash, { surge, desired }, isAvailable);
}

/** The pods of a node in the new and in an old revision; undefined when there are several of one sort. */
function sides(pods: Pod[], hash: string): { fresh?: Pod; old?: Pod } | undefined {
  const staying = pods.filter((pod) => !pod.metadata!.deletionTimestamp);
  const fresh = staying.filter((pod) => isUpdated(pod, hash));
  const old = staying.filter((pod) => !isUpdated(pod, hash));
  return fresh.length > 1 || old.length > 1 ? undefined : { fresh: fresh[0], old: old[0] };
}

/** First away with the old pod, then the new one comes: on few nodes at once. */
function replaceStep(nodes: NodePods[], hash: string, most: number, isAvailable: (pod: Pod) => boolean): Step {
  let unavailable = 0;
  const broken: Pod[] = [];
  const candidates: Pod[] = [];
  for (const { pods } of nodes) {
    const both = sides(pods, hash);
    if (!both || Boolean(both.fresh) === Boolean(both.old)) unavailable++;
    else if (both.fresh) unavailable += isAvailable(both.fresh) ? 0 : 1;
    else if (isAvailable(both.old!)) candidates.push(both.old!);
    else {
      // It is of no use: replacing it costs nothing.
      broken.push(both.old!);
      unavailable++;
    }
  }
  return { delete: [...broken, ...candidates.slice(0, Math.max(0, most - unavailable))], create: [] };
}

/** First the new pod beside the old one, then away with the old one: on few nodes at once. */
function surgeStep(
  nodes: NodePods[],
  hash: string,
  { surge, desired }: { surge: number; desired: number },
  isAvailable: (pod: Pod) => boolean,
): Step {
  const step: Step = { delete: [], create: [] };
  const unwanted: Pod[] = [];
  const candidates: string[] = [];
  let surging = 0;
  let available = 0;
  for (const { node, pods, shouldRun } of nodes) {
    const both = sides(pods, hash);
    if (!both) {
      surging++;
      continue;
    }
    const { fresh, old } = both;
    const serving = old ?? fresh;
    if (serving && isAvailable(serving)) available++;
    if (!old) continue;
    if (fresh) {
      if (isAvailable(fresh)) step.delete.push(old);
      else surging++;
    } else if (!isAvailable(old)) {
      if (shouldRun) step.create.push(node);
      else step.delete.push(old);
    } else if (shouldRun) candidates.push(node);
    else unwanted.push(old);
  }
  step.delete.push(...unwanted.slice(0, Math.max(0, available - desired)));
  step.create.push(...candidates.slice(0, Math.max(0, surge - surging)));
  return step;
}
