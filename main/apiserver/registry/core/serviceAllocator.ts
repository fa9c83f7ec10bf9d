import type { Service } from '../../../api/index.ts';
import { internalError } from '../../../api/status.ts';
import type { Random } from '../../../util/random.ts';

/**
 * Numbers given out from a range, each once. The first part of the range is left to those who ask for a certain
 * number; others are given random ones from the rest until it is full.
 * Mirrors pkg/registry/core/service/ipallocator and portallocator (the static and dynamic bands).
 */
export class RangeAllocator {
  readonly #taken = new Set<number>();

  constructor(
    readonly first: number,
    readonly last: number,
    private readonly reserved: number,
    private readonly random: Random,
  ) {}

  has(n: number): boolean {
    return this.#taken.has(n);
  }

  contains(n: number): boolean {
    return n >= this.first && n <= this.last;
  }

  take(n: number): boolean {
    if (this.#taken.has(n)) return false;
    this.#taken.add(n);
    return true;
  }

  release(n: number): void {
    this.#taken.delete(n);
  }

  /** Undefined when the range is full. */
  next(): number | undefined {
    const dynamic = Math.min(this.first + this.reserved, this.last);
    const size = this.last - dynamic + 1;
    const start = Math.floor(this.random.next() * size);
    for (let i = 0; i < size; i++) {
      const n = dynamic + ((start + i) % size);
      if (this.take(n)) return n;
    }
    for (let n = this.first; n < dynamic; n++) if (this.take(n)) return n;
    return undefined;
  }
}

export function ipToNumber(ip: string): number | undefined {
  const octets = ip.split('.').map(Number);
  if (octets.length !== 4 || octets.some((octet) => !Number.isInteger(octet) || octet < 0 || octet > 255)) return undefined;
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

export const numberToIp = (n: number) => [24, 16, 8, 0].map((shift) => (n / 2 ** shift) & 255).join('.');

/** The addresses and ports that Services hold. Filled from the stored Services at first use. */
export class ServiceAllocators {
  readonly addresses: RangeAllocator;
  readonly ports: RangeAllocator;
  #loaded: Promise<void> | undefined;

  constructor(
    /** Such as `10.96.0.0/16`. */
    readonly cidr: string,
    /** Both ends are in it. */
    readonly portRange: readonly [number, number],
    private readonly stored: () => Promise<Service[]>,
    random: Random,
  ) {
    const [base, bits] = cidr.split('/');
    const size = 2 ** (32 - Number(bits));
    const network = ipToNumber(base!)!;
    const portCount = portRange[1] - portRange[0] + 1;
    const reserved = (count: number, part: number, maximum: number) => (count < 16 ? 0 : Math.min(Math.max(16, Math.floor(count / part)), maximum));
    // Neither the network's own address nor its last one is given out.
    this.addresses = new RangeAllocator(network + 1, network + size - 2, reserved(size, 16, 256), random);
    this.ports = new RangeAllocator(portRange[0], portRange[1], reserved(portCount, 32, 128), random);
  }

  load(): Promise<void> {
    this.#loaded ??= this.#fill().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  async #fill(): Promise<void> {
    for (const service of await this.stored()) {
      for (const n of addressesOf(service)) this.addresses.take(n);
      for (const n of portsOf(service)) this.ports.take(n);
    }
  }

  nextAddress(name: string): string {
    const n = this.addresses.next();
    if (n === undefined) throw internalError(`failed to allocate a serviceIP for Service ${JSON.stringify(name)}: range is full`);
    return numberToIp(n);
  }

  nextPort(): number {
    const n = this.ports.next();
    if (n === undefined) throw internalError('failed to allocate a nodePort: range is full');
    return n;
  }
}

export function addressesOf(service: Service | undefined): number[] {
  if (!service || service.spec?.type === 'ExternalName') return [];
  return (service.spec?.clusterIPs ?? []).map(ipToNumber).filter((n) => n !== undefined);
}

export function portsOf(service: Service | undefined): number[] {
  const ports = (service?.spec?.ports ?? []).map((port) => port.nodePort ?? 0);
  return [...new Set([...ports, service?.spec?.healthCheckNodePort ?? 0])].filter((port) => port > 0);
}
