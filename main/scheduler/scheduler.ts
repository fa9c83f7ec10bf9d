import os from 'node:os';
import type { Attempt } from '../api/attempt.ts';
import { conditionPatch } from '../api/conditionPatch.ts';
import type { Node, ObjectReference, Pod } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { timestamp } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { SeriesRecorder, TokenBucket, disruptPod, resources, type Client, type Informer, type InformerFactory } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import { Algorithm, type Outcome } from './algorithm.ts';
import { AttemptLog } from './attempts.ts';
import { SchedulerCache } from './cache.ts';
import { defaultConfiguration, type ProfileConfiguration, type SchedulerConfiguration } from './configuration.ts';
import { defaultSelector } from './defaultSelector.ts';
import { fitError } from './diagnosis.ts';
import type { ClusterEvent } from './events.ts';
import { Extenders, type ConnectToExtender, type Extender } from './extenders/index.ts';
import type { AttemptResult, SchedulerMetrics, SchedulerSizes } from './metrics.ts';
import { Nominator } from './nominator.ts';
import { PodInfo } from './podInfo.ts';
import { podResourceMetrics } from './podResourceMetrics.ts';
import type { CompileSelector } from './devices/allocator.ts';
import { classesByResource } from './devices/extendedResources.ts';
import { dynamicResources } from './plugins/dynamicResources.ts';
import { makePlugins, type PluginDependencies } from './plugins/index.ts';
import { nodeVolumeLimits } from './plugins/nodeVolumeLimits.ts';
import { volumeBinding } from './plugins/volumeBinding.ts';
import { volumeRestrictions } from './plugins/volumeRestrictions.ts';
import { volumeZone } from './plugins/volumeZone.ts';
import { DefaultPreemption, noPreemption, type Candidate, type Preemption } from './preemption.ts';
import { Profile } from './profile.ts';
import { SchedulingQueue, type QueuedPod, type QueuePart } from './queue.ts';
import { failed, unschedulable, type Status } from './status.ts';

export interface SchedulerOptions {
  client: Client;
  informers: InformerFactory;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Makes the expressions by which devices are selected ready to run; without it none can be selected. */
  compileDeviceSelector?: CompileSelector;
  /** Which names pods may choose and what they mean; pods that name another are left alone. Default: Kubernetes' own. */
  configuration?: SchedulerConfiguration;
  /** How extenders are reached. Default: over HTTP. */
  connectToExtender?: ConnectToExtender;
  /** Told of what is done; outlives the scheduler. */
  metrics?: SchedulerMetrics;
}

/** Pods tried in a row, and milliseconds spent on them, before everything else in the process has its turn. */
const batch = 20;
const longestTurn = 10;
/** Bindings under way at once. */
const maxBinding = 256;
/** How often extenders are asked about a pod in a row, when the nodes that were found are taken by others each time. */
const maxConsulted = 3;

/** Why a pod waits, and the node that is being freed for it. */
interface Word {
  reason: 'Unschedulable' | 'Error';
  message: string;
  /** '': none any more; undefined: the same as before. */
  nominated: string | undefined;
}

/** What schedules the pods of one name. */
interface Lane {
  profile: Profile;
  algorithm: Algorithm;
  preemption: DefaultPreemption;
  client: Client;
  recorder: SeriesRecorder;
}

/** Requests a second, and in a burst, that upstream's scheduler makes by default (clientConnection.qps, .burst). */
const wordsPerSecond = 50;
const wordsAtOnce = 100;

/** Gives every pod a node. Mirrors pkg/scheduler: scheduler.go, schedule_one.go, eventhandlers.go. */
export class Scheduler {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #cache = new SchedulerCache();
  readonly #nominator = new Nominator();
  readonly #attempts = new AttemptLog();
  /** By scheduler name. */
  readonly #lanes: ReadonlyMap<string, Lane>;
  readonly #queue: SchedulingQueue;
  readonly #pods: Informer<Pod>;
  readonly #bindings = new Set<Promise<void>>();
  /** By uid, those of the pods being bound that wait for something before: what ends that. */
  readonly #preparing = new Map<string, AbortController>();
  readonly #extenders: Extenders | undefined;
  /** The pod that extenders are being asked about, what ends that, and when it has ended. One at a time, as upstream has it. */
  #consulted: { queued: QueuedPod; cancel: AbortController; done: Promise<void> } | undefined;
  /** How many pods extenders are binding. */
  #handedOver = 0;
  /** Ends what extenders are doing with those. */
  readonly #ending = new AbortController();
  readonly #words: TokenBucket;
  /** The last word about pods that are still to be told of. */
  readonly #untold = new Map<string, Word>();
  #running = false;
  #stopped = false;
  #awake = false;

  constructor(private readonly options: SchedulerOptions) {
    const { informers, clock } = options;
    const configuration = options.configuration ?? defaultConfiguration();
    this.#clock = clock;
    this.#log = options.log.child('scheduler');
    this.#words = new TokenBucket(wordsPerSecond, wordsAtOnce, clock);
    this.#pods = informers.informer(resources.pods);
    const claims = informers.informer(resources.persistentVolumeClaims);
    const volumes = informers.informer(resources.persistentVolumes);
    const classes = informers.informer(resources.storageClasses);
    const csiNodes = informers.informer(resources.csiNodes);
    const attachments = informers.informer(resources.volumeAttachments);
    const csiDrivers = informers.informer(resources.csiDrivers);
    const capacities = informers.informer(resources.csiStorageCapacities);
    const cache = this.#cache;
    const services = informers.informer(resources.services);
    const replicaSets = informers.informer(resources.replicaSets);
    const statefulSets = informers.informer(resources.statefulSets);
    const deviceClaims = informers.informer(resources.resourceClaims);
    const deviceClasses = informers.informer(resources.deviceClasses);
    const slices = informers.informer(resources.resourceSlices);
    const classOf = classesByResource(deviceClasses);
    const argsOf = ({ spec }: Pod) => (configuration.profiles.find(({ schedulerName }) => schedulerName === (spec!.schedulerName || 'default-scheduler')) ?? configuration.profiles[0]!).args;
    const dependencies = {
      cache,
      classOf,
      namespaces: informers.informer(resources.namespaces),
      dynamicResources: dynamicResources({
        client: options.client.as('kube-scheduler'),
        clock,
        random: options.random,
        claims: deviceClaims,
        classes: deviceClasses,
        classOf,
        slices,
        compile: options.compileDeviceSelector ?? (() => ({ detail: 'no expressions are read here' })),
        timeouts: (pod) => argsOf(pod).DynamicResources,
        tell: (pod, reason, message) => this.#laneOf(pod)?.recorder.event(referenceTo(pod), 'Normal', reason, 'Scheduling', message),
      }),
      defaultSelector: defaultSelector(services, replicaSets, statefulSets),
      volumePlugins: [
        volumeRestrictions(cache, claims),
        nodeVolumeLimits({ claims, volumes, classes, csiNodes, attachments }),
        volumeBinding({ client: options.client.as('kube-scheduler'), clock, cache, claims, volumes, classes, csiNodes, csiDrivers, capacities, bindTimeout: (pod) => argsOf(pod).VolumeBinding.bindTimeoutSeconds * 1000 }),
        volumeZone({ claims, volumes, classes }),
      ],
    };
    const lanes = configuration.profiles.map((profile) => this.#lane(profile, dependencies));
    const extenders = (this.#extenders = Extenders.of(configuration.extenders, this.#log, clock, options.connectToExtender));
    this.#lanes = new Map(lanes.map((lane) => [lane.profile.name, lane]));
    const seconds = 1000;
    const queueOptions = {
      initialBackoff: configuration.podInitialBackoffSeconds * seconds,
      maxBackoff: configuration.podMaxBackoffSeconds * seconds,
      profileOf: (pod: Pod) => this.#laneOf(pod)!.profile,
      ...(extenders ? { asks: (pod: Pod) => extenders.areInterested(pod) } : {}),
      entered: (part: QueuePart, why: string) => options.metrics?.entered(part, why),
    };
    this.#queue = new SchedulingQueue(clock, queueOptions, () => this.#wake());
    this.#watch(informers.informer(resources.nodes));
    this.#moveOn(deviceClaims, (old, object) => ({ kind: 'ResourceClaimChange', old, object }));
    this.#moveOn(deviceClasses, (old, object) => ({ kind: 'DeviceClassChange', old, object }));
    this.#moveOn(slices, (old, object) => ({ kind: 'ResourceSliceChange', old, object }));
    this.#moveOn(claims, (old, object) => ({ kind: 'VolumeClaimChange', old, object }));
    this.#moveOn(volumes, (old, object) => ({ kind: 'VolumeChange', old, object }));
    this.#moveOn(classes, (old, object) => ({ kind: 'StorageClassChange', old, object }));
    this.#moveOn(csiNodes, (old, object) => ({ kind: 'CSINodeChange', old, object }));
    this.#moveOn(csiDrivers, (old, object) => ({ kind: 'CSIDriverChange', old, object }));
    this.#moveOn(capacities, (old, object) => ({ kind: 'StorageCapacityChange', old, object }));
    attachments.on({ delete: (attachment) => this.#queue.move({ kind: 'AttachmentDelete', attachment }) });
  }

  /** Lets pods go that something new or changed may help. */
  #moveOn<T>(informer: Informer<T>, eventOf: (old: T | undefined, object: T) => ClusterEvent): void {
    informer.on({
      add: (object) => this.#queue.move(eventOf(undefined, object)),
      update: (old, object) => this.#queue.move(eventOf(old, object)),
    });
  }

  #lane(configuration: ProfileConfiguration, dependencies: PluginDependencies): Lane {
    const { informers, clock, random } = this.options;
    const budgets = informers.informer(resources.podDisruptionBudgets);
    const client = this.options.client.as(configuration.schedulerName);
    const profile = new Profile(configuration, makePlugins(dependencies, configuration.args), this.options.metrics?.ofProfile(configuration.schedulerName, () => clock.monotonic()));
    const algorithm = new Algorithm(profile, this.#cache, this.#nominator, random);
    const recorder = new SeriesRecorder(client, configuration.schedulerName, { clock, random, log: this.#log, host: os.hostname() });
    const preemption = new DefaultPreemption(profile, algorithm, this.#cache, () => budgets.list(), random);
    return { profile, algorithm, preemption, client, recorder };
  }

  /** Undefined: another scheduler looks after the pod. */
  #laneOf(pod: Pod): Lane | undefined {
    return this.#lanes.get(pod.spec!.schedulerName || 'default-scheduler');
  }

  /** Starts the informers and begins to schedule as soon as they have all they need. */
  async start(): Promise<void> {
    this.options.informers.start();
    await this.options.informers.synced();
    if (this.#stopped) return;
    this.#running = true;
    this.options.metrics?.follow(() => this.#sizes());
    this.#wake();
  }

  /** Resolves when no binding is under way any more, and no extender is asked anything. The informers belong to the caller and go on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#running) this.options.metrics?.follow(undefined);
    this.#running = false;
    for (const cancel of this.#preparing.values()) cancel.abort(new Error('the scheduler ends'));
    this.#queue.close();
    for (const { recorder } of this.#lanes.values()) recorder.stop();
    this.#consulted?.cancel.abort(new Error('the scheduler ends'));
    this.#ending.abort(new Error('the scheduler ends'));
    await Promise.allSettled([...this.#bindings, this.#consulted?.done]);
    this.#extenders?.close();
  }

  /** What the pods of the cluster ask for, as Prometheus reads it; computed now. */
  podResources(): Promise<string> {
    return podResourceMetrics(this.#pods.list());
  }

  /** Why a pod is where it is, or nowhere: the last try, node by node. */
  lastAttempt(uid: string): Attempt | undefined {
    return this.#attempts.last(uid, (name) => this.#cache.node(name));
  }

  /** How many pods wait, and for what. */
  get pending(): { active: number; backoff: number; unschedulable: number } {
    return this.#queue.sizes;
  }

  #sizes(): SchedulerSizes {
    const { active, backoff, unschedulable } = this.#queue.sizes;
    const { gated } = this.#queue;
    return { pending: { active, backoff, unschedulable: unschedulable - gated, gated }, cache: this.#cache.sizes, bindings: this.#bindings.size, rejections: this.#queue.rejections };
  }

  #watch(nodes: Informer<Node>): void {
    nodes.on({
      add: (node) => {
        this.#cache.setNode(node);
        this.#queue.move({ kind: 'NodeAdd', node });
      },
      update: (old, node) => {
        this.#cache.setNode(node);
        if (changesScheduling(old, node)) this.#queue.move({ kind: 'NodeUpdate', old, node });
      },
      delete: (node) => {
        this.#cache.removeNode(node.metadata!.name!);
        this.#queue.move({ kind: 'NodeDelete', node });
      },
    });
    this.#pods.on({
      add: (pod) => this.#podChanged(undefined, pod),
      update: (old, pod) => {
        if (old.metadata!.uid !== pod.metadata!.uid) {
          this.#podGone(old);
          this.#podChanged(undefined, pod);
        } else this.#podChanged(old, pod);
      },
      delete: (pod) => this.#podGone(pod),
    });
  }

  #podChanged(old: Pod | undefined, pod: Pod): void {
    const uid = pod.metadata!.uid!;
    const ended = hasEnded(pod);
    if (pod.spec!.nodeName) {
      const counted = old?.spec!.nodeName !== undefined && old.spec!.nodeName !== '' && !hasEnded(old);
      if (ended) {
        if (counted) this.#podGone(pod);
        return;
      }
      this.#withdraw(uid);
      this.#cache.setPod(pod);
      this.#arrived(pod, pod.spec!.nodeName);
      if (!counted || !old) this.#queue.move({ kind: 'AssignedPodAdd', pod });
      else this.#queue.move({ kind: 'AssignedPodUpdate', old, pod });
      return;
    }
    if (!this.#laneOf(pod)) return;
    if (ended || pod.metadata!.deletionTimestamp) {
      this.#withdraw(uid);
      this.#giveUp(pod);
      return;
    }
    // It is on its way to a node: what the server tells is older than that.
    if (this.#cache.isAssumed(uid)) return;
    const promised = old?.status?.nominatedNodeName;
    const nominated = pod.status?.nominatedNodeName;
    const consulted = this.#consultationAbout(uid);
    if (!old || !(consulted || this.#queue.has(uid))) {
      if (!old) this.#withdraw(uid);
      if (nominated) this.#nominator.add(new PodInfo(pod), nominated);
      return this.#queue.add(pod);
    }
    if (promised !== nominated && (this.#nominator.nodeOf(uid) ?? '') === (promised ?? '')) this.#nominate(pod, nominated);
    if (matters(old, pod)) {
      if (!consulted) this.#queue.update(old, pod);
      else {
        consulted.cancel.abort(new Error('pod has changed'));
        this.#queue.startOver(consulted.queued, pod);
      }
    }
    // Whoever is less important has taken the pod for one of that node.
    if (promised && promised !== nominated) this.#queue.move({ kind: 'AssignedPodDelete', pod: old }, old.spec!.priority ?? 0);
  }

  /** The pod is not to be given a node any more. */
  #withdraw(uid: string): void {
    const consulted = this.#consultationAbout(uid);
    this.#queue.delete(uid);
    if (!consulted) return;
    consulted.cancel.abort(new Error('pod needs no node any more'));
    this.#measure(consulted.queued, 'error');
  }

  /** Undefined also when it has come to its end, or to nothing, already. */
  #consultationAbout(uid: string): { queued: QueuedPod; cancel: AbortController } | undefined {
    const consulted = this.#consulted;
    if (consulted?.queued.info.uid !== uid || consulted.cancel.signal.aborted) return undefined;
    return this.#cache.isAssumed(uid) || this.#queue.has(uid) ? undefined : consulted;
  }

  /** Somebody else may promise a node, too. */
  #nominate(pod: Pod, node: string | undefined): void {
    if (node) this.#nominator.add(new PodInfo(pod), node);
    else this.#nominator.delete(pod.metadata!.uid!);
  }

  /** A pod has a node: what was kept for it on another one others may have. */
  #arrived(pod: Pod, node: string): void {
    const uid = pod.metadata!.uid!;
    const promised = this.#nominator.nodeOf(uid);
    this.#nominator.delete(uid);
    if (promised !== undefined && promised !== node) this.#queue.move({ kind: 'AssignedPodDelete', pod }, pod.spec!.priority ?? 0);
  }

  /** A pod without a node goes: what was kept for it others may have, and what is done before it is bound is of no use. */
  #giveUp(pod: Pod): void {
    const { uid, deletionTimestamp } = pod.metadata!;
    this.#preparing.get(uid!)?.abort(new Error(deletionTimestamp ? 'pod is being deleted' : 'pod does not exist any more'));
    const promised = this.#nominator.nodeOf(uid!) !== undefined;
    this.#nominator.delete(uid!);
    if (this.#cache.isAssumed(uid!)) {
      this.#cache.forget(uid!);
      this.#queue.move({ kind: 'AssignedPodDelete', pod });
    } else if (promised) this.#queue.move({ kind: 'AssignedPodDelete', pod }, pod.spec!.priority ?? 0);
  }

  #podGone(pod: Pod): void {
    const uid = pod.metadata!.uid!;
    this.#withdraw(uid);
    if (!pod.spec!.nodeName) return this.#giveUp(pod);
    this.#nominator.delete(uid);
    this.#cache.removePod(uid);
    this.#queue.move({ kind: 'AssignedPodDelete', pod });
  }

  #wake(): void {
    if (this.#awake || !this.#running) return;
    this.#awake = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    this.#awake = false;
    const end = this.#clock.monotonic() + longestTurn;
    for (let i = 0; i < batch && this.#running && this.#mayBind() && this.#clock.monotonic() < end; i++) {
      const queued = this.#queue.pop(this.#mayConsult());
      if (!queued) return;
      if (queued.asks) {
        this.#startConsultation(queued);
        continue;
      }
      try {
        this.#scheduleOne(queued);
      } catch (error) {
        this.#hasThrown(queued, error);
      }
    }
    // A binding that ends wakes the loop again when too many are under way.
    if (this.#mayBind()) this.#wake();
  }

  #hasThrown(queued: QueuedPod, error: unknown): void {
    this.#log.error('scheduling failed', { pod: queued.info.pod.metadata!.name, error: String(error) });
    this.#measure(queued, 'error');
    this.#queue.addUnschedulable(queued, new Set());
  }

  /** Pods that wait before they are bound, which may take minutes, or that others bind, keep nobody else from it. */
  #mayBind(): boolean {
    return this.#bindings.size - this.#preparing.size - this.#handedOver < maxBinding;
  }

  #mayConsult(): boolean {
    return !this.#consulted && this.#handedOver < maxBinding;
  }

  #scheduleOne(queued: QueuedPod): void {
    const pod = queued.info;
    const lane = this.#laneOf(pod.pod)!;
    const outcome = lane.algorithm.findNode(pod);
    if (outcome.error) return this.#faulty(queued, outcome, outcome.error);
    if (outcome.node) return this.#place(lane, queued, outcome, outcome.node.name);
    const since = lane.profile.now();
    const preemption = mayPreempt(lane, outcome) ? lane.preemption.find(pod, outcome) : undefined;
    this.#unschedulable(lane, queued, outcome, preemption, since);
  }

  #faulty(queued: QueuedPod, outcome: Outcome, { plugin, reasons }: Status): void {
    this.#fail(queued, outcome, 'Error', `running "${plugin}" filter plugin: ${reasons.join(', ')}`, new Set(), '');
  }

  /** Others go on being scheduled meanwhile, but those that extenders have a say about as well. */
  #startConsultation(queued: QueuedPod): void {
    const cancel = new AbortController();
    const { signal } = cancel;
    const done = this.#consult(queued, signal)
      .catch((error: unknown) => {
        // Whoever has ended it has seen to the pod.
        if (!signal.aborted) this.#hasThrown(queued, error);
      })
      .finally(() => {
        this.#consulted = undefined;
        this.#queue.back();
        this.#wake();
      });
    this.#consulted = { queued, cancel, done };
  }

  /** As #scheduleOne, for a pod that extenders have a say about. Between two questions to them everything may change. */
  async #consult(queued: QueuedPod, signal: AbortSignal): Promise<void> {
    const pod = queued.info;
    const lane = this.#laneOf(pod.pod)!;
    for (let time = 1; ; time++) {
      const { outcome, scores, error } = await this.#extenders!.consult(lane.algorithm, pod, signal);
      signal.throwIfAborted();
      if (error) return this.#fail(queued, outcome, 'Error', error.message, new Set(), '');
      if (outcome.error) return this.#faulty(queued, outcome, outcome.error);
      if (outcome.feasible.length === 0) return this.#preemptOrWait(lane, queued, outcome, signal);
      // From here on nothing else happens until the node is taken.
      lane.algorithm.conclude(pod, outcome, scores);
      if (outcome.node) return this.#place(lane, queued, outcome, outcome.node.name);
      if (time === maxConsulted) return this.#fail(queued, outcome, 'Error', 'nodes were taken by others while extenders were asked about them', new Set(), '');
    }
  }

  async #preemptOrWait(lane: Lane, queued: QueuedPod, outcome: Outcome, signal: AbortSignal): Promise<void> {
    const since = lane.profile.now();
    const preemption = mayPreempt(lane, outcome) ? await this.#preemption(lane, queued.info, outcome, signal) : undefined;
    signal.throwIfAborted();
    this.#unschedulable(lane, queued, outcome, preemption, since);
  }

  async #preemption(lane: Lane, pod: PodInfo, outcome: Outcome, signal: AbortSignal): Promise<Preemption> {
    const candidates = lane.preemption.candidates(pod, outcome);
    if (!Array.isArray(candidates)) return candidates;
    try {
      return lane.preemption.choose(await this.#extenders!.preempt(pod.pod, candidates, (name) => this.#cache.node(name), signal));
    } catch (error) {
      return noPreemption((error as Error).message, true);
    }
  }

  /** The pod goes to this node, unless a plugin objects now. */
  #place(lane: Lane, queued: QueuedPod, outcome: Outcome, node: string): void {
    const pod = queued.info;
    this.options.metrics?.chosen(this.#clock.monotonic() - queued.tried);
    this.#cache.assume(pod, node);
    const objection = lane.profile.reserve(outcome.state, pod, node);
    if (objection) {
      this.#cache.forget(pod.uid);
      this.#fail(queued, outcome, 'Unschedulable', objection.reasons.join(', '), new Set([objection.plugin]), '');
      return;
    }
    const binding = this.#bind(lane, queued, outcome, node).finally(() => {
      this.#bindings.delete(binding);
      this.#wake();
    });
    this.#bindings.add(binding);
  }

  async #bind(lane: Lane, queued: QueuedPod, outcome: Outcome, node: string): Promise<void> {
    const pod = queued.info;
    const { namespace, name } = pod.pod.metadata!;
    try {
      if (lane.profile.preBindPreFlight(outcome.state, pod, node)) await this.#prepare(lane, pod, outcome, node);
      const binder = this.#extenders?.binderOf(pod.pod);
      if (!binder || !(await this.#handOver(binder, pod.pod, node))) {
        const since = lane.profile.now();
        await this.#bindHere(lane, pod.pod, node);
        lane.profile.passed('Bind', since);
      }
    } catch (error) {
      lane.profile.unreserve(outcome.state, pod, node);
      this.#cache.forget(pod.uid);
      if (this.#running) this.#bindingFailed(queued, outcome, error as Error);
      return;
    }
    this.#arrived(pod.pod, node);
    this.#measure(queued, 'scheduled');
    this.#attempts.record(pod, this.#clock.now(), 'Scheduled', outcome);
    lane.recorder.event(referenceTo(pod.pod), 'Normal', 'Scheduled', 'Binding', `Successfully assigned ${namespace}/${name} to ${node}`);
  }

  #bindHere({ client }: Lane, { metadata }: Pod, node: string): Promise<unknown> {
    const { namespace, name, uid, resourceVersion } = metadata!;
    return client
      .because(resourceVersion)
      .of(resources.pods)
      .subresource(namespace!, name!, 'binding', 'POST', {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { namespace, name, uid },
        target: { apiVersion: 'v1', kind: 'Node', name: node },
      })
      .catch((error: Error) => {
        throw isNotFound(error) ? error : new Error(`running Bind plugin "DefaultBinder": ${error.message}`, { cause: error });
      });
  }

  /** Has an extender bind the pod. False: it has failed, and is one that may. */
  async #handOver(binder: Extender, pod: Pod, node: string): Promise<boolean> {
    const { signal } = this.#ending;
    this.#handedOver++;
    try {
      await binder.bind(pod, node, signal);
      return true;
    } catch (error) {
      if (!binder.isIgnorable || signal.aborted) throw error;
      this.#log.info('an extender is ignored that has not bound a pod', { extender: binder.name, pod: pod.metadata!.name, error: String(error) });
      return false;
    } finally {
      this.#handedOver--;
    }
  }

  /**
   * Does what has to be done before the pod may be bound. Rejects when that cannot be, and soon after the pod has gone or was made to
   * give way; nothing is going on any more then.
   */
  async #prepare(lane: Lane, pod: PodInfo, { state }: Outcome, node: string): Promise<void> {
    const cancel = new AbortController();
    this.#preparing.set(pod.uid, cancel);
    const [prepared] = await Promise.allSettled([lane.profile.preBind(state, pod, node, cancel), this.#promise(lane, pod.pod, node)]);
    this.#preparing.delete(pod.uid);
    if (prepared.status === 'rejected') throw prepared.reason;
    cancel.signal.throwIfAborted();
  }

  #bindingFailed(queued: QueuedPod, outcome: Outcome, error: Error): void {
    // The place that the pod has not taken after all may do for another one.
    this.#queue.move({ kind: 'AssignedPodDelete', pod: queued.info.pod });
    const current = this.#current(queued);
    if (!current || current.spec!.nodeName || isNotFound(error)) return this.#measure(queued, 'error');
    this.#fail(queued, outcome, 'Error', error.message, new Set(), '');
  }

  /** `preemption`: undefined where nobody may be made to leave; worked out since then. */
  #unschedulable(lane: Lane, queued: QueuedPod, outcome: Outcome, preemption: Preemption | undefined, since: number): void {
    const pod = queued.info;
    if (outcome.nodeCount === 0) {
      const everything = new Set(lane.profile.pluginNames);
      return this.#fail(queued, outcome, 'Unschedulable', 'no nodes available to schedule pods', everything, '');
    }
    const unseen = lane.profile.isUnseen(outcome.preFiltered);
    const candidate = preemption && 'candidate' in preemption ? preemption.candidate : undefined;
    if (preemption) this.options.metrics?.preempted(candidate?.victims.length);
    if (candidate) this.#preempt(lane, pod, candidate);
    const words = unseen ? ['not found'] : candidate ? [] : lane.profile.postFilter(outcome.preFiltered, pod);
    if (preemption && 'message' in preemption) words.push(preemption.message);
    if (preemption || words.length > 0) lane.profile.passed('PostFilter', since, candidate ? undefined : unseen ? failed('', 'not found') : unschedulable('', ...words));
    const message = fitError({
      nodeCount: outcome.nodeCount,
      statuses: outcome.statuses,
      absent: outcome.absent,
      preFilterMessage: outcome.preFiltered.status?.reasons.join(', '),
      postFilterMessage: words.join(', '),
    });
    const plugins = new Set([...outcome.statuses.values()].map(({ plugin }) => this.#extenders?.rejectorOf(plugin) ?? plugin));
    if (outcome.preFiltered.status) plugins.add(outcome.preFiltered.status.plugin);
    for (const plugin of outcome.preFiltered.restrictedBy) plugins.add(plugin);
    const keeps = !preemption || ('keeps' in preemption && preemption.keeps);
    this.#fail(queued, outcome, 'Unschedulable', message, plugins, candidate?.node ?? (keeps ? undefined : ''));
  }

  /** Back into the queue, with a word to the user. `nominated`: as in Word. */
  #fail(
    queued: QueuedPod,
    outcome: Outcome,
    reason: 'Unschedulable' | 'Error',
    message: string,
    plugins: ReadonlySet<string>,
    nominated: string | undefined,
  ): void {
    this.#measure(queued, reason === 'Error' ? 'error' : 'unschedulable');
    this.#attempts.record(queued.info, this.#clock.now(), reason, { ...outcome, node: undefined }, message);
    const current = this.#current(queued);
    if (!current || current.spec!.nodeName || current.metadata!.deletionTimestamp) return;
    queued.info = new PodInfo(current);
    this.#queue.addUnschedulable(queued, plugins);
    if (nominated) this.#nominator.add(queued.info, nominated);
    else if (nominated === '') this.#nominator.delete(queued.info.uid);
    this.#tell(queued, { reason, message, nominated });
  }

  /**
   * Says why a pod waits. A flood of pods that fit nowhere must not take the API server from everybody else: beyond a
   * burst, words come at the pace that upstream's scheduler has for all its requests together, and only the last counts.
   */
  #tell(queued: QueuedPod, word: Word): void {
    const { uid } = queued.info;
    const waits = this.#untold.has(uid);
    if (waits && !word.nominated) return void this.#untold.set(uid, word);
    // A node that is being freed for the pod must be known at once.
    const delay = word.nominated ? 0 : this.#words.reserve();
    if (delay === 0) return this.#say(queued, word);
    this.#untold.set(uid, word);
    this.#clock.setTimer(delay, () => {
      const last = this.#untold.get(uid);
      this.#untold.delete(uid);
      if (last && this.#running) this.#say(queued, last);
    });
  }

  #say(queued: QueuedPod, { reason, message, nominated }: Word): void {
    const current = this.#current(queued);
    if (!current || current.spec!.nodeName || current.metadata!.deletionTimestamp) return;
    this.#laneOf(current)!.recorder.event(referenceTo(current), 'Warning', 'FailedScheduling', 'Scheduling', asNote(message));
    void this.#writeCondition(current, reason === 'Error' ? 'SchedulerError' : 'Unschedulable', message, nominated);
  }

  #measure(queued: QueuedPod, result: AttemptResult): void {
    const { metrics } = this.options;
    if (!metrics) return;
    const now = this.#clock.monotonic();
    metrics.attempt(queued.info.pod.spec!.schedulerName || 'default-scheduler', result, now - queued.tried);
    if (result === 'scheduled') metrics.scheduled(queued.attempts, now - queued.firstTried!);
  }

  #current(queued: QueuedPod): Pod | undefined {
    const { namespace, name, uid } = queued.info.pod.metadata!;
    const pod = this.#pods.get(`${namespace}/${name}`);
    return pod?.metadata!.uid === uid ? pod : undefined;
  }

  async #writeCondition(pod: Pod, reason: string, message: string, nominated: string | undefined): Promise<void> {
    const old = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      observedGeneration: pod.metadata!.generation,
      lastProbeTime: null,
      lastTransitionTime: old?.status === 'False' ? old.lastTransitionTime : timestamp(this.#clock.now()),
    };
    const same = old?.status === 'False' && old.reason === reason && old.message === message;
    const nominatedChanged = nominated !== undefined && (pod.status?.nominatedNodeName ?? '') !== nominated;
    if (same && !nominatedChanged) return;
    const status = {
      ...(same ? {} : conditionPatch(pod, condition)),
      ...(nominatedChanged ? { nominatedNodeName: nominated || null } : {}),
    };
    const { namespace, name, uid, resourceVersion } = pod.metadata!;
    try {
      await this.#laneOf(pod)!
        .client.because(resourceVersion)
        .of(resources.pods)
        .patch(namespace!, name!, 'strategic', { metadata: { uid }, status }, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error))
        this.#log.warn('the condition could not be written', { namespace, name, error: String(error) });
    }
  }

  #preempt(lane: Lane, preemptor: PodInfo, { node, victims }: Candidate): void {
    // Pods of less importance that were promised the node have to look for another.
    for (const other of [...this.#nominator.on(node)]) {
      if (other.priority >= preemptor.priority) continue;
      this.#nominator.delete(other.uid);
      void this.#writeNomination(lane, other.pod, null);
    }
    // Those that are on their way out already need no push.
    const staying = victims.filter(({ pod }) => !pod.metadata!.deletionTimestamp);
    void Promise.all(staying.map((victim) => this.#evict(lane, victim.pod, preemptor, node))).then((gone) => {
      if (this.#running && !gone.every(Boolean)) this.#queue.retry(preemptor.uid);
    });
  }

  /** Tells where a pod is going that has to wait for something before: nobody needs to make room for it elsewhere. */
  async #promise(lane: Lane, pod: Pod, node: string): Promise<void> {
    if (pod.status?.nominatedNodeName !== node) await this.#writeNomination(lane, pod, node);
  }

  async #writeNomination(lane: Lane, pod: Pod, node: string | null): Promise<void> {
    const { namespace, name, uid } = pod.metadata!;
    const patch = { metadata: { uid }, status: { nominatedNodeName: node } };
    try {
      await lane.client.of(resources.pods).patch(namespace!, name!, 'strategic', patch, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error))
        this.#log.warn('a nomination could not be written', { namespace, name, node, error: String(error) });
    }
  }

  /** False: the pod could not be told to go. */
  async #evict(lane: Lane, victim: Pod, preemptor: PodInfo, node: string): Promise<boolean> {
    const { namespace, name, uid, generation } = victim.metadata!;
    const tell = (message: string) => lane.recorder.event(referenceTo(victim), 'Normal', 'Preempted', 'Preempting', message, referenceTo(preemptor.pod));
    const message = `Preempted by pod ${preemptor.uid} on node ${node}`;
    const preparing = this.#preparing.get(uid!);
    if (preparing) {
      // It has not begun to run: it looks for another place.
      preparing.abort(new Error('preempted by DefaultPreemption'));
      tell(`${message} (in kube-scheduler memory).`);
      return true;
    }
    const why = {
      reason: 'PreemptionByScheduler',
      message: `${lane.profile.name}: preempting to accommodate a higher priority pod`,
      observedGeneration: generation,
    };
    try {
      await disruptPod(lane.client.because(preemptor.pod.metadata!.resourceVersion), victim, why, this.#clock.now());
      tell(message);
      return true;
    } catch (error) {
      if (isNotFound(error)) return true;
      this.#log.warn('a pod could not be preempted', { namespace, name, error: String(error) });
      return false;
    }
  }
}

/** Whether others may be made to leave for a pod that fits nowhere. */
const mayPreempt = ({ profile }: Lane, { nodeCount, preFiltered }: Outcome) => nodeCount > 0 && profile.preempts && !profile.isUnseen(preFiltered);

const hasEnded = (pod: Pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

function referenceTo({ metadata }: Pod): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata!;
  return { apiVersion: 'v1', kind: 'Pod', namespace, name, uid, resourceVersion };
}

/** Bytes of an event's note. */
const noteLimit = 1024;

function asNote(message: string): string {
  if (Buffer.byteLength(message) <= noteLimit) return message;
  const suffix = ' ...';
  // A character that is cut through becomes a replacement character of up to three bytes.
  return Buffer.from(message).subarray(0, noteLimit - suffix.length).toString().replace(/\ufffd+$/, '') + suffix;
}

/** Heartbeats and the like do not make room for anybody. */
function changesScheduling(old: Node, node: Node): boolean {
  return (
    !equalJson(old.spec, node.spec) ||
    !equalJson(old.metadata!.labels, node.metadata!.labels) ||
    !equalJson(old.status?.allocatable, node.status?.allocatable) ||
    !equalJson(old.status?.declaredFeatures, node.status?.declaredFeatures)
  );
}

/** Status changes of a waiting pod are the scheduler's own, but for the names of its claims for devices. */
function matters(old: Pod, pod: Pod): boolean {
  return (
    !equalJson(old.spec, pod.spec) ||
    !equalJson(old.metadata!.labels, pod.metadata!.labels) ||
    !equalJson(old.status?.resourceClaimStatuses, pod.status?.resourceClaimStatuses)
  );
}
