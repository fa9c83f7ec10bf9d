import type { Event } from '../api/index.ts';
import { timestamp } from '../api/meta.ts';
import type { Clock } from '../util/clock.ts';
import { LruMap } from '../util/lru.ts';
import { TokenBucket } from './rateLimiter.ts';

const cacheEntries = 4096;
const maxSimilarEvents = 10;
const similarInterval = 600_000;
const spamBurst = 25;
const spamPerSecond = 1 / 300;

interface Observation {
  count: number;
  firstTimestamp: string | undefined;
  name: string;
}

/**
 * Keeps events from flooding the cluster: the same event counts up in one object, ten that differ only in their message
 * within ten minutes become one "combined" event, and one source may say 25 things about an object and then one every
 * five minutes. Mirrors k8s.io/client-go/tools/record/events_cache.go.
 */
export class EventCorrelator {
  readonly #similar = new LruMap<string, { messages: string[]; last: number }>(cacheEntries);
  readonly #seen = new LruMap<string, Observation>(cacheEntries);
  readonly #spam = new LruMap<string, TokenBucket>(cacheEntries);

  constructor(
    private readonly clock: Clock,
    private readonly eventName: (objectName: string) => string,
  ) {}

  /** The event to write: one whose count is above 1 has been written before under its name. Undefined: say nothing. */
  correlate(event: Event): Event | undefined {
    const { event: aggregated, key } = this.#aggregate(event);
    const observed = this.#observe(aggregated, key);
    const about = spamKey(observed);
    let bucket = this.#spam.get(about);
    if (!bucket) this.#spam.set(about, (bucket = new TokenBucket(spamPerSecond, spamBurst, this.clock)));
    return bucket.tryTake() ? observed : undefined;
  }

  #aggregate(event: Event): { event: Event; key: string } {
    const now = this.clock.now();
    const aggregateKey = similarKey(event);
    let record = this.#similar.get(aggregateKey);
    if (!record || now - record.last > similarInterval) this.#similar.set(aggregateKey, (record = { messages: [], last: now }));
    if (!record.messages.includes(event.message ?? '')) record.messages.push(event.message ?? '');
    record.last = now;
    if (record.messages.length < maxSimilarEvents) return { event, key: eventKey(event) };
    record.messages.shift();
    const combined: Event = {
      ...event,
      metadata: { name: this.eventName(event.involvedObject.name ?? ''), namespace: event.metadata.namespace },
      message: `(combined from similar events): ${event.message}`,
      count: 1,
      firstTimestamp: timestamp(now),
      lastTimestamp: timestamp(now),
    };
    return { event: combined, key: aggregateKey };
  }

  #observe(event: Event, key: string): Event {
    const last = this.#seen.get(key);
    const observed: Event = last
      ? {
          ...event,
          metadata: { ...event.metadata, name: last.name },
          firstTimestamp: last.firstTimestamp,
          count: last.count + 1,
        }
      : event;
    this.#seen.set(key, {
      count: observed.count ?? 1,
      firstTimestamp: observed.firstTimestamp,
      name: observed.metadata.name!,
    });
    return observed;
  }
}

/**
 * Who says it, and of what: a uid stands for name, namespace and version. Keys are many and stay in memory, where what is joined is one
 * string; a template would be a dozen that hang together.
 */
function about(event: Event): string {
  const { kind, namespace, name, uid, apiVersion } = event.involvedObject;
  const object = uid || [namespace, name, apiVersion].join('\0');
  return [event.source?.component, event.source?.host, kind, object, event.type].join('\0');
}

const spamKey = about;
const similarKey = (event: Event) => [about(event), event.reason].join('\0');
const eventKey = (event: Event) => [about(event), event.reason, event.involvedObject.fieldPath, event.message].join('\0');
