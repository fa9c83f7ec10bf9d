import type { Event, ObjectReference } from '../api/index.ts';
import { timestamp, type KubeObject } from '../api/meta.ts';
import { isNotFound, StatusError } from '../api/status.ts';
import type { Clock } from '../util/clock.ts';
import { noLog, type Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import type { Client } from './client.ts';
import { EventCorrelator } from './eventCorrelator.ts';
import { resources } from './resources.ts';

const maxQueued = 4096;
const maxInFlight = 16;
/** For so many that wait one more is written at a time. */
const waitingPerWrite = 256;
const maxTries = 12;
const retryAfter = 10_000;

export interface EventRecorderOptions {
  /** The node that speaks, for what runs on one. */
  host?: string;
  log?: Logger;
}

/**
 * Tells users what a component did, as Event objects. Nothing here ever waits or throws: events are written in the
 * background, similar ones are combined, and when the server cannot keep up the newest are dropped. In a burst they come
 * after the work that they tell of: they are written one by one, and side by side only as more of them wait.
 * Mirrors k8s.io/client-go/tools/record/event.go.
 */
export class EventRecorder {
  readonly #correlator: EventCorrelator;
  readonly #log: Logger;
  /** By `namespace/name` of the event: a later count replaces one that has not been sent yet. */
  readonly #queue = new Map<string, { event: Event; cause: string | undefined }>();
  readonly #inFlight = new Set<string>();
  readonly #idle: (() => void)[] = [];
  #stopped = false;

  constructor(
    private readonly client: Client,
    private readonly component: string,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly options: EventRecorderOptions = {},
  ) {
    this.#log = options.log ?? noLog;
    this.#correlator = new EventCorrelator(clock, (name) => this.#eventName(name));
  }

  /** `extra.fieldPath` points into the object, such as `spec.containers{web}`. */
  event(
    object: KubeObject & { kind?: string },
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    extra: {
      fieldPath?: string;
      annotations?: Record<string, string>;
      related?: ObjectReference;
      action?: string;
    } = {},
  ): void {
    if (this.#stopped) return;
    const { namespace, name, uid, resourceVersion } = object.metadata ?? {};
    if (!object.kind || !name) {
      this.#log.error('an event about something without kind or name', { reason, kind: object.kind, name });
      return;
    }
    const now = timestamp(this.clock.now());
    const { host } = this.options;
    const event = this.#correlator.correlate({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: this.#eventName(name),
        namespace: namespace || 'default',
        ...(extra.annotations ? { annotations: extra.annotations } : {}),
      },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        ...(namespace ? { namespace } : {}),
        name,
        uid,
        resourceVersion,
        ...(extra.fieldPath ? { fieldPath: extra.fieldPath } : {}),
      },
      ...(extra.related ? { related: extra.related } : {}),
      ...(extra.action ? { action: extra.action } : {}),
      reason,
      message: message.length > 1024 ? `${message.slice(0, 1021)}...` : message,
      type,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component: this.component, ...(host ? { host } : {}) },
      reportingComponent: this.component,
      reportingInstance: host ?? '',
    });
    if (!event) return;
    const key = `${event.metadata.namespace}/${event.metadata.name}`;
    if (this.#queue.size >= maxQueued && !this.#queue.has(key)) {
      this.#log.warn('too many events wait, this one is dropped', { reason, kind: object.kind, namespace, name });
      return;
    }
    this.#queue.set(key, { event, cause: resourceVersion });
    this.#pump();
  }

  /** Resolves when everything recorded so far is written or given up. */
  async flush(): Promise<void> {
    while (this.#queue.size > 0 || this.#inFlight.size > 0)
      await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Takes and sends nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#queue.clear();
    this.#wake();
  }

  #eventName(objectName: string): string {
    const nanos =
      BigInt(Math.floor(this.clock.now())) * 1_000_000n + BigInt(Math.floor(this.random.next() * 1_000_000));
    // Room for the dot and the number in the 253 characters of a name.
    return `${objectName.slice(0, 235)}.${nanos.toString(16)}`;
  }

  #pump(): void {
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

  #wake(): void {
    if (this.#queue.size === 0 && this.#inFlight.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #send(event: Event, cause: string | undefined): Promise<void> {
    for (let tries = 1; !this.#stopped; tries++) {
      try {
        return await this.#write(event, cause);
      } catch (error) {
        // The server has said no: saying it again would not help. Anything else is the way to the server.
        if (error instanceof StatusError && error.code !== 503 && error.code !== 429) {
          this.#log.debug('the server took no event', { reason: event.reason, error: error.message });
          return;
        }
        if (tries >= maxTries) {
          this.#log.error('an event could not be written', { reason: event.reason, error: String(error) });
          return;
        }
        await this.clock.sleep(tries === 1 ? retryAfter * this.random.next() : retryAfter);
      }
    }
  }

  async #write(event: Event, cause: string | undefined): Promise<void> {
    const events = this.client.because(cause).of(resources.events);
    const { namespace, name } = event.metadata;
    if ((event.count ?? 1) > 1) {
      const { count, lastTimestamp, message } = event;
      try {
        await events.patch(namespace!, name!, 'strategic', { count, lastTimestamp, message });
        return;
      } catch (error) {
        // The event has expired since: it begins anew.
        if (!isNotFound(error)) throw error;
      }
    }
    await events.create(event);
  }
}
