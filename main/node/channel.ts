import { Duplex } from 'node:stream';
import { FrameType, initialWindow, maxData } from './protocol.ts';

/** What a channel needs of the connection it is part of. */
export interface Carrier {
  /** `sent` is called once more may be sent; not at all when the connection is lost. */
  send(type: FrameType, id: number, content?: Uint8Array, sent?: () => void): void;
  release(id: number): void;
}

/**
 * One byte stream of a multiplexed connection. Each direction ends by itself (half-close), and each sender stops when
 * the receiver does not read.
 */
export class Channel extends Duplex {
  #window = initialWindow;
  #owed = 0;
  #reading = false;
  readonly #received: (Buffer | null)[] = [];
  #onWindow: (() => void) | undefined;
  #endSent = false;
  #endReceived = false;
  /** The other side knows already that the stream is over. */
  #over = false;

  constructor(
    private readonly carrier: Carrier,
    readonly id: number,
  ) {
    super({ allowHalfOpen: true });
    // A stream that nobody listens to must not bring the process down.
    this.on('error', () => {});
  }

  /** A frame of this channel. */
  receive(type: FrameType, content: Buffer): void {
    switch (type) {
      case FrameType.Data:
        this.#received.push(content);
        this.#deliver();
        break;
      case FrameType.End:
        this.#endReceived = true;
        this.#received.push(null);
        this.#deliver();
        break;
      case FrameType.Window: {
        this.#window += content.readUInt32BE(0);
        const waiting = this.#onWindow;
        this.#onWindow = undefined;
        waiting?.();
        break;
      }
      case FrameType.Reset:
        this.lose(new Error(content.toString()));
        break;
    }
  }

  /** The other side is gone: nothing more needs to be told. */
  lose(error: Error): void {
    this.#over = true;
    this.destroy(error);
  }

  override _read(): void {
    this.#reading = true;
    this.#deliver();
  }

  #deliver(): void {
    while (this.#reading && this.#received.length > 0) {
      const chunk = this.#received.shift()!;
      this.#reading = this.push(chunk);
      if (!chunk) return;
      this.#owed += chunk.length;
    }
    if (this.#owed < initialWindow / 4 || this.#endReceived) return;
    const grant = Buffer.alloc(4);
    grant.writeUInt32BE(this.#owed);
    this.#owed = 0;
    this.carrier.send(FrameType.Window, this.id, grant);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    let rest = chunk;
    const next = (): void => {
      if (this.destroyed) return done();
      if (rest.length === 0) return done();
      if (this.#window === 0) {
        this.#onWindow = next;
        return;
      }
      const part = rest.subarray(0, Math.min(this.#window, maxData));
      this.#window -= part.length;
      rest = rest.subarray(part.length);
      this.carrier.send(FrameType.Data, this.id, part, next);
    };
    next();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#endSent = true;
    this.carrier.send(FrameType.End, this.id);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#over && !(this.#endSent && this.#endReceived))
      this.carrier.send(FrameType.Reset, this.id, Buffer.from(error?.message ?? 'the stream was closed'));
    this.carrier.release(this.id);
    done(error);
  }
}
