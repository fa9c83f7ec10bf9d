import http2 from 'node:http2';
import type { Clock } from '../../util/clock.ts';
import { frameHead } from './messages.ts';

/** Status codes of gRPC that are told apart here. */
export const code = { invalidArgument: 3, deadlineExceeded: 4, permissionDenied: 7, resourceExhausted: 8, outOfRange: 11, unavailable: 14, unauthenticated: 16 } as const;

/** etcd refused a call, or could not be reached (`unavailable`): then it is not known whether it did what it was asked. */
export class EtcdError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

export interface TlsOptions {
  /** PEM. Whom to believe; undefined: who Node believes. */
  ca?: string;
  cert?: string;
  key?: string;
}

export interface ChannelOptions extends TlsOptions {
  /** `http://` or `https://`, host and port. The first that answers is used. */
  servers: readonly string[];
  clock: Clock;
  /** A connection that is silent for so long is asked for a sign of life, and given up after as long again; milliseconds, default 10 s. */
  keepAlive?: number;
  /** A call that takes longer has failed; milliseconds, default 5 s. */
  timeout?: number;
}

export interface StreamHandlers {
  onMessage(message: Buffer): void;
  /** Called once, unless the stream was cancelled first. */
  onEnd(error: EtcdError): void;
}

export interface Stream {
  cancel(): void;
  pause(): void;
  resume(): void;
}

const windowBytes = 8 * 1024 * 1024;
/** Of a connection's buffers, in Node's unit of MB: answers are as large as the objects in them. */
const maxSessionMemory = 256;

/**
 * gRPC over one HTTP/2 connection, which is made when it is needed, to the next server when the last one failed.
 * A call is one POST; each message has a frame of five bytes before it, and the outcome comes as a trailer.
 */
export class Channel {
  readonly #options: ChannelOptions;
  #session: http2.ClientHttp2Session | undefined;
  #server = 0;
  #closed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** The server that is or was last spoken to. */
  get server(): string {
    return this.#options.servers[this.#server % this.#options.servers.length]!;
  }

  /** Throws EtcdError. */
  call(method: string, message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let answer: Buffer | undefined;
      const timer = this.#options.clock.setTimer(this.#options.timeout ?? 5_000, () => {
        stream.cancel();
        // A server that leaves a call unanswered may leave all others too.
        this.drop();
        reject(new EtcdError(code.unavailable, `${this.server} did not answer in time`));
      });
      const stream = this.#open(method, message, {
        onMessage: (bytes) => (answer = bytes),
        onEnd: (error) => {
          timer.cancel();
          if (error.code === 0 && answer) resolve(answer);
          else reject(error.code === 0 ? new EtcdError(code.unavailable, `${this.server} gave no answer`) : error);
        },
      });
    });
  }

  /** A call whose answers come one after the other for as long as it lasts. */
  stream(method: string, message: Buffer, handlers: StreamHandlers): Stream {
    return this.#open(method, message, handlers, true);
  }

  /** Gives up the connection: the next call makes another, to the next server. */
  drop(): void {
    const session = this.#session;
    if (!session) return;
    this.#lost(session);
    session.destroy();
  }

  close(): void {
    this.#closed = true;
    this.#session?.destroy();
    this.#session = undefined;
  }

  #open(method: string, message: Buffer, handlers: StreamHandlers, stays = false): Stream {
    const frames = new Frames(handlers.onMessage);
    let over = false;
    const end = (error: EtcdError) => {
      if (over) return;
      over = true;
      handlers.onEnd(error);
    };
    const lost = (why: string) => end(new EtcdError(code.unavailable, `${this.server} cannot be reached: ${why}`));
    if (this.#closed) {
      queueMicrotask(() => lost('the connection was closed'));
      return { cancel: () => (over = true), pause() {}, resume() {} };
    }
    const request = this.#connection().request({
      ':method': 'POST',
      ':path': method,
      'content-type': 'application/grpc',
      te: 'trailers',
      // A member that has lost its leader says so, rather than to go on with what it knows.
      hasleader: 'true',
    });
    message.writeUInt8(0, 0);
    message.writeUInt32BE(message.length - frameHead, 1);
    if (stays) request.write(message);
    else request.end(message);
    const finish = (headers: http2.IncomingHttpHeaders) => {
      const status = headers['grpc-status'];
      if (status !== undefined) end(new EtcdError(Number(status), decodeURIComponent(String(headers['grpc-message'] ?? ''))));
    };
    request.on('response', (headers) => {
      if (headers[':status'] !== 200) lost(`it answers with HTTP status ${headers[':status']}`);
      else finish(headers);
    });
    request.on('data', (chunk: Buffer) => {
      if (!over) frames.add(chunk);
    });
    request.on('trailers', finish);
    request.on('error', (error: Error) => lost(this.#why(error)));
    request.on('close', () => lost('the connection has ended'));
    return {
      cancel: () => {
        over = true;
        request.close(http2.constants.NGHTTP2_CANCEL);
      },
      pause: () => void request.pause(),
      resume: () => void request.resume(),
    };
  }

  /** What a stream says of a connection that failed is less than what the connection itself said. */
  #failure: Error | undefined;

  #why(error: Error): string {
    const told = this.#failure ?? (error.cause instanceof Error ? failureOf(error.cause) : error);
    return told.message || (told as NodeJS.ErrnoException).code || String(told);
  }

  #connection(): http2.ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const { ca, cert, key } = this.#options;
    this.#failure = undefined;
    const session = http2.connect(this.server, { ca, cert, key, maxSessionMemory, settings: { initialWindowSize: windowBytes, enablePush: false } });
    this.#session = session;
    session.on('connect', () => session.setLocalWindowSize(windowBytes * 4));
    session.on('error', (error: Error) => (this.#failure ??= failureOf(error)));
    session.on('goaway', () => this.#lost(session));
    session.on('close', () => this.#lost(session));
    session.unref();
    this.#keepAlive(session);
    return session;
  }

  #lost(session: http2.ClientHttp2Session): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#server = (this.#server + 1) % this.#options.servers.length;
  }

  #keepAlive(session: http2.ClientHttp2Session): void {
    const { clock, keepAlive = 10_000 } = this.#options;
    if (keepAlive === Infinity) return;
    clock.setTimer(keepAlive, () => {
      if (this.#session !== session || session.destroyed) return;
      const giveUp = () => {
        this.#failure ??= new Error('it gives no sign of life');
        this.#lost(session);
        session.destroy();
      };
      // One that is still being made has had its time.
      if (session.connecting) return giveUp();
      const timer = clock.setTimer(keepAlive, giveUp);
      session.ping((error) => {
        timer.cancel();
        if (!error) this.#keepAlive(session);
      });
    });
  }
}

/** Of several addresses that were tried, the reason of the first. */
function failureOf(error: Error): Error {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
}

/** Messages out of the chunks of a stream. */
class Frames {
  #chunks: Buffer[] = [];
  #length = 0;
  #needed = frameHead;

  constructor(private readonly onMessage: (message: Buffer) => void) {}

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= this.#needed) {
      const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
      const end = frameHead + all.readUInt32BE(1);
      this.#chunks = [all];
      if (all.length < end) {
        this.#needed = end;
        return;
      }
      this.#needed = frameHead;
      this.#length = all.length - end;
      this.#chunks = this.#length > 0 ? [all.subarray(end)] : [];
      this.onMessage(all.subarray(frameHead, end));
    }
  }
}
