import type { V2HPAScalingRules, V2HorizontalPodAutoscalerBehavior } from '../../api/index.ts';

// How fast a size may change: limits, policies and stabilization. Mirrors pkg/controller/podautoscaler/horizontal.go.

interface Change {
  /** Milliseconds since the epoch. */
  at: number;
  replicas: number;
}

/** What an autoscaler remembers of one target. */
export interface Memory {
  recommendations: Change[];
  ups: Change[];
  downs: Change[];
}

export interface Step {
  current: number;
  desired: number;
  min: number;
  max: number;
  /** Milliseconds since the epoch. */
  now: number;
}

export interface Word {
  reason: string;
  message: string;
}

/** The size to go to, why it is not another, and how it was calmed. */
export interface Paced {
  replicas: number;
  stabilized: Word | undefined;
  limited: boolean;
  limit: Word;
}

/** Sizes that were recommended within this time (ms) hold back going down. */
export const downscaleStabilization = 5 * 60_000;
const longestPeriod = 1800_000;
const longestWindow = 3600_000;

const within: Word = { reason: 'DesiredWithinRange', message: 'the desired count is within the acceptable range' };
const tooMany: Word = { reason: 'TooManyReplicas', message: 'the desired replica count is more than the maximum replica count' };
const tooFew: Word = { reason: 'TooFewReplicas', message: 'the desired replica count is less than the minimum replica count' };
const upLimit: Word = { reason: 'ScaleUpLimit', message: 'the desired replica count is increasing faster than the maximum scale rate' };
const downLimit: Word = { reason: 'ScaleDownLimit', message: 'the desired replica count is decreasing faster than the maximum scale rate' };
const upStabilized: Word = {
  reason: 'ScaleUpStabilized',
  message: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
};
const downStabilized: Word = {
  reason: 'ScaleDownStabilized',
  message: 'recent recommendations were higher than current one, applying the highest recent recommendation',
};

export const newMemory = (current: number, now: number): Memory => ({
  recommendations: [{ at: now, replicas: current }],
  ups: [],
  downs: [],
});

/** Without a behaviour of its own: at most double at once, and down only to the highest of the last five minutes. */
export function paceByDefault(memory: Memory, step: Step): Paced {
  const { current, desired, min, max, now } = step;
  const recent = memory.recommendations.filter(({ at }) => at >= now - downscaleStabilization);
  const calm = Math.max(desired, ...recent.map(({ replicas }) => replicas));
  remember(memory, desired, now);
  const fastest = Math.max(2 * current, 4);
  const limit = max > fastest ? upLimit : tooMany;
  const most = Math.min(max, fastest);
  const stabilized = calm === desired ? undefined : downStabilized;
  if (calm < min) return { replicas: min, stabilized, limited: true, limit: tooFew };
  if (calm > most) return { replicas: most, stabilized, limited: true, limit };
  return { replicas: calm, stabilized, limited: false, limit: within };
}

export function paceByBehavior(memory: Memory, step: Step, behavior: V2HorizontalPodAutoscalerBehavior): Paced {
  const { current, desired, min, max, now } = step;
  const [up, down] = [behavior.scaleUp ?? {}, behavior.scaleDown ?? {}];
  const calm = stabilize(memory, step, up, down);
  const stabilized = calm === desired ? undefined : desired >= current ? upStabilized : downStabilized;
  if (calm > current) {
    const fastest = Math.max(current, upMost(memory, current, up, now));
    const most = Math.min(max, fastest);
    if (calm > most) return { replicas: most, stabilized, limited: true, limit: max > fastest ? upLimit : tooMany };
  } else if (calm < current) {
    const fastest = Math.min(current, downLeast(memory, current, down, now));
    const least = Math.max(min, fastest);
    if (calm < least) return { replicas: least, stabilized, limited: true, limit: min < fastest ? downLimit : tooFew };
  }
  return { replicas: calm, stabilized, limited: false, limit: within };
}

/** Up only to the lowest, down only to the highest of what was recommended within the windows. */
function stabilize(memory: Memory, { current, desired, now }: Step, up: V2HPAScalingRules, down: V2HPAScalingRules): number {
  const upSince = now - (up.stabilizationWindowSeconds ?? 0) * 1000;
  const downSince = now - (down.stabilizationWindowSeconds ?? downscaleStabilization / 1000) * 1000;
  const since = (time: number) => memory.recommendations.filter(({ at }) => at > time).map(({ replicas }) => replicas);
  const lowest = Math.min(desired, ...since(upSince));
  const highest = Math.max(desired, ...since(downSince));
  remember(memory, desired, now);
  return Math.min(Math.max(current, lowest), highest);
}

function remember(memory: Memory, replicas: number, now: number): void {
  memory.recommendations = [...memory.recommendations.filter(({ at }) => at > now - longestWindow), { at: now, replicas }];
}

/** The target has been scaled: policies count it for their periods. */
export function recordScale(memory: Memory, from: number, to: number, now: number): void {
  const recent = (changes: Change[]) => changes.filter(({ at }) => at > now - longestPeriod);
  if (to > from) memory.ups = [...recent(memory.ups), { at: now, replicas: to - from }];
  else memory.downs = [...recent(memory.downs), { at: now, replicas: from - to }];
}

function startOfPeriod({ ups, downs }: Memory, current: number, seconds: number, now: number): number {
  const since = (changes: Change[]) =>
    changes.filter(({ at }) => at > now - seconds * 1000).reduce((sum, { replicas }) => sum + replicas, 0);
  return current - since(ups) + since(downs);
}

function upMost(memory: Memory, current: number, { selectPolicy, policies = [] }: V2HPAScalingRules, now: number): number {
  if (selectPolicy === 'Disabled') return current;
  const proposals = policies.map(({ type, value, periodSeconds }) => {
    const start = startOfPeriod(memory, current, periodSeconds, now);
    return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100));
  });
  return selectPolicy === 'Min' ? Math.min(...proposals) : Math.max(...proposals);
}

function downLeast(memory: Memory, current: number, { selectPolicy, policies = [] }: V2HPAScalingRules, now: number): number {
  if (selectPolicy === 'Disabled') return current;
  const proposals = policies.map(({ type, value, periodSeconds }) => {
    const start = startOfPeriod(memory, current, periodSeconds, now);
    return type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100));
  });
  return selectPolicy === 'Min' ? Math.max(...proposals) : Math.min(...proposals);
}
