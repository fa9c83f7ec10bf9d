import type { Clock, Timer } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import { code, EtcdError, type Channel, type Stream } from './channel.ts';
import { groupsOf, type Group } from './groups.ts';
import type { Keyspace } from './keyspace.ts';
import { methods, watchRequest, watchResponse } from './messages.ts';

const firstWait = 50;
const longestWait = 2_000;

export interface FeedOptions {
  channel: Channel;
  keyspace: Keyspace;
  clock: Clock;
  log: Logger;
  onGroup(group: Group): void;
  /** Called before a watch is begun again. Rejects with an EtcdError while that cannot be, with another error where it must not be. */
  check(): Promise<void>;
  /** What comes next is compacted already, up to that revision of etcd. */
  onCompacted(revision: number): void;
  /** It is over. */
  onFailure(error: Error): void;
}

/** Everything that happens to the store's keys in etcd, by one watch that is begun again wherever it broke off. */
export class Feed {
  #stream: Stream | undefined;
  #timer: Timer | undefined;
  #wait = firstWait;
  #at = 0;
  #ended = false;
  #problem: EtcdError | undefined;

  constructor(private readonly options: FeedOptions) {}

  /** Why nothing is heard at the moment. */
  get problem(): EtcdError | undefined {
    return this.#problem;
  }

  /** Begins behind that revision of etcd. */
  start(at: number): void {
    this.#at = at;
    this.#open();
  }

  stop(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#stream?.cancel();
  }

  #open(): void {
    const { channel, keyspace } = this.options;
    const stream = channel.stream(methods.watch, watchRequest(keyspace.range, { start: this.#at + 1 }), {
      onMessage: (message) => {
        if (this.#stream === stream && !this.#ended) this.#hear(message, stream);
      },
      onEnd: (error) => {
        if (this.#stream === stream) this.#again(error);
      },
    });
    this.#stream = stream;
  }

  #hear(message: Buffer, stream: Stream): void {
    try {
      const { canceled, compactRevision, cancelReason, events } = watchResponse(message);
      if (canceled) {
        stream.cancel();
        this.#stream = undefined;
        if (compactRevision > this.#at) return this.options.onCompacted(compactRevision);
        return this.#again(new EtcdError(code.unavailable, cancelReason || 'etcd ended the watch'));
      }
      if (this.#problem) this.options.log.info('etcd is heard again', { server: this.options.channel.server });
      this.#problem = undefined;
      this.#wait = firstWait;
      for (const group of groupsOf(events, this.options.keyspace)) {
        this.#at = group.at;
        this.options.onGroup(group);
      }
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #again(error: EtcdError): void {
    this.#stream = undefined;
    if (this.#ended) return;
    if (!this.#problem) this.options.log.warn('etcd is not heard', { error: error.message });
    this.#problem = error;
    this.#timer = this.options.clock.setTimer(this.#wait, () => void this.#checked());
    this.#wait = Math.min(this.#wait * 2, longestWait);
  }

  async #checked(): Promise<void> {
    try {
      await this.options.check();
      if (!this.#ended) this.#open();
    } catch (error) {
      if (error instanceof EtcdError) this.#again(error);
      else this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    if (this.#ended) return;
    this.stop();
    this.options.onFailure(error);
  }
}
