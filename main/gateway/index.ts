/**
 * The edge of the cluster: serves Ingresses and Gateways at ports of this computer. Routes are made of API objects
 * (ingress/, and routes/ for Gateway API), proxies carry the requests into the cluster (proxy/).
 */
import type { EndpointSlice, Ingress, IngressLoadBalancerIngress, Secret, Service } from '../api/index.ts';
import { EventRecorder, resources, WorkQueue, type Client, type InformerFactory } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import { byService, serviceOfSlice } from './backends.ts';
import { buildIngressListeners, isOurs } from './ingress/buildRoutes.ts';
import { writeIngressStatus } from './ingress/status.ts';
import { byPrecedence } from './match.ts';
import type { Listener } from './model.ts';
import type { Dial } from './proxy/dialAgent.ts';
import { address, Listeners, type Listen } from './proxy/listeners.ts';
import { RequestProxy } from './proxy/requestProxy.ts';
import { GatewayRoutes } from './routes/controller.ts';

export type { Listen } from './proxy/listeners.ts';

export interface GatewayOptions {
  client: Client;
  informers: InformerFactory;
  /** Opens a connection from inside the cluster, from that node if it can be reached. */
  dial: Dial;
  /** Opens ports of this computer. */
  listen: Listen;
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
    this.#routes = new GatewayRoutes({ client, informers, clock, log, changed: () => this.#queue.add(everything) });
  }

  start(): void {
    const { informers } = this.options;
    const changed = () => this.#queue.add(everything);
    const handlers = { add: changed, update: changed, delete: changed };
    this.#ends.push(
      informers.informer(resources.ingresses).on(handlers),
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
    const plan = this.#routes.plan();
    const ingress = await this.#open(() => buildIngressListeners(ours, (key) => secrets.get(key), this.#ports), plan.listeners);
    const opened = new Map([...plan.listeners, ...ingress].map(({ port, tls }) => [port, tls]));

    const problems = new Map<string, string>();
    for (const [usual, port] of [[httpPorts[0]!, this.#ports.http], [httpsPorts[0]!, this.#ports.https]] as const) {
      const error = this.#refused.get(usual);
      if (error === undefined || !ours.length) continue;
      const instead = this.#listeners.isOpen(port) ? `; port ${port} is used instead` : '';
      problems.set(String(usual), `${this.options.portProblem(usual, error)}${instead}`);
    }
    if (ours.length > 0 && !this.#listeners.isOpen(this.#ports.http)) this.#queue.addAfter(everything, retryMs);
    if (plan.listeners.some(({ port }) => !this.#listeners.isOpen(port))) this.#queue.addAfter(everything, retryMs);
    await this.#routes.report(plan, (port, tls) => {
      if (!this.#listeners.isOpen(port)) return this.options.portProblem(port, this.#listeners.problem(port));
      return opened.get(port) === tls ? undefined : `port ${port} is in use with another protocol`;
    });
    await Promise.all(
      ours.map(async (ingress) => {
        const tls = (ingress.spec?.tls?.length ?? 0) > 0;
        const ports = [this.#ports.http, ...(tls ? [this.#ports.https] : [])].filter((port) => this.#listeners.isOpen(port));
        const entries: IngressLoadBalancerIngress[] =
          ports.length > 0 ? [{ ip: address, ports: ports.map((port) => ({ port, protocol: 'TCP' })) }] : [];
        this.#tell(ingress, [problems.get('80'), tls ? problems.get('443') : undefined].filter(Boolean).join('; '));
        await writeIngressStatus(client.because(ingress.metadata!.resourceVersion), ingress, entries);
      }),
    );
  }

  /** Opens what is wanted; where a usual port for Ingresses cannot be had the next one is taken, and kept from then on. Returns what is for Ingresses. */
  async #open(build: () => Listener[], others: Listener[]): Promise<Listener[]> {
    for (;;) {
      const listeners = build();
      await this.#listeners.sync({ listeners: merge([...listeners, ...others]) });
      const next = (ports: readonly number[], current: number): number => {
        const error = listeners.some(({ port }) => port === current) ? this.#listeners.problem(current) : undefined;
        if (error === undefined) return current;
        this.#refused.set(current, error);
        return ports[ports.indexOf(current) + 1] ?? current;
      };
      const ports = { http: next(httpPorts, this.#ports.http), https: next(httpsPorts, this.#ports.https) };
      if (ports.http === this.#ports.http && ports.https === this.#ports.https) return listeners;
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

const isKeyPair = ({ type, data }: Secret): boolean => type === 'kubernetes.io/tls' || data?.['tls.crt'] !== undefined;

/** What several ask for at one port is served together. */
function merge(listeners: Listener[]): Listener[] {
  const byPort = new Map<number, Listener>();
  for (const listener of listeners) {
    const known = byPort.get(listener.port);
    if (!known) byPort.set(listener.port, listener);
    else if (known.tls === listener.tls)
      byPort.set(listener.port, {
        ...known,
        routes: byPrecedence([...known.routes, ...listener.routes]),
        certificates: [...known.certificates, ...listener.certificates],
        passthrough: [...known.passthrough, ...listener.passthrough],
      });
  }
  return [...byPort.values()];
}
