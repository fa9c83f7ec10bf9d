import type { Deployment, ReplicaSet } from '../api/index.ts';
import { scaledValue } from '../api/intstr.ts';
import { byAge } from './age.ts';
import { equalTemplates } from './podTemplateHash.ts';

// What a deployment reads off its replica sets. Mirrors pkg/controller/deployment/util/deployment_util.go.

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';

const maxRevisionHistoryLength = 2000;
/** Annotations that are the deployment's or the set's own. */
export const notCopied: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
]);

export const replicasOf = (object: Deployment | ReplicaSet): number => object.spec!.replicas ?? 1;

export const isRollingUpdate = (d: Deployment): boolean =>
  (d.spec!.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';

/** How many pods may be above and below the wanted number; never both 0, or nothing could move. */
export function fenceposts(d: Deployment): { surge: number; unavailable: number } {
  const { maxSurge = 0, maxUnavailable = 0 } = d.spec!.strategy?.rollingUpdate ?? {};
  const replicas = replicasOf(d);
  const surge = scaledValue(maxSurge, replicas, true);
  const unavailable = scaledValue(maxUnavailable, replicas, false);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

export const maxSurge = (d: Deployment): number => (isRollingUpdate(d) ? fenceposts(d).surge : 0);

export function maxUnavailable(d: Deployment): number {
  if (!isRollingUpdate(d) || replicasOf(d) === 0) return 0;
  return Math.min(fenceposts(d).unavailable, replicasOf(d));
}

/** Pods that are there or will be: a set that has been made smaller may not have let go of its pods yet. */
const expectedPods = (sets: ReplicaSet[]): number =>
  sets.reduce((sum, rs) => sum + Math.max(replicasOf(rs), rs.status?.replicas ?? 0), 0);

export const wantedReplicas = (sets: ReplicaSet[]): number => sets.reduce((sum, rs) => sum + replicasOf(rs), 0);

export const sumStatus = (
  sets: ReplicaSet[],
  field: 'replicas' | 'readyReplicas' | 'availableReplicas' | 'terminatingReplicas',
): number => sets.reduce((sum, rs) => sum + (rs.status?.[field] ?? 0), 0);

export const activeSets = (sets: ReplicaSet[]): ReplicaSet[] => sets.filter((rs) => replicasOf(rs) > 0);

export const bySizeNewerFirst = (a: ReplicaSet, b: ReplicaSet): number => replicasOf(b) - replicasOf(a) || byAge(b, a);
export const bySizeOlderFirst = (a: ReplicaSet, b: ReplicaSet): number => replicasOf(b) - replicasOf(a) || byAge(a, b);
export const byRevision = (a: ReplicaSet, b: ReplicaSet): number =>
  Number(revisionOf(a) - revisionOf(b)) || byAge(a, b);

/** Revisions are counted in 64 bits. */
export function revisionOf(rs: ReplicaSet): bigint {
  const text = rs.metadata!.annotations?.[revisionAnnotation];
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : 0n;
}

export const maxRevision = (sets: ReplicaSet[]): bigint =>
  sets.map(revisionOf).reduce((max, revision) => (revision > max ? revision : max), 0n);

/** The oldest that makes the pods the deployment wants. */
export function findNewReplicaSet(d: Deployment, sets: ReplicaSet[]): ReplicaSet | undefined {
  return [...sets].sort(byAge).find((rs) => equalTemplates(rs.spec!.template!, d.spec!.template));
}

/** The only one with pods, or the latest if none has any; undefined while several have. */
export function findActiveOrLatest(newSet: ReplicaSet | undefined, oldSets: ReplicaSet[]): ReplicaSet | undefined {
  const all = newSet ? [...oldSets, newSet] : oldSets;
  const active = activeSets(all);
  if (active.length > 1) return undefined;
  return active[0] ?? newSet ?? [...oldSets].sort(byAge).at(-1);
}

export function annotatedReplicas(rs: ReplicaSet, annotation: string): number | undefined {
  const text = rs.metadata!.annotations?.[annotation];
  return text !== undefined && /^\d+$/.test(text) && Number(text) <= 0x7fffffff ? Number(text) : undefined;
}

/** Whether the set has all the pods of the deployment, available, and was meant to. */
export function isSaturated(d: Deployment, rs: ReplicaSet | undefined): boolean {
  const replicas = replicasOf(d);
  return (
    rs !== undefined &&
    replicasOf(rs) === replicas &&
    annotatedReplicas(rs, desiredReplicasAnnotation) === replicas &&
    (rs.status?.availableReplicas ?? 0) === replicas
  );
}

/** The annotations that the set should carry so that a later change of the deployment's size is shared out rightly. */
export function replicasAnnotations(d: Deployment): Record<string, string> {
  return {
    [desiredReplicasAnnotation]: String(replicasOf(d)),
    [maxReplicasAnnotation]: String(replicasOf(d) + maxSurge(d)),
  };
}

/** Changes the annotations of a private copy; whether anything changed. `existing`: the set is not about to be made. */
export function setReplicaSetAnnotations(
  d: Deployment,
  rs: ReplicaSet,
  newRevision: bigint,
  existing: boolean,
): boolean {
  const annotations = (rs.metadata!.annotations ??= {});
  let changed = false;
  const set = (name: string, value: string) => {
    if (annotations[name] === value) return;
    annotations[name] = value;
    changed = true;
  };
  for (const [name, value] of Object.entries(d.metadata!.annotations ?? {})) if (!notCopied.has(name)) set(name, value);
  const oldText = annotations[revisionAnnotation];
  if (oldText && !/^\d+$/.test(oldText)) return false;
  if (BigInt(oldText ?? 0) < newRevision) {
    set(revisionAnnotation, String(newRevision));
    if (oldText !== undefined)
      set(revisionHistoryAnnotation, appendedHistory(annotations[revisionHistoryAnnotation], oldText));
  }
  if (!existing) for (const [name, value] of Object.entries(replicasAnnotations(d))) set(name, value);
  return changed;
}

function appendedHistory(history: string | undefined, revision: string): string {
  if (!history) return revision;
  const revisions = [...history.split(','), revision];
  while (revisions.length > 1 && revisions.join(',').length > maxRevisionHistoryLength) revisions.shift();
  return revisions.join(',');
}

/** How many pods the new set gets in this step of a rollout. `all` includes it. */
export function newReplicas(d: Deployment, all: ReplicaSet[], newSet: ReplicaSet): number {
  if (!isRollingUpdate(d)) return replicasOf(d);
  const most = replicasOf(d) + scaledValue(d.spec!.strategy?.rollingUpdate?.maxSurge, replicasOf(d), true);
  // Upstream counts what is wanted, and may for a moment have more pods than it should.
  const current = expectedPods(all);
  if (current >= most) return replicasOf(newSet);
  return replicasOf(newSet) + Math.min(most - current, replicasOf(d) - replicasOf(newSet));
}

/** The set's share, by its size, of `toAdd` pods (negative: to take away), of which `added` are given already. */
export function proportion(d: Deployment, rs: ReplicaSet, toAdd: number, added: number): number {
  if (replicasOf(rs) === 0 || toAdd === 0 || toAdd === added) return 0;
  const share = fraction(d, rs);
  const allowed = toAdd - added;
  return toAdd > 0 ? Math.min(share, allowed) : Math.max(share, allowed);
}

function fraction(d: Deployment, rs: ReplicaSet): number {
  if (replicasOf(d) === 0) return -replicasOf(rs);
  const before = annotatedReplicas(rs, maxReplicasAnnotation) || d.status?.replicas;
  if (!before) return 0;
  const size = (replicasOf(rs) * (replicasOf(d) + maxSurge(d))) / before;
  // Halves are rounded away from zero, and sizes are never negative.
  return Math.floor(size + 0.5) - replicasOf(rs);
}
