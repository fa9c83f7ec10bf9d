import type { Eviction, Pod, PodDisruptionBudget } from '../../../api/index.ts';
import { cloneJson } from '../../../api/json.ts';
import { selectorFromLabelSelector } from '../../../api/labels.ts';
import { timestamp } from '../../../api/meta.ts';
import { badRequest, conflict, failure, forbidden, isConflict, tooManyRequests } from '../../../api/status.ts';
import { created } from '../define.ts';
import type { Actions, RequestContext, Subresource } from '../strategy.ts';

/* Mirrors pkg/registry/core/pod/storage/eviction.go. */

const budgets = { group: 'policy', version: 'v1', resource: 'poddisruptionbudgets' };
/** As many evictions of one budget may wait for the disruption controller to see them. */
const mostDisruptedPods = 2000;
/** How often an eviction is tried again while others write the pod. */
const tries = 20;

/** Deletes a pod unless a disruption budget forbids it now; takes the disruption from its budget before. */
export const podEviction: Subresource<Pod> = {
  type: 'action',
  kind: { group: 'policy', version: 'v1', kind: 'Eviction' },
  verbs: ['create'],
  async post(context, name, body, actions) {
    const given = body as Eviction;
    if (given.metadata?.name !== name) throw badRequest('name in URL does not match name in Eviction object');
    const { gracePeriodSeconds, preconditions, dryRun = context.dryRun ? ['All'] : [] } = given.deleteOptions ?? {};
    const evict = async (pod: Pod, pinned: boolean) => {
      const resourceVersion = preconditions?.resourceVersion ?? (pinned ? pod.metadata!.resourceVersion : undefined);
      const wanted = { ...preconditions, ...(resourceVersion ? { resourceVersion } : {}) };
      if (!dryRun.length) await markDisrupted(context, actions, wanted);
      // What a precondition was about has been looked at, and this very request has changed the pod since.
      const { uid } = wanted;
      await actions.delete({ gracePeriodSeconds, ...(dryRun.length ? { dryRun, preconditions: wanted } : { preconditions: uid ? { uid } : undefined }) });
      return { code: 201, body: created };
    };
    for (let left = tries; ; left--) {
      const pod = await actions.get();
      if (!ignoresBudgets(pod)) break;
      try {
        return await evict(pod, pod.status?.phase === 'Pending' && !pod.metadata?.deletionTimestamp);
      } catch (error) {
        if (!isConflict(error) || preconditions?.resourceVersion || left <= 1) throw error;
      }
    }
    const pod = await actions.get();
    const budget = await budgetOf(pod, actions);
    const pinned = !!budget && !isReady(pod) && letsUnhealthyGo(budget);
    if (budget && !pinned) await takeDisruption(context, budget, pod, actions, dryRun.length > 0);
    try {
      return await evict(pod, pinned);
    } catch (error) {
      // It may have become healthy meanwhile.
      if (pinned && isConflict(error) && !preconditions?.resourceVersion) throw stillProcessed(budget.metadata!.name!);
      throw error;
    }
  },
};

const ignoresBudgets = ({ status, metadata }: Pod) =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed' || status?.phase === 'Pending' || !!metadata?.deletionTimestamp;

const isReady = (pod: Pod) => !!pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');

async function budgetOf(pod: Pod, { objects }: Actions<Pod>): Promise<PodDisruptionBudget | undefined> {
  const all = await objects.list<PodDisruptionBudget>(budgets, pod.metadata!.namespace!);
  const mine = all.filter(({ spec }) => selectorFromLabelSelector(spec?.selector).matches(pod.metadata?.labels));
  if (mine.length > 1)
    throw failure(500, 'InternalError', 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.');
  return mine[0];
}

/** A pod that is not ready counts for nothing that the budget protects. */
function letsUnhealthyGo({ spec, status }: PodDisruptionBudget): boolean {
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow' || (currentHealthy >= desiredHealthy && desiredHealthy > 0);
}

/**
 * Counts the pod as disrupted in the budget's status, so that of evictions at the same time no more get through than it allows;
 * the disruption controller takes the note away again. Throws where none is allowed.
 */
async function takeDisruption(context: RequestContext, budget: PodDisruptionBudget, pod: Pod, actions: Actions<Pod>, dryRun: boolean): Promise<void> {
  const take = (current: PodDisruptionBudget) => {
    checkAllowed(current);
    const status = current.status!;
    status.disruptionsAllowed! -= 1;
    if (status.disruptionsAllowed === 0) {
      const condition = { type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods', message: '', observedGeneration: status.observedGeneration, lastTransitionTime: timestamp(context.now) };
      status.conditions = [...(status.conditions ?? []).filter(({ type }) => type !== condition.type), condition];
    }
    status.disruptedPods = { ...status.disruptedPods, [pod.metadata!.name!]: timestamp(context.now) };
  };
  if (dryRun) take(cloneJson(budget));
  else await actions.updateOther<PodDisruptionBudget>(budgets, budget.metadata!.name!, take);
}

function checkAllowed({ metadata, status = {} as NonNullable<PodDisruptionBudget['status']> }: PodDisruptionBudget): void {
  const name = metadata!.name!;
  const { disruptionsAllowed = 0, currentHealthy = 0, desiredHealthy = 0, observedGeneration = 0, disruptedPods = {}, conditions = [] } = status;
  if (observedGeneration < (metadata!.generation ?? 0)) throw stillProcessed(name);
  const kind = { group: 'policy', kind: 'poddisruptionbudget' };
  if (disruptionsAllowed < 0) throw forbidden(kind, name, 'pdb disruptions allowed is negative');
  if (Object.keys(disruptedPods).length > mostDisruptedPods)
    throw forbidden(kind, name, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  if (disruptionsAllowed > 0) return;
  const refusal = conditions.find(({ type, status: state, message }) => type === 'DisruptionAllowed' && state === 'False' && message);
  if (refusal?.reason === 'SyncFailed') throw disrupted(name, `does not allow evicting pods currently because it failed sync: ${refusal.message}`, 0);
  if (currentHealthy <= desiredHealthy) throw disrupted(name, `needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`, 0);
  throw disrupted(name, `does not allow evicting pods currently${refusal ? ` (${refusal.reason}): ${refusal.message}` : ''}`, 0);
}

const stillProcessed = (name: string) => disrupted(name, 'is still being processed by the server.', 10);

function disrupted(name: string, why: string, seconds: number) {
  const error = tooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", seconds);
  error.status.details = { ...error.status.details, causes: [{ reason: 'DisruptionBudget', message: `The disruption budget ${name} ${why}` }] };
  return error;
}

/** Says in the pod's status why it ends. Throws a conflict where it is not the pod that the preconditions speak of. */
async function markDisrupted(context: RequestContext, actions: Actions<Pod>, wanted: { uid?: string; resourceVersion?: string }): Promise<void> {
  await actions.update((pod) => {
    const { name, uid, resourceVersion } = pod.metadata!;
    if (wanted.uid && wanted.uid !== uid)
      throw failedPrecondition(name!, `the UID in the precondition (${wanted.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`);
    if (wanted.resourceVersion && wanted.resourceVersion !== resourceVersion)
      throw failedPrecondition(name!, `the ResourceVersion in the precondition (${wanted.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`);
    const status = (pod.status ??= {});
    const type = 'DisruptionTarget';
    const current = status.conditions?.find((condition) => condition.type === type);
    const lastTransitionTime = current?.status === 'True' ? current.lastTransitionTime : timestamp(context.now);
    const condition = { type, status: 'True', reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting', lastTransitionTime };
    status.conditions = [...(status.conditions ?? []).filter((each) => each !== current), condition];
  });
}

const failedPrecondition = (name: string, why: string) => conflict({ group: '', kind: 'Pod' }, name, why);
