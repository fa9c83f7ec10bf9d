import type { Status } from './status.ts';

/** Why no node takes a pod. */
export interface Diagnosis {
  nodeCount: number;
  /** By node; nodes that are not in it have `absent`. */
  statuses: ReadonlyMap<string, Status>;
  absent: Status | undefined;
  /** Set when a plugin rejected the pod before any node was looked at. */
  preFilterMessage?: string;
  /** Set by preemption. */
  postFilterMessage?: string;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` Mirrors FitError of pkg/scheduler/framework/types.go. */
export function fitError(diagnosis: Diagnosis): string {
  const { nodeCount, statuses, absent, preFilterMessage, postFilterMessage } = diagnosis;
  let message = `0/${nodeCount} nodes are available:`;
  if (preFilterMessage) message += ` ${preFilterMessage}.`;
  else {
    const counts = new Map<string, number>();
    const count = (status: Status, by: number) => {
      for (const reason of status.reasons) counts.set(reason, (counts.get(reason) ?? 0) + by);
    };
    for (const status of statuses.values()) count(status, 1);
    if (absent && statuses.size < nodeCount) count(absent, nodeCount - statuses.size);
    const reasons = [...counts].map(([reason, times]) => `${times} ${reason}`).sort();
    if (reasons.length > 0) message += ` ${reasons.join(', ')}.`;
  }
  if (postFilterMessage) message += ` ${postFilterMessage}`;
  return message;
}
