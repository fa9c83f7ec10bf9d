import type { Service } from '../../../api/index.ts';
import { internalError } from '../../../api/status.ts';
import type { Random } from '../../../util/random.ts';

/**
 * Node ports given out, each once. The first part of the range is left to those who ask for a certain port; others are
 * given random ones from the rest until it is full. Filled from the stored Services at first use.
 * Mirrors pkg/registry/core/service/portallocator (the static and dynamic bands).
 */
export class ServicePorts {
  readonly #taken = new Set<number>();
  readonly #reserved: number;
  #loaded: Promise<void> | undefined;

  constructor(
    readonly first: number,
    readonly last: number,
    private readonly stored: () => Promise<Service[]>,
    private readonly random: Random,
  ) {
    const size = last - first + 1;
    this.#reserved = size < 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128);
  }

  load(): Promise<void> {
    this.#loaded ??= this.#fill().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  async #fill(): Promise<void> {
    for (const service of await this.stored()) for (const port of portsOf(service)) this.#taken.add(port);
  }

  contains(port: number): boolean {
    return port >= this.first && port <= this.last;
  }

  take(port: number): boolean {
    if (this.#taken.has(port)) return false;
    this.#taken.add(port);
    return true;
  }

  release(port: number): void {
    this.#taken.delete(port);
  }

  next(): number {
    const dynamic = Math.min(this.first + this.#reserved, this.last);
    const size = this.last - dynamic + 1;
    const start = Math.floor(this.random.next() * size);
    for (let i = 0; i < size; i++) {
      const port = dynamic + ((start + i) % size);
      if (this.take(port)) return port;
    }
    for (let port = this.first; port < dynamic; port++) if (this.take(port)) return port;
    throw internalError('failed to allocate a nodePort: range is full');
  }
}

export function portsOf(service: Service | undefined): number[] {
  const ports = (service?.spec?.ports ?? []).map((port) => port.nodePort ?? 0);
  return [...new Set([...ports, service?.spec?.healthCheckNodePort ?? 0])].filter((port) => port > 0);
}
