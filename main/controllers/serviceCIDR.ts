import type { IPAddress, ServiceCIDR } from '../api/index.ts';
import { parseCIDR, parseIP } from '../api/ip.ts';
import { timestamp } from '../api/meta.ts';
import { isManagedAddress } from '../api/serviceAddress.ts';
import { isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';

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
    const ranges = client.of(resources.serviceCIDRs);
    const { finalizers = [], deletionTimestamp, resourceVersion } = range.metadata!;
    const change = (list: string[]) => ranges.patch('', name, 'merge', { metadata: { finalizers: list, resourceVersion } });
    try {
      if (deletionTimestamp) {
        if (!finalizers.includes(finalizer)) return;
        if (this.#isNeeded(range)) await this.#say(client, range, 'False', 'Terminating', terminatingMessage);
        else await change(finalizers.filter((each) => each !== finalizer));
        return;
      }
      if (!finalizers.includes(finalizer)) await change([...finalizers, finalizer]);
      else await this.#say(client, range, 'True', '', readyMessage);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
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
    if (known?.status === status && known.reason === reason) return;
    const others = range.status?.conditions?.filter((each) => each !== known) ?? [];
    const condition = { type: 'Ready', status, reason, message, lastTransitionTime: timestamp(this.clock.now()) };
    await client.of(resources.serviceCIDRs).patch('', range.metadata!.name!, 'merge', { status: { conditions: [...others, condition] } }, { subresource: 'status' });
  }
}

/** Whether a range covers an address. */
export function inRange(ip: string, cidr: string): boolean {
  const address = parseIP(ip);
  const range = parseCIDR(cidr);
  if (!address || !range || address.bytes.length !== range.address.bytes.length) return false;
  return parseCIDR(`${ip}/${range.prefixLength}`)?.network === range.network;
}
