import type { ContainerState, ContainerStatus } from '../../../main/api/index.ts';

/** A sentence by its key, with what it speaks of. */
export interface Explanation {
  key: string;
  values?: Record<string, string | number>;
}

/** Why a container waits, in plain words; the reasons are the kubelet's. */
const waiting: Record<string, string> = {
  ContainerCreating: 'creating',
  PodInitializing: 'initializing',
  CrashLoopBackOff: 'crashLoop',
  ImagePullBackOff: 'imagePull',
  ErrImagePull: 'imagePull',
  InvalidImageName: 'imageName',
  ErrImageNeverPull: 'imageNever',
  CreateContainerConfigError: 'config',
  CreateContainerError: 'createError',
  RunContainerError: 'runError',
  PostStartHookError: 'postStart',
};

/** Other words of a pod's state; the key of what each means. */
const words: Record<string, string> = {
  Pending: 'pod.word.Pending',
  Running: 'pod.word.Running',
  Completed: 'pod.word.Completed',
  Succeeded: 'pod.word.Completed',
  Error: 'pod.word.Error',
  NotReady: 'pod.word.NotReady',
  Terminating: 'pod.word.Terminating',
  Unknown: 'pod.word.Unknown',
  Evicted: 'pod.word.Evicted',
  SchedulingGated: 'pod.gatedWhy',
  OOMKilled: 'pod.end.oom',
  DeadlineExceeded: 'pod.end.deadline',
  ContainerStatusUnknown: 'pod.end.unknown',
};

/** Key of what a pod's state in a word means, in plain words; undefined for a word that is not known. */
export function explainWord(word: string): string | undefined {
  const reason = word.replace(/^Init:/, '');
  const known = own(waiting, reason);
  return known ? `pod.waiting.${known}` : own(words, reason);
}

/** Reasons are texts of others: `constructor` is none of ours. */
const own = (table: Record<string, string>, key: string): string | undefined => (Object.hasOwn(table, key) ? table[key] : undefined);

/** What a process most likely means by the code it ended with. */
const exitCodes: Record<number, string> = {
  0: 'exit0',
  1: 'exit1',
  2: 'exit2',
  126: 'exit126',
  127: 'exit127',
  128: 'exit128',
  130: 'exit130',
  134: 'exit134',
  137: 'exit137',
  139: 'exit139',
  143: 'exit143',
};

/** A container's state, explained; undefined where there is nothing to explain. `held`: its node has the image, and may not use it unasked. */
export function explainState(state: ContainerState | undefined, held = false): Explanation | undefined {
  if (state?.waiting) {
    const known = own(waiting, state.waiting.reason ?? '');
    if (known === 'imagePull' && held) return { key: 'pod.waiting.imageHeld' };
    return known ? { key: `pod.waiting.${known}` } : undefined;
  }
  if (state?.terminated) return explainEnd(state.terminated);
  return undefined;
}

export function explainEnd(terminated: NonNullable<ContainerState['terminated']>): Explanation {
  const { reason, exitCode } = terminated;
  if (reason === 'OOMKilled') return { key: 'pod.end.oom' };
  if (reason === 'DeadlineExceeded') return { key: 'pod.end.deadline' };
  if (reason === 'ContainerStatusUnknown') return { key: 'pod.end.unknown' };
  const known = exitCodes[exitCode];
  if (known) return { key: `pod.end.${known}` };
  if (exitCode > 128 && exitCode < 160) return { key: 'pod.end.signal', values: { signal: exitCode - 128 } };
  return { key: 'pod.end.other', values: { code: exitCode } };
}

/** Why the container was not always as it is now. */
export function explainLast(status: ContainerStatus): Explanation | undefined {
  return status.lastState?.terminated && (status.restartCount ?? 0) > 0 ? explainEnd(status.lastState.terminated) : undefined;
}
