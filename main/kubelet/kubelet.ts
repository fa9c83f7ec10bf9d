import { readFile, statfs } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { KubeletApi } from '../api/kubelet.ts';
import type { Pod } from '../api/index.ts';
import { EventRecorder, resources, type Client, type InformerFactory } from '../client/index.ts';
import type { NodeAgent } from '../node/index.ts';
import type { Runtime, RuntimeInfo } from '../runtime/index.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import type { Rejection, Shortage } from './admission.ts';
import { AddressPool } from './addresses.ts';
import { AllocationManager } from './allocation.ts';
import type { KubeletContext } from './context.ts';
import { CrashBackoff } from './crashBackoff.ts';
import { EvictionManager, pressures } from './eviction/evictionManager.ts';
import { podsToPreempt } from './eviction/preemption.ts';
import { ImageGarbage, imageRecord } from './images/imageGarbage.ts';
import { ImageManager } from './images/imageManager.ts';
import { accessRecord, PullAccess } from './images/pullAccess.ts';
import { manifestFolder, type ManifestFolder } from './manifestFolder.ts';
import { NodeKeeper } from './node/nodeKeeper.ts';
import { Histogram, measuredRuntime, type Operations } from './operations.ts';
import { removeOrphan } from './orphans.ts';
import { PodWorker } from './podWorker.ts';
import { createProber, simulatedProber } from './probes/prober.ts';
import { ProbeManager } from './probes/probeManager.ts';
import { qosClassOf } from './qos.ts';
import { emptyStatus, runtimeStatusOf, type RuntimeStatus } from './runtimeStatus.ts';
import { createKubeletApi } from './server/api.ts';
import { changesOf, objectSource, podsNowOnNode, podsOfNode } from './sources.ts';
import { fieldPathOf, isCritical, isMirror, isTerminalPhase, podKey, uidOf } from './spec.ts';
import { StaticPods } from './staticPods.ts';
import { StatusManager } from './status/statusManager.ts';
import { ensureCSINode } from './volumes/csiNode.ts';
import { messageOf } from './volumes/errors.ts';
import { noFiles } from './volumes/files.ts';
import { machineFiles, type HostFiles } from './volumes/hostPath.ts';
import { hostPlace } from './volumes/hostPlaces.ts';
import { objectChanges } from './volumes/objectChanges.ts';
import { PodVolumes } from './volumes/podVolumes.ts';
import { TokenManager } from './volumes/tokens.ts';

export interface KubeletOptions {
  nodeName: string;
  client: Client;
  /** Shared by all kubelets of the process, started by its owner. */
  informers: InformerFactory;
  runtime: Runtime;
  /** The node's agent; without one the node is not ready until `setAgent`. A simulated node needs none. */
  agent?: NodeAgent;
  clock: Clock;
  random: Random;
  log: Logger;
  /** The address of the node, and of its pods' gateway. */
  nodeIP: string;
  podCIDR: string;
  /** The same two of IPv6, where the cluster has two families of addresses. */
  nodeIPv6?: string;
  podCIDRv6?: string;
  /** The addresses of the cluster's DNS. */
  clusterDNS: string[];
  clusterDomain: string;
  labels?: Record<string, string>;
  zone?: string;
  /** What the node says it runs; default `v1.36.0`. */
  version?: string;
  /** The user's machine, for hostPath volumes; default: the one this process runs on. */
  hostFiles?: HostFiles;
  /** The kubelet's own folder on the user's machine: `seccomp` in it holds profiles, `manifests` static pods. Default: it has none. */
  directory?: string;
  /** Where static pods come from; default: the folder's `manifests`. */
  manifests?: ManifestFolder;
  /** How much room for files the node has; default: the disk that the user's files are on. */
  storageBytes?(): Promise<number>;
}

/** Runs the pods that are bound to one node. */
export interface Kubelet {
  readonly nodeName: string;
  readonly api: KubeletApi;
  /** Resolves when the node is registered and its pods are being looked after; waits for a runtime that is not there yet. */
  start(): Promise<void>;
  /** The containers go on; another kubelet of the same node finds them again. */
  stop(): Promise<void>;
  /** The node's agent has been reached, or lost (undefined). */
  setAgent(agent: NodeAgent | undefined): void;
}

export function createKubelet(options: KubeletOptions): Kubelet {
  return new NodeKubelet(options);
}

const recheckMs = 2000;
/** When simulated nodes say which drivers they have: so long after they are there, and so long after one another. Milliseconds. */
const quietStart = 2000;
const spread = 10_000;
/** As upstream's (pkg/kubelet/metrics/metrics.go, podStartupDurationBuckets). */
const podStartBounds = [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600];
const simulatedStorage = 100 * 2 ** 30;

class NodeKubelet implements Kubelet {
  readonly nodeName: string;
  readonly api: KubeletApi;
  readonly #context: KubeletContext;
  readonly #log: Logger;
  readonly #recorder: EventRecorder;
  readonly #workers = new Map<string, PodWorker>();
  readonly #ends: (() => void)[] = [];
  readonly #podEnds = new Map<string, () => void>();
  #keeper: NodeKeeper | undefined;
  readonly #garbage: ImageGarbage;
  readonly #eviction: EvictionManager;
  #static: StaticPods | undefined;
  #agent: NodeAgent | undefined;
  #runtimeProblem: string | undefined;
  #recheck: Timer | undefined;
  #stopped = false;
  /** Whether all pods of the node are known. */
  #listening = false;
  #seeds = new Map<string, RuntimeStatus>();
  /** Critical pods, by uid, that wait until the pods have ended that make room for them. */
  readonly #waiting = new Map<string, { pod: Pod; victims: PodWorker[] }>();

  constructor(private readonly options: KubeletOptions) {
    const { client, clock, random, nodeName, nodeIP } = options;
    const operations: Operations = new Map();
    const runtime = measuredRuntime(options.runtime, clock, operations);
    this.nodeName = nodeName;
    this.#log = options.log.child('kubelet');
    this.#agent = options.agent;
    const informers = options.informers;
    const pods = informers.informer(resources.pods);
    const services = informers.informer(resources.services);
    const nodes = informers.informer(resources.nodes);
    this.#recorder = new EventRecorder(client, 'kubelet', clock, random, { host: nodeName, log: this.#log });
    const objects = objectSource(client);
    this.#garbage = new ImageGarbage(runtime, clock, this.#log, options.directory ? imageRecord(options.directory) : undefined);
    const hostFiles = options.hostFiles ?? machineFiles;
    const files = async () => (this.#isSimulated ? noFiles : this.#needAgent());
    const statuses = new StatusManager(client, clock, this.#log, (pod) => pods.get(podKey(pod)));
    const agent = () => this.#needAgent();
    const realProber = createProber(runtime, agent);
    this.#context = {
      nodeName,
      nodeIP,
      nodeIPv6: options.nodeIPv6,
      clock,
      random,
      log: this.#log,
      client,
      recorder: this.#recorder,
      runtime,
      machine: { runtimeName: '', cpus: 1, memoryBytes: 2 ** 30, recursiveReadOnly: false, cgroupDriver: 'cgroupfs', appArmor: true, engineIsHere: true },
      addresses: new AddressPool(options.podCIDR, [nodeIP], options.podCIDRv6),
      dns: { clusterDNS: options.clusterDNS, clusterDomain: options.clusterDomain },
      objects,
      images: new ImageManager({ runtime, clock, objects, garbage: this.#garbage, access: new PullAccess(options.directory ? accessRecord(options.directory) : undefined) }),
      hostFiles,
      volumes: new PodVolumes({
        client,
        runtime,
        objects,
        changes: objectChanges(informers),
        tokens: new TokenManager(client, clock, () => !this.#isSimulated),
        hostFiles,
        nodeName,
        place: (name) => hostPlace(name, this.#context.machine.engineIsHere, process.platform),
        files,
        onChange: (uid) => this.#workers.get(uid)?.volumesChanged(),
      }),
      probes: new ProbeManager({
        clock,
        random,
        prober: (...about) => (this.#isSimulated ? simulatedProber : realProber)(...about),
        statusOf: (uid) => statuses.get(uid),
        onChange: (uid) => this.#workers.get(uid)?.poke(),
        event: (pod, container, type, reason, message) => {
          const fieldPath = fieldPathOf(pod, container);
          this.#recorder.event({ apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata }, type, reason, message, fieldPath ? { fieldPath } : {});
        },
      }),
      statuses,
      counters: { evictions: new Map(), preemptions: new Map(), terminated: new Map(), podStarts: new Histogram(podStartBounds), operations, imageVolumes: { requested: 0, mounted: 0, failed: 0 } },
      backoff: new CrashBackoff(clock),
      allocation: new AllocationManager(
        () => nodes.get(nodeName),
        () => [...this.#workers.values()].filter(({ isActive }) => isActive).map(({ pod }) => pod),
        () => this.#context.machine.appArmor,
      ),
      allocatable: () => (nodes.get(nodeName) ?? this.#keeper?.node)?.status?.allocatable ?? {},
      servicesOf: (namespace) => services.list(namespace),
      apiService: () => services.get('default/kubernetes'),
      async seccompProfile(name) {
        if (!options.directory) throw new Error(`cannot load seccomp profile ${JSON.stringify(name)}: the node has no folder for them`);
        const file = path.join(options.directory, 'seccomp', name);
        return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
          throw new Error(`cannot load seccomp profile ${JSON.stringify(file)}: ${error.code === 'ENOENT' ? `open ${file}: no such file or directory` : error.message}`);
        });
      },
      runtimeHandler: async (name) => (await client.of(resources.runtimeClasses).get('', name)).handler,
      files,
      agent,
    };
    this.#eviction = new EvictionManager({
      context: this.#context,
      workers: () => [...this.#workers.values()],
      machineState: async () => this.#agent?.machineState(),
      reclaimDisk: () => this.#garbage.collect(),
      onChange: () => this.#keeper?.changed(),
      event: (reason, message) => this.#recorder.event({ apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName, uid: nodeName } }, 'Warning', reason, message),
    });
    this.api = createKubeletApi(this.#context, {
      worker: (uid) => this.#workers.get(this.#static?.uidOfMirror(uid) ?? uid),
      pods: () => [...this.#workers.values()].map((worker) => worker.pod),
      problem: () => this.#problem(),
    });
  }

  async start(): Promise<void> {
    const { options } = this;
    const info = await this.#reachRuntime();
    if (this.#stopped) return;
    this.#context.machine = { runtimeName: info.name, cpus: info.cpus, memoryBytes: info.memoryBytes, recursiveReadOnly: info.recursiveReadOnly ?? false, cgroupDriver: info.cgroupDriver ?? 'cgroupfs', appArmor: info.appArmor ?? true, engineIsHere: info.onThisMachine ?? true, runtimeHandlers: info.handlers };
    const changes = changesOf(options.runtime);
    this.#ends.push(changes.onGap(() => void this.#afterGap()));
    this.#keeper = new NodeKeeper(
      {
        client: options.client,
        recorder: this.#recorder,
        runtime: options.runtime,
        clock: options.clock,
        log: this.#log,
        facts: {
          name: this.nodeName,
          ips: [options.nodeIP, ...(options.nodeIPv6 ? [options.nodeIPv6] : [])],
          labels: options.labels ?? {},
          ...(options.zone ? { zone: options.zone } : {}),
          podCIDRs: [options.podCIDR, ...(options.podCIDRv6 ? [options.podCIDRv6] : [])],
          version: options.version ?? 'v1.36.0',
        },
        storageBytes: () => this.#storageBytes(),
        problem: () => this.#problem(),
        pressures: () => pressures.filter((pressure) => this.#eviction.has(pressure)),
        observed: () => options.informers.informer(resources.nodes).get(this.nodeName),
      },
      info,
    );
    // Registering and looking at what runs already do not wait for one another.
    const registered = this.#keeper.start();
    const adopted = await this.#adopt();
    await options.informers.synced();
    if (this.#stopped) return;
    this.#ends.push(
      podsOfNode(options.informers.informer(resources.pods), this.nodeName, {
        add: (pod) => this.#heard(pod),
        update: (pod) => this.#heard(pod),
        delete: (pod) => (isMirror(pod) ? this.#static?.mirrorChanged(pod, false) : this.#gone(uidOf(pod))),
      }),
    );
    await registered;
    if (this.#isSimulated) this.#sayDriversLater();
    else void this.#sayDrivers();
    await this.#startStaticPods();
    if (this.#stopped) return;
    this.#removeOrphans();
    if (!this.#isSimulated) this.#eviction.start();
    this.#listening = true;
    if (adopted) void this.#lookAgain().catch(() => {});
    if (this.#agent) void this.#removeRemains();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#recheck?.cancel();
    for (const end of [...this.#ends, ...this.#podEnds.values()]) end();
    this.#keeper?.stop();
    this.#static?.stop();
    this.#eviction.stop();
    for (const worker of this.#workers.values()) worker.stop();
    this.#context.probes.stop();
    this.#context.volumes.stop();
    this.#context.statuses.stop();
    this.#recorder.stop();
  }

  setAgent(agent: NodeAgent | undefined): void {
    if (this.#agent === agent) return;
    this.#agent = agent;
    if (agent) {
      void agent.closed.then(() => {
        if (this.#agent === agent) this.setAgent(undefined);
      });
      for (const worker of this.#workers.values()) worker.poke();
      if (this.#listening) void this.#removeRemains();
    }
    this.#keeper?.changed();
  }

  get #isSimulated(): boolean {
    return this.#context.machine.runtimeName === 'simulated';
  }

  async #needAgent(): Promise<NodeAgent> {
    if (!this.#agent) throw new Error(`the agent of node ${this.nodeName} cannot be reached`);
    return this.#agent;
  }

  #problem(): string | undefined {
    if (this.#runtimeProblem !== undefined) return `container runtime is down: ${this.#runtimeProblem}`;
    if (!this.#isSimulated && !this.#agent) return "the node's agent cannot be reached";
    return undefined;
  }

  async #storageBytes(): Promise<number> {
    if (this.options.storageBytes) return this.options.storageBytes();
    if (this.#isSimulated) return simulatedStorage;
    const { blocks, bsize } = await statfs(os.homedir());
    return blocks * bsize;
  }

  async #reachRuntime(): Promise<RuntimeInfo> {
    for (;;) {
      try {
        return await this.options.runtime.info();
      } catch (error) {
        if (this.#stopped) throw error;
        this.#log.warn('the container runtime cannot be reached yet', { node: this.nodeName, error: messageOf(error) });
        await this.options.clock.sleep(recheckMs);
      }
    }
  }

  /** Finds what an earlier kubelet of this node has left running: it is kept. Resolves whether there is any. */
  async #adopt(): Promise<boolean> {
    const { runtime } = this.options;
    const [sandboxes, containers] = await Promise.all([runtime.listSandboxes({ node: this.nodeName }), runtime.listContainers({ node: this.nodeName })]);
    const podOf = new Map<string, string>();
    const seeds = new Map<string, { sandboxes: typeof sandboxes; containers: typeof containers }>();
    const seedOf = (uid: string) => {
      let seed = seeds.get(uid);
      if (!seed) seeds.set(uid, (seed = { sandboxes: [], containers: [] }));
      return seed;
    };
    for (const sandbox of sandboxes) {
      podOf.set(sandbox.id, sandbox.uid);
      seedOf(sandbox.uid).sandboxes.push(sandbox);
      // Before any new pod gets an address.
      if (sandbox.ip && sandbox.state === 'ready') this.#context.addresses.adopt(sandbox.ip, sandbox.uid);
    }
    for (const container of containers) {
      const uid = podOf.get(container.sandboxId);
      if (uid) seedOf(uid).containers.push(container);
      else await runtime.removeContainer(container.id);
    }
    for (const [uid, seed] of seeds) this.#seeds.set(uid, runtimeStatusOf(seed.sandboxes, seed.containers));
    return seeds.size > 0;
  }

  /** What has changed between the adoption and the moment when its pod was known: nobody listened to its events yet. */
  async #lookAgain(): Promise<void> {
    const { runtime } = this.options;
    const [sandboxes, containers] = await Promise.all([runtime.listSandboxes({ node: this.nodeName }), runtime.listContainers({ node: this.nodeName })]);
    const states = new Map([...sandboxes, ...containers].map(({ id, state }) => [id, state]));
    for (const worker of this.#workers.values()) {
      const { sandboxes, containers } = worker.runtimeStatus;
      if ([...sandboxes, ...containers].some(({ id, state }) => states.get(id) !== state)) worker.runtimeChanged();
    }
  }

  async #startStaticPods(): Promise<void> {
    const { options } = this;
    const folder = options.manifests ?? (options.directory && !this.#isSimulated ? manifestFolder(path.join(options.directory, 'manifests')) : undefined);
    if (!folder) return;
    const pods = options.informers.informer(resources.pods);
    this.#static = new StaticPods({
      nodeName: this.nodeName,
      client: options.client,
      clock: options.clock,
      log: this.#log,
      folder,
      pods,
      onNode: () => podsNowOnNode(pods, this.nodeName),
      node: () => this.#keeper?.node,
      onPod: (pod) => this.#add(pod),
      onRemoved: (uid) => {
        this.#waiting.delete(uid);
        this.#workers.get(uid)?.removed();
      },
      onMirror: (uid) => this.#context.statuses.resend(uid),
    });
    await this.#static.start();
  }

  /** The API has a pod of this node. */
  #heard(pod: Pod): void {
    if (!isMirror(pod)) this.#add(pod);
    else this.#static?.mirrorChanged(pod, true);
  }

  #gone(uid: string): void {
    this.#waiting.delete(uid);
    this.#workers.get(uid)?.gone();
  }

  #add(pod: Pod): void {
    if (this.#stopped) return;
    const uid = uidOf(pod);
    const known = this.#workers.get(uid);
    if (known) return known.update(pod);
    const waiting = this.#waiting.get(uid);
    if (waiting && !pod.metadata?.deletionTimestamp) {
      waiting.pod = pod;
      if (waiting.victims.some(({ isActive }) => isActive)) return;
    }
    this.#waiting.delete(uid);
    const verdict = this.#judge(pod, this.#seeds.get(uid) ?? emptyStatus);
    if (verdict === 'waits') return;
    const seed = this.#seeds.get(uid) ?? { ...emptyStatus };
    this.#seeds.delete(uid);
    const off = changesOf(this.options.runtime).onPod(uid, () => this.#workers.get(uid)?.runtimeChanged());
    const events = {
      onFinished: () => {
        off();
        this.#podEnds.delete(uid);
        this.#workers.delete(uid);
        this.#static?.ended(uid);
      },
      onRoom: () => {
        for (const { pod: critical } of [...this.#waiting.values()]) this.#add(critical);
        this.#retryResizes();
      },
    };
    const worker = new PodWorker(this.#context, pod, seed, events, verdict);
    this.#podEnds.set(uid, off);
    this.#workers.set(uid, worker);
  }

  /** Whether the node takes the pod; what runs or has ended already is not asked. */
  #judge(pod: Pod, seed: RuntimeStatus): Rejection | 'waits' | undefined {
    const { allocation } = this.#context;
    if (isTerminalPhase(pod.status?.phase)) return undefined;
    if (seed.sandboxes.length === 0 && !pod.metadata?.deletionTimestamp) {
      const rejection = this.#eviction.judge(pod) ?? allocation.add(pod);
      return rejection?.shortages && isCritical(pod) ? this.#makeRoom(pod, rejection.shortages) : rejection;
    }
    allocation.adopt(pod);
    return undefined;
  }

  /** Mirrors pkg/kubelet/preemption/preemption.go (HandleAdmissionFailure). */
  #makeRoom(critical: Pod, shortages: Shortage[]): Rejection | 'waits' {
    const { allocation, counters } = this.#context;
    const running = [...this.#workers.values()].filter(({ stage, rejection }) => stage === 'syncing' && !rejection);
    try {
      const chosen = new Set(podsToPreempt(critical, running.map(({ pod }) => allocation.allocatedPod(pod)), shortages).map(uidOf));
      const victims = running.filter(({ pod }) => chosen.has(uidOf(pod)));
      this.#waiting.set(uidOf(critical), { pod: critical, victims });
      const signal = shortages[0]!.name;
      counters.preemptions.set(signal, (counters.preemptions.get(signal) ?? 0) + victims.length);
      for (const victim of victims) victim.preempt();
      return 'waits';
    } catch (error) {
      return { reason: 'UnexpectedAdmissionError', message: `Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: ${messageOf(error)}` };
    }
  }

  /** First those that ask for no more than they have, then by priority, class and time. Mirrors allocation_manager.go (sortPendingResizes). */
  #retryResizes(): void {
    if (this.#stopped) return;
    const waiting = [...this.#workers.values()].filter((worker) => worker.hasPendingResize);
    const { allocation } = this.#context;
    const more = ({ pod }: PodWorker) => Number(allocation.asksForMore(pod));
    const priority = ({ pod }: PodWorker) => pod.spec?.priority ?? 0;
    const guaranteed = ({ pod }: PodWorker) => Number(qosClassOf(pod) === 'Guaranteed');
    const since = (worker: PodWorker) => Date.parse(worker.status()?.conditions?.find(({ type }) => type === 'PodResizePending')?.lastTransitionTime ?? '') || Number.MAX_SAFE_INTEGER;
    for (const worker of waiting.sort((a, b) => more(a) - more(b) || priority(b) - priority(a) || guaranteed(b) - guaranteed(a) || since(a) - since(b))) worker.tryResize();
  }

  /** Pods that were deleted while no kubelet was there: what runs of them, and what they have left in volumes. */
  #removeOrphans(): void {
    const { runtime } = this.options;
    const { volumes, addresses } = this.#context;
    for (const [uid, status] of this.#seeds) {
      this.#seeds.delete(uid);
      removeOrphan(runtime, this.#log, uid, status)
        .then(() => addresses.release(uid))
        .then(() => volumes.removeRemains(uid))
        .catch((error: unknown) => this.#log.warn('what is left of a deleted pod could not be removed', { uid, error: messageOf(error) }));
    }
  }

  /** Of simulated nodes there may be a thousand, and nothing on them waits for it: they do not all say it during the start. */
  #sayDriversLater(): void {
    const { clock, random } = this.options;
    const timer = clock.setTimer(quietStart + random.next() * spread, () => void this.#sayDrivers());
    this.#ends.push(() => timer.cancel());
  }

  async #sayDrivers(): Promise<void> {
    const uid = this.#keeper?.node?.metadata?.uid;
    if (!uid) return;
    try {
      await ensureCSINode(this.options.client, this.nodeName, uid);
    } catch (error) {
      this.#log.warn('the CSI drivers of the node could not be told', { error: messageOf(error) });
    }
  }

  /** Once the node's files can be reached: those of pods that are no more, and whose containers are gone already. */
  async #removeRemains(): Promise<void> {
    const { runtime } = this.options;
    const { volumes } = this.#context;
    try {
      for (const uid of await volumes.podsWithRemains()) {
        if (this.#workers.has(uid) || (await runtime.listSandboxes({ podUid: uid })).length > 0) continue;
        this.#log.info('removing the volumes of a pod that was deleted', { uid });
        await volumes.removeRemains(uid);
      }
    } catch (error) {
      this.#log.warn('the volumes of deleted pods could not be looked for', { error: messageOf(error) });
    }
  }

  /** Events may have been missed, because the runtime was away or still is. */
  async #afterGap(): Promise<void> {
    this.#recheck?.cancel();
    try {
      await this.options.runtime.listSandboxes({ node: this.nodeName });
      this.#setRuntimeProblem(undefined);
      for (const worker of this.#workers.values()) worker.runtimeChanged();
    } catch (error) {
      if (this.#stopped) return;
      this.#setRuntimeProblem(messageOf(error));
      this.#recheck = this.options.clock.setTimer(recheckMs, () => void this.#afterGap());
    }
  }

  #setRuntimeProblem(problem: string | undefined): void {
    if ((this.#runtimeProblem === undefined) === (problem === undefined)) return;
    this.#runtimeProblem = problem;
    this.#log.info(problem === undefined ? 'the container runtime is back' : 'the container runtime is away', { node: this.nodeName, ...(problem ? { problem } : {}) });
    this.#keeper?.changed();
  }
}

