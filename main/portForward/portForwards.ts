import type { Duplex } from 'node:stream';
import type { ForwardProblem, ForwardRequest, PortForward } from '../../preload/contract.ts';
import type { Pod } from '../api/index.ts';
import type { Selector } from '../api/labels.ts';
import { keyOf, resourcePath, type KubeObject } from '../api/meta.ts';
import { isDns1123Label, isDns1123Subdomain } from '../api/names.ts';
import { resources, type Client, type Informer, type InformerFactory } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import { breakOff, join } from '../util/join.ts';
import type { Logger } from '../util/log.ts';
import { listenAt, listenNear, type Listen, type Listening } from './localPorts.ts';
import { best, fitness, problemOf, targetKind, type TargetKind } from './targets.ts';

export interface PortForwardsOptions {
  client: Client;
  /** Of the whole process: the pods and objects that forwards follow. */
  informers: InformerFactory;
  /** Opens a connection to a port of a pod by the API server's `portforward`; `path` is that subresource's. */
  connect(path: string, port: number, signal: AbortSignal): Promise<Duplex>;
  listen: Listen;
  /** Why a port could not be opened, for people. */
  portProblem(port: number, error: unknown): string;
  clock: Clock;
  log: Logger;
}

/** A forward at work. */
interface Entry {
  id: number;
  request: ForwardRequest;
  kind: TargetKind;
  localPort: number;
  listening: Listening;
  /** The Service or workload as it is now; undefined when it is gone. */
  object: KubeObject | undefined;
  /** The pod that the next connection goes to. */
  pod: Pod | undefined;
  problem: ForwardProblem | undefined;
  /** Ends following the object. */
  unfollow(): void;
  /** Connections that wait for a pod. */
  waiting: Set<() => void>;
}

const most = 100;
/** A pod that is being replaced is waited for so long, in milliseconds, before a connection is broken off. */
const patience = 10_000;
/** How many pods a connection tries. */
const pods = 3;

/** The forwards of an engine. */
export class PortForwards {
  readonly #entries = new Map<number, Entry>();
  readonly #listeners = new Set<() => void>();
  readonly #pods: Informer<Pod>;
  #unfollowPods: (() => void) | undefined;
  #next = 1;

  constructor(private readonly options: PortForwardsOptions) {
    this.#pods = options.informers.informer(resources.pods);
  }

  get list(): PortForward[] {
    return [...this.#entries.values()].map(stateOf);
  }

  /** Calls `listener` whenever `list` is another. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Rejects, in words for people, where the object has no pods to forward to, or the port cannot be opened. */
  async start(request: ForwardRequest): Promise<PortForward> {
    const { namespace, name, resource, port } = request;
    const kind = targetKind(resource);
    if (!kind) throw new Error(`ports of ${JSON.stringify(resource.slice(0, 80))} cannot be forwarded`);
    if (isDns1123Label(namespace).length > 0 || isDns1123Subdomain(name).length > 0) throw new Error('not a name of an object');
    if (this.#entries.size >= most) throw new Error(`more than ${most} ports are forwarded`);
    const object = await this.options.client.of(kind.def).get(namespace, name);
    kind.check?.(object, port);

    const id = this.#next++;
    const { localPort, listening } = await this.#open(request, (socket) => {
      const entry = this.#entries.get(id);
      if (entry) void this.#serve(entry, socket);
      else socket.destroy();
    });
    const entry: Entry = { id, request, kind, localPort, listening, object, pod: undefined, problem: undefined, unfollow: () => {}, waiting: new Set() };
    this.#unfollowPods ??= this.#pods.on({ add: (pod) => this.#onPod(pod), update: (_, pod) => this.#onPod(pod), delete: (pod) => this.#onPodGone(pod) });
    if (kind.def !== resources.pods) entry.unfollow = this.#follow(entry);
    this.#look(entry);
    this.#entries.set(id, entry);
    this.options.log.info('a port is forwarded', { localPort, resource, namespace, name, port });
    this.#tell();
    return stateOf(entry);
  }

  /** Ends its connections too; nothing happens where there is no such forward. */
  stop(id: number): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    entry.unfollow();
    entry.listening.close();
    if (this.#entries.size === 0) {
      this.#unfollowPods?.();
      this.#unfollowPods = undefined;
    }
    this.options.log.info('a port is forwarded no longer', { localPort: entry.localPort });
    this.#tell();
  }

  stopAll(): void {
    for (const id of [...this.#entries.keys()]) this.stop(id);
  }

  /** A port of 127.0.0.1 that is free now. */
  async freePort(near: number): Promise<number> {
    const { port, listening } = await listenNear(this.options.listen, near, (socket) => socket.destroy());
    listening.close();
    return port;
  }

  async #open({ port, localPort }: ForwardRequest, onConnection: (socket: Duplex) => void): Promise<{ localPort: number; listening: Listening }> {
    const { listen, portProblem } = this.options;
    const ours = [...this.#entries.values()].find((entry) => entry.localPort === localPort)?.request;
    if (ours) throw new Error(`port ${localPort} already leads to port ${ours.port} of ${ours.resource} ${ours.namespace}/${ours.name}`);
    try {
      if (localPort !== undefined) return { localPort, listening: await listenAt(listen, localPort, onConnection) };
      const found = await listenNear(listen, port, onConnection);
      return { localPort: found.port, listening: found.listening };
    } catch (error) {
      throw new Error(portProblem(localPort ?? port, error), { cause: error });
    }
  }

  async #serve(entry: Entry, socket: Duplex): Promise<void> {
    const gone = new AbortController();
    socket.once('close', () => gone.abort());
    const tried = new Set<string>();
    let problem: ForwardProblem | undefined;
    while (tried.size < pods && !gone.signal.aborted) {
      const pod = tried.size === 0 ? (entry.pod ?? (await this.#awaitPod(entry, gone.signal))) : this.#choose(entry, tried);
      if (!pod) break;
      tried.add(pod.metadata!.uid!);
      const outcome = await this.#connect(entry, pod, gone.signal);
      if (!('connection' in outcome)) {
        problem = outcome;
        continue;
      }
      if (gone.signal.aborted) return void outcome.connection.destroy();
      join(socket, outcome.connection);
      return this.#came(entry, pod, tried.size > 1);
    }
    if (gone.signal.aborted) return;
    breakOff(socket);
    if (problem && entry.pod) this.#note(entry, entry.pod, problem);
  }

  /** A connection came through. In the meantime the pod may have gone again, or another have been chosen. */
  #came(entry: Entry, to: Pod, instead: boolean): void {
    const now = this.#pods.get(keyOf(to));
    const pod = instead && now && fitness(now) > 0 ? now : entry.pod;
    if (pod) this.#note(entry, pod, undefined);
  }

  async #connect(entry: Entry, pod: Pod, signal: AbortSignal): Promise<{ connection: Duplex } | ForwardProblem> {
    const port = portIn(entry, pod);
    if (port === undefined) return noPort(entry, pod);
    const { namespace, name } = pod.metadata!;
    try {
      return { connection: await this.options.connect(resourcePath(resources.pods, namespace, name, 'portforward'), port, signal) };
    } catch (error) {
      this.options.log.debug('a forwarded connection failed', { localPort: entry.localPort, pod: name, error: String(error) });
      return problemOf(error);
    }
  }

  /** A pod that is on its way, such as one in the place of another. */
  async #awaitPod(entry: Entry, signal: AbortSignal): Promise<Pod | undefined> {
    const come = new AbortController();
    const wake = () => come.abort();
    entry.waiting.add(wake);
    await this.options.clock.sleep(patience, AbortSignal.any([come.signal, signal])).catch(() => {});
    entry.waiting.delete(wake);
    return entry.pod;
  }

  #follow(entry: Entry): () => void {
    const { namespace, name } = entry.request;
    const see = (object: KubeObject, now: KubeObject | undefined) => {
      if (object.metadata?.name !== name || object.metadata.namespace !== namespace) return;
      entry.object = now;
      this.#look(entry);
    };
    return this.options.informers.informer(entry.kind.def).on({ add: (object) => see(object, object), update: (_, object) => see(object, object), delete: (object) => see(object, undefined) });
  }

  #selectorOf({ object, kind }: Entry): Selector | undefined {
    return object && kind.selects(object);
  }

  #isOf(entry: Entry, pod: Pod): boolean {
    const { namespace, name } = entry.request;
    if (pod.metadata?.namespace !== namespace) return false;
    if (entry.kind.def === resources.pods) return pod.metadata.name === name;
    return this.#selectorOf(entry)?.matches(pod.metadata.labels ?? {}) ?? false;
  }

  /** The best pod; of equals the one whose name comes first, so that it is the same tomorrow. */
  #choose(entry: Entry, without: ReadonlySet<string> = new Set()): Pod | undefined {
    const { namespace, name } = entry.request;
    let candidates: Pod[];
    if (entry.kind.def === resources.pods) candidates = [this.#pods.get(`${namespace}/${name}`)].filter((pod) => pod !== undefined);
    else {
      const selector = this.#selectorOf(entry);
      candidates = selector ? this.#pods.list(namespace).filter((pod) => selector.matches(pod.metadata?.labels ?? {})) : [];
    }
    let chosen: Pod | undefined;
    for (const pod of candidates) {
      if (fitness(pod) === 0 || without.has(pod.metadata!.uid!)) continue;
      if (!chosen || fitness(pod) > fitness(chosen) || (fitness(pod) === fitness(chosen) && pod.metadata!.name! < chosen.metadata!.name!)) chosen = pod;
    }
    return chosen;
  }

  /** Chooses anew. */
  #look(entry: Entry): void {
    this.#lead(entry, this.#choose(entry));
  }

  /** From now on to this pod. What broke the last connection may break the next as well: it stands until one comes through. */
  #lead(entry: Entry, pod: Pod | undefined): void {
    const { problem } = entry;
    const lasting = problem?.reason === 'refused' || problem?.reason === 'failed' ? problem : undefined;
    if (!pod) this.#note(entry, undefined, this.#absence(entry));
    else this.#note(entry, pod, portIn(entry, pod) === undefined ? noPort(entry, pod) : lasting);
  }

  #absence(entry: Entry): ForwardProblem {
    const { request, kind } = entry;
    const isPod = kind.def === resources.pods;
    const object = isPod ? this.#pods.get(`${request.namespace}/${request.name}`) : entry.object;
    if (!object) return { reason: 'missing', message: `${kind.def.resource} ${JSON.stringify(request.name)} not found` };
    return { reason: 'noPod', message: isPod ? `pod ${request.name} is not running: it is ${(object as Pod).status?.phase ?? 'unknown'}` : `no pod of ${request.name} is running` };
  }

  /** Most changes of pods concern no forward: they cost a comparison each, however many pods there are. */
  #onPod(pod: Pod): void {
    for (const entry of this.#entries.values()) {
      if (entry.pod && keyOf(entry.pod) === keyOf(pod)) {
        if (fitness(pod) >= fitness(entry.pod) && this.#isOf(entry, pod)) entry.pod = pod;
        else this.#look(entry);
      } else if ((!entry.pod || fitness(entry.pod) < best) && this.#isOf(entry, pod)) {
        if (fitness(pod) > (entry.pod ? fitness(entry.pod) : 0)) this.#lead(entry, pod);
        else if (!entry.pod) this.#lead(entry, undefined);
      }
    }
  }

  #onPodGone(pod: Pod): void {
    for (const entry of this.#entries.values()) if (entry.request.namespace === pod.metadata?.namespace && (entry.pod ? keyOf(entry.pod) === keyOf(pod) : this.#isOf(entry, pod))) this.#look(entry);
  }

  #note(entry: Entry, pod: Pod | undefined, problem: ForwardProblem | undefined): void {
    const changed = entry.pod?.metadata?.name !== pod?.metadata?.name || entry.problem?.reason !== problem?.reason || entry.problem?.message !== problem?.message;
    entry.pod = pod;
    entry.problem = problem;
    if (pod) for (const wake of entry.waiting) wake();
    if (changed && this.#entries.has(entry.id)) this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

const stateOf = ({ id, request, localPort, pod, problem }: Entry): PortForward => ({
  id,
  resource: request.resource,
  namespace: request.namespace,
  name: request.name,
  port: request.port,
  localPort,
  ...(pod ? { pod: pod.metadata!.name! } : {}),
  ...(problem ? { problem } : {}),
});

const portIn = ({ object, kind, request }: Entry, pod: Pod): number | undefined => object && kind.portOf(object, pod, request.port);

function noPort({ request, kind }: Entry, pod: Pod): ForwardProblem {
  return { reason: 'noPort', message: `port ${request.port} of ${kind.def.resource} ${JSON.stringify(request.name)} leads to no port of pod ${JSON.stringify(pod.metadata?.name)}` };
}
