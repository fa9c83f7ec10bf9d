import http from 'node:http';
import https from 'node:https';
import { jsonError } from '../../api/jsonError.ts';
import type { Clock } from '../../util/clock.ts';
import { dialError, goError } from '../../util/goErrors.ts';
import { goQuote } from '../../util/goQuote.ts';
import { exchange, type Sent } from '../../util/httpExchange.ts';
import type { ExtenderConfiguration } from './configuration.ts';

/** The way to one extender. */
export interface ExtenderConnection {
  /**
   * Resolves with the JSON that comes back. Rejects with the signal's reason when that is aborted, else with an Error in the words of
   * Go's client. `again`: the question may be put twice when it is not known whether it has arrived.
   */
  post(verb: string, question: object, options: { signal: AbortSignal; again: boolean }): Promise<unknown>;
  /** No question is under way any more. */
  close(): void;
}

export type ConnectToExtender = (configuration: ExtenderConfiguration, clock: Clock) => ExtenderConnection;

/** An answer says little more than it was asked: bytes that it may have, and those more that it may have for a byte of the question. */
const answerBytes = 16 * 1024 * 1024;
const answerBytesPerByte = 2;

/** Connections are kept open. Mirrors pkg/scheduler/extender.go (send). */
export const connectByHttp: ConnectToExtender = (configuration, clock) => {
  const prefix = configuration.urlPrefix.replace(/\/+$/, '');
  const { request, agent } = clientOf(prefix, configuration);

  async function post(verb: string, question: object, { signal, again }: { signal: AbortSignal; again: boolean }): Promise<unknown> {
    signal.throwIfAborted();
    const url = `${prefix}/${verb}`;
    const body = JSON.stringify(question);
    const most = answerBytes + answerBytesPerByte * body.length;
    const tooLarge = () => new AnswerError(`the answer has more than ${most} bytes`);
    const late = new AbortController();
    const timer = clock.setTimer(configuration.httpTimeout, () => late.abort());
    try {
      for (let attempt = 1; ; attempt++) {
        const sent: Sent = { reused: false, answered: false };
        try {
          const asking = request(url, { agent, method: 'POST', signal: AbortSignal.any([signal, late.signal]), headers: headersOf(body) });
          const { code, text } = await exchange(asking, body, sent, most, tooLarge);
          if (code !== 200) throw new AnswerError(`failed ${verb} with extender at URL ${url}, code ${code}`);
          return parse(text);
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof AnswerError) throw error;
          if (late.signal.aborted) throw tooLate(url, sent.answered);
          // A connection that was kept may have been closed at the other end just now; a fresh one tells the truth.
          if (again && sent.reused && !sent.answered && attempt < 3) continue;
          throw sent.answered ? goError(error) : new Error(`Post ${goQuote(url)}: ${wordsOf(url, error)}`, { cause: error });
        }
      }
    } finally {
      timer.cancel();
    }
  }
  return { post, close: () => agent.destroy() };
};

function clientOf(prefix: string, { tls }: ExtenderConfiguration) {
  const options = { keepAlive: true, maxFreeSockets: 8 };
  if (!prefix.startsWith('https:')) return { request: http.request, agent: new http.Agent(options) };
  return { request: https.request, agent: new https.Agent({ ...options, ...tls, minVersion: 'TLSv1.2' }) };
}

const headersOf = (body: string) => ({ 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), 'user-agent': 'kube-scheduler' });

/** An answer that is none; its message stands alone. */
class AnswerError extends Error {}

function parse(text: string): unknown {
  if (text.trim() === '') throw new AnswerError('EOF');
  try {
    return JSON.parse(text);
  } catch {
    throw new AnswerError(jsonError(text));
  }
}

function tooLate(url: string, answered: boolean): Error {
  if (answered) return new Error('context deadline exceeded (Client.Timeout or context cancellation while reading body)');
  return new Error(`Post ${goQuote(url)}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`);
}

function wordsOf(url: string, error: unknown): string {
  const { syscall, address, port } = error as { syscall?: string; address?: string; port?: number };
  // Nobody was reached: at one address, at several (which say the same), or for want of any.
  const { errors = [] } = error as { errors?: { address?: string; port?: number }[] };
  const [first = { address, port }] = errors;
  if (syscall === 'connect' || syscall === 'getaddrinfo' || errors.length > 0) {
    const { hostname, port: given, protocol } = new URL(url);
    const usual = protocol === 'https:' ? 443 : 80;
    return dialError(first.address ?? hostname.replace(/^\[|\]$/g, ''), first.port ?? Number(given || usual), errors[0] ?? error).message;
  }
  return goError(error).message;
}
