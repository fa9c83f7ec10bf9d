import type { IPAddress, Service, ServiceCIDR } from '../../../api/index.ts';
import { formatIP, parseCIDR, parseIP } from '../../../api/ip.ts';
import { addressFamily, type AddressFamily, serviceAddress } from '../../../api/serviceAddress.ts';
import { isAlreadyExists, isNotFound } from '../../../api/status.ts';
import { ConflictError } from '../../../store/index.ts';
import type { Random } from '../../../util/random.ts';
import { manageFieldsOnUpdate } from '../../managedFields.ts';
import type { Registry } from '../generic.ts';
import type { Objects, RequestContext } from '../strategy.ts';

const serviceCIDRs = { group: 'networking.k8s.io', version: 'v1', resource: 'servicecidrs' };
const ipAddresses = { group: 'networking.k8s.io', version: 'v1', resource: 'ipaddresses' };

/** Why an address cannot be had, in upstream's words. */
export class AddressError extends Error {}

/** A range as numbers; the addresses from `first` to `last` are given out, those below `dynamic` only to who asks for them. */
interface Range {
  family: AddressFamily;
  first: bigint;
  dynamic: bigint;
  last: bigint;
  network: string;
}

/**
 * The addresses that Services hold: an IPAddress object each, from the ranges that ServiceCIDRs name. What is stored is
 * the whole truth; nothing is remembered here.
 * Mirrors pkg/registry/core/service/ipallocator (cidrallocator.go, ipallocator.go).
 */
export class ServiceAddresses {
  /** The families of the cluster, its first choice first. */
  readonly families: readonly AddressFamily[];
  readonly #configured: string[];

  constructor(
    /** As kube-apiserver's --service-cluster-ip-range: one range, or one of each family with a comma between them. */
    configured: string,
    private readonly objects: Objects,
    private readonly addresses: Registry,
    private readonly random: Random,
  ) {
    this.#configured = configured.split(',');
    this.families = this.#configured.map((cidr) => addressFamily(cidr));
  }

  /** Takes a certain address. Throws AddressError where it is taken or in no range that is ready. */
  async take(context: RequestContext, service: Service, ip: string): Promise<void> {
    const n = toNumber(ip);
    const range = n === undefined ? undefined : (await this.#ranges()).find(({ family, network }) => family === addressFamily(ip) && contains(network, ip));
    // A dry run asks the first range of the family only.
    const judged = range ?? (context.dryRun ? (await this.#ranges()).find(({ family }) => family === addressFamily(ip)) : undefined);
    if (n === undefined || !judged) throw new AddressError('the provided network does not match the current range');
    if (n < judged.first || n > judged.last) throw new AddressError(`the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${judged.network}`);
    if (!(await this.#create(context, service, ip))) throw new AddressError('provided IP is already allocated');
  }

  /** Takes a free address, a random one; undefined when every range is full. */
  async next(context: RequestContext, service: Service, family: AddressFamily): Promise<string | undefined> {
    for (const range of await this.#ranges()) {
      if (range.family !== family) continue;
      for (const [first, last] of [[range.dynamic, range.last], [range.first, range.dynamic - 1n]] as const)
        for (const ip of from(first, last, family, this.random))
          if (!(await this.objects.get(ipAddresses, '', ip)) && (await this.#create(context, service, ip))) return ip;
    }
    return undefined;
  }

  /** Gives an address back; a dry run took none. What fails here is a leak that the repair controller finds. */
  async release(context: RequestContext, ip: string): Promise<void> {
    if (context.dryRun) return;
    try {
      const entry = await this.addresses.get('', canonical(ip));
      await this.addresses.remove(own(context), entry);
    } catch (error) {
      if (!isNotFound(error) && !(error instanceof ConflictError)) throw error;
    }
  }

  /** False: it is taken. */
  async #create(context: RequestContext, service: Service, ip: string): Promise<boolean> {
    try {
      const address = serviceAddress(canonical(ip), service) as Required<IPAddress>;
      await manageFieldsOnUpdate(this.addresses, own(context), undefined, address, '');
      await this.addresses.create(own(context), address);
      return true;
    } catch (error) {
      if (isAlreadyExists(error)) return false;
      throw error;
    }
  }

  /** Those that are ready; before there is any, what was configured. */
  async #ranges(): Promise<Range[]> {
    const stored = await this.objects.list<ServiceCIDR>(serviceCIDRs);
    const ready = stored.filter((range) => !range.metadata!.deletionTimestamp && isReady(range)).flatMap(({ spec }) => spec?.cidrs ?? []);
    return [...new Set(stored.length > 0 ? ready : this.#configured)].flatMap((cidr) => rangeOf(cidr) ?? []);
  }
}

/** Without a word about it a range is ready: whoever says so may not run. */
function isReady({ status }: ServiceCIDR): boolean {
  const condition = status?.conditions?.find(({ type }) => type === 'Ready');
  return condition === undefined || condition.status === 'True';
}

/** The API server's own write, in the course of the request; of a dry run it is one too. */
const own = (context: RequestContext): RequestContext => ({ ...context, namespace: '', warnings: [], userAgent: 'kube-apiserver', fieldManager: 'kube-apiserver' });

const canonical = (ip: string): string => formatIP(parseIP(ip)!);

const toBigInt = (bytes: number[]): bigint => bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);

function toNumber(ip: string): bigint | undefined {
  const parsed = parseIP(ip);
  return parsed && toBigInt(parsed.bytes);
}

function toText(n: bigint, family: AddressFamily): string {
  const size = family === 'IPv4' ? 4 : 16;
  const bytes = Array.from({ length: size }, (_, i) => Number((n >> BigInt(8 * (size - 1 - i))) & 255n));
  return formatIP({ bytes, leadingZeros: false, ipv4Mapped: false });
}

const contains = (network: string, ip: string): boolean => parseCIDR(`${ip}/${network.split('/')[1]}`)?.network === network;

/** Ranges of IPv6 with more addresses than 64 bits can number are refused, as upstream does. */
function rangeOf(cidr: string): Range | undefined {
  const parsed = parseCIDR(cidr);
  if (!parsed || (parsed.address.bytes.length === 16 && parsed.prefixLength < 64)) return undefined;
  const family = addressFamily(cidr);
  const base = toNumber(parsed.network.split('/')[0]!)!;
  const size = 2n ** BigInt(parsed.address.bytes.length * 8 - parsed.prefixLength);
  const first = base + 1n;
  // The last address of an IPv4 network is its broadcast address.
  const last = base + size - (family === 'IPv4' ? 2n : 1n);
  const reserved = size <= 16n ? 0n : clamp(size / 16n, 16n, 256n);
  return { family, first, dynamic: first + reserved, last, network: parsed.network };
}

const clamp = (n: bigint, low: bigint, high: bigint): bigint => (n < low ? low : n > high ? high : n);

/** Every address from `first` to `last`, from a random one on. */
function* from(first: bigint, last: bigint, family: AddressFamily, random: Random): Generator<string> {
  const size = last - first + 1n;
  if (size <= 0n) return;
  const start = BigInt(Math.floor(random.next() * Number(size))) % size;
  for (let i = 0n; i < size; i++) yield toText(first + ((start + i) % size), family);
}
