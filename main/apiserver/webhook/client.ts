import type { OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { jsonError } from '../../api/jsonError.ts';
import { badRequest, failure, StatusError, type StatusReason } from '../../api/status.ts';
import { checkTypeMeta } from '../content/decode.ts';
import type { Status } from '../../api/index.ts';
import type { Clock } from '../../util/clock.ts';
import type { Random } from '../../util/random.ts';
import { goError } from '../../util/goErrors.ts';
import { exchange, type HttpAnswer, type Sent } from '../../util/httpExchange.ts';
import { dialAnywhere, dialEndpoint, resolveEndpoint, type Egress } from '../egress/index.ts';
import type { Objects } from '../registry/strategy.ts';
import { TunnelAgent } from './connections.ts';

/** Where a webhook is: `clientConfig` of its registration. Exactly one of `url` and `service` is there. */
export interface WebhookClientConfig {
  url?: string;
  service?: { namespace: string; name: string; path?: string; port?: number };
  /** Base64 of PEM: who must have signed the webhook's certificate. Default: the authorities that Node knows. */
  caBundle?: string;
}

export interface WebhookClientOptions {
  egress: Egress;
  objects: Objects;
  clock: Clock;
  random: Random;
}

/** What a client is known by. */
export interface IssuedCredentials {
  /** Of `Authorization: Bearer`. */
  token?: string;
  /** PEM. */
  cert?: string;
  key?: string;
}

/** Where credentials come from that do not stay the same. */
export interface CredentialSource {
  /** Those that are good at `now`, in milliseconds since the epoch. Rejects where there are none. */
  get(now: number): Promise<IssuedCredentials>;
  /** The other side did not take them. */
  refused(issued: IssuedCredentials, now: number): Promise<void>;
}

export interface PostOptions {
  /** Until the whole answer is there. */
  timeoutMs: number;
  /** Sends the timeout along as a parameter, in seconds, as admission does. */
  tellTimeout?: boolean;
  /** Who asks, by headers and by a certificate (PEM). */
  credentials?: { headers: Record<string, string | string[]>; cert?: string; key?: string; source?: CredentialSource } | undefined;
  /** Ends the call early: the client of the request has gone. */
  signal?: AbortSignal;
}

const maxAnswerBytes = 10 * 1024 * 1024;
const keptAgents = 200;

/**
 * Speaks to webhooks. Connections are kept open, for each webhook its own.
 * Mirrors k8s.io/apiserver/pkg/util/webhook/client.go.
 */
export class WebhookClient {
  readonly #agents = new Map<string, TunnelAgent>();

  constructor(private readonly options: WebhookClientOptions) {}

  /**
   * Posts an object as JSON and resolves with the object that comes back. Rejects with a StatusError when the webhook
   * answered with one, or else with an Error whose message names the URL and says why, as Go's client would.
   */
  async post(config: WebhookClientConfig, body: object, { timeoutMs, tellTimeout, credentials, signal }: PostOptions): Promise<unknown> {
    const url = urlOf(config);
    if (tellTimeout) url.searchParams.set('timeout', `${Math.ceil(timeoutMs / 1000)}s`);
    const ended = new AbortController();
    const timer = this.options.clock.setTimer(timeoutMs, () => ended.abort(new Error('context deadline exceeded')));
    const gone = () => ended.abort(new Error('context canceled'));
    if (signal?.aborted) gone();
    signal?.addEventListener('abort', gone, { once: true });
    try {
      const issued = credentials?.source && (await this.#issued(credentials.source, ended.signal));
      const shown = issued ? { ...credentials, ...issued } : credentials;
      const headers = { ...credentials?.headers, ...(issued?.token ? { authorization: `Bearer ${issued.token}` } : {}) };
      const { code, text, contentType } = await this.#send(url, this.#agentOf(config, url, shown), JSON.stringify(body), headers, ended.signal);
      // This call has failed; whether there are others for the next one is that one's business.
      if (code === 401 && issued) await credentials.source!.refused(issued, this.options.clock.now()).catch(() => {});
      return answerOf(code, text, contentType);
    } catch (error) {
      if (error instanceof StatusError || error instanceof AnswerError || error instanceof AuthoritiesError) throw error;
      throw new Error(`Post ${JSON.stringify(url.href)}: ${(ended.signal.aborted ? (ended.signal.reason as Error) : goError(error)).message}`, { cause: error });
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', gone);
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  /** Rejects also as soon as the call is given up: it may take the source as long as it likes. */
  async #issued(source: CredentialSource, signal: AbortSignal): Promise<IssuedCredentials> {
    let giveUp: (() => void) | undefined;
    const ended = new Promise<never>((_, reject) => signal.addEventListener('abort', (giveUp = () => reject(signal.reason as Error))));
    try {
      return await Promise.race([source.get(this.options.clock.now()), ended]);
    } catch (error) {
      throw new Error(`getting credentials: ${(error as Error).message}`, { cause: error });
    } finally {
      signal.removeEventListener('abort', giveUp!);
    }
  }

  async #send(url: URL, agent: TunnelAgent, body: string, headers: OutgoingHttpHeaders, signal: AbortSignal): Promise<HttpAnswer> {
    for (let attempt = 1; ; attempt++) {
      const sent = { reused: false, answered: false };
      try {
        return await send(url, agent, body, headers, signal, sent);
      } catch (error) {
        // A connection that was kept may have been closed at the other end just now; a fresh one tells the truth.
        if (!sent.reused || sent.answered || signal.aborted || attempt > 2) throw error;
      }
    }
  }

  #agentOf(config: WebhookClientConfig, url: URL, { cert, key: secret }: NonNullable<PostOptions['credentials']> = { headers: {} }): TunnelAgent {
    const key = JSON.stringify([config.service?.namespace, config.service?.name, url.origin, config.caBundle ?? '', cert ?? '']);
    let agent = this.#agents.get(key);
    if (agent) this.#agents.delete(key);
    else agent = new TunnelAgent(() => this.#dial(config, url), { servername: unbracketed(url.hostname), ca: authoritiesOf(config), cert, key: secret });
    // A map keeps the order of insertion: the one that was asked longest ago goes first.
    this.#agents.set(key, agent);
    if (this.#agents.size > keptAgents) {
      const [oldest, unused] = this.#agents.entries().next().value!;
      this.#agents.delete(oldest);
      unused.destroy();
    }
    return agent;
  }

  async #dial({ service }: WebhookClientConfig, url: URL): Promise<Duplex> {
    const { egress, objects, random } = this.options;
    if (!service) return dialAnywhere(egress, unbracketed(url.hostname), Number(url.port || 443));
    const endpoint = await resolveEndpoint(objects, random, service.namespace, service.name, service.port ?? 443).catch((error: Error) => {
      // That there is no such Service is not the webhook's own answer.
      throw new Error(error.message);
    });
    return dialEndpoint(egress, endpoint);
  }
}

/** The authorities that a configuration names cannot be read; nobody was asked. */
export class AuthoritiesError extends Error {}

/** An answer that is none; its message stands alone. */
class AnswerError extends Error {}

function urlOf({ service, url }: WebhookClientConfig): URL {
  if (!service) {
    if (!url) throw new Error('webhook configuration must have either service or URL');
    return new URL(url);
  }
  const path = service.path ?? '';
  return new PortUrl(`https://${service.name}.${service.namespace}.svc:${service.port ?? 443}${path.startsWith('/') || !path ? path : `/${path}`}`);
}

/** A URL that shows its port even where it is the usual one, as Go's does. */
class PortUrl extends URL {
  override get href(): string {
    return super.href.replace(super.host, `${super.hostname}:${super.port || 443}`);
  }
}

const unbracketed = (host: string) => host.replace(/^\[|\]$/g, '');

function authoritiesOf({ caBundle }: WebhookClientConfig): string[] | undefined {
  if (!caBundle) return undefined;
  const pem = Buffer.from(caBundle, 'base64').toString('utf8');
  const found = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g);
  if (!found) throw new AuthoritiesError('unable to load root certificates: unable to parse bytes as PEM block');
  return found;
}

async function send(url: URL, agent: TunnelAgent, body: string, headers: OutgoingHttpHeaders, signal: AbortSignal, sent: Sent): Promise<HttpAnswer> {
  signal.throwIfAborted();
  const request = https.request(url, {
    agent,
    method: 'POST',
    signal,
    headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), accept: 'application/json, */*', 'user-agent': 'kube-apiserver-admission' },
  });
  return exchange(request, body, sent, maxAnswerBytes, () => new Error('the answer is too large'));
}

/** Why a text is no object, in upstream's words, who reads what is no JSON as YAML. */
function unreadable(text: string, value: unknown): string {
  if (value === undefined && /^\s*[{[]/.test(text)) return `couldn't get version/kind; json parse error: ${jsonError(text)}`;
  try {
    checkTypeMeta(value ?? text, (why) => badRequest(why));
    return 'there is no such answer';
  } catch (error) {
    return (error as Error).message;
  }
}

/** Mirrors k8s.io/client-go/rest/request.go (transformResponse). Throws StatusError. */
function answerOf(code: number, text: string, contentType: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (code >= 200 && code < 300) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
    throw new AnswerError(text ? unreadable(text, value) : `0-length response with status code: ${code} and content type: ${contentType}`);
  }
  const status = value as Status | undefined;
  if (status?.kind === 'Status' && status.status === 'Failure') throw new StatusError({ ...status, code: status.code ?? code });
  throw failure(code, ...genericOf(code, text));
}

/** Mirrors k8s.io/apimachinery/pkg/api/errors/errors.go (NewGenericServerResponse). */
function genericOf(code: number, text: string): [StatusReason, string] {
  switch (code) {
    case 400:
      return ['BadRequest', 'the server rejected our request for an unknown reason'];
    case 401:
      return ['Unauthorized', 'the server has asked for the client to provide credentials'];
    case 403:
      return ['Forbidden', text || 'the server does not allow access to the requested resource'];
    case 404:
      return ['NotFound', 'the server could not find the requested resource'];
    case 405:
      return ['MethodNotAllowed', 'the server does not allow this method on the requested resource'];
    case 429:
      return ['TooManyRequests', 'the server has received too many requests and has asked us to try again later'];
    case 503:
      return ['ServiceUnavailable', text || 'the server is currently unable to handle the request'];
    case 504:
      return ['Timeout', 'the server was unable to return a response in the time allotted, but may still be processing the request'];
    default:
      if (code >= 500) return ['InternalError', `an error on the server (${JSON.stringify(text.slice(0, 2048) || 'unknown')}) has prevented the request from succeeding`];
      return ['', `the server responded with the status code ${code} but did not return more information`];
  }
}
