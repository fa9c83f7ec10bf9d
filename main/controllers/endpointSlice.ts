import type { DiscoveryEndpointPort, Endpoint, EndpointSlice, Node, Pod, Service } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { keyOf, newControllerRef } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { findPort } from '../api/servicePorts.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { together } from '../util/together.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { isNamespaceTerminating } from './podControl.ts';
import { isPodReady } from './pods.ts';
import {
  belongsInEndpoints,
  hasClusterIP,
  headlessLabel,
  hostnameFor,
  podAddresses,
  selectsPods,
} from './serviceEndpoints.ts';
import { onEndpointChanges, selectedPods, servicesSelecting } from './serviceSelection.ts';
import { maxEndpoints, packSlices, type SliceContent } from './slicePacking.ts';
import { asksForTopology, cpuShares, hintZones } from './topologyHints.ts';
import { TriggerTimes, withTriggerTime } from './triggerTimes.ts';
import { WrittenRevisions } from './written.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const manager = 'endpointslice-controller.k8s.io';
const byService = 'service';
const zoneLabel = 'topology.kubernetes.io/zone';

/** The pods behind each service, in slices of up to 100. Mirrors pkg/controller/endpointslice and k8s.io/endpointslice. */
export class EndpointSliceController extends QueueController {
  readonly #services: Informer<Service>;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #written: WrittenRevisions;
  readonly #triggers = new TriggerTimes();
  /** The zones' shares as endpoints are hinted by them, as text. */
  #shares = '';
  /** What was said last about the hints of a Service, by its key and address type. */
  readonly #said = new Map<string, string>();

  constructor(context: ControllerContext) {
    super(context, 'endpointslice-controller');
    this.#services = context.informers.informer(resources.services);
    this.#pods = context.informers.informer(resources.pods);
    this.#nodes = context.informers.informer(resources.nodes);
    this.#slices = context.informers.informer(resources.endpointSlices);
    this.#slices.addIndex(byService, (slice) => {
      const { namespace, labels } = slice.metadata!;
      return labels?.[serviceNameLabel] ? [`${namespace}/${labels[serviceNameLabel]}`] : [];
    });
    this.#written = new WrittenRevisions(this.#slices);
    onEndpointChanges(
      this.#services,
      this.#pods,
      (service) => this.enqueueObject(service),
      (key, cause) => this.enqueue(key, cause),
    );
    const sliceChanged = ({ metadata }: EndpointSlice, cause: EndpointSlice) => {
      const service = metadata!.labels?.[serviceNameLabel];
      if (service && metadata!.labels?.[managedByLabel] === manager)
        this.enqueue(`${metadata!.namespace}/${service}`, cause);
    };
    this.#slices.on({
      add: (slice) => sliceChanged(slice, slice),
      update: (old, slice) => {
        sliceChanged(old, slice);
        sliceChanged(slice, slice);
      },
      delete: (slice) => sliceChanged(slice, slice),
    });
    this.#nodes.on({
      add: (node) => {
        this.#wakeNode(node);
        this.#shareAnew(node);
      },
      update: (old, node) => {
        if (old.metadata!.labels?.[zoneLabel] !== node.metadata!.labels?.[zoneLabel]) this.#wakeNode(node);
        this.#shareAnew(node);
      },
      delete: (node) => this.#shareAnew(node),
    });
    this.#pods.addIndex('nodeName', (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
  }

  #wakeNode(node: Node): void {
    for (const pod of this.#pods.byIndex('nodeName', node.metadata!.name!)) {
      for (const key of servicesSelecting(this.#services, pod)) this.enqueue(key, node);
    }
  }

  /** Hints follow the zones' CPUs. */
  #shareAnew(node: Node): void {
    const wanting = this.#services.list().filter(asksForTopology);
    if (wanting.length === 0) return;
    const shares = JSON.stringify([...(cpuShares(this.#nodes.list()) ?? [])]);
    if (shares === this.#shares) return;
    this.#shares = shares;
    for (const service of wanting) this.enqueue(keyOf(service), node);
  }

  protected async sync(key: string, client: Client): Promise<void> {
    if (!this.#written.seen(key)) return;
    const service = this.#services.get(key);
    if (!service) {
      for (const type of ['IPv4', 'IPv6']) this.#said.delete(`${key} ${type}`);
      this.#triggers.forget(key);
      this.measures?.serviceGone(key);
    }
    if (!service || !selectsPods(service)) return;
    const slices = this.#slices
      .byIndex(byService, key)
      .filter(({ metadata }) => metadata!.labels?.[managedByLabel] === manager && !metadata!.deletionTimestamp);
    const pods = selectedPods(this.#pods, service);
    const trigger = this.#triggers.next(service, pods);
    const contents = this.#contents(service, pods);
    this.#hint(service, contents);
    const types = new Set(contents.map((content) => content.addressType));
    const plan = packSlices(
      slices.filter((slice) => types.has(slice.addressType as 'IPv4') && isOwnedBy(slice, service)),
      contents,
    );
    for (const slice of slices)
      if (!types.has(slice.addressType as 'IPv4') || !isOwnedBy(slice, service)) plan.delete.push(slice);
    // The garbage collector is about to remove the slices of a service on its way out: it must not meet new ones.
    if (service.metadata!.deletionTimestamp) plan.create = [];
    this.measures?.serviceSliced(key, {
      endpoints: contents.reduce((sum, { endpoints }) => sum + endpoints.length, 0),
      slices: slices.length + plan.create.length - plan.delete.length,
      // There is one where there is nothing to be in it, too.
      desired: contents.reduce((sum, { endpoints }) => sum + Math.ceil(endpoints.length / maxEndpoints), 0) || 1,
      added: plan.added,
      removed: plan.removed,
      distribution: asksForTopology(service) ? undefined : service.spec!.trafficDistribution,
    });
    const metadata = sliceMetadata(service);
    for (const slice of plan.keep) {
      if (!equalJson(slice.metadata!.labels, metadata.labels))
        plan.update.push({ ...slice, endpoints: slice.endpoints });
    }
    try {
      await this.#carryOut(client, key, plan, metadata, trigger);
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      const message = `Error updating Endpoint Slices for Service ${key}: ${(error as Error).message}`;
      this.recorder.event(service, 'Warning', 'FailedToUpdateEndpointSlices', message);
      throw error;
    }
  }

  async #carryOut(
    client: Client,
    key: string,
    plan: ReturnType<typeof packSlices>,
    metadata: SliceMetadata,
    trigger: string | undefined,
  ): Promise<void> {
    const endpointSlices = client.of(resources.endpointSlices);
    const create = plan.create.map(async (content) =>
      this.#written.wrote(
        key,
        await endpointSlices.create({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { ...metadata, annotations: withTriggerTime(undefined, trigger) }, ...content }),
      ),
    );
    const update = plan.update.map(async (slice) =>
      this.#written.wrote(
        key,
        await endpointSlices.update({ ...slice, metadata: { ...slice.metadata, labels: metadata.labels, annotations: withTriggerTime(slice.metadata!.annotations, trigger) } }),
      ),
    );
    const gone = plan.delete.map(({ metadata: { namespace, name } = {} }) =>
      endpointSlices.delete(namespace!, name!).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      }),
    );
    // Whoever tries again must know of all that was written.
    await together([...create, ...update, ...gone]);
  }

  /** Gives endpoints the hints of topology aware routing, where the Service asks for it. */
  #hint(service: Service, contents: SliceContent[]): void {
    const asked = asksForTopology(service);
    for (const addressType of addressTypes(service)) {
      const about = `${keyOf(service)} ${addressType}`;
      if (!asked && !this.#said.has(about)) continue;
      const endpoints = contents.filter((content) => content.addressType === addressType).flatMap((content) => content.endpoints);
      const hinting = asked ? hintZones(endpoints, cpuShares(this.#nodes.list())) : { disabled: 'Topology Aware Hints has been disabled' };
      if (hinting.disabled === undefined) for (const [endpoint, name] of hinting.zones) endpoint.hints = { forZones: [{ name }] };
      this.#tell(service, about, hinting.disabled, addressType);
      if (!asked) this.#said.delete(about);
    }
  }

  /** Once, as long as it stays like that. */
  #tell(service: Service, about: string, disabled: string | undefined, addressType: string): void {
    const before = this.#said.get(about);
    this.#said.set(about, disabled ?? '');
    if (before === (disabled ?? '')) return;
    const [type, reason, message] = disabled === undefined ? ['Normal', 'Enabled', 'Topology Aware Hints has been enabled'] : ['Warning', 'Disabled', disabled];
    this.recorder.event(service, type as 'Normal', `TopologyAwareHints${reason}`, `${message}, addressType: ${addressType}`);
  }

  /** What the slices of each address type should hold: by ports, as different pods may name different ones. */
  #contents(service: Service, selected: Pod[]): SliceContent[] {
    const pods = selected.filter((pod) => belongsInEndpoints(pod, true));
    return addressTypes(service).flatMap((addressType) => {
      const byPorts = new Map<string, SliceContent>();
      for (const pod of pods) {
        const addresses = podAddresses(pod).filter((ip) => ip.includes(':') === (addressType === 'IPv6'));
        const node = this.#nodes.get(pod.spec!.nodeName ?? '');
        if (addresses.length === 0 || (!node && !service.spec!.publishNotReadyAddresses)) continue;
        const ports = portsOf(service, pod);
        const group = JSON.stringify(ports);
        let content = byPorts.get(group);
        if (!content) byPorts.set(group, (content = { addressType, ports, endpoints: [] }));
        content.endpoints.push(endpointOf(service, pod, node, addresses));
      }
      // Without any endpoint there is an empty slice, to tell that the service is known and has none.
      return byPorts.size > 0 ? [...byPorts.values()] : [{ addressType, ports: [], endpoints: [] }];
    });
  }
}

function addressTypes(service: Service): ('IPv4' | 'IPv6')[] {
  const families = service.spec!.ipFamilies;
  if (families?.length) return families as ('IPv4' | 'IPv6')[];
  if (hasClusterIP(service)) return [service.spec!.clusterIP!.includes(':') ? 'IPv6' : 'IPv4'];
  return ['IPv4', 'IPv6'];
}

function portsOf(service: Service, pod: Pod): DiscoveryEndpointPort[] {
  return (service.spec!.ports ?? []).flatMap((servicePort) => {
    const port = findPort(pod, servicePort);
    if (port === undefined) return [];
    const { name, protocol, appProtocol } = servicePort;
    return [{ name: name ?? '', port, protocol: protocol ?? 'TCP', ...(appProtocol ? { appProtocol } : {}) }];
  });
}

function endpointOf(service: Service, pod: Pod, node: Node | undefined, addresses: string[]): Endpoint {
  const serving = isPodReady(pod);
  const terminating = pod.metadata!.deletionTimestamp !== undefined;
  const ready = service.spec!.publishNotReadyAddresses || (serving && !terminating);
  const zone = node?.metadata!.labels?.[zoneLabel];
  const hostname = hostnameFor(pod, service);
  const { namespace, name, uid } = pod.metadata!;
  const { nodeName } = pod.spec!;
  const hints = ready ? hintsOf(service, zone, nodeName) : undefined;
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(zone ? { zone } : {}),
    ...(hints ? { hints } : {}),
  };
}

/** Mirrors k8s.io/endpointslice/trafficdist. */
function hintsOf(service: Service, zone: string | undefined, nodeName: string | undefined): Endpoint['hints'] {
  if (asksForTopology(service)) return undefined;
  const wanted = service.spec!.trafficDistribution;
  const forZones = zone ? { forZones: [{ name: zone }] } : {};
  if (wanted === 'PreferClose' || wanted === 'PreferSameZone') return zone ? forZones : undefined;
  if (wanted === 'PreferSameNode') return nodeName ? { ...forZones, forNodes: [{ name: nodeName }] } : undefined;
  return undefined;
}

/** Labels of slices that say something of their own. */
const reserved = new Set([headlessLabel, serviceNameLabel, managedByLabel]);

type SliceMetadata = ReturnType<typeof sliceMetadata>;

function sliceMetadata(service: Service) {
  const { namespace, name, labels } = service.metadata!;
  return {
    namespace,
    generateName: `${name}-`,
    labels: {
      ...Object.fromEntries(Object.entries(labels ?? {}).filter(([key]) => !reserved.has(key))),
      ...(hasClusterIP(service) ? {} : { [headlessLabel]: '' }),
      [serviceNameLabel]: name!,
      [managedByLabel]: manager,
    },
    ownerReferences: [newControllerRef(service, { group: '', version: 'v1', kind: 'Service' })],
  };
}

const isOwnedBy = (slice: EndpointSlice, service: Service): boolean =>
  slice.metadata!.ownerReferences?.some((ref) => ref.uid === service.metadata!.uid) ?? false;
