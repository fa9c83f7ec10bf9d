import { conditionPatch } from '../../api/conditionPatch.ts';
import type { Condition, Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import { scaledValue } from '../../api/intstr.ts';
import { selectorFromLabelSelector } from '../../api/labels.ts';
import { keyOf, timestamp } from '../../api/meta.ts';
import { isConflict, isNotFound } from '../../api/status.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import { findCondition } from '../conditions.ts';
import { QueueController, type ControllerContext } from '../controller.ts';
import { isPodFinished, isPodReady } from '../pods.ts';
import { ExpectedPods } from './expectedPods.ts';

/** An eviction that has not deleted its pod after this long has failed. */
const deletionTimeout = 2 * 60_000;
const staleCondition = 2 * 60_000;
/** Before the names of pods in the queue that were to be disrupted and perhaps were not. */
const stale = 'pod:';

/** Says how many pods may be evicted. Mirrors pkg/controller/disruption/disruption.go. */
export class DisruptionController extends QueueController {
  readonly #budgets: Informer<PodDisruptionBudget>;
  readonly #pods: Informer<Pod>;
  readonly #expected: ExpectedPods;

  constructor(context: ControllerContext) {
    super(context, 'disruption-controller', 1);
    this.#budgets = context.informers.informer(resources.podDisruptionBudgets);
    this.#pods = context.informers.informer(resources.pods);
    this.#expected = new ExpectedPods(context.informers);
    this.#budgets.on({
      add: (budget) => this.enqueueObject(budget),
      update: (_, budget) => this.enqueueObject(budget),
    });
    this.#pods.on({
      add: (pod) => this.#podChanged(pod, pod),
      update: (old, pod) => {
        if (!equalJson(old.metadata!.labels, pod.metadata!.labels)) this.#podChanged(old, pod);
        this.#podChanged(pod, pod);
      },
      delete: (pod) => this.#podChanged(pod, pod),
    });
  }

  #podChanged(pod: Pod, cause: Pod): void {
    const { namespace, name, labels } = pod.metadata!;
    const covering = this.#budgets.list(namespace).filter(({ spec }) => selectorFromLabelSelector(spec!.selector).matches(labels));
    for (const budget of covering) this.enqueue(keyOf(budget), cause);
    if (covering.length > 1) {
      // An eviction of it is refused: nobody knows which of them would count.
      const message = `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${covering[0]!.metadata!.name}" arbitrarily.`;
      this.recorder.event({ apiVersion: 'v1', kind: 'Pod', ...pod }, 'Warning', 'MultiplePodDisruptionBudgets', message);
    }
    if (staleAt(pod) !== undefined) this.enqueue(stale + keyOf(pod), cause);
  }

  protected async sync(key: string, client: Client): Promise<void> {
    if (key.startsWith(stale)) return this.#clearStale(key, client);
    const budget = this.#budgets.get(key);
    if (!budget) return;
    try {
      await this.#sync(key, client, budget);
    } catch (error) {
      if (isNotFound(error)) return;
      if (isConflict(error)) throw error;
      await this.#failSafe(client, budget, error as Error);
    }
  }

  async #sync(key: string, client: Client, budget: PodDisruptionBudget): Promise<void> {
    const selector = selectorFromLabelSelector(budget.spec!.selector);
    const pods = this.#pods.list(budget.metadata!.namespace).filter((pod) => selector.matches(pod.metadata!.labels));
    if (pods.length === 0) this.recorder.event(budget, 'Normal', 'NoPods', 'No matching pods found');
    const { expected, desired } = await this.#expect(client, budget, pods);
    const now = this.clock.now();
    const { disrupted, recheckAt } = this.#disrupted(budget, pods, now);
    const healthy = pods.filter(
      (pod) => !pod.metadata!.deletionTimestamp && !(pod.metadata!.name! in disrupted) && isPodReady(pod),
    ).length;
    await this.#updateStatus(client, budget, {
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: expected,
      disruptionsAllowed: expected > 0 ? Math.max(0, healthy - desired) : 0,
      disruptedPods: Object.keys(disrupted).length > 0 ? disrupted : undefined,
      observedGeneration: budget.metadata!.generation,
    });
    if (recheckAt !== undefined) this.queue.addAfter(key, recheckAt - now);
  }

  async #expect(
    client: Client,
    budget: PodDisruptionBudget,
    pods: Pod[],
  ): Promise<{ expected: number; desired: number }> {
    const { maxUnavailable, minAvailable } = budget.spec!;
    if (maxUnavailable === undefined && typeof minAvailable === 'number')
      return { expected: pods.length, desired: minAvailable };
    if (maxUnavailable === undefined && minAvailable === undefined) return { expected: 0, desired: 0 };
    try {
      const { expected, unmanaged } = await this.#expected.count(client, pods);
      if (unmanaged.length > 0) this.#sayUnmanaged(budget);
      if (maxUnavailable === undefined) return { expected, desired: scaledValue(minAvailable, expected, true) };
      return { expected, desired: Math.max(0, expected - scaledValue(maxUnavailable, expected, true)) };
    } catch (error) {
      const message = `Failed to calculate the number of expected pods: ${(error as Error).message}`;
      this.recorder.event(budget, 'Warning', 'CalculateExpectedPodCountFailed', message);
      throw error;
    }
  }

  #sayUnmanaged(budget: PodDisruptionBudget): void {
    const { matchLabels = {}, matchExpressions = [] } = budget.spec!.selector ?? {};
    const labels = Object.entries(matchLabels).map(([name, value]) => `${name}: ${value},`);
    const expressions = matchExpressions.map(
      ({ key, operator, values = [] }) =>
        `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
    );
    // As Go prints it.
    const selector = `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
    this.recorder.event(
      budget,
      'Warning',
      'UnmanagedPods',
      `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. ` +
        'As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. ' +
        'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.',
    );
  }

  /** Pods that were evicted and are not on their way out yet; those for which it takes too long are not any more. */
  #disrupted(
    budget: PodDisruptionBudget,
    pods: Pod[],
    now: number,
  ): { disrupted: Record<string, string>; recheckAt: number | undefined } {
    const disrupted: Record<string, string> = {};
    let recheckAt: number | undefined;
    for (const pod of pods) {
      const { name, deletionTimestamp } = pod.metadata!;
      const at = budget.status?.disruptedPods?.[name!];
      if (deletionTimestamp || !at) continue;
      const expected = Date.parse(at) + deletionTimeout;
      if (expected <= now) {
        const { namespace } = budget.metadata!;
        const message = `Pod was expected by PDB ${namespace}/${namespace} to be deleted but it wasn't`;
        this.recorder.event({ apiVersion: 'v1', kind: 'Pod', ...pod }, 'Warning', 'NotDeleted', message);
        continue;
      }
      disrupted[name!] = at;
      recheckAt = Math.min(expected, recheckAt ?? expected);
    }
    return { disrupted, recheckAt };
  }

  async #updateStatus(client: Client, budget: PodDisruptionBudget, counts: PodDisruptionBudgetStatus): Promise<void> {
    const allowed = (counts.disruptionsAllowed ?? 0) > 0;
    const reason = allowed ? 'SufficientPods' : 'InsufficientPods';
    const conditions = this.#conditions(budget, allowed ? 'True' : 'False', reason, '', counts.observedGeneration);
    await this.#writeStatus(client, budget, { ...counts, conditions });
  }

  /** Nobody knows how many pods there should be: nothing may be evicted. */
  async #failSafe(client: Client, budget: PodDisruptionBudget, error: Error): Promise<void> {
    const none = { currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
    const status = { ...none, ...budget.status, disruptionsAllowed: 0 };
    const conditions = this.#conditions(budget, 'False', 'SyncFailed', error.message, status.observedGeneration);
    await this.#writeStatus(client, budget, { ...status, conditions });
  }

  #conditions(
    { status }: PodDisruptionBudget,
    state: string,
    reason: string,
    message: string,
    observedGeneration: number | undefined,
  ): Condition[] {
    const type = 'DisruptionAllowed';
    const current = findCondition(status?.conditions, type);
    const lastTransitionTime = current?.status === state ? current.lastTransitionTime : timestamp(this.clock.now());
    const condition = { type, status: state, reason, message, observedGeneration, lastTransitionTime };
    return [...(status?.conditions ?? []).filter((each) => each !== current), condition];
  }

  async #writeStatus(client: Client, budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus): Promise<void> {
    if (equalJson(budget.status ?? {}, status)) return;
    await client.of(resources.podDisruptionBudgets).updateStatus({ ...budget, status });
  }

  /** A pod that was to be disrupted and has not been: the condition says so no longer. */
  async #clearStale(key: string, client: Client): Promise<void> {
    const pod = this.#pods.get(key.slice(stale.length));
    const at = pod && staleAt(pod);
    if (at === undefined) return;
    const now = this.clock.now();
    if (at > now) return this.queue.addAfter(key, at - now);
    const { namespace, name, uid, generation } = pod!.metadata!;
    const condition = {
      type: 'DisruptionTarget',
      status: 'False',
      reason: null,
      message: null,
      observedGeneration: generation,
      lastTransitionTime: timestamp(now),
    };
    const patch = { metadata: { uid }, status: conditionPatch(pod!, condition) };
    try {
      await client.of(resources.pods).patch(namespace!, name!, 'strategic', patch, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** When the pod's being a target of disruption is no longer believed, in milliseconds since the epoch. */
function staleAt(pod: Pod): number | undefined {
  const condition = findCondition(pod.status?.conditions, 'DisruptionTarget');
  if (pod.metadata!.deletionTimestamp || isPodFinished(pod) || condition?.status !== 'True') return undefined;
  if (condition.reason === 'TerminationByKubelet' || !condition.lastTransitionTime) return undefined;
  return Date.parse(condition.lastTransitionTime) + staleCondition;
}
