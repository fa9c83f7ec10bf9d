import type Docker from 'dockerode';
import type { Readable } from 'node:stream';
import type { Clock, Timer } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import type { RuntimeEvent } from '../index.ts';
import { label } from './labels.ts';

interface EngineEvent {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  timeNano?: number;
}

/** `remove` is Podman's word. */
const types: Record<string, RuntimeEvent['type']> = { create: 'created', start: 'started', die: 'exited', destroy: 'removed', remove: 'removed', oom: 'oom' };
const retryMs = { first: 100, most: 2000 };

/**
 * The engine's events for one cluster's containers, opened again whenever the stream breaks. After each break events may
 * have been missed, which `onGap` says as soon as the new stream is open (and so nothing falls between).
 */
export class EventStream {
  #stream: Readable | undefined;
  #timer: Timer | undefined;
  #wait = retryMs.first;
  #cancelled = false;
  #connected = false;

  constructor(
    private readonly docker: Docker,
    private readonly cluster: string,
    private readonly clock: Clock,
    private readonly log: Logger,
    private readonly handlers: { onEvent(event: RuntimeEvent): void; onGap(): void; onConnection(connected: boolean): void },
  ) {
    void this.#open();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#timer?.cancel();
    this.#stream?.destroy();
  }

  async #open(): Promise<void> {
    try {
      const stream = (await this.docker.getEvents({
        filters: JSON.stringify({
          type: ['container'],
          event: Object.keys(types),
          label: [`${label.cluster}=${this.cluster}`],
        }) as unknown as Record<string, string[]>,
      })) as Readable;
      if (this.#cancelled) return void stream.destroy();
      this.#stream = stream;
      this.#wait = retryMs.first;
      this.#setConnected(true);
      this.handlers.onGap();
      let rest = '';
      stream.setEncoding('utf8');
      stream.on('data', (chunk: string) => {
        // Several events may come at once, or one in parts.
        const lines = (rest + chunk).split('\n');
        rest = lines.pop()!;
        for (const line of lines) if (line.trim()) this.#take(line);
      });
      stream.once('error', () => stream.destroy());
      stream.once('close', () => this.#lost('it closed the stream'));
    } catch (error) {
      this.#lost(String(error));
    }
  }

  #lost(why: string): void {
    if (this.#cancelled) return;
    if (this.#connected) this.log.warn('the container engine sends no events any more, will try again', { why });
    this.#setConnected(false);
    this.#timer = this.clock.setTimer(this.#wait, () => void this.#open());
    this.#wait = Math.min(this.#wait * 2, retryMs.most);
  }

  #setConnected(connected: boolean): void {
    if (this.#connected === connected) return;
    this.#connected = connected;
    this.handlers.onConnection(connected);
  }

  #take(line: string): void {
    let event: EngineEvent;
    try {
      event = JSON.parse(line) as EngineEvent;
    } catch {
      this.log.warn('the container engine sent an event that is not JSON', { line: line.slice(0, 200) });
      return;
    }
    const type = types[event.Action];
    const attributes = event.Actor?.Attributes ?? {};
    if (!type || attributes[label.cluster] !== this.cluster || !attributes[label.kind]) return;
    const sandboxId = attributes[label.kind] === 'sandbox' ? event.Actor.ID : attributes[label.sandbox];
    this.handlers.onEvent({
      type,
      id: event.Actor.ID,
      ...(sandboxId ? { sandboxId } : {}),
      ...(attributes[label.podUid] ? { podUid: attributes[label.podUid] } : {}),
    });
  }
}
