import type { IPAddress, ServiceCIDR } from '../api/index.ts';
import { parseCIDR, parseIP } from '../api/ip.ts';
import { timestamp } from '../api/meta.ts';
import { isManagedAddress } from '../api/serviceAddress.ts';
import { isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';

/** An API server that has not heard of the deletion yet may still give out an address. */
const grace = 10_000;
const finalizer = 'networking.k8s.io/service-cidr-finalizer';
const readyMessage = 'Kubernetes Service CIDR is ready';
const terminatingMessage = 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';

/**
 * Says that a range is ready, and keeps one that is deleted for as long as addresses are taken from it that no other
 * range covers. Mirrors pkg/controller/servicecidrs.
 */
export class ServiceCIDRController extends QueueController {
  readonly #ranges: Informer<ServiceCIDR>;
  readonly #addresses: Informer<IPAddress>;

  constructor(context: ControllerContext) {
    super(context, 'service-cidr-controller');
    this.#ranges = context.informers.informer(resources.serviceCIDRs);
    this.#addresses = context.informers.informer(resources.ipAddresses);
    // A range that comes or goes decides about the others that overlap it.
    const wakeAll = (cause: ServiceCIDR | IPAddress) => {
      for (const { metadata } of this.#ranges.list()) this.enqueue(metadata!.name!, cause);
    };
    this.#ranges.on({ add: wakeAll, update: (_, range) => wakeAll(range), delete: wakeAll });
    this.#addresses.on({ delete: wakeAll });
  }

  protected async sync(name: string, client: Client): Promise<void> {
    const range = this.#ranges.get(name);
    if (!range) return;
    const { finalizers = [], deletionTimestamp } = range.metadata!;
    try {
      if (deletionTimestamp) return await this.#finish(client, range);
      if (!finalizers.includes(finalizer)) await changeFinalizers(client, name, { finalizers: [finalizer] });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    try {
      await this.#say(client, range, 'True', '', readyMessage);
    } catch (error) {
      const about = { ...range, apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR' };
      this.recorder.event(about, 'Warning', 'KubernetesServiceCIDRError', 'The ServiceCIDR Status can not be set to Ready=True');
      throw error;
    }
  }

  async #finish(client: Client, range: ServiceCIDR): Promise<void> {
    const { name, finalizers, deletionTimestamp } = range.metadata!;
    if (this.#isNeeded(range)) return this.#say(client, range, 'False', 'Terminating', terminatingMessage);
    const wait = Date.parse(deletionTimestamp!) + grace - this.clock.now();
    if (wait > 0) this.queue.addAfter(name!, wait);
    else if (finalizers?.includes(finalizer)) await changeFinalizers(client, name!, { '$deleteFromPrimitiveList/finalizers': [finalizer] });
  }

  /** Whether an address of the range has no other range to be from. */
  #isNeeded(range: ServiceCIDR): boolean {
    const others = this.#ranges.list().filter(({ metadata }) => metadata!.name !== range.metadata!.name && !metadata!.deletionTimestamp);
    const covers = ({ spec }: ServiceCIDR, ip: string) => (spec?.cidrs ?? []).some((cidr) => inRange(ip, cidr));
    return this.#addresses
      .list()
      .filter(isManagedAddress)
      .map(({ metadata }) => metadata!.name!)
      .some((ip) => covers(range, ip) && !others.some((other) => covers(other, ip)));
  }

  async #say(client: Client, range: ServiceCIDR, status: string, reason: string, message: string): Promise<void> {
    const known = range.status?.conditions?.find(({ type }) => type === 'Ready');
    if (known?.status === status && (known.reason ?? '') === reason && known.message === message) return;
    const { name } = range.metadata!;
    const condition = { type: 'Ready', status, reason, message, lastTransitionTime: timestamp(this.clock.now()) };
    const applied = { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name }, status: { conditions: [condition] } };
    await client.of(resources.serviceCIDRs).patch('', name!, 'apply', applied, { subresource: 'status', fieldManager: this.name, force: true });
  }
}

const changeFinalizers = (client: Client, name: string, metadata: object) => client.of(resources.serviceCIDRs).patch('', name, 'strategic', { metadata });

/** Whether a Service may have an address of a range: it has neither that of the network nor, of IPv4, the last one. */
export function inRange(ip: string, cidr: string): boolean {
  const address = parseIP(ip);
  const range = parseCIDR(cidr);
  if (!address || !range || address.bytes.length !== range.address.bytes.length) return false;
  const { prefixLength } = range;
  if (parseCIDR(`${ip}/${prefixLength}`)?.network !== range.network) return false;
  const host = address.bytes.map((_, i) => 0xff >> Math.min(8, Math.max(0, prefixLength - 8 * i)));
  const isNetwork = address.bytes.every((byte, i) => (byte & host[i]!) === 0);
  const isLast = address.bytes.every((byte, i) => (byte & host[i]!) === host[i]);
  return !isNetwork && !(isLast && address.bytes.length === 4);
}
