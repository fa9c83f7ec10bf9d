import type { EndpointAddress, EndpointPort, Endpoints, EndpointSubset, Pod, Service } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { keyOf, splitKey } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { findPort } from '../api/servicePorts.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
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
import { onEndpointChanges, selectedPods } from './serviceSelection.ts';
import { TriggerTimes, withTriggerTime } from './triggerTimes.ts';
import { WrittenRevisions } from './written.ts';

const managedByLabel = 'endpoints.kubernetes.io/managed-by';
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';
const maxAddresses = 1000;

/** One Endpoints object a service, for clients that do not know endpoint slices. Mirrors pkg/controller/endpoint. */
export class EndpointsController extends QueueController {
  readonly #services: Informer<Service>;
  readonly #pods: Informer<Pod>;
  readonly #endpoints: Informer<Endpoints>;
  readonly #written: WrittenRevisions;
  readonly #triggers = new TriggerTimes();

  constructor(context: ControllerContext) {
    super(context, 'endpoint-controller');
    this.#services = context.informers.informer(resources.services);
    this.#pods = context.informers.informer(resources.pods);
    this.#endpoints = context.informers.informer(resources.endpoints);
    this.#written = new WrittenRevisions(this.#endpoints);
    onEndpointChanges(
      this.#services,
      this.#pods,
      (service) => this.enqueueObject(service),
      (key, cause) => this.enqueue(key, cause),
    );
    const endpointsChanged = (endpoints: Endpoints) => this.enqueueObject(endpoints);
    this.#endpoints.on({ add: endpointsChanged, update: (_, e) => endpointsChanged(e), delete: endpointsChanged });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    if (!this.#written.seen(key)) return;
    const { namespace, name } = splitKey(key);
    const service = this.#services.get(key);
    const current = this.#endpoints.get(key);
    const endpoints = client.of(resources.endpoints);
    if (!service) {
      this.#triggers.forget(key);
      // Whose controller is another one (leader election of old) are not ours to delete.
      if (current && current.metadata!.labels?.[managedByLabel] === this.name) {
        await endpoints.delete(namespace, name).catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
      }
      return;
    }
    if (!selectsPods(service)) return;
    const pods = selectedPods(this.#pods, service);
    const trigger = this.#triggers.next(service, pods);
    const wanted = endpointsOf(service, pods, current);
    if (
      current &&
      equalJson(wanted.subsets ?? [], current.subsets ?? []) &&
      equalJson(wanted.metadata, current.metadata)
    )
      return;
    wanted.metadata!.annotations = withTriggerTime(wanted.metadata!.annotations, trigger);
    try {
      this.#written.wrote(key, current ? await endpoints.update(wanted) : await endpoints.create(wanted));
    } catch (error) {
      if (isNamespaceTerminating(error)) return;
      const [reason, verb] = current
        ? ['FailedToUpdateEndpoint', 'update endpoint']
        : ['FailedToCreateEndpoint', 'create endpoint for service'];
      this.recorder.event(
        wanted,
        'Warning',
        reason,
        `Failed to ${verb} ${keyOf(service)}: ${(error as Error).message}`,
      );
      throw error;
    }
  }
}

/** The Endpoints that a service should have. */
export function endpointsOf(service: Service, pods: Pod[], current: Endpoints | undefined): Endpoints {
  const { namespace, name } = service.metadata!;
  // Whether it is headless is not the service's labels' to say.
  const { [headlessLabel]: _headless, ...labels } = service.metadata!.labels ?? {};
  const { [overCapacityAnnotation]: _, ...annotations } = current?.metadata?.annotations ?? {};
  const { subsets, truncated } = truncate(subsetsOf(service, pods));
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      ...current?.metadata,
      namespace,
      name,
      labels: {
        ...labels,
        ...(hasClusterIP(service) ? {} : { [headlessLabel]: '' }),
        [managedByLabel]: 'endpoint-controller',
      },
      annotations: truncated
        ? { ...annotations, [overCapacityAnnotation]: 'truncated' }
        : current
          ? current.metadata!.annotations && annotations
          : undefined,
    },
    subsets: subsets.length > 0 ? subsets : undefined,
  };
}

/** Addresses with the same ports together, ready and not ready apart, in a fixed order. */
function subsetsOf(service: Service, pods: Pod[]): EndpointSubset[] {
  const byPorts = new Map<string, EndpointSubset>();
  const publishNotReady = service.spec!.publishNotReadyAddresses ?? false;
  for (const pod of [...pods].sort((a, b) => (a.metadata!.uid! < b.metadata!.uid! ? -1 : 1))) {
    if (!belongsInEndpoints(pod, publishNotReady)) continue;
    const address = addressOf(service, pod);
    const ports = portsOf(service, pod);
    if (!address || !ports) continue;
    const key = JSON.stringify(ports);
    let subset = byPorts.get(key);
    if (!subset) byPorts.set(key, (subset = ports.length > 0 ? { ports } : {}));
    if (publishNotReady || isPodReady(pod)) (subset.addresses ??= []).push(address);
    else (subset.notReadyAddresses ??= []).push(address);
  }
  const sorted = [...byPorts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, subset]) => subset);
  for (const subset of sorted) {
    subset.addresses?.sort(byAddress);
    subset.notReadyAddresses?.sort(byAddress);
  }
  return sorted;
}

function byAddress(a: EndpointAddress, b: EndpointAddress): number {
  const key = ({ ip, targetRef }: EndpointAddress) => `${ip} ${targetRef?.uid}`;
  return key(a) < key(b) ? -1 : 1;
}

function addressOf(service: Service, pod: Pod): EndpointAddress | undefined {
  const v6 = service.spec!.ipFamilies ? service.spec!.ipFamilies[0] === 'IPv6' : service.spec!.clusterIP?.includes(':');
  const ip = podAddresses(pod).find((address) => address.includes(':') === Boolean(v6));
  if (!ip) return undefined;
  const hostname = hostnameFor(pod, service);
  const { namespace, name, uid } = pod.metadata!;
  return {
    ip,
    ...(hostname ? { hostname } : {}),
    ...(pod.spec!.nodeName ? { nodeName: pod.spec!.nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

/** Undefined when none of the service's ports leads anywhere in this pod. */
function portsOf(service: Service, pod: Pod): EndpointPort[] | undefined {
  const wanted = service.spec!.ports ?? [];
  if (wanted.length === 0) return service.spec!.clusterIP === 'None' ? [] : undefined;
  const ports = wanted.flatMap((servicePort): EndpointPort[] => {
    const port = findPort(pod, servicePort);
    if (port === undefined) return [];
    const { name, protocol, appProtocol } = servicePort;
    return [{ ...(name ? { name } : {}), port, protocol: protocol ?? 'TCP', ...(appProtocol ? { appProtocol } : {}) }];
  });
  return ports.length > 0 ? ports.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : undefined;
}

/** At most a thousand addresses: ready ones first. */
function truncate(subsets: EndpointSubset[]): { subsets: EndpointSubset[]; truncated: boolean } {
  const count = (list: EndpointAddress[] | undefined) => list?.length ?? 0;
  const total = subsets.reduce((sum, s) => sum + count(s.addresses) + count(s.notReadyAddresses), 0);
  if (total <= maxAddresses) return { subsets, truncated: false };
  let left = maxAddresses;
  const take = (list: EndpointAddress[] | undefined) => {
    const taken = list?.slice(0, left);
    left -= count(taken);
    return taken?.length ? taken : undefined;
  };
  const ready = subsets.map((subset) => take(subset.addresses));
  const cut = subsets.map((subset, i) => ({
    ...subset,
    addresses: ready[i],
    notReadyAddresses: take(subset.notReadyAddresses),
  }));
  return { subsets: cut.filter((subset) => subset.addresses || subset.notReadyAddresses), truncated: true };
}
