import type { Duplex } from 'node:stream';
import type { Condition, EndpointSlice, LoadBalancerIngress, Service } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { keyOf, splitKey, timestamp } from '../api/meta.ts';
import type { AddressFamily } from '../api/serviceAddress.ts';
import { isNotFound } from '../api/status.ts';
import { resources, WorkQueue, type Client, type EventRecorder, type Informer } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import { breakOff, join } from '../util/join.ts';
import type { Logger } from '../util/log.ts';
import { portProblem, type HostListen, type HostListener, type Protocol } from './hostPorts.ts';
import { isAllowedSource, loopback, nodesWithEndpoints, notCarried, wantedPorts, type WantedPort } from './targets.ts';

/** Condition of a Service whose ports a load balancer cannot have (core/v1 LoadBalancerPortsError). */
const portsError = 'LoadBalancerPortsError';
const finalizer = 'service.kubernetes.io/load-balancer-cleanup';
/** How long a port that was taken is left alone before it is tried again. */
const retryMs = 15_000;

export interface Target {
  protocol: Protocol;
  /** `node`: a node's own address of that family. */
  host: string;
  family: AddressFamily;
  port: number;
  /** The nodes that will do; undefined: any. */
  nodes: ReadonlySet<string> | undefined;
  /** Always the same node, as long as it can be: it remembers which endpoint its client had. */
  sticky: boolean;
}

/** Opens a connection from inside the cluster; undefined while no node can. */
export type Dial = (target: Target) => Promise<Duplex> | undefined;

export interface ServiceCloudOptions {
  client: Client;
  services: Informer<Service>;
  slicesOf(key: string): EndpointSlice[];
  recorder: EventRecorder;
  dial: Dial;
  listen: Record<Protocol, HostListen>;
  clock: Clock;
  log: Logger;
}

interface Opening {
  /** What it stands for; a change of where it leads opens the port anew. */
  wanted: WantedPort;
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
  readonly #open = new Map<string, Map<string, Opening>>();
  /** Which Service holds a port of this computer. */
  readonly #holders = new Map<string, string>();
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
    const ingress: LoadBalancerIngress[] = works ? this.#addresses(key).map((ip) => ({ ip, ipMode: 'Proxy' })) : [];
    if (balanced || had) await this.#writeStatus(service, ingress, balanced ? problems : []);
    if (!balanced && had) {
      this.options.recorder.event(withKind(service), 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer');
      await this.#setFinalizers(
        service,
        service.metadata!.finalizers!.filter((name) => name !== finalizer),
      );
      this.options.recorder.event(withKind(service), 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer');
    }
  }

  /** Where the load balancer of a Service is found: not where this computer has no such address. */
  #addresses(key: string): string[] {
    const open = [...(this.#open.get(key)?.values() ?? [])];
    return Object.values(loopback).filter((ip) => open.some(({ wanted, listener }) => listener && wanted.balancer && wanted.address === ip));
  }

  /** Says at which address the load balancer is, or why it is not; what another balancer wrote stays. */
  async #writeStatus(service: Service, ingress: LoadBalancerIngress[], problems: { text: string }[]): Promise<void> {
    const status: Record<string, unknown> = {};
    const previous = service.status?.loadBalancer?.ingress ?? [];
    const ours = previous.every(({ ip }) => ip === loopback.IPv4 || ip === loopback.IPv6);
    const moved = ours && !equalJson(previous.map(({ ip, ipMode }) => ({ ip, ipMode })), ingress);
    if (moved) status.loadBalancer = { ingress: ingress.length > 0 ? ingress : null };
    const before = service.status?.conditions ?? [];
    const conditions = [...before.filter(({ type }) => type !== portsError), ...this.#portsCondition(service, problems)];
    if (!equalJson(before, conditions)) status.conditions = conditions;
    if (Object.keys(status).length === 0) return;
    await this.#patch(service, { status }, 'status');
    if (moved && ingress.length > 0) this.options.recorder.event(withKind(service), 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer');
  }

  #portsCondition(service: Service, problems: { text: string }[]): Condition[] {
    if (problems.length === 0) return [];
    const known = service.status?.conditions?.find(({ type }) => type === portsError);
    const message = problems.map(({ text }) => text).join('; ');
    const lastTransitionTime = known?.lastTransitionTime ?? timestamp(this.options.clock.now());
    return [{ type: portsError, status: 'True', reason: 'PortUnavailable', message, lastTransitionTime }];
  }

  /** Makes the open ports those that the Service asks for. Returns which could not be opened, and why. */
  async #openPorts(key: string, service: Service, balanced: boolean): Promise<{ balancer: boolean; text: string }[]> {
    const wanted = wantedPorts(service, balanced);
    const open = this.#open.get(key) ?? new Map<string, Opening>();
    this.#open.set(key, open);
    for (const [name, opening] of open) if (!wanted.has(name) || targetOf(wanted.get(name)!) !== targetOf(opening.wanted)) this.#close(key, name);
    const problems: { balancer: boolean; text: string }[] = [];
    for (const [name, one] of wanted) {
      if (open.get(name)?.listener) continue;
      const opening: Opening = { wanted: one };
      open.set(name, opening);
      const holder = this.#holders.get(name);
      if (holder !== undefined && holder !== key)
        opening.problem = `port ${one.port} of this computer is taken by Service ${holder}`;
      else
        try {
          opening.listener = await this.options.listen[one.protocol](one.address, one.port, (connection, from) => this.#forward(connection, from, key, one));
          this.#holders.set(name, key);
        } catch (error) {
          // A computer without IPv6 has no such address; everything is found at the other.
          if (one.address === loopback.IPv6 && isNoAddress(error)) continue;
          opening.problem = portProblem(one.port, error);
        }
      if (opening.problem !== undefined) problems.push({ balancer: one.balancer, text: opening.problem });
    }
    if (open.size === 0) this.#open.delete(key);
    return problems;
  }

  #forward(connection: Duplex, from: string, key: string, { protocol, balancer, host, family, inside: port }: WantedPort): void {
    // Nothing is read before the other end is there.
    connection.pause();
    const service = this.options.services.get(key);
    if (!service || (balancer && !isAllowedSource(service, from))) return breakOff(connection);
    const nodes = service.spec?.externalTrafficPolicy === 'Local' ? nodesWithEndpoints(this.options.slicesOf(key)) : undefined;
    const dialing = this.options.dial({ protocol, host, family, port, nodes, sticky: service.spec?.sessionAffinity === 'ClientIP' });
    if (!dialing) return breakOff(connection);
    dialing.then(
      (inside) => join(connection, inside),
      (error: unknown) => {
        this.options.log.debug('a connection could not be made', { host, port, error: String(error) });
        breakOff(connection);
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
        `The node port cannot be reached at ${loopback.IPv4}: ${text}`,
      );
  }

  #closeAll(key: string): void {
    for (const port of [...(this.#open.get(key)?.keys() ?? [])]) this.#close(key, port);
    this.#open.delete(key);
  }

  #close(key: string, port: string): void {
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

/** A change of it opens the port anew. */
const targetOf = ({ host, family, inside }: WantedPort): string => `${host}:${family}:${inside}`;

const isNoAddress = (error: unknown): boolean => ['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes((error as NodeJS.ErrnoException).code ?? '');
