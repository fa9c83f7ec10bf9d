import type { Container, Job, Pod, PodTemplateSpec } from '../../api/index.ts';
import { cloneJson } from '../../api/json.ts';
import { podsToDelete } from '../podRanking.ts';
import { finishedAt } from './backoff.ts';
import { hasLimitPerIndex, isPodFailed, isTracked } from './facts.ts';
import { hasIndex, withIndexes, type Interval } from './intervals.ts';
import { matchPodFailurePolicy } from './podFailurePolicy.ts';

// Pods that each stand for one number of an Indexed Job. Mirrors pkg/controller/job/indexed_job_utils.go.

const indexAnnotation = 'batch.kubernetes.io/job-completion-index';
const failuresAnnotation = 'batch.kubernetes.io/job-index-failure-count';
const ignoredFailuresAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count';
const indexVariable = 'JOB_COMPLETION_INDEX';
/** 63 characters of a name without the five that the server appends. */
const maxGenerateName = 58;

/** The pod's index, if it has one that the Job asks for. */
export function indexOf(pod: Pod, job: Job): number | undefined {
  const index = rawIndex(pod);
  return index !== undefined && index < job.spec!.completions! ? index : undefined;
}

function rawIndex(pod: Pod): number | undefined {
  const text = pod.metadata!.annotations?.[indexAnnotation];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

export const indexesOf = (pods: Pod[]): Set<number> =>
  new Set(pods.map(rawIndex).filter((index) => index !== undefined));

export const byIndex = (a: Pod, b: Pod): number => (rawIndex(a) ?? -1) - (rawIndex(b) ?? -1);

function count(pod: Pod, annotation: string): number {
  const text = pod.metadata!.annotations?.[annotation];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : 0;
}

/** How often pods of this one's index failed before it. */
export const earlierFailures = (pod: Pod): number =>
  count(pod, failuresAnnotation) + count(pod, ignoredFailuresAnnotation);

/** What `before` says, and the indexes of pods that have succeeded and are not counted yet. */
export function succeededIndexes(before: Interval[], job: Job, pods: Pod[]): Interval[] {
  const fresh = pods.filter((pod) => pod.status?.phase === 'Succeeded' && isTracked(pod));
  return withIndexes(before, knownIndexes(fresh, job));
}

/** What `before` says, and the indexes of pods that have failed once too often and are not counted yet. */
export function failedIndexes(before: Interval[], job: Job, pods: Pod[]): Interval[] {
  const fresh = pods.filter((pod) => isTracked(pod) && isIndexFailed(job, pod));
  return withIndexes(before, knownIndexes(fresh, job));
}

const knownIndexes = (pods: Pod[], job: Job) =>
  new Set(pods.map((pod) => indexOf(pod, job)).filter((index) => index !== undefined));

function isIndexFailed(job: Job, pod: Pod): boolean {
  if (!isPodFailed(pod, job)) return false;
  const { counts, action } = matchPodFailurePolicy(job.spec!.podFailurePolicy, pod);
  return action === 'FailIndex' || (counts && count(pod, failuresAnnotation) >= job.spec!.backoffLimitPerIndex!);
}

/**
 * Failed pods that must stay until their replacement is there: it takes over their count of failures. By index, the
 * last one of each.
 */
export function podsWithDelayedDeletion(
  job: Job,
  pods: Pod[],
  done: { succeeded: Interval[]; failed: Interval[]; active: Set<number> },
): Map<number, Pod> {
  const last = new Map<number, Pod>();
  for (const pod of pods) {
    const index = indexOf(pod, job);
    if (index === undefined || !isTracked(pod) || !isPodFailed(pod, job)) continue;
    if (hasIndex(done.succeeded, index) || hasIndex(done.failed, index) || done.active.has(index)) continue;
    const other = last.get(index);
    const later = !other || (earlierFailures(other) <= earlierFailures(pod) && finishedAt(pod) >= finishedAt(other));
    if (later) last.set(index, pod);
  }
  return last;
}

/** Which pods share their index with another or have none that is asked for, and which remain. */
export function splitDuplicates(job: Job, pods: Pod[], now: number): { surplus: Pod[]; left: Pod[] } {
  const groups = new Map<number | undefined, Pod[]>();
  for (const pod of [...pods].sort(byIndex)) {
    const index = indexOf(pod, job);
    groups.set(index, [...(groups.get(index) ?? []), pod]);
  }
  const surplus: Pod[] = [];
  const left: Pod[] = [];
  for (const [index, group] of groups) {
    const going = index === undefined ? group : group.length > 1 ? podsToDelete(group, [], group.length - 1, now) : [];
    surplus.push(...going);
    left.push(...group.filter((pod) => !going.includes(pod)));
  }
  return { surplus, left };
}

/** The template of the pod for `index`, after the failed pod that it replaces. */
export function indexedTemplate(job: Job, template: PodTemplateSpec, index: number, replaced?: Pod): PodTemplateSpec {
  const copy = cloneJson(template);
  const name = String(index);
  const annotations = { ...copy.metadata?.annotations, [indexAnnotation]: name };
  const labels = { ...copy.metadata?.labels, [indexAnnotation]: name };
  if (hasLimitPerIndex(job)) Object.assign(annotations, failureCounts(job, replaced));
  copy.metadata = { ...copy.metadata, annotations, labels };
  copy.spec!.hostname = `${job.metadata!.name}-${index}`;
  for (const container of [...(copy.spec!.initContainers ?? []), ...copy.spec!.containers]) tellIndex(container);
  return copy;
}

function failureCounts(job: Job, replaced: Pod | undefined): Record<string, string> {
  if (!replaced) return { [failuresAnnotation]: '0' };
  const { counts } = matchPodFailurePolicy(job.spec!.podFailurePolicy, replaced);
  const counted = count(replaced, failuresAnnotation) + (counts ? 1 : 0);
  const ignored = count(replaced, ignoredFailuresAnnotation) + (counts ? 0 : 1);
  return {
    [failuresAnnotation]: String(counted),
    ...(ignored > 0 ? { [ignoredFailuresAnnotation]: String(ignored) } : {}),
  };
}

function tellIndex(container: Container): void {
  if (container.env?.some(({ name }) => name === indexVariable)) return;
  const fieldRef = { fieldPath: `metadata.labels['${indexAnnotation}']` };
  container.env = [...(container.env ?? []), { name: indexVariable, valueFrom: { fieldRef } }];
}

export function generateNameOf(job: Job, index: number): string {
  const end = `-${index}-`;
  const name = job.metadata!.name!;
  return name.length + end.length > maxGenerateName ? name.slice(0, maxGenerateName - end.length) + end : name + end;
}
