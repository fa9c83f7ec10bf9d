import type { Pod, ReplicaSet, ReplicaSetStatus, ReplicationController } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { selectorFromLabelSelector, type Selector } from '../api/labels.ts';
import { controllerOf, keyOf, timestamp, type GroupVersionKind } from '../api/meta.ts';
import { isConflict, isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer, type ResourceDef } from '../client/index.ts';
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

const burstReplicas = 500;
const byDeployment = 'controllerUID';

/** What ReplicaSets and ReplicationControllers have in common: their selectors differ. */
type Replicated = Omit<ReplicaSet, 'spec'> & {
  spec?: Omit<NonNullable<ReplicaSet['spec']>, 'selector'> & { selector?: unknown };
};

interface ReplicatedKind<T extends Replicated> {
  kind: GroupVersionKind;
  def: ResourceDef<T>;
  selector(object: T): Selector;
  /** The status as objects of this kind have it. */
  status(status: ReplicaSetStatus): ReplicaSetStatus;
}

/** As many pods as the spec asks for. Mirrors pkg/controller/replicaset/replica_set.go. */
class ReplicasController<T extends Replicated> extends QueueController {
  readonly #replicaSets: Informer<T>;
  readonly #pods: Informer<Pod>;
  readonly #expectations: Expectations;
  readonly #podControl: PodControl;

  constructor(
    context: ControllerContext,
    name: string,
    private readonly of: ReplicatedKind<T>,
  ) {
    super(context, name);
    this.#expectations = new Expectations(this.clock);
    this.#podControl = new PodControl(this.recorder);
    this.#replicaSets = context.informers.informer(of.def);
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

  #ownerOf(pod: Pod): T | undefined {
    const ref = controllerOf(pod);
    if (ref?.kind !== this.of.kind.kind) return undefined;
    const rs = this.#replicaSets.get(`${pod.metadata!.namespace}/${ref.name}`);
    return rs?.metadata!.uid === ref.uid ? rs : undefined;
  }

  #wakeSelecting(pod: Pod): void {
    if (!pod.metadata!.labels) return;
    for (const rs of this.#replicaSets.list(pod.metadata!.namespace)) {
      if (this.of.selector(rs).matches(pod.metadata!.labels)) this.enqueue(keyOf(rs), pod);
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
    const selector = this.of.selector(rs);
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
    const status = this.of.status(calculateStatus(rs, active, terminating, failure, now));
    await this.#updateStatus(client, rs, status);
    if (failure) throw failure;
    if (status.readyReplicas !== status.availableReplicas) {
      const wait = nextAvailability(active, rs.spec!.minReadySeconds ?? 0, now);
      if (wait !== undefined) this.queue.addAfter(key, wait);
    }
  }

  #claim(client: Client, rs: T, selector: Selector, pods: Pod[]): Promise<Pod[]> {
    return claimObjects(pods, {
      client,
      owner: rs,
      ownerKind: this.of.kind,
      ownerDef: this.of.def,
      selector,
      def: resources.pods,
    });
  }

  async #manageReplicas(client: Client, rs: T, pods: Pod[]): Promise<Error | undefined> {
    const difference = pods.length - (rs.spec!.replicas ?? 1);
    if (difference < 0) return this.#createPods(client, rs, Math.min(-difference, burstReplicas));
    if (difference > 0) return this.#deletePods(client, rs, pods, Math.min(difference, burstReplicas));
    return undefined;
  }

  async #createPods(client: Client, rs: T, count: number): Promise<Error | undefined> {
    const key = keyOf(rs);
    this.#expectations.expectCreations(key, count);
    const { successes, error } = await slowStartBatch(count, () =>
      this.#podControl.create(client, rs, this.of.kind, rs.spec!.template!).catch((error: unknown) => {
        if (!isNamespaceTerminating(error)) throw error;
      }),
    );
    for (let i = successes; i < count; i++) this.#expectations.creationObserved(key);
    return error;
  }

  async #deletePods(client: Client, rs: T, pods: Pod[], count: number): Promise<Error | undefined> {
    const key = keyOf(rs);
    const chosen = podsToDelete(pods, this.#relatedPods(rs), count, this.clock.now());
    this.#expectations.expectDeletions(
      key,
      chosen.map((pod) => pod.metadata!.uid!),
    );
    let failure: Error | undefined;
    await Promise.all(
      chosen.map((pod) =>
        // It goes because it is of no use: it must not have become ready meanwhile.
        this.#podControl.delete(client, rs, pod, { asSeen: !isPodReady(pod) }).catch((error: Error) => {
          this.#expectations.deletionObserved(key, pod.metadata!.uid!);
          if (isConflict(error)) this.queue.addRateLimited(key);
          else if (!isNotFound(error)) failure ??= new Error(`unable to delete pods: ${error.message}`, { cause: error });
        }),
      ),
    );
    return failure;
  }

  /** Pods of all replica sets of the same deployment: they are what makes a node crowded. */
  #relatedPods(rs: T): Pod[] {
    const owner = controllerOf(rs);
    const siblings = owner ? this.#replicaSets.byIndex(byDeployment, owner.uid) : [rs];
    return siblings.flatMap((sibling) => podsControlledBy(this.#pods, sibling.metadata!.uid!));
  }

  async #updateStatus(client: Client, rs: T, status: ReplicaSetStatus): Promise<void> {
    if (equalJson(rs.status ?? {}, status)) return;
    try {
      await client.of(this.of.def).updateStatus({ ...rs, status });
    } catch (error) {
      // Gone since: there is no status to keep.
      if (!isNotFound(error)) throw error;
    }
  }
}

export class ReplicaSetController extends ReplicasController<ReplicaSet> {
  constructor(context: ControllerContext) {
    super(context, 'replicaset-controller', {
      kind: { group: 'apps', version: 'v1', kind: 'ReplicaSet' },
      def: resources.replicaSets,
      selector: (rs) => selectorFromLabelSelector(rs.spec!.selector),
      status: (status) => status,
    });
  }
}

/** Mirrors pkg/controller/replication. */
export class ReplicationManager extends ReplicasController<ReplicationController> {
  constructor(context: ControllerContext) {
    super(context, 'replication-controller', {
      kind: { group: '', version: 'v1', kind: 'ReplicationController' },
      def: resources.replicationControllers,
      selector: (rc) => selectorFromLabelSelector({ matchLabels: rc.spec!.selector }),
      status: ({ terminatingReplicas: _, ...status }) => status,
    });
  }
}

/** Mirrors pkg/controller/replicaset/replica_set_utils.go. */
export function calculateStatus(
  rs: Replicated,
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
