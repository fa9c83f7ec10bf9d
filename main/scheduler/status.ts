/**
 * Why a plugin says no. `Unschedulable`: fewer pods on the node would help. `UnschedulableAndUnresolvable`: no
 * preemption would. `Error`: something is wrong, so that the pod goes nowhere, whatever other nodes say. Saying nothing (undefined) is saying yes.
 */
export type StatusCode = 'Unschedulable' | 'UnschedulableAndUnresolvable' | 'Error';

export interface Status {
  readonly code: StatusCode;
  readonly reasons: readonly string[];
  /** Which plugin said it. */
  readonly plugin: string;
}

export const unschedulable = (plugin: string, ...reasons: string[]): Status => ({
  code: 'Unschedulable',
  reasons,
  plugin,
});

export const unresolvable = (plugin: string, ...reasons: string[]): Status => ({
  code: 'UnschedulableAndUnresolvable',
  reasons,
  plugin,
});

export const failed = (plugin: string, reason: string): Status => ({ code: 'Error', reasons: [reason], plugin });
