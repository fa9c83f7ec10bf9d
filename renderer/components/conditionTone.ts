import type { Tone } from './grid/types.ts';

/** What the condition types of Kubernetes have in common. */
export interface ConditionLike {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

/** These are bad news when they are true. */
const troubles = /Pressure$|Unavailable$|Failure$|Failed$|Error$|Denied$|^DisruptionTarget$|^FailureTarget$|Stalled|Degraded/;
/** These stand in the way of a namespace's end for as long as they are true: mostly a moment, sometimes for ever. */
const remains = /Remaining$/;
/** These tell what is going on and are no news, good or bad. */
const facts = /^Suspended$|^ScalingLimited$|^Terminating$|Resiz(ing|ePending|eInProgress)$|^ModifyingVolume$/;
/** A condition that is false for one of these is so because all went well. */
const ended = new Set(['PodCompleted']);
/** A condition that is false for one of these does not become true by waiting. */
const given = new Set(['ProgressDeadlineExceeded', 'Unschedulable']);

/** How to feel about a condition: most are good news when they are true. */
export function conditionTone({ type, status, reason = '' }: ConditionLike): Tone {
  if (status === 'Unknown') return 'warn';
  const holds = status === 'True';
  if (facts.test(type)) return holds ? 'info' : 'idle';
  if (remains.test(type)) return holds ? 'warn' : 'ok';
  if (troubles.test(type)) return holds ? 'bad' : 'ok';
  if (holds) return 'ok';
  if (ended.has(reason)) return 'idle';
  return given.has(reason) ? 'bad' : 'warn';
}
