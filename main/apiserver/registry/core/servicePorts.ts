import type { Service } from '../../../api/index.ts';
import { internalError } from '../../../api/status.ts';
import { ConflictError, type Store } from '../../../store/index.ts';
import type { Random } from '../../../util/random.ts';
import type { RequestContext } from '../strategy.ts';

/** Which node ports are taken. */
export interface PortLedger {
  load(): Promise<void>;
  has(port: number): Promise<boolean>;
  /** False: it is taken. */
  take(context: RequestContext, port: number): Promise<boolean>;
  release(context: RequestContext, port: number): Promise<void>;
}

/**
 * Node ports given out, each once. The first part of the range is left to those who ask for a certain port; others are
 * given random ones from the rest until it is full.
 * Mirrors pkg/registry/core/service/portallocator (the static and dynamic bands).
 */
export class ServicePorts {
  readonly #reserved: number;

  constructor(
    readonly first: number,
    readonly last: number,
    private readonly ledger: PortLedger,
    private readonly random: Random,
  ) {
    const size = last - first + 1;
    this.#reserved = size < 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128);
  }

  load(): Promise<void> {
    return this.ledger.load();
  }

  contains(port: number): boolean {
    return port >= this.first && port <= this.last;
  }

  /** False: it is taken. A dry run takes none. */
  async take(context: RequestContext, port: number): Promise<boolean> {
    return context.dryRun ? !(await this.ledger.has(port)) : this.ledger.take(context, port);
  }

  async release(context: RequestContext, port: number): Promise<void> {
    if (!context.dryRun) await this.ledger.release(context, port);
  }

  async next(context: RequestContext): Promise<number> {
    const dynamic = Math.min(this.first + this.#reserved, this.last);
    const size = this.last - dynamic + 1;
    const start = Math.floor(this.random.next() * size);
    for (let i = 0; i < size; i++) {
      const port = dynamic + ((start + i) % size);
      if (!(await this.ledger.has(port)) && (await this.ledger.take(context, port))) return port;
    }
    for (let port = this.first; port < dynamic; port++) if (!(await this.ledger.has(port)) && (await this.ledger.take(context, port))) return port;
    throw internalError('failed to allocate a nodePort: range is full');
  }
}

/** In memory, filled from the stored Services at first use: for an API server that is the only one on its store. */
export class RememberedPorts implements PortLedger {
  readonly #taken = new Set<number>();
  #loaded: Promise<void> | undefined;

  constructor(private readonly stored: () => Promise<Service[]>) {}

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

  has(port: number): Promise<boolean> {
    return Promise.resolve(this.#taken.has(port));
  }

  take(_context: RequestContext, port: number): Promise<boolean> {
    const free = !this.#taken.has(port);
    this.#taken.add(port);
    return Promise.resolve(free);
  }

  release(_context: RequestContext, port: number): Promise<void> {
    this.#taken.delete(port);
    return Promise.resolve();
  }
}

const root = '/registry/ranges/servicenodeports/';
/** A port that is taken for so long, milliseconds, without a Service that has it was left behind by an engine that ended. Upstream's repair loop: every three minutes. */
const leftBehind = 3 * 60_000;

/** In the store, a key each, so that of several API servers only one can take a port. */
export class StoredPorts implements PortLedger {
  constructor(
    private readonly store: Store,
    private readonly stored: () => Promise<Service[]>,
  ) {}

  async load(): Promise<void> {}

  async has(port: number): Promise<boolean> {
    return (await this.store.get(root + port)) !== undefined;
  }

  async take({ now, cause }: RequestContext, port: number): Promise<boolean> {
    for (let expected = 0; ; ) {
      try {
        await this.store.put(root + port, () => String(now), { expected, cause });
        return true;
      } catch (error) {
        if (!(error instanceof ConflictError) || !error.current) throw error;
        if (expected > 0 || now - Number(error.current.value) < leftBehind) return false;
        await this.store.fresh();
        if ((await this.stored()).some((service) => portsOf(service).includes(port))) return false;
        expected = error.current.modRevision;
      }
    }
  }

  async release({ cause }: RequestContext, port: number): Promise<void> {
    await this.store.delete(root + port, { tombstone: () => '', cause });
  }
}

export function portsOf(service: Service | undefined): number[] {
  const ports = (service?.spec?.ports ?? []).map((port) => port.nodePort ?? 0);
  return [...new Set([...ports, service?.spec?.healthCheckNodePort ?? 0])].filter((port) => port > 0);
}
