import type { Node, NodeCondition, Taint } from '../api/index.ts';
import { findCondition } from './conditions.ts';

export const notReadyTaint = 'node.kubernetes.io/not-ready';
export const unreachableTaint = 'node.kubernetes.io/unreachable';

/** Condition type → its status → the taint that keeps new pods away. Mirrors nodeConditionToTaintKeyStatusMap. */
const byCondition: [type: string, status: string, key: string][] = [
  ['Ready', 'False', notReadyTaint],
  ['Ready', 'Unknown', unreachableTaint],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
];
const cordonTaint = 'node.kubernetes.io/unschedulable';
const ourNoSchedule = new Set([...byCondition.map(([, , key]) => key), cordonTaint]);

export const readyCondition = (node: Node): NodeCondition | undefined =>
  findCondition(node.status?.conditions, 'Ready');

/** Whether a node that is not ready may lose its pods: from now on, if that has begun already, or not any more. */
export type Eviction = 'begin' | 'keep' | 'end';

/**
 * The taints that a node should have by what it says of itself; taints of others stay as they are. `now`: an RFC 3339 time for taints that are new.
 */
export function calculateTaints(node: Node, eviction: Eviction, now: string): Taint[] {
  const current = node.spec?.taints ?? [];
  const noSchedule = byCondition
    .filter(([type, status]) => findCondition(node.status?.conditions, type)?.status === status)
    .map(([, , key]) => key);
  if (node.spec?.unschedulable) noSchedule.push(cordonTaint);
  const noExecute = noExecuteKey(node, eviction);
  const wanted: Taint[] = [
    ...noSchedule.map((key) => ({ key, effect: 'NoSchedule', timeAdded: now })),
    ...(noExecute ? [{ key: noExecute, effect: 'NoExecute', timeAdded: now }] : []),
  ];
  const same = (a: Taint, b: Taint) => a.key === b.key && a.effect === b.effect;
  const kept = current.filter((taint) => !isOurs(taint) || wanted.some((want) => same(want, taint)));
  return [...kept, ...wanted.filter((want) => !kept.some((taint) => same(want, taint)))];
}

function isOurs({ key, effect }: Taint): boolean {
  if (effect === 'NoSchedule') return ourNoSchedule.has(key);
  return effect === 'NoExecute' && (key === notReadyTaint || key === unreachableTaint);
}

function noExecuteKey(node: Node, eviction: Eviction): string | undefined {
  const key = notReadyKey(node);
  if (!key || eviction === 'end') return undefined;
  const present = node.spec?.taints?.some((taint) => taint.effect === 'NoExecute' && (taint.key === notReadyTaint || taint.key === unreachableTaint));
  return eviction === 'begin' || present ? key : undefined;
}

/** The key that fits a node that is not ready; undefined for one that is, or has not said anything yet. */
export function notReadyKey(node: Node): string | undefined {
  const status = readyCondition(node)?.status;
  return status === 'False' ? notReadyTaint : status === 'Unknown' ? unreachableTaint : undefined;
}
