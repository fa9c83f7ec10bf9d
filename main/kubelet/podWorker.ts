import type { Pod, PodStatus } from '../api/index.ts';
import { timestamp } from '../api/meta.ts';
import { isConflict, isNotFound } from '../api/status.ts';
import { resources } from '../client/index.ts';
import { RuntimeError, type Container, type ContainerResources } from '../runtime/index.ts';
import type { Timer } from '../util/clock.ts';
import { addressesOf, factsOf, tell, type KubeletContext } from './context.ts';
import type { Rejection } from './admission.ts';
import { resizableContainersOf } from './allocation.ts';
import { killContainer, killPod } from './killPod.ts';
import { containerIdOf } from './probes/probeManager.ts';
import { isHeldByContainers, podCgroupResources, qosClassOf } from './qos.ts';
import { resizeAction, samePodResources, type ActuatedResources } from './resize.ts';
import { ResizeState } from './resizeState.ts';
import { annotation, latest, readRuntimeStatus, readySandbox, restartSources, type RuntimeStatus } from './runtimeStatus.ts';
import { allContainersOf, containerNamed, ephemeralContainersOf, fieldPathOf, formatPod, isStatic, isTerminalPhase, uidOf } from './spec.ts';
import type { StartFailure } from './status/containerStatuses.ts';
import type { NewCondition } from './status/conditions.ts';
import { generatePodStatus, terminatedStatus } from './status/podStatus.ts';
import { syncPod } from './syncPod.ts';
import { messageOf, VolumeError } from './volumes/errors.ts';
import { terminationLog } from './volumes/files.ts';
import type { ReadyVolumes } from './volumes/podVolumes.ts';
import { isLive } from './volumes/references.ts';

const longestMessage = 4096;
const fallbackLines = 80;
const fallbackBytes = 2048;
const retry = { first: 500, most: 16_000 };
/** As long as a kubelet waits for a pod's volumes before it begins anew. */
const mountTimeoutMs = 123_000;
/** Containers stay in the control group that they were started in. */
const withoutCgroup = 'Pod-level limits cannot be added while containers run that have no common cgroup';
const resyncMs = { least: 60_000, spread: 30_000 };

/** Where a pod stands. It only ever goes forward. */
type Stage =
  /** Its containers are to run. */
  | 'syncing'
  /** Its containers are to end. */
  | 'terminating'
  /** They have ended: what is left is to say so, to clean up and, for a deleted pod, to let the object go. */
  | 'terminated'
  /** Nothing of it is left, in the runtime or in this kubelet. */
  | 'finished';

export interface PodWorkerEvents {
  /** Nothing of the pod is left. */
  onFinished(): void;
  /** The node has more room than before. */
  onRoom(): void;
}

/**
 * One pod's life on this node, told in one place. Whatever happens (a change of the object, an event of the runtime, a
 * probe, a time that has come) pokes the worker; it then reads what there is, does the next thing and says what it saw.
 * Never two steps of one pod at once. Mirrors pkg/kubelet/pod_workers.go and kubelet.go (SyncPod, SyncTerminatingPod,
 * SyncTerminatedPod).
 */
export class PodWorker {
  #stage: Stage = 'syncing';
  #pod: Pod;
  #runtime: RuntimeStatus;
  /** Whether `#runtime` is what there is; otherwise it is read before the next step. */
  #fresh: boolean;
  #running = false;
  #again = false;
  #stopped = false;
  #timer: Timer | undefined;
  #deadline: Timer | undefined;
  #resync: Timer | undefined;
  #restartingAll = false;
  #failures = 0;
  #lastError = '';
  /** The object is gone from the API. */
  #gone = false;
  /** Seconds that the containers of a pod get that is gone. */
  #grace = 0;
  #failed: { reason: string; message: string; condition?: NewCondition } | undefined;
  /** Seconds, in place of what the pod says. */
  #graceOverride: number | undefined;
  #volumes: ReadyVolumes | undefined;
  #volumesStale = true;
  /** When the pod began to wait for its volumes, or was last told that it does. */
  #mountingSince: number | undefined;
  #cleaned = false;
  readonly #starts = new Map<string, StartFailure>();
  readonly #attempts = new Map<string, number>();
  readonly #messages = new Map<string, string | undefined>();
  /** Containers whose end has been counted, by id. */
  readonly #ended = new Set<string>();
  /** Aborts a step that waits while the pod is to end. */
  readonly #abort = new AbortController();
  #killing: { grace: number } | undefined;
  /** Statuses that are told while the pod ends, one after the other. */
  #telling: Promise<unknown> = Promise.resolve();
  readonly #resize: ResizeState;
  /** When the pod was heard of, as long as it has not run. */
  #heardAt: number | undefined;
  /** What running containers have been given since they started, by id. */
  readonly #actuated = new Map<string, ActuatedResources>();
  /** What the containers of a sandbox may use together since they were given something else. */
  #podResources: { sandboxId: string; resources: ContainerResources } | undefined;

  constructor(
    private readonly context: KubeletContext,
    pod: Pod,
    /** What the runtime had of the pod when this kubelet began: empty for a pod that came later. */
    seed: RuntimeStatus,
    private readonly events: PodWorkerEvents,
    /** Why the node does not take the pod: it fails without having begun. */
    readonly rejection?: Rejection,
  ) {
    this.#pod = pod;
    this.#runtime = seed;
    this.#fresh = true;
    this.#resize = new ResizeState(context, pod);
    if (seed.sandboxes.length === 0 && (pod.status?.phase ?? 'Pending') === 'Pending') this.#heardAt = context.clock.monotonic();
    for (const { id, state } of seed.containers) if (state === 'exited') this.#ended.add(id);
    const { resources: whole } = context.allocation.allocatedPod(pod).spec!;
    for (const { containerID, resources } of [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])])
      if (containerID && resources) this.#actuated.set(containerIdOf({ containerID }), { container: resources, ...(whole ? { pod: whole } : {}) });
    for (const status of [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])])
      if (status.containerID) this.#attempts.set(status.name, status.restartCount);
    for (const sandbox of seed.sandboxes) if (sandbox.state === 'ready' && sandbox.ip && !pod.spec?.hostNetwork) context.addresses.adopt(sandbox.ip, uidOf(pod));
    this.poke();
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** What the runtime had of the pod when it was last looked at. */
  get runtimeStatus(): RuntimeStatus {
    return this.#runtime;
  }

  get stage(): Stage {
    return this.#stage;
  }

  /** Whether it still takes the node's resources. What the API has let go, it may have given to another pod already. */
  get isActive(): boolean {
    return !this.#gone && (this.#stage === 'syncing' || this.#stage === 'terminating');
  }

  /** The object has changed. */
  update(pod: Pod): void {
    const { metadata: before, spec } = this.#pod;
    this.#pod = pod;
    if (before?.annotations !== pod.metadata?.annotations || before?.labels !== pod.metadata?.labels) this.#volumesStale = true;
    // A container that came later may want a volume that none had mounted before.
    if (spec?.ephemeralContainers?.length !== pod.spec?.ephemeralContainers?.length) this.#volumesStale = true;
    if (pod.metadata?.deletionTimestamp) this.#end();
    else this.tryResize();
    this.poke();
  }

  get hasPendingResize(): boolean {
    return this.#resize.isPending;
  }

  /** Gives the pod the resources that it asks for now, if the node has them. */
  tryResize(): void {
    if (this.#stage !== 'syncing' || this.rejection || isTerminalPhase(this.#pod.status?.phase)) return;
    const verdict = isStatic(this.#pod)
      ? { reason: 'Infeasible', message: 'In-place resize of static-pods is not supported' }
      : this.#lacksCgroup(this.#pod)
        ? { reason: 'Infeasible', message: withoutCgroup }
        : this.context.allocation.resize(this.#pod);
    const pending = this.#resize.isPending;
    if (verdict === 'allocated') {
      this.#resize.started(this.#pod);
      this.events.onRoom();
    } else if (verdict === 'unchanged') this.#resize.settled();
    else if (this.context.allocation.allocatedPod(this.#pod) !== this.#pod) this.#resize.wait(this.#pod, verdict);
    if (verdict === 'allocated' || pending !== this.#resize.isPending) this.poke();
  }

  /** The object is gone: whatever still runs has to go at once. */
  gone(): void {
    this.#gone = true;
    this.#end();
    this.poke();
  }

  /** The manifest of the pod is gone: it ends as it would by a deletion. */
  removed(): void {
    this.#gone = true;
    this.#grace = this.#pod.spec?.terminationGracePeriodSeconds ?? 30;
    this.#abort.abort(new Error('the pod is to end'));
    this.poke();
  }

  /** The node needs room: the pod fails and its containers end within `grace` seconds. Mirrors eviction_manager.go (evictPod). */
  evict(message: string, grace: number): void {
    this.#disrupt('Evicted', message, message, grace);
  }

  /** A pod that the node cannot do without needs its place. Mirrors preemption.go (evictPodsToFreeRequests). */
  preempt(): void {
    this.#disrupt('Preempting', 'Preempted in order to admit critical pod', 'Pod was preempted by Kubelet to accommodate a critical pod.', undefined);
  }

  #disrupt(reason: string, message: string, why: string, grace: number | undefined): void {
    if (this.#failed || this.#stage !== 'syncing') return;
    tell(this.context, this.#pod, 'Warning', reason, message);
    this.#failed = { reason, message, condition: { type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message: why } };
    this.#graceOverride = grace;
    this.#end();
    this.poke();
  }

  /** The pod is to fail and its containers to end. */
  fail(reason: string, message: string): void {
    if (this.#failed || this.#stage !== 'syncing') return;
    this.#failed = { reason, message };
    this.#end();
    this.poke();
  }

  /** The runtime has changed. */
  runtimeChanged(): void {
    this.#fresh = false;
    this.poke();
  }

  /** What the pod's volumes are made of has changed. */
  volumesChanged(): void {
    this.#volumesStale = true;
    this.poke();
  }

  /** Lets the worker look again. */
  poke(): void {
    if (this.#stopped || this.#stage === 'finished') return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#running) return void this.#run();
    this.#again = true;
    if (this.#killing) this.#tellWhileEnding();
  }

  /** Whoever sends requests to a pod that ends must know when it is not ready for them any more. Mirrors status_manager.go (SetContainerReadiness). */
  #tellWhileEnding(): void {
    this.#telling = this.#telling.then(() => (this.#killing ? this.#report(false) : undefined)).catch(() => {});
  }

  /** The kubelet ends; the containers go on. */
  stop(): void {
    this.#stopped = true;
    this.#abort.abort(new Error('the kubelet stops'));
    for (const timer of [this.#timer, this.#deadline, this.#resync]) timer?.cancel();
  }

  /** A status as of now. */
  status(): PodStatus | undefined {
    return this.context.statuses.get(uidOf(this.#pod));
  }

  #end(): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(new Error('the pod is to end'));
    const { deletionGracePeriodSeconds } = this.#pod.metadata ?? {};
    const grace = this.#gone ? this.#grace : deletionGracePeriodSeconds;
    if (!this.#killing || grace === undefined || grace >= this.#killing.grace) return;
    // Less time than was first said: what still runs is told again.
    this.#killing.grace = grace;
    for (const container of this.#runtime.containers)
      if (container.state === 'running') void this.context.runtime.stopContainer(container.id, grace).catch(() => {});
  }

  async #run(): Promise<void> {
    this.#running = true;
    do {
      this.#again = false;
      try {
        await this.#step();
        this.#failures = 0;
        this.#lastError = '';
      } catch (error) {
        if (this.#stopped) break;
        if (this.#abort.signal.aborted && error === this.#abort.signal.reason) this.#again = true;
        else this.#retry(error);
      }
    } while (this.#again && !this.#stopped && (this.#stage as Stage) !== 'finished');
    this.#running = false;
  }

  #retry(error: unknown): void {
    const wait = Math.min(retry.first * 2 ** this.#failures++, retry.most);
    const message = messageOf(error);
    if (error instanceof VolumeError) this.#tellMountFailures(error);
    if (message !== this.#lastError) this.context.log.warn('syncing a pod failed, will try again', { pod: formatPod(this.#pod), error: message, stage: this.#stage });
    this.#lastError = message;
    this.#fresh = false;
    this.#later(wait);
  }

  /** What is wrong each time, and by and by that the pod has waited too long. Mirrors volume_manager.go (WaitForAttachAndMount). */
  #tellMountFailures({ failures, unmounted, unattached }: VolumeError): void {
    for (const { reason, message } of failures) tell(this.context, this.#pod, 'Warning', reason, message);
    if (this.#volumes || unmounted.length === 0) return;
    const now = this.context.clock.monotonic();
    this.#mountingSince ??= now;
    if (now - this.#mountingSince < mountTimeoutMs) return;
    this.#mountingSince = now;
    const list = (names: string[]) => `[${names.join(' ')}]`;
    tell(this.context, this.#pod, 'Warning', 'FailedMount', `Unable to attach or mount volumes: unmounted volumes=${list(unmounted)}, unattached volumes=${list(unattached)}, failed to process volumes=[]: context deadline exceeded`);
  }

  #later(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.context.clock.setTimer(ms, () => this.poke());
  }

  async #step(): Promise<void> {
    if (this.rejection && !this.#gone && !this.#pod.metadata?.deletionTimestamp) return this.#reject(this.rejection);
    await this.#look();
    if (this.#stage === 'syncing' && (this.#pod.metadata?.deletionTimestamp || this.#gone || this.#failed)) this.#stage = 'terminating';
    switch (this.#stage) {
      case 'syncing':
        return this.#sync();
      case 'terminating':
        return this.#terminate();
      case 'terminated':
        return this.#cleanUp();
    }
  }

  /** Mirrors kubelet.go (rejectPod). */
  #reject({ reason, message }: Rejection): void {
    if (isTerminalPhase(this.status()?.phase ?? this.#pod.status?.phase)) return;
    tell(this.context, this.#pod, 'Warning', reason, message);
    const { generation } = this.#pod.metadata!;
    this.context.statuses.set(this.#pod, {
      ...this.#pod.status,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      qosClass: this.#pod.status?.qosClass ?? qosClassOf(this.#pod),
      phase: 'Failed',
      reason,
      message: `Pod was rejected: ${message}`,
      startTime: this.#pod.status?.startTime ?? timestamp(this.context.clock.now()),
    });
  }

  /** What a container has been given: since it started, or when it did. */
  #actuatedOf(container: Container): ActuatedResources | undefined {
    const known = this.#actuated.get(container.id);
    if (known) return known;
    const text = container.annotations[annotation.resources];
    return text ? (JSON.parse(text) as ActuatedResources) : undefined;
  }

  /** What the containers that run may use together; undefined where each counts for itself. */
  #podActuated(): ContainerResources | undefined {
    const sandbox = readySandbox(this.#runtime);
    if (sandbox && this.#podResources?.sandboxId === sandbox.id) return this.#podResources.resources;
    const text = sandbox?.annotations[annotation.resources];
    return text ? (JSON.parse(text) as ContainerResources) : undefined;
  }

  /** Whether only a control group could hold the pod's containers to what they may use together, and its sandbox was made without. */
  #lacksCgroup(pod: Pod): boolean {
    return readySandbox(this.#runtime) !== undefined && this.#podActuated() === undefined && podCgroupResources(pod) !== undefined && !isHeldByContainers(pod);
  }

  #isBehind(pod: Pod): boolean {
    if (this.#lacksCgroup(pod)) return true;
    const [wanted, actuated] = [podCgroupResources(pod), this.#podActuated()];
    return wanted !== undefined && actuated !== undefined && !samePodResources(wanted, actuated);
  }

  async #look(): Promise<void> {
    if (this.#fresh) return;
    // An event that comes while the runtime is read makes it old again.
    this.#fresh = true;
    try {
      this.#runtime = await readRuntimeStatus(this.context.runtime, uidOf(this.#pod));
    } catch (error) {
      this.#fresh = false;
      throw error;
    }
    this.#forgetRemoved();
  }

  /** A pod may live for months, and its containers be started anew every few minutes. */
  #forgetRemoved(): void {
    const known = new Set(this.#runtime.containers.map(({ id }) => id));
    for (const notes of [this.#messages, this.#ended, this.#actuated]) for (const id of notes.keys()) if (!known.has(id)) notes.delete(id);
  }

  async #sync(): Promise<void> {
    const { context } = this;
    const status = await this.#report(false);
    if (isTerminalPhase(status.phase)) {
      this.#stage = 'terminating';
      this.#again = true;
      return;
    }
    this.#watchDeadline(status);
    if (restartSources(this.#pod, this.#runtime).length > 0) return this.#restartAll();
    this.#volumes = await this.#prepareVolumes(status);
    context.probes.addPod(this.#pod);
    context.probes.podChanged(uidOf(this.#pod));
    const generation = this.#pod.metadata?.generation;
    const result = await syncPod(context, context.allocation.allocatedPod(this.#pod), this.#runtime, {
      actuatedOf: (container) => this.#actuatedOf(container),
      podActuated: this.#podActuated(),
      onUpdated: (id, actuated) => this.#actuated.set(id, actuated),
      onPodUpdated: (sandboxId, resources) => (this.#podResources = { sandboxId, resources }),
      volumes: this.#volumes,
      nextAttempt: (name) => this.#nextAttempt(name),
      onSandbox: async (sandbox) => {
        this.#runtime = { ...this.#runtime, sandboxes: [sandbox, ...this.#runtime.sandboxes] };
        await this.#report(false);
      },
      signal: this.#abort.signal,
    });
    if (result.resizeFailure !== undefined) this.#resize.failed(this.#pod, result.resizeFailure);
    // It came while the sandbox was being made.
    else if (this.#resize.isInProgress && this.#lacksCgroup(context.allocation.allocatedPod(this.#pod))) this.#resize.failed(this.#pod, withoutCgroup);
    let failuresChanged = false;
    for (const [name, failure] of result.starts) {
      const before = this.#starts.get(name);
      failuresChanged ||= before?.message !== failure?.message || before?.reason !== failure?.reason;
      if (failure) this.#starts.set(name, failure);
      else this.#starts.delete(name);
    }
    if (result.changed || failuresChanged) {
      this.#fresh = false;
      await this.#look();
      this.#endResize(generation);
      await this.#report(false);
      await this.#collectDead();
      context.probes.podChanged(uidOf(this.#pod));
    } else if (this.#resize.isInProgress) {
      // What nothing that runs has to be given is given already.
      this.#endResize(generation);
      if (!this.#resize.isInProgress) await this.#report(false);
    }
    if (result.retryAfter !== undefined) this.#later(result.retryAfter);
  }

  /**
   * Takes all containers away, so that the pod begins anew in its sandbox; who asked for it goes last, so that a kubelet
   * that starts in between goes on with it. Mirrors kuberuntime_manager.go (ContainersToReset).
   */
  async #restartAll(): Promise<void> {
    const { context } = this;
    const sources = restartSources(this.#pod, this.#runtime);
    const others = this.#runtime.containers.filter((container) => !sources.includes(container) && !ephemeralContainersOf(this.#pod).some(({ name }) => name === container.name));
    await Promise.all(others.filter(({ state }) => state === 'running').map((container) => killContainer(context, this.#pod, container, { grace: 0, message: 'killing' })));
    for (const { id } of [...others, ...sources]) await context.runtime.removeContainer(id);
    this.#fresh = false;
    await this.#look();
    this.#restartingAll = true;
    await this.#report(false);
    this.#restartingAll = false;
    this.#again = true;
  }

  /** A resize is over when all that runs has what was given. `generation` is the one that was acted on. */
  #endResize(generation: number | undefined): void {
    if (!this.#resize.isInProgress || generation !== this.#pod.metadata?.generation) return;
    const pod = this.context.allocation.allocatedPod(this.#pod);
    if (this.#isBehind(pod)) return;
    const done = resizableContainersOf(pod.spec!).every((container) => {
      const current = latest(this.#runtime, container.name);
      const actuated = current?.state === 'running' ? this.#actuatedOf(current) : undefined;
      return !actuated || resizeAction(pod, container, actuated) === 'none';
    });
    if (done) this.#resize.completed(pod);
  }

  async #terminate(): Promise<void> {
    const { context } = this;
    const uid = uidOf(this.#pod);
    await this.#report(false);
    context.probes.stopLivenessAndStartup(uid);
    const grace = this.#gone ? this.#grace : this.#pod.metadata?.deletionGracePeriodSeconds;
    this.#killing = { grace: grace ?? this.#graceOverride ?? this.#pod.spec?.terminationGracePeriodSeconds ?? 30 };
    try {
      await killPod(context, this.#pod, this.#runtime, this.#gone ? this.#grace : this.#graceOverride);
    } catch (error) {
      if (!(error instanceof RuntimeError && error.code === 'unavailable')) tell(context, this.#pod, 'Warning', 'FailedKillPod', `error killing pod: ${messageOf(error)}`);
      throw error;
    } finally {
      this.#killing = undefined;
      // The last word is what follows.
      await this.#telling;
    }
    context.probes.removePod(uid);
    this.#fresh = false;
    await this.#look();
    if (this.#runtime.containers.some((container) => container.state === 'running')) throw new Error('containers still run after all of them were stopped');
    await this.#report(true);
    context.addresses.release(uid);
    context.allocation.remove(uid);
    this.#stage = 'terminated';
    this.#again = true;
    this.events.onRoom();
  }

  async #cleanUp(): Promise<void> {
    const { context } = this;
    const uid = uidOf(this.#pod);
    for (const timer of [this.#deadline, this.#resync]) timer?.cancel();
    if (!this.#gone && !this.rejection) await this.#report(true, true);
    if (!this.#cleaned) {
      await context.volumes.removeFiles(this.#pod);
      this.#cleaned = true;
      context.backoff.forget(`${uid}_`);
    }
    if (!this.#gone && this.#pod.metadata?.deletionTimestamp) {
      await context.statuses.flushed(uid);
      await this.#deleteObject();
    }
    if (!this.#gone) return;
    await Promise.all(this.#runtime.sandboxes.map((sandbox) => context.runtime.removeSandbox(sandbox.id)));
    await Promise.all(this.#runtime.containers.map((container) => context.runtime.removeContainer(container.id)));
    await context.volumes.removeEngineVolumes(this.#pod);
    context.statuses.forget(uid);
    this.#stage = 'finished';
    this.events.onFinished();
  }

  async #deleteObject(): Promise<void> {
    const { namespace, name, uid, resourceVersion } = this.#pod.metadata!;
    try {
      await this.context.client
        .because(resourceVersion)
        .of(resources.pods)
        .delete(namespace!, name!, { gracePeriodSeconds: 0, preconditions: { uid: uid! } });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
      this.#gone = true;
    }
  }

  /** Makes the status and hands it on. `over`: nothing of the pod is left to happen. */
  async #report(terminal: boolean, over = false): Promise<PodStatus> {
    const { context } = this;
    const { containers } = this.#runtime;
    this.#countEnds(containers);
    // One that was only created, for a sandbox that then failed, does not count: nothing of it ever ran.
    for (const { name, attempt, state } of containers) if (state !== 'created') this.#attempts.set(name, Math.max(attempt, this.#attempts.get(name) ?? 0));
    const imageNames = new Map<string, string>();
    await Promise.all(
      containers.map(async (container) => {
        imageNames.set(container.imageId, await context.images.nameOf(container.imageId));
        await this.#readMessage(container);
      }),
    );
    const old = context.statuses.get(uidOf(this.#pod)) ?? this.#pod.status ?? {};
    const pod = context.allocation.allocatedPod(this.#pod);
    const made = generatePodStatus(pod, this.#runtime, old, terminal, {
      isBehind: this.#isBehind(pod),
      actuatedOf: (container) => this.#actuatedOf(container),
      resizeConditions: this.#resize.conditions(),
      restartingAll: this.#restartingAll,
      runtimeName: context.machine.runtimeName,
      recursiveReadOnly: context.machine.recursiveReadOnly,
      hostIP: context.nodeIP,
      addressesOf: (ip) => addressesOf(context, ip),
      failureOf: (name) => this.#starts.get(name),
      terminationMessageOf: ({ id }) => this.#messages.get(id),
      imageIdOf: ({ imageId }) => imageNames.get(imageId) ?? imageId,
      applyProbes: (pod, made) => context.probes.apply(pod, made),
      ...(this.#failed ? { failed: this.#failed } : {}),
      now: timestamp(context.clock.now()),
    });
    const status = over ? terminatedStatus(pod, made) : made;
    if (this.#heardAt !== undefined && status.phase === 'Running') {
      context.counters.podStarts.observe((context.clock.monotonic() - this.#heardAt) / 1000);
      this.#heardAt = undefined;
    }
    // A pod has not failed before its containers have ended: whoever replaces it must not run beside it.
    const toSet =
      !terminal && isTerminalPhase(status.phase) && !isTerminalPhase(old.phase) && containers.some((container) => container.state === 'running')
        ? { ...status, phase: old.phase ?? 'Pending', ...keep(old, 'reason'), ...keep(old, 'message') }
        : status;
    if (!this.#gone) context.statuses.set(this.#pod, toSet);
    return status;
  }

  #countEnds(containers: Container[]): void {
    const { terminated } = this.context.counters;
    for (const { id, name, state, exitCode, reason } of containers) {
      if (state !== 'exited' || this.#ended.has(id)) continue;
      this.#ended.add(id);
      const path = fieldPathOf(this.#pod, name) ?? '';
      const type = path.startsWith('spec.init') ? 'init_container' : path.startsWith('spec.ephemeral') ? 'ephemeral_container' : 'container';
      const key = `${type} ${exitCode ?? 0} ${reason ?? ''}`;
      terminated.set(key, (terminated.get(key) ?? 0) + 1);
    }
  }

  /** Mirrors kuberuntime_container.go (getTerminationMessage): the file, or with that policy the end of the log. */
  async #readMessage(container: Container): Promise<void> {
    if (container.state !== 'exited' || this.#messages.has(container.id) || this.context.machine.runtimeName === 'simulated') return;
    const spec = containerNamed(this.#pod, container.name);
    const path = terminationLog(uidOf(this.#pod), container.name, container.attempt);
    let text = '';
    if (!this.#cleaned && container.reason !== 'StartError') {
      const read = await (await this.context.files()).readFile(path, longestMessage).catch(() => undefined);
      text = read?.toString('utf8') ?? '';
      if (!text && spec?.terminationMessagePolicy === 'FallbackToLogsOnError' && container.exitCode !== 0) text = await this.#lastOfLog(container.id);
    }
    this.#messages.set(container.id, text || undefined);
  }

  async #lastOfLog(id: string): Promise<string> {
    const lines: Buffer[] = [];
    await this.context.runtime.logs(id, { follow: false, tail: fallbackLines }, (line) => lines.push(line.text)).catch(() => {});
    const all = Buffer.concat(lines);
    return all.subarray(Math.max(0, all.length - fallbackBytes)).toString('utf8');
  }

  #nextAttempt(name: string): number {
    const last = this.#attempts.get(name);
    return last === undefined ? 0 : last + 1;
  }

  async #prepareVolumes(status: PodStatus): Promise<ReadyVolumes> {
    if (this.#volumes && !this.#volumesStale) return this.#volumes;
    const { context } = this;
    const facts = factsOf(context, status.podIP ?? '');
    this.#volumesStale = false;
    try {
      const ready = await context.volumes.prepare(this.#pod, facts);
      if (isLive(this.#pod) && context.machine.runtimeName !== 'simulated') this.#resyncLater();
      return ready;
    } catch (error) {
      // What is mounted stays as it is until it can be renewed, by and by or when what it lacks comes.
      if (!this.#volumes) {
        this.#volumesStale = true;
        throw error;
      }
      if (error instanceof VolumeError) this.#tellMountFailures(error);
      this.#resyncLater();
      return this.#volumes;
    }
  }

  #resyncLater(): void {
    this.#resync?.cancel();
    this.#resync = this.context.clock.setTimer(resyncMs.least + this.context.random.next() * resyncMs.spread, () => {
      this.#volumesStale = true;
      this.poke();
    });
  }

  #watchDeadline(status: PodStatus): void {
    const seconds = this.#pod.spec?.activeDeadlineSeconds;
    this.#deadline?.cancel();
    if (seconds === undefined || !status.startTime) return;
    const left = Date.parse(status.startTime) + seconds * 1000 - this.context.clock.now();
    this.#deadline = this.context.clock.setTimer(Math.max(0, left), () => {
      const message = 'Pod was active on the node longer than the specified deadline';
      tell(this.context, this.#pod, 'Normal', 'DeadlineExceeded', message);
      this.fail('DeadlineExceeded', message);
    });
  }

  /** Of each container the last one that ended stays beside the current one, for its log and status. */
  async #collectDead(): Promise<void> {
    const { runtime } = this.context;
    const removed: string[] = [];
    for (const { name } of allContainersOf(this.#pod)) {
      const dead = this.#runtime.containers.filter((container) => container.name === name && (container.state === 'exited' || container.state === 'created'));
      const current = this.#runtime.containers.find((container) => container.name === name);
      const keptDead = dead.filter((container) => container !== current).slice(0, 1);
      removed.push(...dead.filter((container) => container !== current && !keptDead.includes(container)).map(({ id }) => id));
    }
    for (const sandbox of this.#runtime.sandboxes.slice(1)) {
      if (sandbox.state === 'ready') continue;
      const holds = this.#runtime.containers.some((container) => container.sandboxId === sandbox.id && !removed.includes(container.id));
      if (!holds) await runtime.removeSandbox(sandbox.id);
    }
    await Promise.all(removed.map((id) => runtime.removeContainer(id)));
    this.#runtime.containers = this.#runtime.containers.filter(({ id }) => !removed.includes(id));
  }
}

function keep(old: PodStatus, field: 'reason' | 'message'): PodStatus {
  return { [field]: old[field] };
}
