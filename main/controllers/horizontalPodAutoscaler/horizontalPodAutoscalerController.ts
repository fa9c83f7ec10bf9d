import type { Pod, Scale, V2HorizontalPodAutoscaler, V2HorizontalPodAutoscalerCondition, V2MetricStatus } from '../../api/index.ts';
import { cloneJson, equalJson } from '../../api/json.ts';
import { parseSelector, type Selector } from '../../api/labels.ts';
import { keyOf, resourcePath, timestamp, type GroupVersionResource } from '../../api/meta.ts';
import { isConflict, isNotFound } from '../../api/status.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import { findCondition } from '../conditions.ts';
import { QueueController, type ControllerContext } from '../controller.ts';
import { discover } from '../discovery.ts';
import type { Reconciliation } from '../metrics.ts';
import { MetricsClient } from './metrics.ts';
import { newMemory, paceByBehavior, paceByDefault, recordScale, type Memory } from './pace.ts';
import { MetricError, Recommender, type Target } from './recommendation.ts';

const period = 15_000;
const conflictRetries = 5;

/** One autoscaler as one sync sees it; its status is written at the end. */
interface Sync {
  client: Client;
  hpa: V2HorizontalPodAutoscaler;
  key: string;
  now: number;
  /** What comes of it, to be measured. */
  done: Reconciliation;
}

interface Wanted {
  replicas: number;
  /** Why the size changes. */
  reason: string;
  statuses: V2MetricStatus[];
}

/** Follows measured load with the number of pods. Mirrors pkg/controller/podautoscaler/horizontal.go. */
export class HorizontalPodAutoscalerController extends QueueController {
  readonly #hpas: Informer<V2HorizontalPodAutoscaler>;
  readonly #pods: Informer<Pod>;
  readonly #recommender: Recommender;
  readonly #memories = new Map<string, Memory>();
  /** Which pods each autoscaler scales: two for the same pods would work against one another. */
  readonly #selectors = new Map<string, Selector>();

  constructor(context: ControllerContext) {
    super(context, 'horizontal-pod-autoscaler');
    this.#hpas = context.informers.informer(resources.horizontalPodAutoscalers);
    this.#pods = context.informers.informer(resources.pods);
    this.#recommender = new Recommender(new MetricsClient(this.client));
    this.#hpas.on({
      add: (hpa) => this.enqueueAfter(keyOf(hpa), period, hpa),
      update: (_, hpa) => this.enqueueAfter(keyOf(hpa), period, hpa),
      delete: (hpa) => {
        this.#memories.delete(keyOf(hpa));
        this.#selectors.delete(keyOf(hpa));
      },
    });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const cached = this.#hpas.get(key);
    if (!cached) return;
    const hpa = cloneJson(cached);
    hpa.status ??= { desiredReplicas: 0 };
    const started = this.clock.monotonic();
    const done: Reconciliation = { action: 'none', error: 'none' };
    try {
      await this.#reconcile({ client, hpa, key, now: this.clock.now(), done });
      await this.#writeStatus(client, cached, hpa);
    } catch (error) {
      done.error = 'internal';
      throw error;
    } finally {
      this.measures?.autoscalerReconciled(done, this.clock.monotonic() - started);
      this.queue.addAfter(key, period);
    }
  }

  async #reconcile(sync: Sync): Promise<void> {
    const { client, hpa, key, now } = sync;
    const found = await this.#getScale(sync);
    if (!found) return;
    const { scale, path } = found;
    this.#setCondition(sync, 'AbleToScale', 'True', 'SucceededGetScale', "the HPA controller was able to get the target's current scale");
    const current = scale.spec?.replicas ?? 0;
    if (!this.#memories.has(key)) this.#memories.set(key, newMemory(current, now));
    if (current === 0) {
      this.#setCondition(sync, 'ScalingActive', 'False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero');
      return this.#setStatus(sync, current, current, []);
    }
    const wanted = await this.#wanted(sync, scale, current);
    if ('statuses' in wanted && !('replicas' in wanted)) {
      sync.done.error = 'internal';
      return this.#setStatus(sync, current, hpa.status!.desiredReplicas, wanted.statuses);
    }
    const { replicas, reason, statuses } = wanted as Wanted;
    if (replicas === current) return this.#setStatus(sync, current, current, statuses);
    try {
      await rescale(client, path, scale, replicas);
    } catch (error) {
      const { message } = error as Error;
      sync.done.error = 'internal';
      this.#say(hpa, 'Warning', 'FailedRescale', `New size: ${replicas}; reason: ${reason}; error: ${message}`);
      this.#setCondition(sync, 'AbleToScale', 'False', 'FailedUpdateScale', `the HPA controller was unable to update the target scale: ${message}`);
      return this.#setStatus(sync, current, hpa.status!.desiredReplicas, statuses);
    }
    sync.done.action = actionOf(current, replicas);
    this.#setCondition(sync, 'AbleToScale', 'True', 'SucceededRescale', `the HPA controller was able to update the target scale to ${replicas}`);
    this.#say(hpa, 'Normal', 'SuccessfulRescale', `New size: ${replicas}; reason: ${reason}`);
    if (hpa.spec.behavior) recordScale(this.#memories.get(key)!, current, replicas, now);
    this.#setStatus(sync, current, replicas, statuses);
    hpa.status!.lastScaleTime = timestamp(now);
  }

  /** Without `replicas` nobody knows: everything stays. */
  async #wanted(sync: Sync, scale: Scale, current: number): Promise<Wanted | { statuses: V2MetricStatus[] }> {
    const { hpa, key, now } = sync;
    const { minReplicas: min = 1, maxReplicas: max, behavior } = hpa.spec;
    if (current > max) return { replicas: max, reason: 'Current number of replicas above Spec.MaxReplicas', statuses: [] };
    if (current < min) return { replicas: min, reason: 'Current number of replicas below Spec.MinReplicas', statuses: [] };
    const asked = await this.#askMetrics(sync, scale, current);
    if (asked.replicas === undefined) return { statuses: asked.statuses };
    const step = { current, desired: asked.replicas, min, max, now };
    const memory = this.#memories.get(key)!;
    const paced = behavior ? paceByBehavior(memory, step, behavior) : paceByDefault(memory, step);
    const calm = paced.stabilized ?? { reason: 'ReadyForNewScale', message: 'recommended size matches current size' };
    this.#setCondition(sync, 'AbleToScale', 'True', calm.reason, calm.message);
    this.#setCondition(sync, 'ScalingLimited', paced.limited ? 'True' : 'False', paced.limit.reason, paced.limit.message);
    const reason = asked.replicas > current ? `${asked.name} above target` : 'All metrics below target';
    return { replicas: paced.replicas, reason, statuses: asked.statuses };
  }

  /** The most that any metric asks for; a metric that cannot be judged forbids to go down. */
  async #askMetrics(sync: Sync, scale: Scale, current: number): Promise<{ replicas?: number; name: string; statuses: V2MetricStatus[] }> {
    const { hpa, now } = sync;
    const selector = this.#selectorOf(sync, scale.status?.selector ?? '');
    if ('error' in selector) {
      this.#say(hpa, 'Warning', 'FailedComputeMetricsReplicas', selector.error);
      return { name: '', statuses: [] };
    }
    const target: Target = { specReplicas: current, statusReplicas: scale.status?.replicas ?? 0, ...selector };
    const specs = hpa.spec.metrics ?? [];
    const statuses: V2MetricStatus[] = specs.map(() => ({ type: '' }));
    let replicas = 0;
    let name = '';
    const failures: MetricError[] = [];
    for (const [i, spec] of specs.entries()) {
      const started = this.clock.monotonic();
      const done: Reconciliation = { action: 'none', error: 'none' };
      try {
        const recommendation = await this.#recommender.recommend(hpa, spec, target, now);
        statuses[i] = recommendation.status;
        done.action = actionOf(hpa.status!.currentReplicas ?? 0, recommendation.replicas);
        if (replicas === 0 || recommendation.replicas > replicas) ({ replicas, name } = recommendation);
      } catch (error) {
        done.error = 'internal';
        if (!(error instanceof MetricError)) throw error;
        this.#say(hpa, 'Warning', error.reason, error.detail);
        failures.push(error);
      } finally {
        this.measures?.metricComputed(done, spec.type, this.clock.monotonic() - started);
      }
    }
    const [first] = failures;
    if (first && (failures.length >= specs.length || replicas < current)) {
      const message = `the HPA was unable to compute the replica count: ${first.detail}`;
      this.#setCondition(sync, 'ScalingActive', 'False', first.reason, message);
      const all = `invalid metrics (${failures.length} invalid out of ${specs.length}), first error is: ${first.message}`;
      this.#say(hpa, 'Warning', 'FailedComputeMetricsReplicas', all);
      return { name, statuses };
    }
    const message = `the HPA was able to successfully calculate a replica count from ${name}`;
    this.#setCondition(sync, 'ScalingActive', 'True', 'ValidMetricFound', message);
    return { replicas, name, statuses };
  }

  #selectorOf(sync: Sync, text: string): { selector: Selector; pods: Pod[] } | { error: string } {
    const { hpa, key } = sync;
    const namespace = hpa.metadata!.namespace!;
    if (!text) {
      this.#say(hpa, 'Warning', 'SelectorRequired', 'selector is required');
      this.#setCondition(sync, 'ScalingActive', 'False', 'InvalidSelector', "the HPA target's scale is missing a selector");
      return { error: 'selector is required' };
    }
    let selector: Selector;
    try {
      selector = parseSelector(text);
    } catch (error) {
      const message = `couldn't convert selector into a corresponding internal selector object: ${(error as Error).message}`;
      return this.#refuse(sync, 'InvalidSelector', message);
    }
    this.#selectors.set(key, selector);
    const pods = this.#pods.list(namespace).filter((pod) => selector.matches(pod.metadata!.labels));
    const others = [...this.#selectors].filter(
      ([other, theirs]) =>
        other === key ||
        (other.startsWith(`${namespace}/`) && pods.some((pod) => theirs.matches(pod.metadata!.labels))),
    );
    if (others.length === 1) return { selector, pods };
    const names = others.map(([other]) => other).join(' ');
    return this.#refuse(sync, 'AmbiguousSelector', `pods by selector ${text} are controlled by multiple HPAs: [${names}]`);
  }

  #refuse(sync: Sync, reason: string, message: string): { error: string } {
    this.#say(sync.hpa, 'Warning', reason, message);
    this.#setCondition(sync, 'ScalingActive', 'False', reason, message);
    return { error: message };
  }

  async #getScale(sync: Sync): Promise<{ scale: Scale; path: string } | undefined> {
    const { client, hpa } = sync;
    try {
      const path = resourcePath(await this.#resourceOf(hpa), hpa.metadata!.namespace, hpa.spec.scaleTargetRef.name, 'scale');
      return { scale: await client.request<Scale>({ method: 'GET', path }), path };
    } catch (error) {
      const { message } = error as Error;
      sync.done.error = error instanceof InvalidTarget ? 'spec' : 'internal';
      this.#say(hpa, 'Warning', 'FailedGetScale', message);
      this.#setCondition(sync, 'AbleToScale', 'False', 'FailedGetScale', `the HPA controller was unable to get the target's current scale: ${message}`);
      return undefined;
    }
  }

  async #resourceOf({ spec }: V2HorizontalPodAutoscaler): Promise<GroupVersionResource> {
    const { apiVersion = 'v1', kind } = spec.scaleTargetRef;
    const parts = apiVersion.split('/');
    if (parts.length > 2) throw new InvalidTarget(`unexpected GroupVersion string: ${apiVersion}`);
    const group = parts.length === 2 ? parts[0]! : '';
    const isIt = (each: { group: string; kind: string }) => each.group === group && each.kind === kind;
    const { deployments, replicaSets, statefulSets, replicationControllers } = resources;
    const known = [deployments, replicaSets, statefulSets, replicationControllers].find(isIt);
    const found = known ?? (await discover(this.client)).resources.find(isIt);
    if (!found) throw new Error(`no matches for kind "${kind}" in group "${group}"`);
    return found;
  }

  #say(hpa: V2HorizontalPodAutoscaler, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.recorder.event(hpa, type, reason, message);
  }

  /** In its place among the conditions, so that they keep their order. */
  #setCondition({ hpa, now }: Sync, type: string, status: string, reason: string, message: string): void {
    const conditions = (hpa.status!.conditions ??= []);
    const old = findCondition(conditions, type);
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : timestamp(now);
    const condition: V2HorizontalPodAutoscalerCondition = { type, status, lastTransitionTime, reason, message };
    if (old) conditions[conditions.indexOf(old)] = condition;
    else conditions.push(condition);
  }

  #setStatus({ hpa }: Sync, currentReplicas: number, desiredReplicas: number, statuses: V2MetricStatus[]): void {
    const currentMetrics = statuses.length > 0 ? statuses : undefined;
    hpa.status = { ...hpa.status, currentReplicas, desiredReplicas, currentMetrics };
  }

  async #writeStatus(client: Client, before: V2HorizontalPodAutoscaler, hpa: V2HorizontalPodAutoscaler): Promise<void> {
    if (equalJson(before.status, hpa.status)) return;
    try {
      await client.of(resources.horizontalPodAutoscalers).updateStatus(hpa);
    } catch (error) {
      if (isNotFound(error)) return;
      this.#say(hpa, 'Warning', 'FailedUpdateStatus', (error as Error).message);
      throw error;
    }
  }
}

const actionOf = (now: number, then: number) => (then > now ? 'scale_up' : then < now ? 'scale_down' : 'none');

/** The autoscaler names something that cannot be. */
class InvalidTarget extends Error {}

/** Somebody else may change the target at the same time: the size counts for what it is then. */
async function rescale(client: Client, path: string, scale: Scale, replicas: number): Promise<void> {
  let latest = scale;
  for (let attempt = 1; ; attempt++) {
    try {
      await client.request({ method: 'PUT', path, body: { ...latest, spec: { ...latest.spec, replicas } } });
      return;
    } catch (error) {
      if (!isConflict(error) || attempt === conflictRetries) throw error;
      latest = await client.request<Scale>({ method: 'GET', path });
    }
  }
}
