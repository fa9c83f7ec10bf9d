import type { ControllerRevision, DaemonSet, DaemonSetStatus, Node, Pod, PodTemplateSpec } from '../../api/index.ts';
import { cloneJson, equalJson } from '../../api/json.ts';
import { selectorFromLabelSelector } from '../../api/labels.ts';
import { controllerOf, keyOf } from '../../api/meta.ts';
import { isNotFound } from '../../api/status.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import { Backoff, type BackoffPolicy } from '../../util/backoff.ts';
import { byAge } from '../age.ts';
import { QueueController, type ControllerContext } from '../controller.ts';
import { claimObjects } from '../controllerRef.ts';
import { Expectations } from '../expectations.ts';
import { isNamespaceTerminating, PodControl } from '../podControl.ts';
import {
  addPodControllerIndex,
  isPodAvailable,
  isPodFinished,
  isPodReady,
  nextAvailability,
  orphanPods,
  podsControlledBy,
} from '../pods.ts';
import { currentRevision, truncateHistory } from '../revisionHistory.ts';
import { slowStartBatch } from '../slowStart.ts';
import { WrittenRevisions } from '../written.ts';
import { daemonTemplate, hashLabel, targetNode, templateForNode, wantsPod } from './nodes.ts';
import { isUpdated, rollingStep, surgeOf, type NodePods, type Step } from './rollingUpdate.ts';

const kind = { group: 'apps', version: 'v1', kind: 'DaemonSet' };
const burst = 250;
/** Between deletions of failed pods on one node. Mirrors failedPodsBackoff in pkg/controller/daemon/daemon_controller.go. */
const failedPods: BackoffPolicy = { initial: 1_000, max: 15 * 60_000, factor: 2, resetAfter: 30 * 60_000 };

/** One DaemonSet as one sync sees it. */
interface DaemonSync {
  client: Client;
  set: DaemonSet;
  hash: string;
  template: PodTemplateSpec;
  pods: Pod[];
  nodes: (NodePods & { mayStay: boolean })[];
}

/** One pod on every node that fits. Mirrors pkg/controller/daemon. */
export class DaemonSetController extends QueueController {
  readonly #sets: Informer<DaemonSet>;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #revisions: Informer<ControllerRevision>;
  readonly #expectations: Expectations;
  readonly #podControl: PodControl;
  readonly #written: WrittenRevisions;
  /** By `uid of the set/node`: how long failed pods stay there. */
  readonly #failures: Backoff;

  constructor(context: ControllerContext) {
    super(context, 'daemonset-controller');
    this.#expectations = new Expectations(this.clock);
    this.#podControl = new PodControl(this.recorder);
    this.#failures = new Backoff(failedPods, this.clock);
    this.#sets = context.informers.informer(resources.daemonSets);
    this.#written = new WrittenRevisions(this.#sets);
    this.#revisions = context.informers.informer(resources.controllerRevisions);
    this.#nodes = context.informers.informer(resources.nodes);
    this.#pods = context.informers.informer(resources.pods);
    addPodControllerIndex(this.#pods);
    this.#sets.on({
      add: (set) => this.enqueueObject(set),
      update: (_, set) => this.enqueueObject(set),
      delete: (set) => this.#expectations.forget(keyOf(set)),
    });
    const nodeChanged = (node: Node) => {
      for (const set of this.#sets.list()) this.enqueue(keyOf(set), node);
    };
    this.#nodes.on({
      add: nodeChanged,
      update: (old, node) => {
        const same = equalJson(old.metadata!.labels, node.metadata!.labels);
        if (!same || !equalJson(old.spec?.taints, node.spec?.taints)) nodeChanged(node);
      },
      delete: nodeChanged,
    });
    this.#pods.on({
      add: (pod) => {
        if (pod.metadata!.deletionTimestamp) return this.#podDeleted(pod);
        const owner = this.#ownerOf(pod);
        if (owner) this.#expectations.creationObserved(keyOf(owner));
        this.#wake(pod, true);
      },
      update: (old, pod) => {
        if (pod.metadata!.deletionTimestamp) return this.#podDeleted(pod);
        const refChanged = !equalJson(controllerOf(old), controllerOf(pod));
        const former = refChanged ? this.#ownerOf(old) : undefined;
        if (former) this.enqueue(keyOf(former), pod);
        this.#wake(pod, refChanged || !equalJson(old.metadata!.labels, pod.metadata!.labels));
      },
      delete: (pod) => this.#podDeleted(pod),
    });
  }

  #ownerOf(pod: Pod): DaemonSet | undefined {
    const ref = controllerOf(pod);
    if (ref?.kind !== kind.kind) return undefined;
    const set = this.#sets.get(`${pod.metadata!.namespace}/${ref.name}`);
    return set?.metadata!.uid === ref.uid ? set : undefined;
  }

  #wake(pod: Pod, adopters: boolean): void {
    const owner = this.#ownerOf(pod);
    if (owner) return this.enqueue(keyOf(owner), pod);
    if (!adopters || controllerOf(pod)) return;
    for (const set of this.#sets.list(pod.metadata!.namespace)) {
      if (selectorFromLabelSelector(set.spec!.selector).matches(pod.metadata!.labels)) this.enqueue(keyOf(set), pod);
    }
  }

  #podDeleted(pod: Pod): void {
    const owner = this.#ownerOf(pod);
    if (!owner) return;
    this.#expectations.deletionObserved(keyOf(owner), pod.metadata!.uid!);
    this.enqueue(keyOf(owner), pod);
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const cached = this.#sets.get(key);
    if (!cached) return this.#expectations.forget(key);
    if (cached.metadata!.deletionTimestamp || !this.#written.seen(key)) return;
    const set = cloneJson(cached);
    if (equalJson(set.spec!.selector, {})) {
      const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
      return this.recorder.event(set, 'Warning', 'SelectingAll', message);
    }
    try {
      await this.#sync(key, client, set);
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error;
    }
  }

  async #sync(key: string, client: Client, set: DaemonSet): Promise<void> {
    const settled = this.#expectations.satisfied(key);
    const claim = { client, owner: set, ownerKind: kind, ownerDef: resources.daemonSets };
    const selector = selectorFromLabelSelector(set.spec!.selector);
    const { namespace, uid } = set.metadata!;
    const revisions = await claimObjects(this.#revisions.list(namespace), {
      ...claim,
      selector,
      def: resources.controllerRevisions,
    });
    const options = { collisions: set.status?.collisionCount ?? 0, hashLabel };
    const { revision, collisions } = await currentRevision(client, set, kind, revisions, options);
    const all = [...podsControlledBy(this.#pods, uid!), ...orphanPods(this.#pods, namespace!)];
    const pods = await claimObjects(all, { ...claim, selector, def: resources.pods });
    const sync = this.#read(client, set, revision.metadata!.labels![hashLabel]!, pods);
    let failure: unknown;
    try {
      if (settled) await this.#manage(key, sync);
      const used = new Set(pods.map((pod) => pod.metadata!.labels?.[hashLabel]));
      const hashOf = ({ metadata }: ControllerRevision) => metadata!.labels?.[hashLabel];
      // Old revisions count whether they are used or not, unlike a stateful set's.
      const usedOld = revisions.filter((each) => hashOf(each) !== sync.hash && used.has(hashOf(each))).length;
      const limit = Math.max(0, (set.spec!.revisionHistoryLimit ?? 10) - usedOld);
      await truncateHistory(client, revisions, (each) => hashOf(each) === sync.hash || used.has(hashOf(each)), limit);
    } catch (error) {
      failure = error;
    }
    await this.#updateStatus(key, sync, { collisions: collisions || undefined, settled: settled && !failure });
    if (failure) throw failure;
    const wait = nextAvailability(pods, set.spec!.minReadySeconds ?? 0, this.clock.now());
    if (wait !== undefined) this.queue.addAfter(key, wait);
  }

  #read(client: Client, set: DaemonSet, hash: string, pods: Pod[]): DaemonSync {
    const byNode = new Map<string, Pod[]>();
    for (const pod of pods) {
      const node = targetNode(pod);
      // One that has ended and is going stands in nobody's way.
      if (!node || (isPodFinished(pod) && pod.metadata!.deletionTimestamp)) continue;
      byNode.set(node, [...(byNode.get(node) ?? []), pod]);
    }
    const template = daemonTemplate(set, hash);
    const nodes = this.#nodes.list().map((node) => {
      const name = node.metadata!.name!;
      return { node: name, pods: (byNode.get(name) ?? []).sort(byStanding), ...wantsPod(template, node) };
    });
    return { client, set, hash, template, pods, nodes };
  }

  /** First a pod on every node, and none too many; then, once that is seen, the next step of an update. */
  async #manage(key: string, sync: DaemonSync): Promise<void> {
    const step: Step = { delete: [], create: [] };
    for (const node of sync.nodes) this.#planNode(key, sync, node, step);
    const known = new Set(sync.nodes.map((node) => node.node));
    for (const pod of sync.pods) {
      const target = targetNode(pod);
      const lost = !pod.spec!.nodeName && target !== undefined && !known.has(target);
      if (lost && !pod.metadata!.deletionTimestamp) step.delete.push(pod);
    }
    await this.#carryOut(key, sync, step);
    const { updateStrategy } = sync.set.spec!;
    if (updateStrategy?.type === 'OnDelete' || !this.#expectations.satisfied(key)) return;
    if (step.create.length + step.delete.length > 0) return;
    await this.#carryOut(key, sync, rollingStep(sync.set, sync.nodes, sync.hash, this.clock.now()));
  }

  #planNode(key: string, { set, hash }: DaemonSync, node: DaemonSync['nodes'][number], step: Step): void {
    const { shouldRun, mayStay } = node;
    const staying = node.pods.filter((pod) => !pod.metadata!.deletionTimestamp);
    if (shouldRun && node.pods.length === 0) step.create.push(node.node);
    else if (!mayStay) step.delete.push(...staying);
    else {
      const running = staying.filter((pod) => !isPodFinished(pod));
      step.delete.push(...staying.filter((pod) => isPodFinished(pod) && this.#mayRemove(key, set, node.node, pod)));
      if (surgeOf(set, 1) === 0) step.delete.push(...running.slice(1));
      else if (running.length === 0 && shouldRun) step.create.push(node.node);
      else this.#planSurge(set, hash, running, step);
    }
  }

  /** Of an old and a new pod beside one another the old one goes when it is not ready, or no longer needed. */
  #planSurge(set: DaemonSet, hash: string, running: Pod[], step: Step): void {
    if (running.length < 2) return;
    const [fresh, ...moreFresh] = running.filter((pod) => isUpdated(pod, hash));
    const [old, ...moreOld] = running.filter((pod) => !isUpdated(pod, hash));
    step.delete.push(...moreFresh, ...moreOld);
    if (!fresh || !old) return;
    const replaced = isPodAvailable(fresh, set.spec!.minReadySeconds ?? 0, this.clock.now());
    if (!isPodReady(old) || replaced) step.delete.push(old);
  }

  /** A pod that keeps failing is replaced ever more slowly. */
  #mayRemove(key: string, set: DaemonSet, node: string, pod: Pod): boolean {
    const name = `${pod.metadata!.namespace}/${pod.metadata!.name}`;
    if (pod.status?.phase === 'Succeeded') {
      const message = `Found succeeded daemon pod ${name} on node ${node}, will try to delete it`;
      this.recorder.event(set, 'Normal', 'SucceededDaemonPod', message);
      return true;
    }
    const id = `${set.metadata!.uid}/${node}`;
    const remaining = this.#failures.remaining(id);
    if (remaining > 0) {
      this.queue.addAfter(key, remaining);
      return false;
    }
    this.#failures.next(id);
    const message = `Found failed daemon pod ${name} on node ${node}, will try to kill it`;
    this.recorder.event(set, 'Warning', 'FailedDaemonPod', message);
    return true;
  }

  async #carryOut(key: string, { client, set, template }: DaemonSync, step: Step): Promise<void> {
    const nodes = step.create.slice(0, burst);
    const going = step.delete.slice(0, burst);
    if (nodes.length + going.length === 0) return;
    this.#expectations.expect(
      key,
      nodes.length,
      going.map((pod) => pod.metadata!.uid!),
    );
    const left = nodes.values();
    const { successes, error } = await slowStartBatch(nodes.length, () =>
      this.#podControl.create(client, set, kind, templateForNode(template, left.next().value!)),
    );
    for (let i = successes; i < nodes.length; i++) this.#expectations.creationObserved(key);
    let failure = error;
    await Promise.all(
      going.map(async (pod) => {
        try {
          await this.#podControl.delete(client, set, pod);
        } catch (reason) {
          this.#expectations.deletionObserved(key, pod.metadata!.uid!);
          if (!isNotFound(reason)) failure ??= reason as Error;
        }
      }),
    );
    if (failure) throw failure;
  }

  async #updateStatus(
    key: string,
    sync: DaemonSync,
    { collisions, settled }: { collisions: number | undefined; settled: boolean },
  ): Promise<void> {
    const { client, set } = sync;
    const observedGeneration = settled ? set.metadata!.generation : set.status?.observedGeneration;
    const conditions = set.status?.conditions;
    const counts = countNodes(sync, this.clock.now());
    const status: DaemonSetStatus = { ...counts, observedGeneration, conditions, collisionCount: collisions };
    if (equalJson(set.status ?? {}, status)) return;
    try {
      this.#written.wrote(key, await client.of(resources.daemonSets).updateStatus({ ...set, status }));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function countNodes({ set, nodes, hash }: DaemonSync, now: number) {
  const wanted = nodes.filter((node) => node.shouldRun);
  const firsts = wanted.filter((node) => node.pods.length > 0).map((node) => node.pods[0]!);
  const available = firsts.filter((pod) => isPodAvailable(pod, set.spec!.minReadySeconds ?? 0, now)).length;
  return {
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: firsts.length,
    numberMisscheduled: nodes.filter((node) => !node.shouldRun && node.pods.length > 0).length,
    numberReady: firsts.filter(isPodReady).length,
    updatedNumberScheduled: firsts.filter((pod) => isUpdated(pod, hash)).length || undefined,
    numberAvailable: available || undefined,
    numberUnavailable: wanted.length - available || undefined,
  };
}

const phases: Record<string, number> = { Failed: 2, Succeeded: 1 };

/** Pods that have a node first, then those that run, then by age. */
function byStanding(a: Pod, b: Pod): number {
  const placed = Number(Boolean(b.spec!.nodeName)) - Number(Boolean(a.spec!.nodeName));
  const order = (phases[a.status?.phase ?? ''] ?? 0) - (phases[b.status?.phase ?? ''] ?? 0);
  return placed || order || byAge(a, b);
}
