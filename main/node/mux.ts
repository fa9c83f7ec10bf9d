import type { Duplex } from 'node:stream';
import { Channel } from './channel.ts';
import { encodeFrame, FrameParser, FrameType, type Frame } from './protocol.ts';

/** What one side does for the other. What it throws arrives at the other side as an Error with the same message. */
export interface MuxHandlers {
  onCall(method: string, params: unknown): Promise<unknown>;
  /** Decides about a stream; the function that it returns is given the stream once the other side knows. */
  onOpen(kind: string, params: unknown): Promise<(channel: Duplex) => void>;
}

/** Calls and byte streams, both ways, over one ordered byte stream. */
export class Mux {
  readonly #calls = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly #channels = new Map<number, Channel>();
  #waiting: (() => void)[] = [];
  #choked = false;
  #nextId: number;
  #lost: Error | undefined;
  #resolveClosed: () => void = () => {};
  readonly closed: Promise<void> = new Promise((resolve) => (this.#resolveClosed = resolve));

  constructor(
    private readonly transport: Duplex,
    side: 'engine' | 'agent',
    private readonly handlers: MuxHandlers,
  ) {
    this.#nextId = side === 'engine' ? 1 : 2;
    const parser = new FrameParser((frame) => this.#receive(frame));
    transport.on('data', (chunk: Buffer) => {
      try {
        if (!this.#lost) parser.push(chunk);
      } catch (error) {
        this.close(error as Error);
      }
    });
    transport.on('drain', () => this.#drained());
    transport.on('error', (error) => this.close(error));
    transport.on('end', () => this.close(new Error('the node agent connection ended')));
    transport.on('close', () => this.close(new Error('the node agent connection was closed')));
  }

  /** Rejects with the other side's error, or when the connection is lost. */
  call<T>(method: string, params: unknown): Promise<T> {
    return this.#begin(FrameType.Call, { method, params }) as Promise<T>;
  }

  /** A byte stream, once the other side has accepted it. */
  open(kind: string, params: unknown): Promise<Duplex> {
    let channel: Channel | undefined;
    const opened = this.#begin(FrameType.Open, { kind, params }, (id) => {
      // Made before anything else is read: the first bytes may be right behind the answer.
      channel = new Channel(this, id);
      this.#channels.set(id, channel);
    });
    return opened.then(() => channel!);
  }

  /** Tells the other side that another connection takes over, then closes. */
  goodbye(): void {
    this.send(FrameType.Goodbye, 0);
    this.close(new Error('another connection to the node agent took over'));
  }

  close(reason: Error = new Error('the node agent connection was closed')): void {
    if (this.#lost) return;
    this.#lost = reason;
    for (const call of this.#calls.values()) call.reject(reason);
    this.#calls.clear();
    for (const channel of [...this.#channels.values()]) channel.lose(reason);
    this.#waiting = [];
    this.transport.end();
    this.transport.destroy();
    this.#resolveClosed();
  }

  send(type: FrameType, id: number, content?: Uint8Array, sent?: () => void): void {
    if (this.#lost) return;
    if (!this.transport.write(encodeFrame(type, id, content))) this.#choked = true;
    if (!sent) return;
    if (this.#choked) this.#waiting.push(sent);
    else sent();
  }

  release(id: number): void {
    this.#channels.delete(id);
  }

  #drained(): void {
    this.#choked = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [index, sent] of waiting.entries()) {
      if (this.#choked) {
        this.#waiting.unshift(...waiting.slice(index));
        return;
      }
      sent();
    }
  }

  #begin(type: FrameType, body: unknown, accepted?: (id: number) => void): Promise<unknown> {
    if (this.#lost) return Promise.reject(this.#lost);
    const id = this.#nextId;
    this.#nextId = this.#nextId >= 0xffff_fff0 ? this.#nextId % 2 || 2 : this.#nextId + 2;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, {
        reject,
        resolve: (value) => {
          accepted?.(id);
          resolve(value);
        },
      });
      this.send(type, id, Buffer.from(JSON.stringify(body)));
    });
  }

  #receive({ type, id, content }: Frame): void {
    switch (type) {
      case FrameType.Call:
        void this.#answerCall(id, content);
        return;
      case FrameType.Open:
        void this.#answerOpen(id, content);
        return;
      case FrameType.Result:
      case FrameType.Failure: {
        const call = this.#calls.get(id);
        this.#calls.delete(id);
        if (type === FrameType.Result) call?.resolve(content.length > 0 ? JSON.parse(content.toString()) : undefined);
        else call?.reject(new Error((JSON.parse(content.toString()) as { message: string }).message));
        return;
      }
      case FrameType.Goodbye:
        return this.close(new Error('another connection to the node agent took over'));
      default:
        // What is still under way of a stream that was given up belongs to nobody.
        this.#channels.get(id)?.receive(type, content);
    }
  }

  async #answerCall(id: number, content: Buffer): Promise<void> {
    try {
      const { method, params } = JSON.parse(content.toString()) as { method: string; params: unknown };
      const result = await this.handlers.onCall(method, params);
      this.send(FrameType.Result, id, result === undefined ? undefined : Buffer.from(JSON.stringify(result)));
    } catch (error) {
      this.#fail(id, error);
    }
  }

  async #answerOpen(id: number, content: Buffer): Promise<void> {
    try {
      const { kind, params } = JSON.parse(content.toString()) as { kind: string; params: unknown };
      const use = await this.handlers.onOpen(kind, params);
      const channel = new Channel(this, id);
      // What was opened for it meanwhile has to learn that there is nobody any more.
      if (this.#lost) channel.lose(this.#lost);
      else {
        this.#channels.set(id, channel);
        this.send(FrameType.Result, id);
      }
      use(channel);
    } catch (error) {
      this.#fail(id, error);
    }
  }

  #fail(id: number, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.send(FrameType.Failure, id, Buffer.from(JSON.stringify({ message })));
  }
}
