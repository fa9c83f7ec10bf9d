import { gzip, constants } from 'node:zlib';
import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import type { StatusError } from '../../api/status.ts';
import type { Clock } from '../../util/clock.ts';
import type { Answer, Call } from '../call.ts';
import { encodeAnswer, encodeObject, longList, pieceLength, type Encoded } from '../content/encode.ts';
import { negotiate, plainJson, type Accepted } from '../content/negotiate.ts';
import { eventEncoder } from '../content/watchEvents.ts';
import { endsInitialEvents, type WatchChange } from '../registry/watching.ts';

/** HTTP/2's compatibility response has all of it that is used here. */
export type Response = ServerResponse;

// Compressing is worth its time from here on (upstream: responsewriters/writers.go, defaultGzipThresholdBytes).
const gzipThreshold = 128 * 1024;
// A watcher that lets this much pile up is cut off and has to watch anew, as upstream cuts off slow watchers.
export const maxWatchBacklog = 32 * 1024 * 1024;

/** What is known of a request when its answer is written. */
export interface Exchange {
  call: Pick<Call, 'accept' | 'query' | 'now' | 'userAgent' | 'warnings' | 'onGone' | 'flow'>;
  method: string;
  /** `gzip` among the encodings, and it is worth it on this way. */
  compress: boolean;
  /** Told of changes that a watch was sent. */
  watched?(changes: number, bytes: number): void;
  /** Told when a watch has been sent all that there was at its beginning, where it asked to be told the same. */
  listed?(): void;
  /** Bytes of the answer, before it is compressed; known once it has gone. */
  size?: number;
}

export function send(response: Response, exchange: Exchange, encoded: Encoded): void {
  const { body } = encoded;
  const size = (exchange.size = Buffer.byteLength(body));
  const large = exchange.compress && body.length > gzipThreshold;
  if (!large) return write(response, exchange, encoded, body, size);
  gzip(body, { level: constants.Z_BEST_SPEED }, (error, zipped) => {
    if (error) write(response, exchange, encoded, body, size);
    else write(response, exchange, { ...encoded, headers: { ...encoded.headers, 'content-encoding': 'gzip', vary: 'Accept-Encoding' } }, zipped, zipped.length);
  });
}

function write(response: Response, { call, method }: Exchange, encoded: Encoded, body: string | Uint8Array, size: number): void {
  const headers = headersOf(call, encoded.contentType);
  headers['content-length'] = size;
  response.writeHead(encoded.code, Object.assign(headers, encoded.headers));
  if (method === 'HEAD') response.end();
  // A text goes out together with the headers, in one write, which would write the bytes of warnings as text too.
  else response.end(headers['warning'] && typeof body === 'string' ? Buffer.from(body) : body);
}

/** How many characters all warnings of an answer may have together before each is cut, and the length it is cut to. Upstream: endpoints/filters/warning.go. */
const maxWarnings = 4 * 1024;
const maxWarning = 256;

/** `299 - "text"` (RFC 2616, 14.46), each text once; clients refuse answers whose headers are long. */
function warningHeaders(warnings: string[]): string[] {
  // A header cannot carry control characters, and half a warning would mislead (upstream: util/net, NewWarningHeader).
  const texts = [...new Set(warnings)].filter((text) => !/\p{Cc}/u.test(text)).map((text) => ({ text, length: lengthOf(text) }));
  if (texts.reduce((sum, { length }) => sum + length, 0) <= maxWarnings) return texts.map(({ text }) => headerOf(text));
  const headers: string[] = [];
  let written = 0;
  for (const { text, length } of texts) {
    if (written >= maxWarnings) break;
    headers.push(headerOf(length > maxWarning ? [...text.slice(0, 2 * maxWarning)].slice(0, maxWarning).join('') : text));
    written += Math.min(length, maxWarning);
  }
  return headers;
}

/** In characters as a reader counts them; of long texts, that they are. */
const lengthOf = (text: string) => (text.length > 2 * maxWarnings ? text.length : [...text].length);

const headerOf = (text: string) => `299 - "${quotable(text)}"`;

function quotable(text: string): string {
  let quoted = '';
  for (const char of text.replaceAll(/["\\]/g, '\\$&')) {
    const code = char.codePointAt(0)!;
    // Headers carry bytes; kubectl reads them as UTF-8.
    quoted += code < 0x80 ? char : Buffer.from(char).toString('latin1');
  }
  return quoted;
}

export function encodeError({ call }: Pick<Exchange, 'call'>, error: StatusError): Encoded {
  let accepted: Accepted = plainJson;
  try {
    accepted = { format: negotiate(call.accept).format };
  } catch {
    // Whoever accepts nothing that we speak still gets told so, in JSON.
  }
  const retryAfter = error.status.details?.retryAfterSeconds;
  return {
    code: error.code,
    ...encodeObject(error.status, accepted, false),
    ...(retryAfter ? { headers: { 'retry-after': String(retryAfter) } } : {}),
  };
}

/** Writes an answer; rejects with a StatusError as long as nothing has been written. */
export async function respond(response: Response, exchange: Exchange, answer: Answer, clock: Clock): Promise<void> {
  switch (answer.type) {
    case 'watch':
      return sendWatch(response, exchange, answer, clock);
    case 'stream':
      return sendStream(response, exchange, answer, clock);
    case 'relay':
      return relay(response, exchange, answer);
    case 'taken':
    case 'ended':
    case 'connected':
      return;
    default: {
      const list = exchange.compress || exchange.method === 'HEAD' ? undefined : longList(answer, exchange.call);
      if (list) return sendPieces(response, exchange, list.contentType, list.pieces);
      send(response, exchange, encodeAnswer(answer, exchange.call));
    }
  }
}

/** Writes as fast as the client reads. */
async function sendPieces(response: Response, exchange: Exchange, contentType: string, pieces: Iterable<string>): Promise<void> {
  const { call } = exchange;
  exchange.size = 0;
  let gone = false;
  let goOn: (() => void) | undefined;
  call.onGone(() => {
    gone = true;
    goOn?.();
  });
  response.on('drain', () => goOn?.());
  response.writeHead(200, headersOf(call, contentType));
  for (const piece of pieces) {
    if (gone) return;
    exchange.size += Buffer.byteLength(piece);
    if (!response.write(piece)) await new Promise<void>((resolve) => (goOn = resolve));
  }
  response.end();
}

/** All that come with an answer, to be written at once: Node takes its time for those that were set one by one before. */
function headersOf(call: Exchange['call'], contentType: string): Record<string, string | number | string[]> {
  const headers = startingHeaders(call, contentType);
  if (call.warnings.length) headers.warning = warningHeaders(call.warnings);
  return headers;
}

function startingHeaders({ flow }: Exchange['call'], contentType: string): Record<string, string | number | string[]> {
  return { ...flowHeaders(flow), 'cache-control': 'no-cache, private', 'content-type': contentType };
}

/** Mirrors k8s.io/apiserver/pkg/server/filters/priority-and-fairness.go. */
const flowHeaders = (flow: Call['flow']): Record<string, string> =>
  flow ? { 'x-kubernetes-pf-flowschema-uid': flow.schema, 'x-kubernetes-pf-prioritylevel-uid': flow.level } : {};

async function sendWatch(response: Response, { call, watched, listed }: Exchange, answer: Extract<Answer, { type: 'watch' }>, clock: Clock): Promise<void> {
  const encoder = eventEncoder(call, answer.registry, () => clock.now());
  let ended = false;
  let goOn: (() => void) | undefined;
  /** False: the client has not taken what it was sent before. */
  const put = (bytes: Uint8Array): boolean => {
    if (ended) return false;
    if (!response.headersSent) begin(response, call, encoder.contentType);
    const taken = response.write(bytes);
    if (backlogOf(response) <= maxWatchBacklog) return taken;
    // What has piled up goes at once: the client may never read it.
    ended = true;
    handle.cancel();
    response.destroy();
    return false;
  };
  const finish = () => {
    if (!ended) response.end();
    ended = true;
  };
  response.on('drain', () => goOn?.());
  const encoded = (changes: WatchChange[]): Uint8Array => {
    const bytes = encoder.changes(changes);
    watched?.(changes.length, bytes.byteLength);
    return bytes;
  };
  const handle = await answer.open({
    async initial(changes) {
      for (const some of portions(changes)) {
        if (!put(encoded(some)) && !ended) await new Promise<void>((resolve) => (goOn = resolve));
        if (ended) return;
      }
    },
    changes(changes) {
      for (const some of portions(changes)) put(encoded(some));
    },
    bookmark(object) {
      put(encoder.other('BOOKMARK', object));
      if (endsInitialEvents(object)) listed?.();
    },
    end(error) {
      if (error) put(encoder.other('ERROR', error.status));
      finish();
    },
  });
  call.onGone(() => {
    ended = true;
    handle.cancel();
    goOn?.();
  });
  if (!response.headersSent) begin(response, call, encoder.contentType);
}

/** Passes another server's answer on as fast as the client reads. When it breaks off, so does this one. */
async function relay(response: Response, { call, method }: Exchange, { code, headers, body }: Extract<Answer, { type: 'relay' }>): Promise<void> {
  call.onGone(() => body.destroy());
  response.writeHead(code, { ...flowHeaders(call.flow), ...headers });
  if (method === 'HEAD') {
    body.resume();
    response.end();
    return;
  }
  // What comes as it happens (a watch) must not wait for company.
  response.flushHeaders();
  await new Promise<void>((resolve) => {
    body.on('error', () => response.destroy());
    response.on('close', resolve);
    body.pipe(response);
  });
}

function begin(response: Response, call: Exchange['call'], contentType: string): void {
  response.writeHead(200, startingHeaders(call, contentType));
  response.flushHeaders();
}

function* portions(changes: WatchChange[]): Generator<WatchChange[]> {
  let from = 0;
  for (let to = 0, chars = 0; to < changes.length; ) {
    chars += changes[to++]!.entry.value.length;
    if (chars < pieceLength && to < changes.length) continue;
    yield from === 0 && to === changes.length ? changes : changes.slice(from, to);
    from = to;
    chars = 0;
  }
}

function backlogOf(response: Response): number {
  const { stream } = response as Response & { stream?: { writableLength: number } };
  return stream?.writableLength ?? response.writableLength;
}

const silence = 300;

async function sendStream(response: Response, { call }: Exchange, answer: Extract<Answer, { type: 'stream' }>, clock: Clock): Promise<void> {
  const gone = new AbortController();
  call.onGone(() => gone.abort());
  const out = new PassThrough();
  let begun = false;
  const start = () => {
    if (begun) return;
    begun = true;
    begin(response, call, answer.contentType);
    out.pipe(response);
  };
  // An error that comes at once can still be told as one; a client of a silent stream must not wait for its headers.
  out.once('readable', start);
  const silent = clock.setTimer(silence, start);
  try {
    await answer.pump(out, gone.signal);
    start();
  } catch (error) {
    if (begun) return;
    out.off('readable', start);
    throw error;
  } finally {
    silent.cancel();
    out.end();
  }
}
