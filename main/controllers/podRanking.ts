import type { Pod } from '../api/index.ts';
import { isPodActive, isPodReady, podReadyTime } from './pods.ts';

const phases: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * Which `count` of these pods go first when there are too many: those that have come the shortest way, then those on
 * nodes with many of their kind. `related` are the pods to count by node: those of every sibling of the owner.
 * Mirrors ActivePodsWithRanks of pkg/controller/controller_utils.go.
 */
export function podsToDelete(pods: Pod[], related: Pod[], count: number, now: number): Pod[] {
  if (count >= pods.length) return pods;
  const onNode = new Map<string | undefined, number>();
  for (const pod of related) {
    if (isPodActive(pod)) onNode.set(pod.spec?.nodeName, (onNode.get(pod.spec?.nodeName) ?? 0) + 1);
  }
  const rank = (pod: Pod) => onNode.get(pod.spec?.nodeName) ?? 0;
  return [...pods].sort((a, b) => compare(a, b, rank, now)).slice(0, count);
}

function compare(a: Pod, b: Pod, rank: (pod: Pod) => number, now: number): number {
  return (
    Number(Boolean(a.spec?.nodeName)) - Number(Boolean(b.spec?.nodeName)) ||
    (phases[a.status?.phase ?? ''] ?? 0) - (phases[b.status?.phase ?? ''] ?? 0) ||
    Number(isPodReady(a)) - Number(isPodReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    rank(b) - rank(a) ||
    youngerFirst(a, b, podReadyTime(a), podReadyTime(b), now) ||
    restarts(b).regular - restarts(a).regular ||
    restarts(b).sidecar - restarts(a).sidecar ||
    youngerFirst(a, b, created(a), created(b), now)
  );
}

/** Ages are compared by their magnitude (power of two of nanoseconds), and by chance of the uid within one. */
function youngerFirst(a: Pod, b: Pod, left: number | undefined, right: number | undefined, now: number): number {
  if (left === right) return 0;
  if (left === undefined) return -1;
  if (right === undefined) return 1;
  const difference = magnitude(now - left) - magnitude(now - right);
  return difference || (a.metadata!.uid! < b.metadata!.uid! ? -1 : 1);
}

const magnitude = (ms: number) => (ms > 0 ? Math.floor(Math.log2(ms * 1e6)) : -1);

function created(pod: Pod): number | undefined {
  const text = pod.metadata?.creationTimestamp;
  return text ? Date.parse(text) : undefined;
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata?.annotations?.['controller.kubernetes.io/pod-deletion-cost'];
  return text !== undefined && /^(0|-?[1-9]\d*)$/.test(text) ? Number(text) : 0;
}

function restarts(pod: Pod): { regular: number; sidecar: number } {
  const most = (counts: number[]) => counts.reduce((a, b) => Math.max(a, b), 0);
  const sidecars = new Set(
    pod.spec?.initContainers?.filter((c) => c.restartPolicy === 'Always').map((c) => c.name) ?? [],
  );
  return {
    regular: most(pod.status?.containerStatuses?.map((s) => s.restartCount) ?? []),
    sidecar: most(
      pod.status?.initContainerStatuses?.filter((s) => sidecars.has(s.name)).map((s) => s.restartCount) ?? [],
    ),
  };
}
