import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../api/index.ts';
import { timestamp } from '../api/meta.ts';
import { findCondition, withCondition, withoutCondition } from './conditions.ts';
import { maxUnavailable, replicasOf, sumStatus, wantedReplicas } from './deploymentReplicaSets.ts';

// What a deployment says about itself. Mirrors pkg/controller/deployment/sync.go (calculateStatus) and progress.go.

const forever = 0x7fffffff;

export const hasProgressDeadline = (d: Deployment): boolean =>
  d.spec!.progressDeadlineSeconds !== undefined && d.spec!.progressDeadlineSeconds !== forever;

export function deploymentCondition(
  type: 'Available' | 'Progressing',
  status: 'True' | 'False' | 'Unknown',
  reason: string,
  message: string,
  now: number,
): DeploymentCondition {
  return { type, status, reason, message, lastUpdateTime: timestamp(now), lastTransitionTime: timestamp(now) };
}

/** The numbers, and whether enough pods are available. `newSet` is among `all`. */
export function calculateStatus(
  d: Deployment,
  all: ReplicaSet[],
  newSet: ReplicaSet | undefined,
  now: number,
): DeploymentStatus {
  const available = sumStatus(all, 'availableReplicas');
  const enough = available >= replicasOf(d) - maxUnavailable(d);
  return {
    observedGeneration: d.metadata!.generation,
    replicas: sumStatus(all, 'replicas') || undefined,
    updatedReplicas: newSet?.status?.replicas || undefined,
    readyReplicas: sumStatus(all, 'readyReplicas') || undefined,
    availableReplicas: available || undefined,
    unavailableReplicas: Math.max(0, wantedReplicas(all) - available) || undefined,
    terminatingReplicas: terminating(all),
    collisionCount: d.status?.collisionCount,
    conditions: withCondition(
      d.status?.conditions,
      enough
        ? deploymentCondition(
            'Available',
            'True',
            'MinimumReplicasAvailable',
            'Deployment has minimum availability.',
            now,
          )
        : deploymentCondition(
            'Available',
            'False',
            'MinimumReplicasUnavailable',
            'Deployment does not have minimum availability.',
            now,
          ),
    ),
  };
}

/** Unknown as long as one of the sets does not count its own. */
function terminating(all: ReplicaSet[]): number | undefined {
  const observed = all.filter((rs) => rs.status?.observedGeneration || rs.status?.terminatingReplicas !== undefined);
  return observed.some((rs) => rs.status?.terminatingReplicas === undefined)
    ? undefined
    : sumStatus(observed, 'terminatingReplicas');
}

/** The status of a deployment that is rolling out: with its progress, and what keeps its sets from making pods. */
export function calculateRolloutStatus(
  d: Deployment,
  all: ReplicaSet[],
  newSet: ReplicaSet | undefined,
  now: number,
): DeploymentStatus {
  const status = calculateStatus(d, all, newSet, now);
  status.conditions = hasProgressDeadline(d)
    ? progressConditions(d, status, newSet, now)
    : withoutCondition(status.conditions, 'Progressing');
  const failure = replicaFailure(newSet ? [newSet] : []) ?? replicaFailure(all);
  status.conditions = failure
    ? withCondition(status.conditions, failure)
    : withoutCondition(status.conditions, 'ReplicaFailure');
  return status;
}

function progressConditions(
  d: Deployment,
  status: DeploymentStatus,
  newSet: ReplicaSet | undefined,
  now: number,
): DeploymentCondition[] | undefined {
  const current = findCondition(d.status?.conditions, 'Progressing');
  const what = newSet ? `ReplicaSet "${newSet.metadata!.name}"` : `Deployment "${d.metadata!.name}"`;
  if (status.replicas === status.updatedReplicas && current?.reason === 'NewReplicaSetAvailable')
    return status.conditions;
  if (isComplete(d, status)) {
    const done = deploymentCondition(
      'Progressing',
      'True',
      'NewReplicaSetAvailable',
      `${what} has successfully progressed.`,
      now,
    );
    return withCondition(status.conditions, done);
  }
  if (isProgressing(d, status)) {
    const moving = deploymentCondition('Progressing', 'True', 'ReplicaSetUpdated', `${what} is progressing.`, now);
    if (current?.status === 'True') moving.lastTransitionTime = current.lastTransitionTime;
    // Put anew even where nothing but the time changes: the deadline counts from here.
    return [...(withoutCondition(status.conditions, 'Progressing') ?? []), moving];
  }
  if (isTimedOut(d, status, now)) {
    const late = deploymentCondition(
      'Progressing',
      'False',
      'ProgressDeadlineExceeded',
      `${what} has timed out progressing.`,
      now,
    );
    return withCondition(status.conditions, late);
  }
  return status.conditions;
}

/** Every wanted pod is of the new template and available, and no other is left. */
export function isComplete(d: Deployment, status: DeploymentStatus): boolean {
  const replicas = replicasOf(d);
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas &&
    (status.observedGeneration ?? 0) >= (d.metadata!.generation ?? 0)
  );
}

function isProgressing(d: Deployment, status: DeploymentStatus): boolean {
  const old = d.status ?? {};
  const oldPods = (s: DeploymentStatus) => (s.replicas ?? 0) - (s.updatedReplicas ?? 0);
  return (
    (status.updatedReplicas ?? 0) > (old.updatedReplicas ?? 0) ||
    oldPods(status) < oldPods(old) ||
    (status.readyReplicas ?? 0) > (old.readyReplicas ?? 0) ||
    (status.availableReplicas ?? 0) > (old.availableReplicas ?? 0)
  );
}

function isTimedOut(d: Deployment, status: DeploymentStatus, now: number): boolean {
  const condition = findCondition(status.conditions, 'Progressing');
  if (!condition || condition.reason === 'NewReplicaSetAvailable') return false;
  return condition.reason === 'ProgressDeadlineExceeded' || progressDeadline(d, condition) < now;
}

/** When a deployment that does not move any more is late; milliseconds since the epoch. */
export function progressDeadline(d: Deployment, progressing: DeploymentCondition): number {
  return Date.parse(progressing.lastUpdateTime ?? '') + d.spec!.progressDeadlineSeconds! * 1000;
}

function replicaFailure(sets: ReplicaSet[]): DeploymentCondition | undefined {
  const failures = sets.map((rs) => findCondition(rs.status?.conditions, 'ReplicaFailure'));
  const failure = failures.find((condition) => condition !== undefined);
  return failure && { ...failure, lastUpdateTime: failure.lastTransitionTime };
}
