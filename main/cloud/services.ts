import { pipeline, type Duplex } from 'node:stream';
import type { LoadBalancerIngress, Service, ServicePort } from '../api/index.ts';
import { keyOf, splitKey } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { resources, WorkQueue, type Client, type EventRecorder, type Informer } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import { portProblem, type HostListen, type HostListener } from './hostPorts.ts';

const address = '127.0.0.1';
const finalizer = 'service.kubernetes.io/load-balancer-cleanup';
/** How long a port that was taken is left alone before it is tried again. */
const retryMs = 15_000;

/** Opens a connection from inside the cluster; undefined while no node can. */
export type Dial = (host: string | 'node', port: number) => Promise<Duplex> | undefined;

export interface ServiceCloudOptions {
  client: Client;
  services: Informer<Service>;
  recorder: EventRecorder;
  dial: Dial;
  listen: HostListen;
  clock: Clock;
  log: Logger;
}

interface Opening {
  /** What it stands for, so that a change of it opens the port anew. */
  target: string;
  listener?: HostListener;
  problem?: string;
}

/**
 * The load balancer and the node addresses of a cluster that lives in this computer: ports of 127.0.0.1 that lead into
 * the cluster, for Services of type LoadBalancer and for node ports.
 * Status, finalizer and events as staging/src/k8s.io/cloud-provider/controllers/service/controller.go.
 */
export class ServiceCloud {
  readonly #queue: WorkQueue;
  /** By service key, then by port of this computer. */
  readonly #open = new Map<string, Map<number, Opening>>();
  /** Which Service holds a port of this computer. */
  readonly #holders = new Map<number, string>();
  readonly #told = new Map<string, string>();
  #end: () => void = () => {};

  constructor(private readonly options: ServiceCloudOptions) {
    this.#queue = new WorkQueue(options.clock, { log: options.log });
  }

  start(): void {
    const add = (service: Service) => this.#queue.add(keyOf(service));
    this.#end = this.options.services.on({ add, update: (_, service) => add(service), delete: add });
    void this.#queue.run(1, (key) => this.#sync(key));
  }

  async stop(): Promise<void> {
    this.#end();
    await this.#queue.stop();
    for (const key of [...this.#open.keys()]) this.#closeAll(key);
  }

  async #sync(key: string): Promise<void> {
    const service = this.options.services.get(key);
    if (!service) {
      this.#closeAll(key);
      this.#told.delete(key);
      return;
    }
    const balanced = wantsLoadBalancer(service) && !service.metadata!.deletionTimestamp;
    const had = service.metadata!.finalizers?.includes(finalizer) ?? false;
    if (balanced && !had) {
      this.options.recorder.event(withKind(service), 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer');
      await this.#setFinalizers(service, [...(service.metadata!.finalizers ?? []), finalizer]);
    }
    const problems = await this.#openPorts(key, service, balanced);
    if (problems.length > 0) this.#queue.addAfter(key, retryMs);
    if (balanced) problems.push(...notCarried(service));
    this.#tell(key, service, balanced, problems);

    // As long as a port is missing the load balancer is not there.
    const works = balanced && problems.every(({ balancer }) => !balancer);
    const previous = service.status?.loadBalancer?.ingress ?? [];
    const ingress: LoadBalancerIngress[] = works ? [{ ip: address, ipMode: 'Proxy' }] : [];
    const ours = previous.length === 0 || (previous.length === 1 && previous[0]!.ip === address);
    if (
      (balanced || had) &&
      ours &&
      JSON.stringify(previous.map(({ ip, ipMode }) => ({ ip, ipMode }))) !== JSON.stringify(ingress)
    ) {
      await this.#patch(
        service,
        { status: { loadBalancer: { ingress: ingress.length > 0 ? ingress : null } } },
        'status',
      );
      if (works)
        this.options.recorder.event(withKind(service), 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer');
    }
    if (!balanced && had) {
      this.options.recorder.event(withKind(service), 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer');
      await this.#setFinalizers(
        service,
        service.metadata!.finalizers!.filter((name) => name !== finalizer),
      );
      this.options.recorder.event(withKind(service), 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer');
    }
  }

  /** Makes the open ports those that the Service asks for. Returns which could not be opened, and why. */
  async #openPorts(key: string, service: Service, balanced: boolean): Promise<{ balancer: boolean; text: string }[]> {
    const wanted = wantedPorts(service, balanced);
    const open = this.#open.get(key) ?? new Map<number, Opening>();
    this.#open.set(key, open);
    for (const [port, opening] of open) if (wanted.get(port)?.target !== opening.target) this.#close(key, port);
    const problems: { balancer: boolean; text: string }[] = [];
    for (const [port, { target, balancer, connect }] of wanted) {
      if (open.get(port)?.listener) continue;
      const opening: Opening = { target };
      open.set(port, opening);
      const holder = this.#holders.get(port);
      if (holder !== undefined && holder !== key)
        opening.problem = `port ${port} of this computer is taken by Service ${holder}`;
      else
        try {
          opening.listener = await this.options.listen(address, port, (connection) =>
            this.#forward(connection, connect),
          );
          this.#holders.set(port, key);
        } catch (error) {
          opening.problem = portProblem(port, error);
        }
      if (opening.problem !== undefined) problems.push({ balancer, text: opening.problem });
    }
    if (open.size === 0) this.#open.delete(key);
    return problems;
  }

  #forward(connection: Duplex, { host, port }: { host: string; port: number }): void {
    // Nothing is read before the other end is there.
    connection.pause();
    const dialing = this.options.dial(host, port);
    if (!dialing) return void connection.destroy();
    dialing.then(
      (inside) => join(connection, inside),
      (error: unknown) => {
        this.options.log.debug('a connection could not be made', { host, port, error: String(error) });
        connection.destroy();
      },
    );
  }

  #tell(key: string, service: Service, balanced: boolean, problems: { text: string }[]): void {
    const text = problems.map((problem) => problem.text).join('; ');
    if ((this.#told.get(key) ?? '') === text) return;
    this.#told.set(key, text);
    if (text === '') return;
    if (balanced)
      this.options.recorder.event(
        withKind(service),
        'Warning',
        'SyncLoadBalancerFailed',
        `Error syncing load balancer: failed to ensure load balancer: ${text}`,
      );
    else
      this.options.recorder.event(
        withKind(service),
        'Warning',
        'NodePortUnavailable',
        `The node port cannot be reached at ${address}: ${text}`,
      );
  }

  #closeAll(key: string): void {
    for (const port of [...(this.#open.get(key)?.keys() ?? [])]) this.#close(key, port);
    this.#open.delete(key);
  }

  #close(key: string, port: number): void {
    const open = this.#open.get(key);
    open?.get(port)?.listener?.close();
    open?.delete(port);
    if (this.#holders.get(port) !== key) return;
    this.#holders.delete(port);
    // Another Service may wait for it.
    for (const [other, openings] of this.#open) if (openings.get(port)?.problem !== undefined) this.#queue.add(other);
  }

  async #setFinalizers(service: Service, finalizers: string[]): Promise<void> {
    // The revision keeps another's finalizer from being lost.
    const { resourceVersion } = service.metadata!;
    await this.#patch(service, { metadata: { finalizers, resourceVersion } });
  }

  async #patch(service: Service, patch: unknown, subresource?: string): Promise<void> {
    const { namespace, name } = splitKey(keyOf(service));
    const because = this.options.client.because(service.metadata!.resourceVersion);
    try {
      await because.of(resources.services).patch(namespace, name, 'merge', patch, subresource ? { subresource } : {});
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function withKind(service: Service): Service & { kind: string } {
  return { ...service, apiVersion: 'v1', kind: 'Service' };
}

/** A class names somebody else who balances. */
function wantsLoadBalancer({ spec }: Service): boolean {
  return spec?.type === 'LoadBalancer' && spec.loadBalancerClass === undefined;
}

/** Ports of a load balancer that are not TCP: others of the same Service work all the same. */
function notCarried({ spec }: Service): { balancer: boolean; text: string }[] {
  const ports = spec?.ports ?? [];
  const isTcp = (port: ServicePort) => (port.protocol ?? 'TCP') === 'TCP';
  return ports
    .filter((port) => !isTcp(port))
    .map(({ protocol, port }) => ({
      balancer: !ports.some(isTcp),
      text: `${protocol} port ${port} of this computer cannot lead into the cluster, only TCP ports can`,
    }));
}

interface WantedPort {
  target: string;
  /** Whether the load balancer needs it, or it is a node port. */
  balancer: boolean;
  connect: { host: string; port: number };
}

/** By port of this computer. Only TCP can be tunnelled. */
function wantedPorts(service: Service, balanced: boolean): Map<number, WantedPort> {
  const wanted = new Map<number, WantedPort>();
  const { spec } = service;
  const add = (port: number, balancer: boolean, host: string, inside: number) =>
    wanted.set(port, { target: `${host}:${inside}`, balancer, connect: { host, port: inside } });
  if (service.metadata!.deletionTimestamp || !spec || (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer'))
    return wanted;
  for (const port of spec.ports ?? []) {
    if ((port.protocol ?? 'TCP') !== 'TCP') continue;
    if (port.nodePort) add(port.nodePort, false, 'node', port.nodePort);
    if (balanced) add(port.port, true, ...insideOf(spec.clusterIP, port));
  }
  return wanted;
}

/** Node ports obey externalTrafficPolicy, as a cloud's load balancer would have it. */
function insideOf(clusterIP: string | undefined, port: ServicePort): [host: string, port: number] {
  return port.nodePort ? ['node', port.nodePort] : [clusterIP ?? '', port.port];
}

/** Each direction ends by itself; when one connection breaks, so does the other. */
function join(a: Duplex, b: Duplex): void {
  const broken = (error?: Error | null) => {
    if (!error) return;
    a.destroy();
    b.destroy();
  };
  pipeline(a, b, broken);
  pipeline(b, a, broken);
}
