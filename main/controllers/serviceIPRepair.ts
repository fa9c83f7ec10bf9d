import type { IPAddress, Service } from '../api/index.ts';
import { parseIP } from '../api/ip.ts';
import { keyOf } from '../api/meta.ts';
import { addressFamily, hasAddressLabels, isManagedAddress, serviceAddress } from '../api/serviceAddress.ts';
import { isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { inRange } from './serviceCIDR.ts';

/** How long an address may be there before its Service: the API server makes it first. */
const graceMs = 60_000;
/** How long the API server may take to give back what a refused write took, or a deleted Service held. */
const revertMs = 5000;

const addressKey = 'address:';

/**
 * Keeps Services and the IPAddress objects of what they hold in step: makes what is missing, makes anew what points
 * elsewhere, removes what nobody holds. Mirrors pkg/registry/core/service/ipallocator/controller/repairip.go.
 */
export class ServiceIPRepairController extends QueueController {
  readonly #services: Informer<Service>;
  readonly #addresses: Informer<IPAddress>;
  readonly #ranges;

  constructor(context: ControllerContext) {
    super(context, 'ipallocator-repair-controller');
    this.#services = context.informers.informer(resources.services);
    this.#addresses = context.informers.informer(resources.ipAddresses);
    this.#ranges = context.informers.informer(resources.serviceCIDRs);
    const service = (object: Service) => this.enqueue(keyOf(object), object);
    const address = (object: IPAddress) => this.enqueue(addressKey + object.metadata!.name!, object);
    this.#services.on({
      add: service,
      update: (_, object) => service(object),
      // What a deleted Service held ought to be gone soon after it.
      delete: ({ spec }) => (spec?.clusterIPs ?? []).forEach((ip) => this.enqueueAfter(addressKey + ip, revertMs)),
    });
    this.#addresses.on({
      add: address,
      update: (_, object) => address(object),
      delete: ({ spec }) => this.enqueue(`${spec?.parentRef?.namespace ?? ''}/${spec?.parentRef?.name ?? ''}`),
    });
  }

  protected sync(key: string, client: Client): Promise<void> {
    return key.startsWith(addressKey) ? this.#syncAddress(key.slice(addressKey.length), client) : this.#syncService(key, client);
  }

  async #syncService(key: string, client: Client): Promise<void> {
    const service = this.#services.get(key);
    const { type, clusterIP, clusterIPs = [] } = service?.spec ?? {};
    if (!service || type === 'ExternalName' || !clusterIP || clusterIP === 'None') return;
    for (const ip of clusterIPs) await this.#verify(service, ip, client);
  }

  /** That one address of a Service is its own. */
  async #verify(service: Service, ip: string, client: Client): Promise<void> {
    const say = (reason: string, message: string) => this.recorder.event({ ...service, apiVersion: 'v1', kind: 'Service' }, 'Warning', reason, message);
    const { namespace, name } = service.metadata!;
    if (!parseIP(ip)) return say('ClusterIPNotValid', `Cluster IP ${ip} is not a valid IP; please recreate Service`);
    const family = addressFamily(ip);
    if (!this.#ranges.list().some(({ spec }) => spec?.cidrs?.some((cidr) => inRange(ip, cidr))))
      return say('ClusterIPOutOfRange', `Cluster IP [${family}]: ${ip} is not within any configured Service CIDR; please recreate service`);
    const address = this.#addresses.get(ip);
    if (!address) {
      say('ClusterIPNotAllocated', `Cluster IP [${family}]: ${ip} is not allocated; repairing`);
      return this.#remake(service, ip, client);
    }
    const ref = address.spec?.parentRef;
    const wrong = () => say('ClusterIPNotAllocated', `the ClusterIP [${family}]: ${ip} for Service ${namespace}/${name} has a wrong reference; repairing`);
    if (ref?.group || ref?.resource !== 'services') {
      wrong();
      return this.#remake(service, ip, client, address);
    }
    if (ref.namespace !== namespace || ref.name !== name) {
      const other = this.#services.get(`${ref.namespace}/${ref.name}`);
      if (!other) {
        wrong();
        return this.#remake(service, ip, client, address);
      }
      if (other.spec?.clusterIPs?.includes(ip))
        return say('ClusterIPAlreadyAllocated', `Cluster IP [${family}]:${ip} was assigned to multiple services; please recreate service`);
    }
    if (!hasAddressLabels(address)) await this.#remake(service, ip, client, address);
  }

  async #remake(service: Service, ip: string, client: Client, wrong?: IPAddress): Promise<void> {
    if (wrong) await this.#remove(wrong, client);
    await client.of(resources.ipAddresses).create(serviceAddress(ip, service));
  }

  async #remove({ metadata }: IPAddress, client: Client): Promise<void> {
    try {
      await client.of(resources.ipAddresses).delete('', metadata!.name!, { preconditions: { uid: metadata!.uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #syncAddress(ip: string, client: Client): Promise<void> {
    const address = this.#addresses.get(ip);
    if (!address || !isManagedAddress(address)) return;
    const say = (reason: string, message: string) => this.recorder.event({ ...address, apiVersion: 'networking.k8s.io/v1', kind: 'IPAddress' }, 'Warning', reason, message);
    const ref = address.spec?.parentRef;
    if (!ref || ref.group || ref.resource !== 'services') {
      say('IPAddressNotAllocated', `IPAddress ${ip} appears to have been modified, not referencing a Service: cleaning up`);
      return this.#remove(address, client);
    }
    const born = Date.parse(address.metadata!.creationTimestamp!);
    const age = this.clock.now() - born;
    const wait = (ms: number) => this.enqueueAfter(addressKey + ip, ms, address);
    const service = this.#services.get(`${ref.namespace}/${ref.name}`);
    if (!service) {
      if (age <= graceMs) return wait(graceMs - age + 1);
      say('IPAddressNotAllocated', `IPAddress: ${ip} for Service ${ref.namespace}/${ref.name} appears to have leaked: cleaning up`);
      return this.#remove(address, client);
    }
    if (service.spec?.clusterIPs?.includes(ip)) return;
    if (service.spec?.type === 'ExternalName' && age < graceMs) return wait(graceMs - age);
    if (born > Date.parse(service.metadata!.creationTimestamp!) && age < revertMs) return wait(revertMs);
    say('IPAddressWrongReference', `IPAddress: ${ip} for Service ${ref.namespace}/${ref.name} has a wrong reference; cleaning up`);
    return this.#remove(address, client);
  }
}
