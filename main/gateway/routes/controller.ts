import type { ConfigMap, Namespace, Secret, Service } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import { timestamp, type KubeObject } from '../../api/meta.ts';
import { isConflict, isNotFound } from '../../api/status.ts';
import { resources, type Client, type InformerFactory, type ResourceDef, type Informer } from '../../client/index.ts';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import { conditionsOf, type Finding } from './conditions.ts';
import { installKinds } from './install.ts';
import { backendTlsPolicies, controllerName, gatewayClasses, gateways, group, grpcRoutes, httpRoutes, referenceGrants, routeKinds, tlsRoutes, type AnyRoute, type GatewayObject } from './kinds.ts';
import { supportedFeatures } from './features.ts';
import { gatewayStatus, planGateways, type Plan, type PortProblem } from './plan.ts';

export interface GatewayRoutesOptions {
  client: Client;
  informers: InformerFactory;
  clock: Clock;
  log: Logger;
  /** Of this computer, for Gateways, best first. */
  addresses: string[];
  /** Something that decides about what is served is different. */
  changed(): void;
}

/** How long a cluster that refuses the kinds is left alone. */
const retryMs = 10_000;

/** Gateway API: makes its kinds known, says what is to be served for their objects, and writes their status. */
export class GatewayRoutes {
  readonly #abort = new AbortController();
  readonly #ends: (() => void)[] = [];
  #following = false;

  constructor(private readonly options: GatewayRoutesOptions) {}

  /** Nobody waits for this: a cluster is ready without the kinds. */
  async start(): Promise<void> {
    const { client, clock, log } = this.options;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        await installKinds(client, clock, signal);
        break;
      } catch (error) {
        if (signal.aborted) return;
        log.warn('the kinds of Gateway API could not be made known, will try again', { error: String(error) });
        await clock.sleep(retryMs, signal).catch(() => {});
      }
    }
    if (!signal.aborted) this.#follow();
  }

  stop(): void {
    this.#abort.abort();
    for (const end of this.#ends) end();
  }

  #follow(): void {
    const { informers, changed } = this.options;
    const on = <T extends KubeObject>(def: ResourceDef<T>, matters: (old: T | undefined, object: T) => boolean = () => true) => {
      const informer: Informer<T> = informers.informer(def);
      this.#ends.push(
        informer.on({
          add: (object) => void (matters(undefined, object) && changed()),
          update: (old, object) => void (matters(old, object) && changed()),
          delete: (object) => void (matters(undefined, object) && changed()),
        }),
      );
    };
    const any = () => informers.informer(gateways).list().length > 0;
    on(gatewayClasses);
    on(gateways);
    on(httpRoutes);
    on(grpcRoutes);
    on(tlsRoutes);
    on(referenceGrants);
    on(backendTlsPolicies);
    const isAuthority = ({ metadata }: ConfigMap) => informers.informer(backendTlsPolicies).list().some((policy) => policy.metadata!.namespace === metadata!.namespace && policy.spec.validation.caCertificateRefs?.some(({ name }) => name === metadata!.name));
    on<ConfigMap>(resources.configMaps, (old, map) => isAuthority(map) && !equalJson(old?.data, map.data));
    on<Service>(resources.services, (old, service) => any() && !equalJson(old?.spec?.ports, service.spec?.ports));
    on<Namespace>(resources.namespaces, (old, namespace) => any() && !equalJson(old?.metadata?.labels, namespace.metadata?.labels));
    this.#following = true;
  }

  plan(taken: ReadonlySet<string>): Plan {
    if (!this.#following) return { listeners: [], classes: [], gateways: [], routes: [], policies: [] };
    const { informers } = this.options;
    const secrets = informers.informer<Secret>(resources.secrets);
    const services = informers.informer<Service>(resources.services);
    const configMaps = informers.informer<ConfigMap>(resources.configMaps);
    const namespaces = informers.informer<Namespace>(resources.namespaces);
    return planGateways({
      classes: informers.informer(gatewayClasses).list(),
      gateways: informers.informer(gateways).list(),
      routes: Object.entries(routeKinds).flatMap(([kind, def]) => informers.informer(def).list().map((route) => ({ ...route, kind }) as AnyRoute)),
      grants: informers.informer(referenceGrants).list(),
      backendTlsPolicies: informers.informer(backendTlsPolicies).list(),
      namespace: (name) => namespaces.get(name),
      service: (key) => services.get(key),
      secret: (key) => secrets.get(key),
      configMap: (key) => configMaps.get(key),
    }, { addresses: this.options.addresses, taken });
  }

  /** Says of every object what became of it, where that is not said already. */
  async report(plan: Plan, problem: PortProblem): Promise<void> {
    const now = timestamp(this.options.clock.now());
    const say = (findings: Finding[], old: Parameters<typeof conditionsOf>[1], object: KubeObject) => conditionsOf(findings, old, object.metadata?.generation, now);
    await Promise.all([
      ...plan.classes.map(({ object, findings }) => this.#write(gatewayClasses, object, object.status, { supportedFeatures, conditions: say(findings, object.status?.conditions, object) })),
      ...plan.gateways.map((planned) => {
        const { object } = planned;
        const { findings, addresses, listeners } = gatewayStatus(planned, problem);
        return this.#write<GatewayObject>(gateways, object, object.status, {
          addresses,
          conditions: say(findings, object.status?.conditions, object),
          listeners: listeners.map(({ findings: found, ...rest }) => ({
            ...rest,
            conditions: say(found, object.status?.listeners?.find(({ name }) => name === rest.name)?.conditions, object),
          })),
        });
      }),
      ...plan.routes.map(({ object, parents }) => {
        const old = object.status?.parents ?? [];
        const mine = old.filter((parent) => parent.controllerName === controllerName);
        if (mine.length === 0 && parents.length === 0) return undefined;
        return this.#write(routeKinds[object.kind], object, object.status, {
          parents: [
            ...old.filter((parent) => parent.controllerName !== controllerName),
            ...parents.map(({ parentRef, findings }) => ({
              parentRef,
              controllerName,
              conditions: say(findings, mine.find((parent) => equalJson(parent.parentRef, parentRef))?.conditions, object),
            })),
          ],
        });
      }),
      ...plan.policies.map(({ object, gateways: reached, findings }) => {
        const old = object.status?.ancestors ?? [];
        const mine = old.filter((ancestor) => ancestor.controllerName === controllerName);
        if (mine.length === 0 && reached.length === 0) return undefined;
        return this.#write(backendTlsPolicies, object, object.status, {
          ancestors: [
            ...old.filter((ancestor) => ancestor.controllerName !== controllerName),
            ...reached.map(({ metadata }) => {
              const ancestorRef = { group, kind: 'Gateway', namespace: metadata!.namespace, name: metadata!.name! };
              return { ancestorRef, controllerName, conditions: say(findings, mine.find((ancestor) => equalJson(ancestor.ancestorRef, ancestorRef))?.conditions, object) };
            }),
          ],
        });
      }),
    ]);
  }

  /** Others write the same status: what was read must still be so. */
  async #write<T extends KubeObject>(def: ResourceDef<T>, object: T, old: object | undefined, status: object): Promise<void> {
    if (equalJson({ ...old, ...status }, old ?? {})) return;
    const { namespace = '', name, resourceVersion } = object.metadata!;
    try {
      await this.options.client.because(resourceVersion).of(def).patch(namespace, name!, 'merge', { metadata: { resourceVersion }, status }, { subresource: 'status' });
    } catch (error) {
      // The newer object is on its way here, and will be judged then.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}
