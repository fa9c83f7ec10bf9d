import type { Plugin } from '../framework.ts';
import { unresolvable } from '../status.ts';

/** Keeps a pod out of the queue as long as it has gates. */
export const schedulingGates: Plugin = {
  name: 'SchedulingGates',
  preEnqueue(pod) {
    const gates = pod.spec!.schedulingGates ?? [];
    if (gates.length === 0) return undefined;
    const names = gates.map((gate) => gate.name).join(' ');
    return unresolvable('SchedulingGates', `waiting for scheduling gates: [${names}]`);
  },
};
