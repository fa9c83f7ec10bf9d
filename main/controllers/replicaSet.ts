import type { Pod, ReplicaSet, ReplicaSetStatus } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { selectorFromLabelSelector, type Selector } from '../api/labels.ts';
import { controllerOf, keyOf, timestamp } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { findCondition, withCondition, withoutCondition } from './conditions.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { claimObjects } from './controllerRef.ts';
import { Expectations } from './expectations.ts';
import { isNamespaceTerminating, PodControl } from './podControl.ts';
import { podsToDelete } from './podRanking.ts';
import {
  addPodControllerIndex,
  isPodActive,
  isPodAvailable,
  isPodReady,
  isPodTerminating,
  nextAvailability,
  orphanPods,
  podsControlledBy,
} from './pods.ts';
import { slowStartBatch } from './slowStart.ts';

const kind = { group: 'apps', version: 'v1', kind: 'ReplicaSet' };
const burstReplicas = 500;
const byDeployment = 'controllerUID';

/** As many pods as the spec asks for. Mirrors pkg/controller/replicaset/replica_set.go. */
export class ReplicaSetController extends QueueController {
  readonly #replicaSets: Informer<ReplicaSet>;
  readonly #pods: Informer<Pod>;
  readonly #expectations: Expectations;
  readonly #podControl: PodControl;

  constructor(context: ControllerContext) {
    super(context, 'replicaset-controller');
    this.#expectations = new Expectations(this.clock);
    this.#podControl = new PodControl(this.recorder);
    this.#replicaSets = context.informers.informer(resources.replicaSets);
    this.#replicaSets.addIndex(byDeployment, (rs) => [controllerOf(rs)?.uid ?? '']);
    this.#pods = context.informers.informer(resources.pods);
    addPodControllerIndex(this.#pods);
    this.#replicaSets.on({
      add: (rs) => this.enqueueObject(rs),
      update: (old, rs) => {
        if (old.metadata!.uid !== rs.metadata!.uid) this.#expectations.forget(keyOf(old));
        this.enqueueObject(rs);
      },
      delete: (rs) => {
        this.#expectations.forget(keyOf(rs));
        this.enqueueObject(rs);
      },
    });
    this.#pods.on({
      add: (pod) => this.#podAdded(pod),
      update: (old, pod) => this.#podUpdated(old, pod),
      delete: (pod) => this.#podDeleted(pod),
    });
  }

  #ownerOf(pod: Pod): ReplicaSet | undefined {
    const ref = controllerOf(pod);
    if (ref?.kind !== kind.kind) return undefined;
    const rs = this.#replicaSets.get(`${pod.metadata!.namespace}/${ref.name}`);
    return rs?.metadata!.uid === ref.uid ? rs : undefined;
  }

  #wakeSelecting(pod: Pod): void {
    if (!pod.metadata!.labels) return;
    for (const rs of this.#replicaSets.list(pod.metadata!.namespace)) {
      if (selectorFromLabelSelector(rs.spec!.selector).matches(pod.metadata!.labels)) this.enqueue(keyOf(rs), pod);
    }
  }

  #podAdded(pod: Pod): void {
    if (pod.metadata!.deletionTimestamp) return this.#podDeleted(pod);
    const owner = this.#ownerOf(pod);
    if (owner) {
      this.#expectations.creationObserved(keyOf(owner));
      this.enqueue(keyOf(owner), pod);
    } else if (!controllerOf(pod)) this.#wakeSelecting(pod);
  }

  #podUpdated(old: Pod, pod: Pod): void {
    if (pod.metadata!.deletionTimestamp) return this.#podDeleted(pod);
    const formerRef = controllerOf(old);
    const ref = controllerOf(pod);
    const refChanged = !equalJson(formerRef, ref);
    if (refChanged && formerRef) {
      const former = this.#ownerOf(old);
      if (former) this.enqueue(keyOf(former), pod);
    }
    if (ref) {
      const owner = this.#ownerOf(pod);
      if (!owner) return;
      this.enqueue(keyOf(owner), pod);
    } else if (refChanged || !equalJson(old.metadata!.labels, pod.metadata!.labels)) this.#wakeSelecting(pod);
  }

  /** Also for a pod that is only on its way out: its successor need not wait for the end. */
  #podDeleted(pod: Pod): void {
    const owner = this.#ownerOf(pod);
    if (!owner) return;
    this.#expectations.deletionObserved(keyOf(owner), pod.metadata!.uid!);
    this.enqueue(keyOf(owner), pod);
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const rs = this.#replicaSets.get(key);
    if (!rs) {
      this.#expectations.forget(key);
      return;
    }
    const needsSync = this.#expectations.satisfied(key);
    const selector = selectorFromLabelSelector(rs.spec!.selector);
    const all = [
      ...podsControlledBy(this.#pods, rs.metadata!.uid!),
      ...orphanPods(this.#pods, rs.metadata!.namespace!),
    ];
    const active = await this.#claim(client, rs, selector, all.filter(isPodActive));
    const terminating = all.filter(
      (pod) =>
        isPodTerminating(pod) && controllerOf(pod)?.uid === rs.metadata!.uid && selector.matches(pod.metadata!.labels),
    );
    const failure =
      needsSync && !rs.metadata!.deletionTimestamp ? await this.#manageReplicas(client, rs, active) : undefined;
    const now = this.clock.now();
    const status = calculateStatus(rs, active, terminating, failure, now);
    await this.#updateStatus(client, rs, status);
    if (failure) throw failure;
    if (status.readyReplicas !== status.availableReplicas) {
      const wait = nextAvailability(active, rs.spec!.minReadySeconds ?? 0, now);
      if (wait !== undefined) this.queue.addAfter(key, wait);
    }
  }

  #claim(client: Client, rs: ReplicaSet, selector: Selector, pods: Pod[]): Promise<Pod[]> {
    return claimObjects(pods, {
      client,
      owner: rs,
      ownerKind: kind,
      ownerDef: resources.replicaSets,
      selector,
      def: resources.pods,
    });
  }

  async #manageReplicas(client: Client, rs: ReplicaSet, pods: Pod[]): Promise<Error | undefined> {
    const difference = pods.length - (rs.spec!.replicas ?? 1);
    if (difference < 0) return this.#createPods(client, rs, Math.min(-difference, burstReplicas));
    if (difference > 0) return this.#deletePods(client, rs, pods, Math.min(difference, burstReplicas));
    return undefined;
  }

  async #createPods(client: Client, rs: ReplicaSet, count: number): Promise<Error | undefined> {
    const key = keyOf(rs);
    this.#expectations.expectCreations(key, count);
    const { successes, error } = await slowStartBatch(count, () =>
      this.#podControl.create(client, rs, kind, rs.spec!.template!).catch((error: unknown) => {
        if (!isNamespaceTerminating(error)) throw error;
      }),
    );
    for (let i = successes; i < count; i++) this.#expectations.creationObserved(key);
    return error;
  }

  async #deletePods(client: Client, rs: ReplicaSet, pods: Pod[], count: number): Promise<Error | undefined> {
    const key = keyOf(rs);
    const chosen = podsToDelete(pods, this.#relatedPods(rs), count, this.clock.now());
    this.#expectations.expectDeletions(
      key,
      chosen.map((pod) => pod.metadata!.uid!),
    );
    let failure: Error | undefined;
    await Promise.all(
      chosen.map((pod) =>
        this.#podControl.delete(client, rs, pod).catch((error: Error) => {
          this.#expectations.deletionObserved(key, pod.metadata!.uid!);
          if (!isNotFound(error)) failure ??= new Error(`unable to delete pods: ${error.message}`, { cause: error });
        }),
      ),
    );
    return failure;
  }

  /** Pods of all replica sets of the same deployment: they are what makes a node crowded. */
  #relatedPods(rs: ReplicaSet): Pod[] {
    const owner = controllerOf(rs);
    const siblings = owner ? this.#replicaSets.byIndex(byDeployment, owner.uid) : [rs];
    return siblings.flatMap((sibling) => podsControlledBy(this.#pods, sibling.metadata!.uid!));
  }

  async #updateStatus(client: Client, rs: ReplicaSet, status: ReplicaSetStatus): Promise<void> {
    if (equalJson(rs.status ?? {}, status)) return;
    try {
      await client.of(resources.replicaSets).updateStatus({ ...rs, status });
    } catch (error) {
      // Gone since: there is no status to keep.
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Mirrors pkg/controller/replicaset/replica_set_utils.go. */
export function calculateStatus(
  rs: ReplicaSet,
  active: Pod[],
  terminating: Pod[],
  failure: Error | undefined,
  now: number,
): ReplicaSetStatus {
  const wanted = Object.entries(rs.spec!.template?.metadata?.labels ?? {});
  const labelled = active.filter((pod) => wanted.every(([name, value]) => pod.metadata!.labels?.[name] === value));
  const ready = active.filter(isPodReady);
  const available = ready.filter((pod) => isPodAvailable(pod, rs.spec!.minReadySeconds ?? 0, now));
  let conditions = rs.status?.conditions;
  const current = findCondition(conditions, 'ReplicaFailure');
  if (failure && !current) {
    conditions = withCondition(conditions, {
      type: 'ReplicaFailure',
      status: 'True',
      reason: active.length < (rs.spec!.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete',
      message: failure.message,
      lastTransitionTime: timestamp(now),
    });
  } else if (!failure && current) conditions = withoutCondition(conditions, 'ReplicaFailure');
  return {
    replicas: active.length,
    fullyLabeledReplicas: labelled.length || undefined,
    readyReplicas: ready.length || undefined,
    availableReplicas: available.length || undefined,
    terminatingReplicas: terminating.length,
    observedGeneration: rs.metadata!.generation,
    conditions,
  };
}
