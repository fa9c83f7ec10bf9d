/**
 * The edge of the cluster: serves Ingresses and Gateways at ports of this computer. Routes are made of API objects
 * (ingress/, and routes/ for Gateway API), proxies carry the requests into the cluster (proxy/).
 */
import type { EndpointSlice, Ingress, IngressLoadBalancerIngress, Secret, Service } from '../api/index.ts';
import { EventRecorder, resources, WorkQueue, type Client, type InformerFactory } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import { loopback, loopbackAddresses } from './addresses.ts';
import { byService, serviceOfSlice } from './backends.ts';
import { buildIngressListeners, isOurs } from './ingress/buildRoutes.ts';
import { writeIngressStatus } from './ingress/status.ts';
import { byPrecedence } from './match.ts';
import type { Listener } from './model.ts';
import type { Dial } from './proxy/dialAgent.ts';
import { Listeners, placeOf, type Listen } from './proxy/listeners.ts';
import { RequestProxy } from './proxy/requestProxy.ts';
import { GatewayRoutes } from './routes/controller.ts';
import type { Plan } from './routes/plan.ts';

export type { Listen } from './proxy/listeners.ts';

export interface GatewayOptions {
  client: Client;
  informers: InformerFactory;
  /** Opens a connection from inside the cluster, from that node if it can be reached. */
  dial: Dial;
  /** Opens ports of this computer. */
  listen: Listen;
  /** Says which addresses are this computer's own. */
  platform: NodeJS.Platform;
  /** Why a port could not be opened, for people. */
  portProblem(port: number, error: unknown): string;
  /** The certificate for names that nobody has one for. */
  fallback: { certificate: string; key: string };
  clock: Clock;
  random: Random;
  log: Logger;
}

export interface Gateway {
  /** Closes every port. */
  stop(): Promise<void>;
}

/** Ports for Ingress, best first: another program or cluster may have the usual ones, or the system keep them back. */
const httpPorts = [80, 8080, 8081, 8082, 8083];
const httpsPorts = [443, 8443, 8444, 8445, 8446];
const everything = 'everything';
/** How many ports that others have are got out of the way of, at most. */
const mostMoves = 20;
/** How long a port that was taken is left alone before it is tried again. */
const retryMs = 15_000;

export function startGateway(options: GatewayOptions): Gateway {
  const controller = new GatewayController(options);
  controller.start();
  return controller;
}

class GatewayController implements Gateway {
  readonly #queue: WorkQueue;
  readonly #listeners: Listeners;
  readonly #proxy: RequestProxy;
  readonly #recorder: EventRecorder;
  readonly #routes: GatewayRoutes;
  readonly #ends: (() => void)[] = [];
  /** What was said of an Ingress last, so that it is said once. */
  readonly #told = new Map<string, string>();
  /** Ports that could not be had, and why. */
  readonly #refused = new Map<number, unknown>();
  #ports = { http: httpPorts[0]!, https: httpsPorts[0]! };

  constructor(private readonly options: GatewayOptions) {
    const { informers, client, clock, random, dial } = options;
    const log = options.log.child('gateway');
    const slices = informers.informer<EndpointSlice>(resources.endpointSlices);
    slices.addIndex(byService, serviceOfSlice);
    const backends = { services: informers.informer<Service>(resources.services), slices };
    this.#queue = new WorkQueue(clock, { log });
    this.#recorder = new EventRecorder(client, 'ingress-controller', clock, random, { log });
    this.#proxy = new RequestProxy({ backends, dial, clock, random, log });
    this.#listeners = new Listeners({ listen: options.listen, proxy: this.#proxy, backends, dial, random, log, fallback: options.fallback });
    this.#routes = new GatewayRoutes({ client, informers, clock, log, addresses: loopbackAddresses(options.platform), changed: () => this.#queue.add(everything) });
  }

  start(): void {
    const { informers } = this.options;
    const changed = () => this.#queue.add(everything);
    const handlers = { add: changed, update: changed, delete: changed };
    this.#ends.push(
      informers.informer(resources.ingresses).on({ ...handlers, delete: ({ metadata }) => (this.#told.delete(metadata!.uid!), changed()) }),
      informers.informer(resources.ingressClasses).on(handlers),
      informers.informer(resources.secrets).on({
        add: (secret) => void (isKeyPair(secret) && changed()),
        update: (old, secret) => void ((isKeyPair(old) || isKeyPair(secret)) && changed()),
        delete: (secret) => void (isKeyPair(secret) && changed()),
      }),
    );
    void this.#queue.run(1, () => this.#sync());
    void this.#routes.start();
  }

  async stop(): Promise<void> {
    for (const end of this.#ends) end();
    this.#routes.stop();
    await this.#queue.stop();
    this.#listeners.close();
    this.#proxy.close();
    this.#recorder.stop();
  }

  async #sync(): Promise<void> {
    const { informers, client } = this.options;
    const classes = informers.informer(resources.ingressClasses).list();
    const secrets = informers.informer(resources.secrets);
    const all = informers.informer(resources.ingresses).list();
    const ours = all.filter((ingress) => isOurs(ingress, classes) && !ingress.metadata!.deletionTimestamp);
    const { plan, ingress } = await this.#open(() => buildIngressListeners(ours, (key) => secrets.get(key), this.#ports));
    const opened = new Map([...plan.listeners, ...ingress].map((listener) => [placeOf(listener), listener.tls]));
    const isOpen = (port: number) => this.#listeners.isOpen(placeOf({ address: loopback, port }));

    const problems = new Map<string, string>();
    for (const [usual, port] of [[httpPorts[0]!, this.#ports.http], [httpsPorts[0]!, this.#ports.https]] as const) {
      const error = this.#refused.get(usual);
      if (error === undefined || !ours.length) continue;
      const instead = isOpen(port) ? `; port ${port} is used instead` : '';
      problems.set(String(usual), `${this.options.portProblem(usual, error)}${instead}`);
    }
    if (ours.length > 0 && !isOpen(this.#ports.http)) this.#queue.addAfter(everything, retryMs);
    if (plan.listeners.some((listener) => !this.#listeners.isOpen(placeOf(listener)))) this.#queue.addAfter(everything, retryMs);
    await this.#routes.report(plan, (at, tls) => {
      const place = placeOf(at);
      if (!this.#listeners.isOpen(place)) return this.options.portProblem(at.port, this.#listeners.problem(place));
      return opened.get(place) === tls ? undefined : `port ${at.port} is in use with another protocol`;
    });
    await Promise.all(
      ours.map(async (ingress) => {
        const tls = (ingress.spec?.tls?.length ?? 0) > 0;
        const ports = [this.#ports.http, ...(tls ? [this.#ports.https] : [])].filter(isOpen);
        const entries: IngressLoadBalancerIngress[] =
          ports.length > 0 ? [{ ip: loopback, ports: ports.map((port) => ({ port, protocol: 'TCP' })) }] : [];
        this.#tell(ingress, [problems.get('80'), tls ? problems.get('443') : undefined].filter(Boolean).join('; '));
        await writeIngressStatus(client.because(ingress.metadata!.resourceVersion), ingress, entries);
      }),
    );
  }

  /**
   * Opens what is wanted. Where a usual port for Ingresses cannot be had the next one is taken, and kept from then on; where
   * another program has a port of a Gateway's address, the Gateway moves to the next address.
   */
  async #open(build: () => Listener[]): Promise<{ ingress: Listener[]; plan: Plan }> {
    const taken = new Set<string>();
    for (;;) {
      const listeners = build();
      const plan = this.#routes.plan(taken);
      await this.#listeners.sync({ listeners: merge([...listeners, ...plan.listeners]) });
      const known = taken.size;
      for (const place of plan.listeners.map(placeOf)) if (isTaken(this.#listeners.problem(place))) taken.add(place);
      const next = (ports: readonly number[], current: number): number => {
        const error = listeners.some(({ port }) => port === current) ? this.#listeners.problem(placeOf({ address: loopback, port: current })) : undefined;
        if (error === undefined) return current;
        this.#refused.set(current, error);
        return ports[ports.indexOf(current) + 1] ?? current;
      };
      const ports = { http: next(httpPorts, this.#ports.http), https: next(httpsPorts, this.#ports.https) };
      if (ports.http === this.#ports.http && ports.https === this.#ports.https && (taken.size === known || taken.size > mostMoves)) return { ingress: listeners, plan };
      this.#ports = ports;
    }
  }

  #tell(ingress: Ingress, text: string): void {
    const key = ingress.metadata!.uid!;
    if ((this.#told.get(key) ?? '') === text) return;
    this.#told.set(key, text);
    if (text) this.#recorder.event({ ...ingress, apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' }, 'Warning', 'PortUnavailable', text);
  }
}

const isTaken = (problem: unknown): boolean => (problem as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE';

const isKeyPair = ({ type, data }: Secret): boolean => type === 'kubernetes.io/tls' || data?.['tls.crt'] !== undefined;

/** What several ask for at one port is served together. */
function merge(listeners: Listener[]): Listener[] {
  const byPort = new Map<string, Listener>();
  for (const listener of listeners) {
    const place = placeOf(listener);
    const known = byPort.get(place);
    if (!known) byPort.set(place, listener);
    else if (known.tls === listener.tls)
      byPort.set(place, {
        ...known,
        sections: [...known.sections, ...listener.sections],
        routes: byPrecedence([...known.routes, ...listener.routes]),
        certificates: [...known.certificates, ...listener.certificates],
        passthrough: [...known.passthrough, ...listener.passthrough],
      });
  }
  return [...byPort.values()];
}
