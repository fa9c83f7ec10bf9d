import type { Event } from '../api/index.ts';
import { isAlreadyExists, isNotFound, StatusError } from '../api/status.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import type { Client } from './client.ts';
import { resources } from './resources.ts';

const maxQueued = 4096;
const maxInFlight = 16;
/** For so many that wait one more is written at a time. */
const waitingPerWrite = 256;
const maxTries = 12;
const retryAfter = 10_000;
/** A process that is at work for more of its time than this has something better to do than to tell of it. */
const burst = 0.9;
/** Milliseconds for which an event waits for the end of a burst. */
const patience = 2_000;
/** Milliseconds after which the end of a burst is noticed. */
const lookAgainAfter = 250;
/** So many do not wait: there would be no room for what comes next. */
const maxHeld = maxQueued / 2;

/**
 * Brings events to the server in the background. Nothing here ever waits or throws: when the server cannot keep up the newest are
 * dropped. In a burst they come after the work that they tell of, by two seconds at most: then they are written one by one, and side
 * by side only as more of them wait.
 */
export class EventWriter {
  /** By `namespace/name` of the event: a later count replaces one that has not been sent yet. */
  readonly #queue = new Map<string, { event: Event; cause: string | undefined; since: number }>();
  readonly #inFlight = new Set<string>();
  readonly #idle: (() => void)[] = [];
  #stopped = false;
  /** Set while a burst is waited for. */
  #holding: Timer | undefined;

  constructor(
    private readonly client: Client,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly log: Logger,
  ) {}

  /** Takes a new event, or a later state of one: a count above 1 or a series. `cause` is the version of the object it is about. */
  put(event: Event, cause: string | undefined): void {
    if (this.#stopped) return;
    const { namespace, name } = event.metadata;
    const key = `${namespace}/${name}`;
    if (this.#queue.size >= maxQueued && !this.#queue.has(key)) {
      this.log.warn('too many events wait, this one is dropped', { reason: event.reason, kind: event.involvedObject.kind, namespace, name: event.involvedObject.name });
      return;
    }
    this.#queue.set(key, { event, cause, since: this.#queue.get(key)?.since ?? this.clock.now() });
    this.#pump();
  }

  /** Resolves when everything taken so far is written or given up. */
  async flush(): Promise<void> {
    while (this.#queue.size > 0 || this.#inFlight.size > 0)
      await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Takes and sends nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#holding?.cancel();
    this.#queue.clear();
    this.#wake();
  }

  #pump(): void {
    if (this.#mayHold()) {
      this.#holding ??= this.clock.setTimer(lookAgainAfter, () => {
        this.#holding = undefined;
        this.#pump();
      });
      return;
    }
    for (const [key, { event, cause }] of this.#queue) {
      if (this.#inFlight.size >= Math.min(maxInFlight, 1 + Math.floor(this.#queue.size / waitingPerWrite))) return;
      // Counts of one event must arrive in their order.
      if (this.#inFlight.has(key)) continue;
      this.#queue.delete(key);
      this.#inFlight.add(key);
      void this.#send(event, cause).finally(() => {
        this.#inFlight.delete(key);
        this.#pump();
        this.#wake();
      });
    }
  }

  #mayHold(): boolean {
    if (this.#queue.size > maxHeld) return false;
    if (this.#holding) return true;
    const [first] = this.#queue.values();
    return first !== undefined && this.clock.now() < first.since + patience && this.clock.busy() > burst;
  }

  #wake(): void {
    if (this.#queue.size === 0 && this.#inFlight.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #send(event: Event, cause: string | undefined): Promise<void> {
    for (let tries = 1; !this.#stopped; tries++) {
      try {
        return await this.#write(event, cause);
      } catch (error) {
        // The server has said no: saying it again would not help. Anything else is the way to the server, or two writers of a series.
        const isRefused = error instanceof StatusError && error.code !== 503 && error.code !== 429;
        if (isRefused && !(event.series && isAlreadyExists(error))) {
          this.log.debug('the server took no event', { reason: event.reason, error: error.message });
          return;
        }
        if (tries >= maxTries) {
          this.log.error('an event could not be written', { reason: event.reason, error: String(error) });
          return;
        }
        await this.clock.sleep(tries === 1 ? retryAfter * this.random.next() : retryAfter);
      }
    }
  }

  async #write(event: Event, cause: string | undefined): Promise<void> {
    const events = this.client.because(cause).of(resources.events);
    const { namespace, name } = event.metadata;
    const change = changeOf(event);
    if (change) {
      try {
        await events.patch(namespace!, name!, 'strategic', change);
        return;
      } catch (error) {
        // The event has expired since: it begins anew.
        if (!isNotFound(error)) throw error;
      }
    }
    await events.create(event);
  }
}

/** What is new of an event that has been written before; undefined for one that has not. */
function changeOf({ count, lastTimestamp, message, series }: Event): Partial<Event> | undefined {
  if (series) return { series };
  return (count ?? 1) > 1 ? { count, lastTimestamp, message } : undefined;
}

/** Mirrors GenerateEventName of k8s.io/client-go/tools/record/util. */
export function eventName(objectName: string, clock: Clock, random: Random): string {
  const nanos = BigInt(Math.floor(clock.now())) * 1_000_000n + BigInt(Math.floor(random.next() * 1_000_000));
  // Room for the dot and the number in the 253 characters of a name.
  return `${objectName.slice(0, 235)}.${nanos.toString(16)}`;
}
