import type {
  ControllerRevision,
  PersistentVolumeClaim,
  Pod,
  StatefulSet,
  StatefulSetStatus,
} from '../../api/index.ts';
import { scaledValue } from '../../api/intstr.ts';
import { cloneJson, equalJson } from '../../api/json.ts';
import { selectorFromLabelSelector } from '../../api/labels.ts';
import { controllerOf, keyOf } from '../../api/meta.ts';
import { isNotFound } from '../../api/status.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import { QueueController, type ControllerContext } from '../controller.ts';
import { claimObjects } from '../controllerRef.ts';
import { isNamespaceTerminating } from '../podControl.ts';
import { addPodControllerIndex, isPodAvailable, nextAvailability, orphanPods, podsControlledBy } from '../pods.ts';
import { currentRevision, templateOf, truncateHistory } from '../revisionHistory.ts';
import { slowStartBatch } from '../slowStart.ts';
import { WrittenRevisions } from '../written.ts';
import {
  isCreated,
  isGoing,
  isInRange,
  isMember,
  isRunningAndReady,
  isUnavailable,
  kind,
  ordinalOf,
  plannedPod,
  replicasOf,
  revisionOf,
  startOf,
} from './identity.ts';
import { StatefulPods } from './statefulPods.ts';

const hashLabel = 'controller.kubernetes.io/hash';

/** One StatefulSet as one sync sees it: `replicas` are its pods by number, those that are only planned included. */
interface Rollout {
  client: Client;
  set: StatefulSet;
  pods: Pod[];
  current: ControllerRevision;
  update: ControllerRevision;
  collisions: number;
  replicas: Pod[];
  /** Pods with numbers that are not wanted, the highest first. */
  condemned: Pod[];
  /** How many of an old revision this step has deleted: they do not count any more. */
  replaced: number;
}

/** Pods with numbers, names and volumes of their own. Mirrors pkg/controller/statefulset. */
export class StatefulSetController extends QueueController {
  readonly #sets: Informer<StatefulSet>;
  readonly #pods: Informer<Pod>;
  readonly #revisions: Informer<ControllerRevision>;
  readonly #statefulPods: StatefulPods;
  readonly #written: { sets: WrittenRevisions; pods: WrittenRevisions; claims: WrittenRevisions };

  constructor(context: ControllerContext) {
    super(context, 'statefulset-controller');
    this.#sets = context.informers.informer(resources.statefulSets);
    this.#revisions = context.informers.informer(resources.controllerRevisions);
    const claims: Informer<PersistentVolumeClaim> = context.informers.informer(resources.persistentVolumeClaims);
    this.#pods = context.informers.informer(resources.pods);
    addPodControllerIndex(this.#pods);
    this.#written = {
      sets: new WrittenRevisions(this.#sets),
      pods: new WrittenRevisions(this.#pods),
      claims: new WrittenRevisions(claims),
    };
    this.#statefulPods = new StatefulPods(this.#pods, claims, this.recorder, this.#written);
    this.#sets.on({
      add: (set) => this.enqueueObject(set),
      update: (_, set) => this.enqueueObject(set),
      delete: (set) => this.enqueueObject(set),
    });
    this.#pods.on({
      add: (pod) => this.#wake(pod, pod, true),
      update: (old, pod) => {
        if (pod.metadata!.deletionTimestamp) this.#statefulPods.seen(pod);
        const refChanged = !equalJson(controllerOf(old), controllerOf(pod));
        if (refChanged) this.#wake(old, pod, false);
        this.#wake(pod, pod, refChanged || !equalJson(old.metadata!.labels, pod.metadata!.labels));
      },
      delete: (pod) => {
        this.#statefulPods.seen(pod);
        this.#wake(pod, pod, false);
      },
    });
    claims.on({
      update: (_, claim) => this.#claimChanged(claim),
      add: (claim) => this.#claimChanged(claim),
      delete: (claim) => this.#claimChanged(claim),
    });
  }

  /** Wakes the set that owns the pod, or those that might adopt it. */
  #wake(pod: Pod, cause: Pod, adopters: boolean): void {
    const { namespace, labels } = pod.metadata!;
    const ref = controllerOf(pod);
    if (ref) {
      if (ref.kind !== kind.kind) return;
      const set = this.#sets.get(`${namespace}/${ref.name}`);
      if (set?.metadata!.uid === ref.uid) this.enqueue(keyOf(set), cause);
      return;
    }
    if (!adopters) return;
    for (const set of this.#sets.list(namespace)) {
      if (isMember(set, pod) && selectorFromLabelSelector(set.spec!.selector).matches(labels))
        this.enqueue(keyOf(set), cause);
    }
  }

  /** A set may wait for its own writes to arrive, or for a claim to go. */
  #claimChanged(claim: PersistentVolumeClaim): void {
    for (const set of this.#sets.list(claim.metadata!.namespace)) {
      const templates = set.spec!.volumeClaimTemplates ?? [];
      if (
        templates.some(({ metadata }) => claim.metadata!.name!.startsWith(`${metadata!.name}-${set.metadata!.name}-`))
      )
        this.enqueue(keyOf(set), claim);
    }
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const cached = this.#sets.get(key);
    const { sets, pods, claims } = this.#written;
    // What this controller wrote itself wakes it again when it arrives.
    if (!cached || !sets.seen(key) || !pods.seen(key) || !claims.seen(key)) return;
    const set = cloneJson(cached);
    try {
      await this.#sync(client, set);
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error;
    }
  }

  async #sync(client: Client, set: StatefulSet): Promise<void> {
    const revisions = await this.#claimRevisions(client, set);
    const pods = await this.#claimPods(client, set);
    if (this.#statefulPods.isBehind(pods)) return;
    const options = { collisions: set.status?.collisionCount ?? 0, hashLabel };
    const { revision: update, collisions } = await currentRevision(client, set, kind, revisions, options);
    const current = revisions.find(({ metadata }) => metadata!.name === set.status?.currentRevision) ?? update;
    const rollout = plan({ client, set, pods, current, update, collisions });
    let failure: unknown;
    if (!set.metadata!.deletionTimestamp) {
      try {
        await this.#establish(rollout);
      } catch (error) {
        failure = error;
      }
    }
    await this.#updateStatus(rollout);
    const used = new Set([current.metadata!.name, update.metadata!.name, ...pods.map(revisionOf)]);
    const limit = set.spec!.revisionHistoryLimit ?? 10;
    await truncateHistory(client, revisions, ({ metadata }) => used.has(metadata!.name), limit);
    if (failure) throw failure;
    const wait = nextAvailability(pods, set.spec!.minReadySeconds ?? 0, this.clock.now());
    if (wait !== undefined) this.queue.addAfter(keyOf(set), wait);
  }

  #claimRevisions(client: Client, set: StatefulSet): Promise<ControllerRevision[]> {
    const selector = selectorFromLabelSelector(set.spec!.selector);
    const def = resources.controllerRevisions;
    const all = this.#revisions.list(set.metadata!.namespace);
    return claimObjects(all, { client, owner: set, ownerKind: kind, ownerDef: resources.statefulSets, selector, def });
  }

  #claimPods(client: Client, set: StatefulSet): Promise<Pod[]> {
    const { uid, namespace } = set.metadata!;
    const selector = selectorFromLabelSelector(set.spec!.selector);
    const orphans = orphanPods(this.#pods, namespace!).filter((pod) => isMember(set, pod));
    return claimObjects([...podsControlledBy(this.#pods, uid!), ...orphans], {
      client,
      owner: set,
      ownerKind: kind,
      ownerDef: resources.statefulSets,
      selector,
      def: resources.pods,
    });
  }

  /** First the pods that are wanted, then those that are not, then those of an old revision: a step at a time. */
  async #establish(rollout: Rollout): Promise<void> {
    const { client, set, replicas, condemned } = rollout;
    if (await this.#forAll(set, replicas, (pod) => this.#processReplica(rollout, pod))) return;
    const retain = async (pod: Pod) => {
      await this.#statefulPods.retain(client, set, pod);
      return false;
    };
    if (await this.#forAll(set, condemned, retain)) return;
    const now = this.clock.now();
    const firstUnavailable = [...replicas, ...condemned.toReversed()].find((pod) => isUnavailable(set, pod, now));
    if (await this.#forAll(set, condemned, (pod) => this.#processCondemned(rollout, pod, firstUnavailable))) return;
    if (set.spec!.updateStrategy?.type !== 'OnDelete') await this.#rollOn(rollout);
  }

  /** In order until `process` resolves with true, or all of them; whether it has stopped there. */
  async #forAll(set: StatefulSet, pods: Pod[], process: (pod: Pod) => Promise<boolean>): Promise<boolean> {
    if (!isParallel(set)) {
      for (const pod of pods) if (await process(pod)) return true;
      return false;
    }
    const left = pods.values();
    const { error } = await slowStartBatch(pods.length, () => process(left.next().value!));
    if (error) throw error;
    return false;
  }

  /** Resolves with true when the pods after it have to wait. */
  async #processReplica({ client, set }: Rollout, pod: Pod): Promise<boolean> {
    const inOrder = !isParallel(set);
    const phase = pod.status?.phase;
    if (phase === 'Failed' || phase === 'Succeeded') {
      if (!isGoing(pod)) await this.#statefulPods.delete(client, set, pod);
      return true;
    }
    if (!isCreated(pod)) {
      if (this.#statefulPods.hasStaleClaim(set, pod)) return true;
      await this.#statefulPods.create(client, set, pod);
      return inOrder;
    }
    if (phase === 'Pending') await this.#statefulPods.completeClaims(client, set, pod);
    if (inOrder && (isGoing(pod) || !isRunningAndReady(pod) || isUnavailable(set, pod, this.clock.now()))) return true;
    await this.#statefulPods.update(client, set, pod);
    return false;
  }

  async #processCondemned({ client, set }: Rollout, pod: Pod, firstUnavailable: Pod | undefined): Promise<boolean> {
    const inOrder = !isParallel(set);
    if (isGoing(pod)) return inOrder;
    // One that is not well goes only after all before it are.
    const unwell = !isRunningAndReady(pod) || isUnavailable(set, pod, this.clock.now());
    if (!(inOrder && unwell && pod !== firstUnavailable)) await this.#statefulPods.delete(client, set, pod);
    return true;
  }

  /** Deletes a pod of an old revision, from the highest number to the partition: it comes back in the new one. */
  async #rollOn(rollout: Rollout): Promise<void> {
    const { set, replicas, update } = rollout;
    const { partition = 0, maxUnavailable } = set.spec!.updateStrategy?.rollingUpdate ?? {};
    const now = this.clock.now();
    if (maxUnavailable !== undefined) return this.#rollTogether(rollout, partition, Math.max(1, scaledValue(maxUnavailable, replicas.length, false)));
    for (const pod of replicas.slice(partition).reverse()) {
      if (revisionOf(pod) !== update.metadata!.name && !isGoing(pod)) return this.#replace(rollout, pod);
      if (isUnavailable(set, pod, now)) return;
    }
  }

  /** Deletes as many of an old revision, from the highest number to the partition, as leave no more than `most` unavailable. */
  async #rollTogether(rollout: Rollout, partition: number, most: number): Promise<void> {
    const { set, replicas, update } = rollout;
    const now = this.clock.now();
    const room = most - replicas.filter((pod) => isUnavailable(set, pod, now)).length;
    const old = replicas.slice(partition).filter((pod) => revisionOf(pod) !== update.metadata!.name && !isGoing(pod));
    for (const pod of old.toReversed().slice(0, Math.max(0, room))) await this.#replace(rollout, pod);
  }

  async #replace(rollout: Rollout, pod: Pod): Promise<void> {
    await this.#statefulPods.delete(rollout.client, rollout.set, pod);
    rollout.replaced++;
  }

  async #updateStatus(rollout: Rollout): Promise<void> {
    const { client, set } = rollout;
    const status = statusOf(rollout, this.clock.now());
    if (equalJson({ ...set.status, conditions: undefined }, status)) return;
    try {
      const written = await client
        .of(resources.statefulSets)
        .updateStatus({ ...set, status: { ...status, conditions: set.status?.conditions } });
      this.#written.sets.wrote(keyOf(set), written);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

const isParallel = (set: StatefulSet) => set.spec!.podManagementPolicy === 'Parallel';

function plan(seen: Omit<Rollout, 'replicas' | 'condemned' | 'replaced'>): Rollout {
  const { set, pods, current, update } = seen;
  const start = startOf(set);
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(pod), pod]));
  const replicas = Array.from({ length: replicasOf(set) }, (_, i) => {
    const revision = staysCurrent(set, start + i) ? current : update;
    return byOrdinal.get(start + i) ?? plannedPod(set, templateOf(revision), revision.metadata!.name!, start + i);
  });
  const condemned = pods
    .filter((pod) => ordinalOf(pod) >= 0 && !isInRange(set, pod))
    .sort((a, b) => ordinalOf(b) - ordinalOf(a));
  return { ...seen, replicas, condemned, replaced: 0 };
}

/** Whether a pod with this number is still made in the old revision. */
function staysCurrent(set: StatefulSet, ordinal: number): boolean {
  const { type = 'RollingUpdate', rollingUpdate } = set.spec!.updateStrategy ?? {};
  if (rollingUpdate) return ordinal < startOf(set) + (rollingUpdate.partition ?? 0);
  return type === 'RollingUpdate' && ordinal < startOf(set) + (set.status?.currentReplicas ?? 0);
}

function statusOf({ set, pods, current, update, collisions, replaced }: Rollout, now: number): StatefulSetStatus {
  const minReadySeconds = set.spec!.minReadySeconds ?? 0;
  const replicas = replicasOf(set);
  const ready = pods.filter(isRunningAndReady);
  const made = pods.filter((pod) => isCreated(pod) && !isGoing(pod));
  const inRevision = ({ metadata }: ControllerRevision) =>
    made.filter((pod) => revisionOf(pod) === metadata!.name).length;
  const updated = inRevision(update);
  const complete =
    set.spec!.updateStrategy?.type !== 'OnDelete' &&
    updated === replicas &&
    ready.length === replicas &&
    pods.filter(isCreated).length === replicas;
  return {
    observedGeneration: set.metadata!.generation,
    replicas: pods.filter(isCreated).length,
    readyReplicas: ready.length || undefined,
    availableReplicas: ready.filter((pod) => isPodAvailable(pod, minReadySeconds, now)).length,
    currentReplicas: Math.max(0, (complete ? updated : inRevision(current)) - replaced) || undefined,
    updatedReplicas: updated || undefined,
    currentRevision: (complete ? update : current).metadata!.name,
    updateRevision: update.metadata!.name,
    collisionCount: collisions,
  };
}
