import { keyOf } from '../../api/meta.ts';
import { byPrecedence } from '../match.ts';
import type { Listener, PassthroughRoute, Route, ServiceBackend } from '../model.ts';
import { assignAddresses, isLoopback } from '../addresses.ts';
import { attach, isGatewayReference, supportedKinds, type Attachment } from './attach.ts';
import { BackendTlsPolicies } from './backendTls.ts';
import { no, yes, type Finding } from './conditions.ts';
import { controllerName, group, type AnyRoute, type GatewayClass, type GatewayObject, type ListenerStatus, type ParentReference } from './kinds.ts';
import { isTls, isUsable, judgeListeners, type JudgedListener } from './listeners.ts';
import type { ClusterView } from './references.ts';
import { compileRoute, type Compiled } from './rules.ts';

/** What is served for Gateways, and what there is to say of each object. */
export interface Plan {
  listeners: Listener[];
  classes: { object: GatewayClass; findings: Finding[] }[];
  gateways: PlannedGateway[];
  routes: { object: AnyRoute; parents: { parentRef: ParentReference; findings: Finding[] }[] }[];
  policies: ReturnType<BackendTlsPolicies['said']>;
}

export interface PlannedGateway {
  object: GatewayObject;
  /** Where it is served. */
  address: string;
  accepted: Finding;
  listeners: (JudgedListener & { attachedRoutes: number })[];
}

/** Why a port that Gateways ask for cannot be used; undefined if it is open. */
export type PortProblem = (place: { address: string; port: number }, tls: boolean) => string | undefined;

export interface Places {
  /** Addresses that Gateways may have, best first. */
  addresses: string[];
  /** Places (`address:port`) that others have. */
  taken: ReadonlySet<string>;
}

export function planGateways(view: ClusterView, places: Places): Plan {
  const ours = view.classes.filter(({ spec }) => spec.controllerName === controllerName);
  const classes = ours.map((object) => ({ object, findings: [judgeClass(object)] }));
  const accepted = new Set(classes.filter(({ findings }) => findings[0]!.status === 'True').map(({ object }) => object.metadata!.name));
  const served = view.gateways.filter(({ metadata, spec }) => accepted.has(spec.gatewayClassName) && !metadata!.deletionTimestamp).sort(older);
  const given = assignAddresses(
    served.map(({ spec, status }) => ({
      ports: [...new Set(spec.listeners.map(({ port }) => port))],
      fixed: spec.addresses?.find(({ value }) => value !== undefined && isLoopback(value))?.value,
      before: status?.addresses?.[0]?.value,
    })),
    places.addresses,
    places.taken,
  );
  const gateways = served.map((object, i): PlannedGateway => {
    const listeners = judgeListeners(view, object).map((judged) => ({ ...judged, attachedRoutes: 0 }));
    return { object, address: given[i]!, listeners, accepted: judgeGateway(object, listeners) };
  });
  const byKey = new Map(gateways.map((gateway) => [keyOf(gateway.object), gateway]));
  const table = new Table();
  for (const gateway of gateways) for (const judged of gateway.listeners) if (isServed(gateway, judged)) table.open(gateway.address, judged);

  const tls = new BackendTlsPolicies(view);
  const routes = view.routes.map((object) => {
    const compiled = compileRoute(view, tls, object);
    const services = servicesOf(compiled);
    const counted = new Set<object>();
    const parents = (object.spec.parentRefs ?? []).flatMap((parentRef) => {
      const gateway = isGatewayReference(parentRef) ? byKey.get(`${parentRef.namespace ?? object.metadata!.namespace}/${parentRef.name}`) : undefined;
      if (!gateway) return [];
      const found = object.metadata!.deletionTimestamp ? [] : attach(gateway.object, object, parentRef, view.namespace);
      if (Array.isArray(found)) for (const { namespace, service, port } of services) tls.reached(gateway.object, namespace, service, port as number);
      if (!Array.isArray(found)) return [{ parentRef, findings: [found, compiled.resolved] }];
      if (compiled.accepted.status === 'True')
        for (const attachment of found) {
          const judged = gateway.listeners.find(({ listener }) => listener === attachment.listener)!;
          if (!counted.has(judged)) {
            counted.add(judged);
            judged.attachedRoutes++;
            if (isServed(gateway, judged)) table.add(gateway.address, object, compiled, attachment);
          }
        }
      return [{ parentRef, findings: [compiled.accepted, compiled.resolved] }];
    });
    return { object, parents };
  });
  return { listeners: table.listeners(), classes, gateways, routes, policies: tls.said() };
}

/** All Services that a route leads to, or that get copies of its requests. */
function servicesOf({ routes, backends }: Compiled): ServiceBackend[] {
  const filters = [...routes.flatMap((route) => route.filters), ...backends.flatMap((backend) => backend.filters)];
  return [...backends.flatMap(({ backend }) => backend ?? []), ...filters.flatMap((filter) => (filter.type === 'Mirror' ? [filter.backend] : []))];
}

const older = (a: GatewayObject, b: GatewayObject): number => {
  const [first, second] = [a, b].map((gateway) => `${String(gateway.metadata!.creationTimestamp)} ${keyOf(gateway)}`);
  return first! < second! ? -1 : 1;
};

const isServed = (gateway: Pick<PlannedGateway, 'accepted'>, judged: JudgedListener): boolean => gateway.accepted.status === 'True' && (isUsable(judged) || (judged.certificates.length > 0 && judged.conflicted.status === 'False'));

function judgeClass({ spec }: GatewayClass): Finding {
  return spec.parametersRef ? no('Accepted', 'InvalidParameters', 'Parameters are not supported') : yes('Accepted', 'Accepted', 'GatewayClass is accepted');
}

function judgeGateway({ spec }: GatewayObject, listeners: JudgedListener[]): Finding {
  if (spec.infrastructure?.parametersRef) return no('Accepted', 'InvalidParameters', 'Parameters are not supported');
  const strange = spec.addresses?.find(({ type }) => (type ?? 'IPAddress') !== 'IPAddress');
  if (strange) return no('Accepted', 'UnsupportedAddress', `addresses of type ${strange.type} are not supported`);
  const valid = listeners.filter((judged) => isUsable(judged)).length;
  if (valid === listeners.length) return yes('Accepted', 'Accepted', 'Gateway is accepted');
  const finding = valid > 0 || listeners.some(({ accepted, conflicted }) => accepted.status === 'True' && conflicted.status === 'False') ? yes : no;
  return finding('Accepted', 'ListenersNotValid', 'Some listeners are not valid');
}

/** What the Gateway's conditions and listeners say, now that ports are open or not. */
export function gatewayStatus({ object, address, accepted, listeners }: PlannedGateway, problem: PortProblem): { findings: Finding[]; addresses: { type: string; value: string }[]; listeners: (Omit<ListenerStatus, 'conditions'> & { findings: Finding[] })[] } {
  let open = 0;
  const unusable = object.spec.addresses?.find(({ value }) => value !== undefined && !isLoopback(value));
  const said = listeners.map((judged) => {
    const { listener } = judged;
    const served = isServed({ accepted }, judged);
    const closed = served ? problem({ address, port: listener.port }, isTls(listener)) : undefined;
    if (served && closed === undefined) open++;
    const programmed = served && closed === undefined ? yes('Programmed', 'Programmed', 'Listener is programmed') : no('Programmed', served ? 'Pending' : 'Invalid', closed ?? 'Listener is not valid');
    const listenerAccepted = closed === undefined ? judged.accepted : no('Accepted', 'PortUnavailable', closed);
    return {
      name: listener.name,
      supportedKinds: supportedKinds(listener).kinds.map((kind) => ({ group, kind })),
      attachedRoutes: judged.attachedRoutes,
      findings: [listenerAccepted, programmed, judged.resolved, judged.conflicted],
    };
  });
  const programmed =
    accepted.status === 'False'
      ? no('Programmed', 'Invalid', accepted.message)
      : unusable
        ? no('Programmed', 'AddressNotUsable', `address ${unusable.value} cannot be used; Gateways are served at addresses of 127.0.0.0/8`)
        : open > 0
          ? yes('Programmed', 'Programmed', 'Gateway is programmed')
          : no('Programmed', 'Invalid', 'No listener is open');
  return { findings: [accepted, programmed], addresses: open > 0 && !unusable ? [{ type: 'IPAddress', value: address }] : [], listeners: said };
}

/** Collects what is served by port. */
class Table {
  readonly #ports = new Map<string, { tls: boolean; listener: Listener; passthrough: PassthroughRoute[]; routes: Route[] }>();

  open(address: string, { listener, certificates }: JudgedListener): void {
    const tls = isTls(listener);
    const key = `${address}:${listener.port}`;
    let port = this.#ports.get(key);
    if (!port) this.#ports.set(key, (port = { tls, routes: [], passthrough: [], listener: { address, port: listener.port, tls, sections: [], routes: [], certificates: [], passthrough: [] } }));
    if (port.tls !== tls) return;
    port.listener.certificates.push(...certificates);
    port.listener.sections.push(listener.hostname ?? '');
  }

  add(address: string, route: AnyRoute, compiled: Compiled, { listener, hostnames }: Attachment): void {
    const port = this.#ports.get(`${address}:${listener.port}`);
    // Another Gateway has the port with the other protocol.
    if (port?.tls !== isTls(listener)) return;
    for (const hostname of hostnames)
      if (route.kind === 'TLSRoute') port.passthrough.push({ hostname, terminate: listener.tls?.mode !== 'Passthrough', backends: compiled.backends });
      else port.routes.push(...compiled.routes.map((one) => ({ ...one, hostname, section: listener.hostname ?? '' })));
  }

  listeners(): Listener[] {
    const rank = ({ hostname }: PassthroughRoute) => (hostname.startsWith('*') ? hostname.length : hostname === '' ? 0 : 1000 + hostname.length);
    return [...this.#ports.values()].map(({ listener, routes, passthrough }) => ({
      ...listener,
      routes: byPrecedence(routes),
      passthrough: passthrough.sort((a, b) => rank(b) - rank(a)),
    }));
  }
}
