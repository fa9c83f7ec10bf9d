import type { Event, ObjectReference } from '../api/index.ts';
import { microTimestamp } from '../api/meta.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import { LruMap } from '../util/lru.ts';
import type { Random } from '../util/random.ts';
import type { Client } from './client.ts';
import { eventName, EventWriter } from './eventWriter.ts';

/** Milliseconds without a repetition after which a series is over. */
const finishTime = 6 * 60_000;
/** Milliseconds after which a series that goes on is written again, so that it does not expire. */
const refreshTime = 30 * 60_000;
/** Upstream remembers any number; what is forgotten here begins anew. */
const maxRemembered = 4096;

/** Characters that the server takes. */
const maxInstance = 128;

export interface SeriesRecorderOptions {
  clock: Clock;
  random: Random;
  log: Logger;
  /** The computer that it runs on, part of the name of the reporting instance. */
  host: string;
}

/**
 * Tells users what a component did as events.k8s.io means it: with the moment to the microsecond and what was being done, and
 * with repetitions as one series, whose count is written when it begins, every half an hour and when it is over. The objects are
 * written in the version that they are stored in. Nothing here waits or throws (see EventWriter).
 * Mirrors k8s.io/client-go/tools/events/event_broadcaster.go.
 */
export class SeriesRecorder {
  readonly #events = new LruMap<string, Event>(maxRemembered);
  readonly #writer: EventWriter;
  readonly #instance: string;
  #finish: Timer | undefined;
  #refresh: Timer | undefined;

  constructor(
    client: Client,
    private readonly component: string,
    private readonly options: SeriesRecorderOptions,
  ) {
    this.#writer = new EventWriter(client, options.clock, options.random, options.log);
    this.#instance = `${component}-${options.host}`.slice(0, maxInstance);
  }

  /** `note` may have 1,024 bytes. A repetition differs in the note alone, and keeps that of the first. */
  event(regarding: ObjectReference, type: 'Normal' | 'Warning', reason: string, action: string, note: string, related?: ObjectReference): void {
    const { clock, random } = this.options;
    const now = microTimestamp(clock.now());
    const key = keyOf(regarding, type, reason, action, related);
    const known = this.#events.get(key);
    if (known) {
      const begins = !known.series;
      known.series = { count: (known.series?.count ?? 1) + 1, lastObservedTime: now };
      if (begins) this.#write(known);
      return;
    }
    const event: Event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: eventName(regarding.name!, clock, random), namespace: regarding.namespace || 'default' },
      involvedObject: regarding,
      ...(related ? { related } : {}),
      reason,
      message: note,
      type,
      action,
      eventTime: now,
      reportingComponent: this.component,
      reportingInstance: this.#instance,
    };
    this.#events.set(key, event);
    this.#finish ??= clock.setTimer(finishTime, () => this.#finishSeries());
    this.#refresh ??= clock.setTimer(refreshTime, () => this.#refreshSeries());
    this.#write(event);
  }

  /** Resolves when everything recorded so far is written or given up. */
  async flush(): Promise<void> {
    await this.#writer.flush();
  }

  /** Takes and sends nothing more. */
  stop(): void {
    this.#finish?.cancel();
    this.#refresh?.cancel();
    this.#writer.stop();
  }

  /** What is remembered counts on while this is being written. */
  #write(event: Event): void {
    this.#writer.put({ ...event }, event.involvedObject.resourceVersion);
  }

  #finishSeries(): void {
    const { clock } = this.options;
    const before = microTimestamp(clock.now() - finishTime);
    for (const [key, event] of this.#events) {
      if ((event.series?.lastObservedTime ?? event.eventTime!) >= before) continue;
      if (event.series) this.#write(event);
      this.#events.delete(key);
    }
    this.#finish = this.#events.size > 0 ? clock.setTimer(finishTime, () => this.#finishSeries()) : undefined;
  }

  #refreshSeries(): void {
    for (const [, event] of this.#events) if (event.series) this.#write(event);
    this.#refresh = this.#events.size > 0 ? this.options.clock.setTimer(refreshTime, () => this.#refreshSeries()) : undefined;
  }
}

/** What is joined is one string; a template would be a dozen that hang together. */
function keyOf(regarding: ObjectReference, type: string, reason: string, action: string, related: ObjectReference | undefined): string {
  return [type, reason, action, identity(regarding), related ? identity(related) : ''].join('\0');
}

const identity = ({ kind, namespace, name, uid, apiVersion, resourceVersion, fieldPath }: ObjectReference) =>
  [kind, namespace, name, uid, apiVersion, resourceVersion, fieldPath].join('\0');
