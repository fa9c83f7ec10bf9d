import { PassThrough, type Readable } from 'node:stream';
import { badRequest, failure } from '../../api/status.ts';
import type { Clock, Timer } from '../../util/clock.ts';
import type { Body, Upgrade } from '../call.ts';

/** The largest request body; upstream's limit (server/config.go, MaxRequestBodyBytes). */
export const maxBodyBytes = 3 * 1024 * 1024;
// A body that trickles in for longer is given up.
const bodyTimeout = 60_000;
const sweepInterval = 10_000;

const nothing: Body = { type: 'none' };
export const tooLargeBody = () => failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${maxBodyBytes}`);

/** Reads bodies within their limits of size and time. */
export class BodyReader {
  readonly #reading = new Map<() => void, number>();
  #sweep: Timer | undefined;

  constructor(private readonly clock: Clock) {}

  /** Rejects with 413 and 408. */
  read(request: Readable, contentLength: string | undefined): Promise<Body> {
    if (contentLength === '0') return Promise.resolve(nothing);
    if (Number(contentLength) > maxBodyBytes) return Promise.reject(tooLargeBody());
    return new Promise((resolve, reject) => {
      const parts: Buffer[] = [];
      let size = 0;
      const fail = (error: Error) => {
        this.#reading.delete(giveUp);
        request.removeAllListeners('data');
        request.resume();
        reject(error);
      };
      const giveUp = () => fail(failure(408, 'Timeout', 'Timeout: the request body did not arrive in time'));
      request.on('data', (part: Buffer) => {
        size += part.length;
        if (size > maxBodyBytes) fail(tooLargeBody());
        else parts.push(part);
      });
      request.on('end', () => {
        this.#reading.delete(giveUp);
        resolve(size === 0 ? nothing : { type: 'bytes', bytes: parts.length === 1 ? parts[0]! : Buffer.concat(parts, size) });
      });
      request.on('error', () => fail(badRequest('the request was broken off')));
      request.on('aborted', () => fail(badRequest('the request was broken off')));
      this.#reading.set(giveUp, this.clock.monotonic() + bodyTimeout);
      this.#sweep ??= this.clock.setTimer(sweepInterval, () => this.#giveUpSlow());
    });
  }

  #giveUpSlow(): void {
    this.#sweep = undefined;
    const now = this.clock.monotonic();
    for (const [giveUp, deadline] of this.#reading) if (deadline <= now) giveUp();
    if (this.#reading.size) this.#sweep = this.clock.setTimer(sweepInterval, () => this.#giveUpSlow());
  }
}

/**
 * The body of a request whose connection may change its protocol: as many bytes behind its headers as they say. Throws 400
 * for one in chunks, as it must not count as none, and 413.
 */
export function bodyBehind({ request, socket, head }: Upgrade): Readable {
  if (request.headers['transfer-encoding']) throw badRequest('a request that asks for another protocol must say how long its body is');
  let missing = Number(request.headers['content-length'] ?? 0);
  if (missing > maxBodyBytes) throw tooLargeBody();
  const body = new PassThrough();
  const take = (bytes: Buffer) => {
    const own = bytes.subarray(0, missing);
    missing -= own.length;
    body.write(own);
    if (missing > 0) return;
    socket.off('data', take);
    body.end();
  };
  socket.on('close', () => missing > 0 && body.destroy(new Error('the connection has ended')));
  take(head);
  if (missing > 0) socket.on('data', take);
  return body;
}
