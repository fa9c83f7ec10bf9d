import { Duplex } from 'node:stream';
import { HeaderCodec } from './headers.ts';

const synStream = 1;
const synReply = 2;
const rstStream = 3;
const ping = 6;
const goaway = 7;
const finFlag = 1;
const protocolError = 1;
const cancelled = 5;
const version = 3;
const headBytes = 8;
// Frames of Kubernetes' clients are far smaller; whoever announces more is cut off.
const maxFrameBytes = 16 * 1024 * 1024;
const maxDataBytes = 32 * 1024;

export interface SpdyHandler {
  /** A stream that the client opened; throw to refuse it. */
  onStream(stream: SpdyStream): void;
  onClose(): void;
}

/**
 * The server's side of one SPDY/3.1 connection, as far as Kubernetes' clients use it: they open all streams, and they
 * neither keep nor update send windows, so neither does this side. Reading stops as long as a stream is not read.
 */
export class SpdyConnection {
  readonly #streams = new Map<number, SpdyStream>();
  readonly #headers = new HeaderCodec();
  readonly #clogged = new Set<SpdyStream>();
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #busy = false;
  #closed = false;

  constructor(
    private readonly socket: Duplex,
    private readonly handler: SpdyHandler,
    head?: Buffer,
  ) {
    if (head?.length) this.#receive(head);
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('end', () => this.close());
    socket.on('close', () => this.close());
    socket.on('error', () => this.close());
    socket.resume();
  }

  /** Ends the connection once everything that was written has gone out. */
  finish(): void {
    if (!this.#closed) this.socket.end();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#streams.values()) stream.gone();
    this.#streams.clear();
    this.#headers.close();
    this.socket.destroy();
    this.handler.onClose();
  }

  /** Sends a part of a stream's data; `done` when it may go on. */
  sendData(id: number, bytes: Buffer, fin: boolean, done: (error?: Error | null) => void): void {
    if (this.#closed) return done();
    if (bytes.length === 0) return this.#send(dataFrame(id, bytes, fin), done);
    for (let at = 0; at < bytes.length; at += maxDataBytes) {
      const last = at + maxDataBytes >= bytes.length;
      this.#send(dataFrame(id, bytes.subarray(at, at + maxDataBytes), fin && last), last ? done : undefined);
    }
  }

  reset(id: number): void {
    if (!this.#streams.delete(id) || this.#closed) return;
    this.#send(controlFrame(rstStream, 0, pair(id, cancelled)));
  }

  forget(stream: SpdyStream): void {
    this.#streams.delete(stream.id);
    this.unclog(stream);
  }

  unclog(stream: SpdyStream): void {
    if (this.#clogged.delete(stream) && this.#clogged.size === 0) this.socket.resume();
  }

  #send(bytes: Buffer, done?: (error?: Error | null) => void): void {
    if (this.socket.writable) this.socket.write(bytes, done);
    else done?.();
  }

  #receive(bytes: Buffer): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#busy) return;
    this.#busy = true;
    this.#work().catch(() => this.close());
  }

  /** Handles whole frames in order; only those with headers take more than this turn. */
  async #work(): Promise<void> {
    while (!this.#closed) {
      const frame = this.#nextFrame();
      if (!frame) break;
      if (frame.first & 0x80000000) {
        const taken = this.#control(frame.first & 0xffff, frame.flags, frame.body);
        if (taken) await taken;
      } else {
        this.#data(frame.first, frame.flags, frame.body);
      }
    }
    // In the turn in which nothing is left to do, not when a promise settles: more may arrive before that.
    this.#busy = false;
  }

  /** Takes one whole frame from what has arrived; undefined as long as there is none. */
  #nextFrame(): { first: number; flags: number; body: Buffer } | undefined {
    if (this.#pendingBytes < headBytes) return undefined;
    const bytes = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
    this.#pending = [bytes];
    const length = bytes.readUInt32BE(4) & 0xffffff;
    if (length > maxFrameBytes) throw new Error('SPDY frame is too large');
    const end = headBytes + length;
    if (bytes.length < end) return undefined;
    this.#pending = bytes.length > end ? [bytes.subarray(end)] : [];
    this.#pendingBytes = bytes.length - end;
    return { first: bytes.readUInt32BE(0), flags: bytes[4]!, body: bytes.subarray(headBytes, end) };
  }

  #data(id: number, flags: number, body: Buffer): void {
    const stream = this.#streams.get(id);
    if (!stream) return;
    if (body.length && !stream.arrive(body)) {
      this.#clogged.add(stream);
      this.socket.pause();
    }
    if (flags & finFlag) stream.arrive(null);
  }

  #control(type: number, flags: number, body: Buffer): Promise<void> | undefined {
    switch (type) {
      case synStream:
        return this.#open(flags, body);
      case rstStream: {
        const id = body.readUInt32BE(0) & 0x7fffffff;
        this.#streams.get(id)?.gone();
        this.#streams.delete(id);
        return undefined;
      }
      case ping:
        this.#send(controlFrame(ping, 0, body));
        return undefined;
      case goaway:
      default:
        // Settings, windows and further headers change nothing for us; after a GOAWAY open streams go on.
        return undefined;
    }
  }

  async #open(flags: number, body: Buffer): Promise<void> {
    const id = body.readUInt32BE(0) & 0x7fffffff;
    const headers = await this.#headers.decode(body.subarray(10));
    if (this.#closed) return;
    const block = await this.#headers.encode(new Map());
    if (this.#closed) return;
    // The reply goes first: what a handler writes at once must not overtake it.
    this.#send(controlFrame(synReply, 0, Buffer.concat([single(id), block])));
    const stream = new SpdyStream(id, headers, this);
    this.#streams.set(id, stream);
    try {
      this.handler.onStream(stream);
    } catch {
      this.#streams.delete(id);
      this.#send(controlFrame(rstStream, 0, pair(id, protocolError)));
      return;
    }
    if (flags & finFlag) stream.arrive(null);
  }
}

/** One stream: reading gives what the client sends, writing goes to the client; each side ends by itself. */
export class SpdyStream extends Duplex {
  #gone = false;

  constructor(
    readonly id: number,
    /** By lower-case name. */
    readonly headers: ReadonlyMap<string, string>,
    private readonly connection: SpdyConnection,
  ) {
    super({ allowHalfOpen: true, emitClose: true });
    this.on('error', () => undefined);
  }

  /** Returns false when no more should come for now. null: the client's side has ended. */
  arrive(bytes: Buffer | null): boolean {
    return this.destroyed || this.push(bytes);
  }

  /** The client reset the stream, or the connection is no more. */
  gone(): void {
    this.#gone = true;
    this.destroy();
  }

  override _read(): void {
    this.connection.unclog(this);
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.connection.sendData(this.id, bytes, false, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.connection.sendData(this.id, Buffer.alloc(0), true, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#gone && !(this.writableFinished && this.readableEnded)) this.connection.reset(this.id);
    this.connection.forget(this);
    done(error);
  }
}

function dataFrame(id: number, bytes: Buffer, fin: boolean): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + bytes.length);
  frame.writeUInt32BE(id, 0);
  frame.writeUInt32BE(((fin ? finFlag : 0) << 24) | bytes.length, 4);
  bytes.copy(frame, headBytes);
  return frame;
}

function controlFrame(type: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt32BE((flags << 24) | body.length, 4);
  return Buffer.concat([head, body]);
}

function single(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const pair = (a: number, b: number): Buffer => Buffer.concat([single(a), single(b)]);
