import type { KubeObject } from '../api/meta.ts';
import type { Client, Informer, InformerFactory, InformerHandlers, ResourceDef } from '../client/index.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import { discover, isGone, type DiscoveredResource, type Discovery } from './discovery.ts';

/** How often the server is asked what it serves, in milliseconds. */
export const rediscovery = 30_000;

/** How the objects of one kind are dealt with, in the version in which they are followed. */
export interface Following {
  handlers: InformerHandlers<KubeObject>;
  /** The kind is served no more; `left` is what there was of it last. Not called when another version takes over. */
  ended(left: KubeObject[]): void;
}

export interface ServedKindsOptions {
  client: Client;
  informers: InformerFactory;
  clock: Clock;
  log: Logger;
  /** Whether a collection is to be followed. */
  wants(resource: DiscoveredResource): boolean;
  follow(resource: DiscoveredResource, informer: Informer<KubeObject>): Following;
  /** Called with what the server answers, before anything is followed because of that. */
  onDiscovery?(discovery: Discovery): void;
}

/** Follows every collection that can be followed, those included that are defined while we run, as long as it is served. */
export class ServedKinds {
  readonly #followed = new Map<string, { resource: DiscoveredResource; informer: Informer<KubeObject>; following: Following; end(): void }>();
  #timer: Timer | undefined;
  #stopped = false;

  constructor(private readonly options: ServedKindsOptions) {}

  /** Asks for the first time; then again and again until it is stopped. Resolves when the first answer is dealt with, whatever it was. */
  async start(): Promise<void> {
    try {
      this.#take(await discover(this.options.client));
    } catch (error) {
      this.options.log.warn('the server could not be asked what it serves, will try again', { error: String(error) });
    }
    if (!this.#stopped) this.#timer = this.options.clock.setTimer(rediscovery, () => void this.start());
  }

  /** Resolves when all that is followed by now has been listed. */
  async synced(): Promise<void> {
    await Promise.all([...this.#followed.values()].map(({ informer }) => informer.synced()));
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #take(discovery: Discovery): void {
    this.options.onDiscovery?.(discovery);
    for (const resource of discovery.resources) {
      const id = `${resource.group}/${resource.resource}`;
      const before = this.#followed.get(id);
      if (!this.options.wants(resource) || before?.resource.version === resource.version) continue;
      this.#follow(id, resource);
      if (before) this.#release(before);
    }
    for (const [id, kind] of this.#followed) {
      if (!isGone(kind.resource, discovery)) continue;
      this.#followed.delete(id);
      this.#release(kind);
      // Its last list may not have told of its end yet.
      kind.following.ended(kind.informer.list());
    }
  }

  #follow(id: string, resource: DiscoveredResource): void {
    const informer = this.options.informers.follow<KubeObject>(resource satisfies ResourceDef);
    const following = this.options.follow(resource, informer);
    this.#followed.set(id, { resource, informer, following, end: informer.on(following.handlers) });
  }

  #release({ resource, end }: { resource: DiscoveredResource; end(): void }): void {
    end();
    this.options.informers.release(resource);
  }
}
