import { timestamp, type KubeObject } from '../api/meta.ts';
import type { Clock } from '../util/clock.ts';
import { noLog, type Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import type { Client } from './client.ts';
import { EventCorrelator } from './eventCorrelator.ts';
import { eventName, EventWriter } from './eventWriter.ts';

export interface EventRecorderOptions {
  /** The node that speaks, for what runs on one. */
  host?: string;
  log?: Logger;
}

/**
 * Tells users what a component did, as Event objects. Nothing here ever waits or throws: events are written in the
 * background (see EventWriter), and similar ones are combined. Mirrors k8s.io/client-go/tools/record/event.go.
 */
export class EventRecorder {
  readonly #correlator: EventCorrelator;
  readonly #log: Logger;
  readonly #writer: EventWriter;

  constructor(
    client: Client,
    private readonly component: string,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly options: EventRecorderOptions = {},
  ) {
    this.#log = options.log ?? noLog;
    this.#correlator = new EventCorrelator(clock, (name) => eventName(name, clock, random));
    this.#writer = new EventWriter(client, clock, random, this.#log);
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
    } = {},
  ): void {
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
        name: eventName(name, this.clock, this.random),
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
    if (event) this.#writer.put(event, resourceVersion);
  }

  /** Resolves when everything recorded so far is written or given up. */
  async flush(): Promise<void> {
    await this.#writer.flush();
  }

  /** Takes and sends nothing more. */
  stop(): void {
    this.#writer.stop();
  }
}
