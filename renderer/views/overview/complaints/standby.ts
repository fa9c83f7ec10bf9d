import type { Deployment, Pod, PodDisruptionBudget } from '../../../../main/api/index.ts';
import { selectorFromLabelSelector } from '../../../../main/api/labels.ts';
import { controllerOf } from '../../../../main/api/meta.ts';
import { conditionOf } from '../../../kinds/pod/warnings.ts';
import type { Seen } from '../seen.ts';

/** So many milliseconds after its last new start a program is taken to be steady. */
const steady = 30 * 60_000;
/** A pod of a DaemonSet stands for its node alone, and one of a Job has its own work: no other does it in its place. */
const irreplaceable = new Set(['DaemonSet', 'Job']);

const isReady = (pod: Pod): boolean => conditionOf(pod, 'Ready')?.status === 'True' && !pod.metadata?.deletionTimestamp;

/** Whether it runs and nothing but its readiness keeps requests away: as far as the pod itself tells, it may be meant so. */
export function isUnready(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && conditionOf(pod, 'Ready')?.status === 'False' && !pod.metadata?.deletionTimestamp;
}

/**
 * Tells standbys from faults. Replicas that wait to become the leader are often unready on purpose, and nobody can see from
 * outside whether a pod waits for its turn or cannot do its work. A user wants to hear of a fault at once, and not of a
 * standby again and again; so a pod is taken for one where
 *
 * - all its programs run, have started, and were not started again lately,
 * - others that its owner made from the same template are ready (in a rollout that hangs, the new ones never are), and
 * - its workload has what it promises: its Deployment is available, and no budget that selects it lacks healthy pods.
 */
export function standbys({ pods, deployments, budgets }: Pick<Seen, 'pods' | 'deployments' | 'budgets'>, downNodes: ReadonlySet<string | undefined>): (pod: Pod, now: number) => boolean {
  let ready: Set<string> | undefined;
  const findReady = () => new Set(pods.filter((pod) => isReady(pod) && !downNodes.has(pod.spec?.nodeName)).map(revisionOf));
  return (pod, now) => {
    const owner = controllerOf(pod);
    if (!owner || irreplaceable.has(owner.kind ?? '') || !isUnready(pod) || !isSteady(pod, now)) return false;
    if (!(ready ??= findReady()).has(revisionOf(pod))) return false;
    const deployment = deployments.find((each) => isOf(pod, each));
    const isShort = deployment?.status?.conditions?.some(({ type, status }) => type === 'Available' && status === 'False');
    return !isShort && !(budgets ?? []).some((budget) => lacksPods(budget) && selects(budget, pod));
  };
}

function isSteady({ spec, status }: Pod, now: number): boolean {
  const statuses = status?.containerStatuses ?? [];
  return (
    statuses.length === spec?.containers.length &&
    statuses.every(({ state, started, restartCount = 0 }) => state?.running && started !== false && !(restartCount > 0 && now - Date.parse(state.running.startedAt ?? '') < steady))
  );
}

/** The same for all that one owner makes of one template. A Deployment has a ReplicaSet for each. */
function revisionOf(pod: Pod): string {
  return `${controllerOf(pod)?.uid ?? ''} ${pod.metadata?.labels?.['controller-revision-hash'] ?? ''}`;
}

/** A Deployment's ReplicaSets have its name and the hash of their template. */
function isOf(pod: Pod, { metadata }: Deployment): boolean {
  return pod.metadata?.namespace === metadata?.namespace && controllerOf(pod)?.name === `${metadata?.name ?? ''}-${pod.metadata?.labels?.['pod-template-hash'] ?? ''}`;
}

const lacksPods = ({ status }: PodDisruptionBudget): boolean => (status?.currentHealthy ?? 0) < (status?.desiredHealthy ?? 0);

const selects = ({ metadata, spec }: PodDisruptionBudget, pod: Pod): boolean =>
  metadata?.namespace === pod.metadata?.namespace && selectorFromLabelSelector(spec?.selector).matches(pod.metadata?.labels ?? {});
