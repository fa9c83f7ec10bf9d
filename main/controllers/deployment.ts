import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from '../api/index.ts';
import { cloneJson, equalJson } from '../api/json.ts';
import { selectorFromLabelSelector } from '../api/labels.ts';
import { controllerOf, keyOf, newControllerRef } from '../api/meta.ts';
import { isAlreadyExists, isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { byAge } from './age.ts';
import { findCondition, withCondition } from './conditions.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { claimObjects } from './controllerRef.ts';
import {
  activeSets,
  annotatedReplicas,
  byRevision,
  bySizeNewerFirst,
  bySizeOlderFirst,
  desiredReplicasAnnotation,
  findActiveOrLatest,
  findNewReplicaSet,
  isRollingUpdate,
  isSaturated,
  maxRevision,
  maxSurge,
  maxUnavailable,
  newReplicas,
  proportion,
  replicasAnnotations,
  replicasOf,
  revisionAnnotation,
  setReplicaSetAnnotations,
  sumStatus,
  wantedReplicas,
} from './deploymentReplicaSets.ts';
import { rollBack, rollbackRevision } from './deploymentRollback.ts';
import {
  calculateRolloutStatus,
  calculateStatus,
  deploymentCondition,
  hasProgressDeadline,
  isComplete,
  progressDeadline,
} from './deploymentStatus.ts';
import { isNamespaceTerminating } from './podControl.ts';
import { podTemplateHash, podTemplateHashLabel, equalTemplates } from './podTemplateHash.ts';
import { addPodControllerIndex, isPodActive, isPodAvailable, isPodFinished, podsControlledBy } from './pods.ts';

const kind = { group: 'apps', version: 'v1', kind: 'Deployment' };
const maxNameLength = 253;
const forever = 0x7fffffff;

/** One deployment as this sync sees and writes it: `d` is a private copy that follows its own writes. */
interface Rollout {
  client: Client;
  d: Deployment;
  newSet: ReplicaSet | undefined;
  oldSets: ReplicaSet[];
}

/** Replica sets of one template after the other. Mirrors pkg/controller/deployment. */
export class DeploymentController extends QueueController {
  readonly #deployments: Informer<Deployment>;
  readonly #replicaSets: Informer<ReplicaSet>;
  readonly #pods: Informer<Pod>;

  constructor(context: ControllerContext) {
    super(context, 'deployment-controller');
    this.#deployments = context.informers.informer(resources.deployments);
    this.#replicaSets = context.informers.informer(resources.replicaSets);
    this.#pods = context.informers.informer(resources.pods);
    addPodControllerIndex(this.#pods);
    this.#deployments.on({
      add: (d) => this.enqueueObject(d),
      update: (_, d) => this.enqueueObject(d),
      delete: (d) => this.enqueueObject(d),
    });
    this.#replicaSets.on({
      add: (rs) => this.#wake(rs, rs, true),
      update: (old, rs) => this.#replicaSetUpdated(old, rs),
      delete: (rs) => this.#wake(rs, rs, false),
    });
    this.#pods.on({ delete: (pod) => this.#podDeleted(pod) });
  }

  #ownerOf(rs: ReplicaSet): Deployment | undefined {
    const ref = controllerOf(rs);
    if (ref?.kind !== kind.kind) return undefined;
    const d = this.#deployments.get(`${rs.metadata!.namespace}/${ref.name}`);
    return d?.metadata!.uid === ref.uid ? d : undefined;
  }

  /** Wakes the deployment that owns `rs`, or those that might adopt it. */
  #wake(rs: ReplicaSet, cause: ReplicaSet, adopters: boolean): void {
    const owner = this.#ownerOf(rs);
    if (owner) return this.enqueue(keyOf(owner), cause);
    if (!adopters || controllerOf(rs) || rs.metadata!.deletionTimestamp) return;
    for (const d of this.#deployments.list(rs.metadata!.namespace)) {
      const selector = selectorFromLabelSelector(d.spec!.selector);
      if (!selector.empty && selector.matches(rs.metadata!.labels)) this.enqueue(keyOf(d), cause);
    }
  }

  #replicaSetUpdated(old: ReplicaSet, rs: ReplicaSet): void {
    const refChanged = !equalJson(controllerOf(old), controllerOf(rs));
    if (refChanged && controllerOf(old)) this.#wake(old, rs, false);
    this.#wake(rs, rs, refChanged || !equalJson(old.metadata!.labels, rs.metadata!.labels));
  }

  /** A Recreate deployment waits for its last old pod. */
  #podDeleted(pod: Pod): void {
    const ref = controllerOf(pod);
    const rs = ref && this.#replicaSets.get(`${pod.metadata!.namespace}/${ref.name}`);
    const d = rs && rs.metadata!.uid === ref.uid ? this.#ownerOf(rs) : undefined;
    if (d?.spec!.strategy?.type === 'Recreate' && this.#podsOf(this.#ownedSets(d)).length === 0)
      this.enqueue(keyOf(d), pod);
  }

  #ownedSets(d: Deployment): ReplicaSet[] {
    return this.#replicaSets.list(d.metadata!.namespace).filter((rs) => controllerOf(rs)?.uid === d.metadata!.uid);
  }

  #podsOf(sets: ReplicaSet[]): Pod[] {
    return sets.flatMap((rs) => podsControlledBy(this.#pods, rs.metadata!.uid!));
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const cached = this.#deployments.get(key);
    if (!cached) return;
    try {
      await this.#sync(client, cloneJson(cached));
    } catch (error) {
      // Everything in there is going away: there is nothing to try again.
      if (!isNamespaceTerminating(error)) throw error;
    }
  }

  async #sync(client: Client, d: Deployment): Promise<void> {
    if (equalJson(d.spec!.selector, {})) {
      this.recorder.event(
        d,
        'Warning',
        'SelectingAll',
        'This deployment is selecting all pods. A non-empty selector is required.',
      );
      if ((d.status?.observedGeneration ?? 0) < (d.metadata!.generation ?? 0)) {
        await this.#writeStatus(client, d, { ...d.status, observedGeneration: d.metadata!.generation });
      }
      return;
    }
    const sets = await this.#claim(client, d);
    if (d.metadata!.deletionTimestamp) return this.#syncStatusOnly(client, d, sets);
    await this.#checkPaused(client, d);
    if (d.spec!.paused) return this.#scaleOnly(client, d, sets);
    if (rollbackRevision(d) !== undefined) return this.#rollBack(client, d, sets);
    if (await this.#isScalingEvent(client, d, sets)) return this.#scaleOnly(client, d, sets);
    if (isRollingUpdate(d)) return this.#rollingUpdate(client, d, sets);
    if (d.spec!.strategy?.type === 'Recreate') return this.#recreate(client, d, sets);
    throw new Error(`unexpected deployment strategy type: ${d.spec!.strategy?.type}`);
  }

  #claim(client: Client, d: Deployment): Promise<ReplicaSet[]> {
    return claimObjects(this.#replicaSets.list(d.metadata!.namespace), {
      client,
      owner: d,
      ownerKind: kind,
      ownerDef: resources.deployments,
      selector: selectorFromLabelSelector(d.spec!.selector),
      def: resources.replicaSets,
    });
  }

  async #checkPaused(client: Client, d: Deployment): Promise<void> {
    const current = findCondition(d.status?.conditions, 'Progressing');
    // A rollout that was late stays late: pausing it does not hide that.
    if (!hasProgressDeadline(d) || current?.reason === 'ProgressDeadlineExceeded') return;
    const paused = Boolean(d.spec!.paused);
    if (paused === (current?.reason === 'DeploymentPaused')) return;
    const condition = paused
      ? deploymentCondition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused', this.clock.now())
      : deploymentCondition('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed', this.clock.now());
    await this.#writeStatus(client, d, { ...d.status, conditions: withCondition(d.status?.conditions, condition) });
  }

  async #syncStatusOnly(client: Client, d: Deployment, sets: ReplicaSet[]): Promise<void> {
    const rollout = await this.#replicaSetsOf(client, d, sets, false);
    await this.#writeStatus(client, d, calculateStatus(d, allOf(rollout), rollout.newSet, this.clock.now()));
  }

  /** For a paused deployment and one whose size has changed: no new template is rolled out here. */
  async #scaleOnly(client: Client, d: Deployment, sets: ReplicaSet[]): Promise<void> {
    const rollout = await this.#replicaSetsOf(client, d, sets, false);
    await this.#scale(rollout);
    if (d.spec!.paused && rollbackRevision(d) === undefined) await this.#cleanUp(rollout);
    await this.#writeStatus(client, d, calculateStatus(d, allOf(rollout), rollout.newSet, this.clock.now()));
  }

  async #isScalingEvent(client: Client, d: Deployment, sets: ReplicaSet[]): Promise<boolean> {
    const rollout = await this.#replicaSetsOf(client, d, sets, false);
    return activeSets(allOf(rollout)).some((rs) => {
      const desired = annotatedReplicas(rs, desiredReplicasAnnotation);
      return desired !== undefined && desired !== replicasOf(d);
    });
  }

  async #replicaSetsOf(client: Client, d: Deployment, sets: ReplicaSet[], create: boolean): Promise<Rollout> {
    const found = findNewReplicaSet(d, sets);
    const oldSets = sets.filter((rs) => rs.metadata!.uid !== found?.metadata!.uid);
    const revision = maxRevision(oldSets) + 1n;
    const newSet = found
      ? await this.#adjustNewReplicaSet(client, d, found, revision)
      : create
        ? await this.#createNewReplicaSet(client, d, oldSets, revision)
        : undefined;
    return { client, d, newSet, oldSets };
  }

  async #adjustNewReplicaSet(client: Client, d: Deployment, found: ReplicaSet, revision: bigint): Promise<ReplicaSet> {
    const rs = cloneJson(found);
    const annotated = setReplicaSetAnnotations(d, rs, revision, true);
    if (annotated || (rs.spec!.minReadySeconds ?? 0) !== (d.spec!.minReadySeconds ?? 0)) {
      rs.spec!.minReadySeconds = d.spec!.minReadySeconds;
      return client.of(resources.replicaSets).update(rs);
    }
    const revised = setRevision(d, rs.metadata!.annotations?.[revisionAnnotation]);
    if (hasProgressDeadline(d) && !findCondition(d.status?.conditions, 'Progressing')) {
      const message = `Found new replica set "${rs.metadata!.name}"`;
      const condition = deploymentCondition('Progressing', 'True', 'FoundNewReplicaSet', message, this.clock.now());
      await this.#writeStatus(client, d, { ...d.status, conditions: withCondition(d.status?.conditions, condition) });
    } else if (revised) await this.#writeStatus(client, d, d.status ?? {}, true);
    return rs;
  }

  async #createNewReplicaSet(
    client: Client,
    d: Deployment,
    oldSets: ReplicaSet[],
    revision: bigint,
  ): Promise<ReplicaSet | undefined> {
    const rs = replicaSetFor(d);
    rs.spec!.replicas = newReplicas(d, oldSets, rs);
    setReplicaSetAnnotations(d, rs, revision, false);
    let created: ReplicaSet;
    let mine = false;
    try {
      created = await client.of(resources.replicaSets).create(rs);
    } catch (error) {
      created = await this.#explainFailedCreation(client, d, rs, error);
      mine = true;
    }
    const { name } = created.metadata!;
    if (!mine && rs.spec!.replicas > 0) {
      this.recorder.event(
        d,
        'Normal',
        'ScalingReplicaSet',
        `Scaled up replica set ${name} from 0 to ${rs.spec!.replicas}`,
      );
    }
    const revised = setRevision(d, String(revision));
    if (!mine && hasProgressDeadline(d)) {
      const message = `Created new replica set "${name}"`;
      const condition = deploymentCondition('Progressing', 'True', 'NewReplicaSetCreated', message, this.clock.now());
      await this.#writeStatus(
        client,
        d,
        { ...d.status, conditions: withCondition(d.status?.conditions, condition) },
        revised,
      );
    } else if (revised) await this.#writeStatus(client, d, d.status ?? {}, true);
    return created;
  }

  /** Returns the set if it is there and ours after all (the cache was behind); else says why and throws. */
  async #explainFailedCreation(client: Client, d: Deployment, rs: ReplicaSet, error: unknown): Promise<ReplicaSet> {
    if (isNamespaceTerminating(error)) throw error;
    if (isAlreadyExists(error)) {
      const existing = this.#replicaSets.get(keyOf(rs));
      if (!existing) throw error;
      const ours = controllerOf(existing)?.uid === d.metadata!.uid;
      if (ours && equalTemplates(d.spec!.template, existing.spec!.template!)) return existing;
      // Another template has the same hash: count up, so that the next try hashes to another name.
      await this.#writeStatus(client, d, { ...d.status, collisionCount: (d.status?.collisionCount ?? 0) + 1 });
      throw error;
    }
    const message = `Failed to create new replica set "${rs.metadata!.name}": ${(error as Error).message}`;
    if (hasProgressDeadline(d)) {
      const condition = deploymentCondition('Progressing', 'False', 'ReplicaSetCreateError', message, this.clock.now());
      await this.#writeStatus(client, d, {
        ...d.status,
        conditions: withCondition(d.status?.conditions, condition),
      }).catch(() => {});
    }
    this.recorder.event(d, 'Warning', 'ReplicaSetCreateError', message);
    throw error;
  }

  async #rollBack(client: Client, d: Deployment, sets: ReplicaSet[]): Promise<void> {
    const rollout = await this.#replicaSetsOf(client, d, sets, true);
    const { type, reason, message, deployment } = rollBack(d, allOf(rollout));
    if (type === 'Warning') this.recorder.event(d, type, reason, message);
    await client.of(resources.deployments).update(deployment);
    if (type === 'Normal') this.recorder.event(d, type, reason, message);
  }

  async #rollingUpdate(client: Client, d: Deployment, sets: ReplicaSet[]): Promise<void> {
    const rollout = await this.#replicaSetsOf(client, d, sets, true);
    const moved = (await this.#scaleUpNew(rollout)) || (await this.#scaleDownOld(rollout));
    if (!moved && isComplete(d, d.status ?? {})) await this.#cleanUp(rollout);
    await this.#syncRolloutStatus(rollout);
  }

  async #scaleUpNew(rollout: Rollout): Promise<boolean> {
    const { d } = rollout;
    const newSet = rollout.newSet!;
    if (replicasOf(newSet) === replicasOf(d)) return false;
    const size = replicasOf(newSet) > replicasOf(d) ? replicasOf(d) : newReplicas(d, allOf(rollout), newSet);
    return this.#scaleReplicaSet(rollout, newSet, size);
  }

  async #scaleDownOld(rollout: Rollout): Promise<boolean> {
    const { d } = rollout;
    const newSet = rollout.newSet!;
    if (wantedReplicas(activeSets(rollout.oldSets)) === 0) return false;
    const minAvailable = replicasOf(d) - maxUnavailable(d);
    const newUnavailable = replicasOf(newSet) - this.#available(newSet).least;
    const mayGo = wantedReplicas(allOf(rollout)) - minAvailable - newUnavailable;
    if (mayGo <= 0) return false;
    const unhealthy = await this.#scaleDown(
      rollout,
      mayGo,
      (rs) => replicasOf(rs) - this.#available(rs).most,
    );
    const available = allOf(rollout).reduce((sum, rs) => sum + this.#available(rs).least, 0);
    const spare = available - minAvailable;
    const healthy = await this.#scaleDown(rollout, spare, replicasOf);
    return unhealthy + healthy > 0;
  }

  /**
   * By what the set says and by its pods: one of both may be behind, and a pod that serves must not go by mistake. What
   * the set has beyond its size is as good as gone.
   */
  #available(rs: ReplicaSet): { least: number; most: number } {
    const now = this.clock.now();
    const pods = podsControlledBy(this.#pods, rs.metadata!.uid!).filter(isPodActive);
    const counted = pods.filter((pod) => isPodAvailable(pod, rs.spec!.minReadySeconds ?? 0, now)).length;
    const said = rs.status?.availableReplicas ?? 0;
    return { least: Math.min(counted, said, replicasOf(rs)), most: Math.max(counted, said) };
  }

  /** Takes up to `count` pods from the old sets, the oldest set first, at most `most(set)` from each. */
  async #scaleDown(rollout: Rollout, count: number, most: (rs: ReplicaSet) => number): Promise<number> {
    let taken = 0;
    for (const rs of activeSets(rollout.oldSets).sort(byAge)) {
      const step = Math.min(count - taken, most(rs));
      if (step <= 0) continue;
      await this.#scaleReplicaSet(rollout, rs, replicasOf(rs) - step);
      taken += step;
    }
    return taken;
  }

  async #recreate(client: Client, d: Deployment, sets: ReplicaSet[]): Promise<void> {
    let rollout = await this.#replicaSetsOf(client, d, sets, false);
    let scaled = false;
    for (const rs of activeSets(rollout.oldSets)) scaled = (await this.#scaleReplicaSet(rollout, rs, 0)) || scaled;
    if (scaled || this.#oldPodsRunning(rollout)) return this.#syncRolloutStatus(rollout);
    if (!rollout.newSet) rollout = await this.#replicaSetsOf(client, d, sets, true);
    await this.#scaleReplicaSet(rollout, rollout.newSet!, replicasOf(d));
    if (isComplete(d, d.status ?? {})) await this.#cleanUp(rollout);
    await this.#syncRolloutStatus(rollout);
  }

  #oldPodsRunning({ oldSets }: Rollout): boolean {
    return sumStatus(oldSets, 'replicas') > 0 || this.#podsOf(oldSets).some((pod) => !isPodFinished(pod));
  }

  /** Follows the deployment's size; in the middle of a rollout every set gets its share. */
  async #scale(rollout: Rollout): Promise<void> {
    const { d, newSet, oldSets } = rollout;
    const only = findActiveOrLatest(newSet, oldSets);
    if (only) {
      await this.#scaleReplicaSet(rollout, only, replicasOf(d));
      return;
    }
    if (isSaturated(d, newSet)) {
      for (const rs of activeSets(oldSets)) await this.#scaleReplicaSet(rollout, rs, 0);
      return;
    }
    if (!isRollingUpdate(d)) return;
    const active = activeSets(allOf(rollout));
    const allowed = replicasOf(d) > 0 ? replicasOf(d) + maxSurge(d) : 0;
    const toAdd = allowed - wantedReplicas(active);
    if (toAdd > 0) active.sort(bySizeNewerFirst);
    else if (toAdd < 0) active.sort(bySizeOlderFirst);
    let added = 0;
    const sizes = active.map((rs) => {
      const share = proportion(d, rs, toAdd, added);
      added += share;
      return replicasOf(rs) + share;
    });
    // What rounding has left over goes to the biggest.
    if (toAdd !== 0) sizes[0] = Math.max(0, sizes[0]! + toAdd - added);
    for (const [i, rs] of active.entries()) await this.#scaleReplicaSet(rollout, rs, sizes[i]!, true);
  }

  /** Whether its size changed. `refresh`: writes its annotations even when the size is right. */
  async #scaleReplicaSet(rollout: Rollout, rs: ReplicaSet, size: number, refresh = false): Promise<boolean> {
    const { client, d } = rollout;
    const from = replicasOf(rs);
    const annotations = replicasAnnotations(d);
    const annotated = Object.entries(annotations).every(([name, value]) => rs.metadata!.annotations?.[name] === value);
    if (from === size && (!refresh || annotated)) return false;
    const updated = await client.of(resources.replicaSets).update({
      ...rs,
      metadata: { ...rs.metadata, annotations: { ...rs.metadata!.annotations, ...annotations } },
      spec: { ...rs.spec!, replicas: size },
    });
    if (rollout.newSet === rs) rollout.newSet = updated;
    else rollout.oldSets = rollout.oldSets.map((old) => (old === rs ? updated : old));
    if (from === size) return false;
    const direction = from < size ? 'up' : 'down';
    this.recorder.event(
      d,
      'Normal',
      'ScalingReplicaSet',
      `Scaled ${direction} replica set ${rs.metadata!.name} from ${from} to ${size}`,
    );
    return true;
  }

  /** Deletes the oldest of the empty sets beyond the history limit. */
  async #cleanUp({ client, d, oldSets }: Rollout): Promise<void> {
    const limit = d.spec!.revisionHistoryLimit;
    if (limit === undefined || limit === forever) return;
    const cleanable = oldSets.filter((rs) => !rs.metadata!.deletionTimestamp).sort(byRevision);
    for (const rs of cleanable.slice(0, Math.max(0, cleanable.length - limit))) {
      const observed = (rs.status?.observedGeneration ?? 0) >= (rs.metadata!.generation ?? 0);
      if (rs.status?.replicas || replicasOf(rs) !== 0 || !observed) continue;
      await client
        .of(resources.replicaSets)
        .delete(rs.metadata!.namespace!, rs.metadata!.name!)
        .catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
    }
  }

  async #syncRolloutStatus(rollout: Rollout): Promise<void> {
    const { client, d } = rollout;
    const now = this.clock.now();
    const status = calculateRolloutStatus(d, allOf(rollout), rollout.newSet, now);
    if (!equalJson(d.status ?? {}, status)) return this.#writeStatus(client, d, status);
    const progressing = findCondition(status.conditions, 'Progressing');
    if (!hasProgressDeadline(d) || !progressing) return;
    if (isComplete(d, status) || progressing.reason === 'ProgressDeadlineExceeded') return;
    // Nothing more may ever happen to this deployment: look again when it would be late.
    this.queue.addAfter(keyOf(d), Math.max(progressDeadline(d, progressing) - now, 0) + 1000);
  }

  /** `d` takes over what was written. `force`: annotations have changed, so that there is something to write anyway. */
  async #writeStatus(client: Client, d: Deployment, status: DeploymentStatus, force = false): Promise<void> {
    if (!force && equalJson(d.status ?? {}, status)) return;
    const written = await client.of(resources.deployments).updateStatus({ ...d, status });
    d.status = cloneJson(status);
    d.metadata!.resourceVersion = written.metadata!.resourceVersion;
  }
}

const allOf = ({ oldSets, newSet }: Rollout): ReplicaSet[] => (newSet ? [...oldSets, newSet] : oldSets);

/** Whether the annotation changed. Annotations go out with the next write of the status. */
function setRevision(d: Deployment, revision: string | undefined): boolean {
  const annotations = (d.metadata!.annotations ??= {});
  if (revision === undefined || annotations[revisionAnnotation] === revision) return false;
  annotations[revisionAnnotation] = revision;
  return true;
}

function replicaSetFor(d: Deployment): ReplicaSet {
  const template = cloneJson(d.spec!.template);
  const hash = podTemplateHash(template, d.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [podTemplateHashLabel]: hash };
  const { selector, minReadySeconds } = d.spec!;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${d.metadata!.name!.slice(0, maxNameLength - 1 - hash.length)}-${hash}`,
      namespace: d.metadata!.namespace,
      labels: { ...labels },
      ownerReferences: [newControllerRef(d, kind)],
    },
    spec: {
      replicas: 0,
      ...(minReadySeconds ? { minReadySeconds } : {}),
      selector: { ...cloneJson(selector), matchLabels: { ...selector.matchLabels, [podTemplateHashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}
