import { isDeepStrictEqual } from 'node:util';
import type { Store } from './store/index.ts';
import type { Clock, Timer } from './util/clock.ts';
import type { Logger } from './util/log.ts';

/** How often an engine says that it is there, and after how long without a word it is not, milliseconds. Upstream: controlplane.DefaultEndpointReconcilerInterval, DefaultEndpointReconcilerTTL. */
const interval = 10_000;
const lifetime = 15_000;
const prefix = '/registry/masterleases/';

export interface ApiAddress {
  ip: string;
  port: number;
}

export interface ApiAddressesOptions {
  store: Store;
  /** The engine's own key among those of the others. */
  id: string;
  /** Makes the addresses of all engines the endpoints of the Service `kubernetes`. */
  publish(addresses: ApiAddress[]): Promise<void>;
  clock: Clock;
  log: Logger;
}

/**
 * Where the API servers of several engines answer. Each writes its own address again and again; one that was not written
 * for a while is that of an engine that has ended. Time counts from when a key was last seen to change, so that clocks need
 * not agree. Mirrors pkg/controlplane/reconcilers/lease.go.
 */
export class ApiAddresses {
  readonly #options: ApiAddressesOptions;
  /** By key: the revision last seen, and since when. */
  readonly #seen = new Map<string, { revision: number; at: number }>();
  #own: ApiAddress | undefined;
  #published: ApiAddress[] = [];
  #timer: Timer | undefined;
  #turn: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ApiAddressesOptions) {
    this.#options = options;
  }

  /** The engine's own address, from now on. */
  async set(address: ApiAddress): Promise<void> {
    this.#own = address;
    await this.#take(() => this.#reconcile());
  }

  /** Takes the engine's address back. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    if (!this.#own) return;
    await this.#take(async () => {
      const { store, id, publish } = this.#options;
      await store.delete(prefix + id, { cause: { who: 'kube-apiserver' }, tombstone: () => '' });
      const others = await this.#living();
      if (others.length > 0) await publish(others);
    });
  }

  /** One after the other; what fails is tried again with the next. */
  #take(work: () => Promise<void>): Promise<void> {
    return (this.#turn = this.#turn.then(work).catch((error: unknown) => this.#options.log.warn('the addresses of the API servers could not be written', { error: String(error) })));
  }

  async #reconcile(): Promise<void> {
    const { store, id, publish, clock } = this.#options;
    this.#timer?.cancel();
    if (this.#stopped) return;
    this.#timer = clock.setTimer(interval, () => void this.#take(() => this.#reconcile()));
    await store.put(prefix + id, () => JSON.stringify(this.#own), { cause: { who: 'kube-apiserver' } });
    const addresses = await this.#living();
    if (isDeepStrictEqual(addresses, this.#published)) return;
    await publish(addresses);
    this.#published = addresses;
  }

  async #living(): Promise<ApiAddress[]> {
    const now = this.#options.clock.monotonic();
    const { entries } = await this.#options.store.list(prefix);
    const living = entries.filter(({ key, modRevision }) => {
      const seen = this.#seen.get(key);
      if (seen?.revision === modRevision) return now - seen.at < lifetime;
      this.#seen.set(key, { revision: modRevision, at: now });
      return true;
    });
    return living.map(({ value }) => JSON.parse(value) as ApiAddress);
  }
}
