import type { Endpoint, EndpointAddress, Endpoints, EndpointSlice, Service } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { newControllerRef } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { together } from '../util/together.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { managedByLabel, serviceNameLabel } from './endpointSlice.ts';
import { repackSubsets } from './endpointSubsets.ts';
import { isNamespaceTerminating } from './podControl.ts';
import { packSlices, type SliceContent } from './slicePacking.ts';
import { WrittenRevisions } from './written.ts';

const manager = 'endpointslicemirroring-controller.k8s.io';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
const notMirrored = new Set([
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
]);
const byEndpoints = 'mirrored endpoints';
const maxPerSubset = 1000;

/** Endpoints that users write by hand, as the endpoint slices that everybody reads. Mirrors pkg/controller/endpointslicemirroring. */
export class EndpointSliceMirroringController extends QueueController {
  readonly #endpoints: Informer<Endpoints>;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #written: WrittenRevisions;

  constructor(context: ControllerContext) {
    super(context, 'endpointslicemirroring-controller');
    this.#endpoints = context.informers.informer(resources.endpoints);
    this.#services = context.informers.informer(resources.services);
    this.#slices = context.informers.informer(resources.endpointSlices);
    this.#slices.addIndex(byEndpoints, ({ metadata }) => {
      const { namespace, labels } = metadata!;
      return labels?.[managedByLabel] === manager ? [`${namespace}/${labels[serviceNameLabel]}`] : [];
    });
    this.#written = new WrittenRevisions(this.#slices);
    const changed = (object: Endpoints | Service) => this.enqueueObject(object);
    this.#endpoints.on({ add: changed, update: (_, endpoints) => changed(endpoints), delete: changed });
    this.#services.on({
      add: changed,
      update: (old, service) => {
        if ((old.spec?.selector === undefined) !== (service.spec?.selector === undefined)) changed(service);
      },
      delete: changed,
    });
    const sliceChanged = ({ metadata }: EndpointSlice, cause: EndpointSlice) => {
      const { namespace, labels } = metadata!;
      if (labels?.[managedByLabel] === manager) this.enqueue(`${namespace}/${labels[serviceNameLabel]}`, cause);
    };
    this.#slices.on({
      add: (slice) => sliceChanged(slice, slice),
      update: (_, slice) => sliceChanged(slice, slice),
      delete: (slice) => sliceChanged(slice, slice),
    });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    if (!this.#written.seen(key)) return;
    const endpoints = this.#endpoints.get(key);
    const service = this.#services.get(key);
    const slices = this.#slices.byIndex(byEndpoints, key);
    const endpointSlices = client.of(resources.endpointSlices);
    const mirrored = endpoints && service && !service.spec?.selector && shouldMirror(endpoints) ? endpoints : undefined;
    const plan = packSlices(slices, mirrored ? contentsOf(mirrored) : [], maxPerSubset);
    // The garbage collector is about to remove the slices of endpoints on their way out: it must not meet new ones.
    if (mirrored?.metadata!.deletionTimestamp) plan.create = [];
    const metadata = mirrored && sliceMetadata(mirrored);
    if (metadata) {
      const right = ({ metadata: m }: EndpointSlice) =>
        equalJson(m!.labels, metadata.labels) &&
        equalJson(m!.annotations ?? {}, metadata.annotations) &&
        equalJson(m!.ownerReferences, metadata.ownerReferences);
      plan.update.push(...plan.keep.filter((slice) => !right(slice)));
    }
    const gone = plan.delete.map(({ metadata: { namespace, name } = {} }) =>
      endpointSlices.delete(namespace!, name!).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      }),
    );
    const create = plan.create.map(async (content) =>
      this.#written.wrote(key, await endpointSlices.create({ metadata, ...content })),
    );
    const update = plan.update.map(async (slice) => {
      const { labels, annotations, ownerReferences } = metadata!;
      this.#written.wrote(
        key,
        await endpointSlices.update({ ...slice, metadata: { ...slice.metadata, labels, annotations, ownerReferences } }),
      );
    });
    try {
      // Whoever tries again must know of all that was written.
      await together([...gone, ...create, ...update]);
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error;
    }
  }
}

const shouldMirror = ({ metadata }: Endpoints): boolean =>
  metadata!.labels?.[skipLabel] !== 'true' && metadata!.annotations?.[leaderAnnotation] === undefined;

function sliceMetadata(endpoints: Endpoints) {
  const { namespace, name, labels, annotations = {} } = endpoints.metadata!;
  return {
    namespace,
    generateName: `${name}-`,
    labels: { ...labels, [serviceNameLabel]: name!, [managedByLabel]: manager },
    annotations: Object.fromEntries(Object.entries(annotations).filter(([key]) => !notMirrored.has(key))),
    ownerReferences: [newControllerRef(endpoints, { group: '', version: 'v1', kind: 'Endpoints' })],
  };
}

function contentsOf(endpoints: Endpoints): SliceContent[] {
  const contents = new Map<string, SliceContent>();
  for (const { addresses = [], notReadyAddresses = [], ports: subsetPorts = [] } of repackSubsets(endpoints.subsets ?? [])) {
    const ports = subsetPorts.map(({ name, port, protocol, appProtocol }) => ({
      name: name ?? '',
      port,
      protocol: protocol ?? 'TCP',
      ...(appProtocol ? { appProtocol } : {}),
    }));
    const all = [
      ...addresses.map((address) => ({ address, ready: true })),
      ...notReadyAddresses.map((address) => ({ address, ready: false })),
    ];
    for (const { address, ready } of all.slice(0, maxPerSubset)) {
      const addressType = address.ip.includes(':') ? 'IPv6' : 'IPv4';
      const group = JSON.stringify([addressType, ports]);
      let content = contents.get(group);
      if (!content) contents.set(group, (content = { addressType, ports, endpoints: [] }));
      content.endpoints.push(endpointOf(address, ready));
    }
  }
  return [...contents.values()];
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(targetRef ? { targetRef } : {}),
  };
}
