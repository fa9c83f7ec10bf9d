import type { KubeObject } from '../api/meta.ts';
import { errorOf, internalError, StatusError } from '../api/status.ts';
import type { UserInfo } from './auth/types.ts';
import type { Answer, LocalEnds } from './call.ts';
import type { Chain, Incoming } from './chain.ts';
import { listObject, plainObject } from './content/encode.ts';
import { Query } from './query.ts';
import type { Registry } from './registry/generic.ts';
import type { Page } from './registry/listing.ts';
import { objectOf } from './registry/stored.ts';
import type { WatchChange } from './registry/watching.ts';
import type { Clock } from '../util/clock.ts';
import type { Party, Turns } from './turns.ts';
import { PassThrough, type Duplex } from 'node:stream';

/** A request as the client room makes it (main/client/transport.ts says what each member means). */
export interface LocalRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  contentType?: string;
  headers?: Record<string, string>;
  causeRevision?: number;
  unread?: boolean;
  signal?: AbortSignal;
}

export interface LocalResponse<T> {
  code: number;
  body: T;
  warnings: string[];
}

export interface LocalWatchHandlers {
  onEvent(event: { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; object: unknown }): void;
  onEnd(error?: Error): void;
}

/**
 * The client room's Transport, straight into the chain: what comes back are the server's own shared objects,
 * and nothing is serialized on the way.
 */
export class InProcessTransport {
  readonly #party: Party;

  constructor(
    private readonly chain: Chain,
    private readonly clock: Clock,
    private readonly user: UserInfo,
    private readonly userAgent: string,
    private readonly turns: Turns,
  ) {
    this.#party = user.name.startsWith('system:node:') ? 'nodes' : 'control plane';
  }

  /** Rejects with a StatusError. */
  async request<T = unknown>(request: LocalRequest): Promise<LocalResponse<T>> {
    const turn = this.#isHeartbeat(request.path) ? undefined : this.turns.begin(this.#party);
    if (turn) await turn;
    request.signal?.throwIfAborted();
    const incoming = this.#incoming(request);
    try {
      const answer = await this.chain.handle(incoming);
      request.signal?.throwIfAborted();
      const body = request.unread && answer.type === 'list' ? undefined : await valueOf(answer, incoming);
      const code = 'code' in answer ? answer.code : 200;
      // Our own failures are thrown; those of servers behind this one come as answers.
      if (code >= 400) throw errorOf(code, body);
      return { code, body: body as T, warnings: incoming.warnings };
    } catch (error) {
      if (error instanceof StatusError || request.signal?.aborted) throw error;
      throw internalError(error instanceof Error ? error.message : String(error));
    }
  }

  /** A node whose signs of life wait behind its pods' affairs is taken for dead (flow schema system-node-high has the same). */
  #isHeartbeat(path: string): boolean {
    return this.#party === 'nodes' && (path.startsWith('/api/v1/nodes/') || path.startsWith('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/'));
  }

  /** `onEnd` is called exactly once, unless the watch is cancelled. */
  watch(request: LocalRequest, handlers: LocalWatchHandlers): { cancel(): void } {
    const incoming = this.#incoming({ ...request, query: { ...request.query, watch: true } });
    let ended = false;
    let opened: { cancel(): void } | undefined;
    const end = (error?: Error) => {
      if (ended) return;
      ended = true;
      opened?.cancel();
      handlers.onEnd(error);
    };
    const cancel = () => {
      ended = true;
      opened?.cancel();
    };
    request.signal?.addEventListener('abort', () => end(), { once: true });
    const tell = (changes: WatchChange[]) => {
      for (const change of changes) if (!ended) handlers.onEvent(eventOf(change));
    };
    void this.#open(incoming, {
      initial: tell,
      changes: tell,
      bookmark: (object) => ended || handlers.onEvent({ type: 'BOOKMARK', object }),
      end,
    }).then(
      (handle) => {
        opened = handle;
        if (ended) handle.cancel();
      },
      (error: unknown) => end(error instanceof StatusError ? error : internalError(error instanceof Error ? error.message : String(error))),
    );
    return { cancel };
  }

  async #open(incoming: Incoming, sink: Parameters<Extract<Answer, { type: 'watch' }>['open']>[0]): Promise<{ cancel(): void }> {
    const answer = await this.chain.handle(incoming);
    if (answer.type !== 'watch') throw internalError(`${incoming.path} is no watch`);
    return answer.open(sink);
  }

  /** Runs a command in a container, or joins it, with ends of this process. Rejects with a StatusError. */
  async command(path: string, query: CommandQuery, ends: LocalEnds): Promise<{ exitCode: number }> {
    const answer = await this.#stream(path, commandQuery(query), ends);
    if (answer.type !== 'ended') throw internalError(`${path} runs no command`);
    return { exitCode: answer.exitCode };
  }

  /** Opens a connection to a port of a pod. Rejects with a StatusError. */
  async connect(path: string, port: number, signal: AbortSignal): Promise<Duplex> {
    const answer = await this.#stream(path, Query.of({ ports: port }), { signal });
    if (answer.type !== 'connected') throw internalError(`${path} forwards no port`);
    return answer.connection;
  }

  #stream(path: string, query: Query, local: LocalEnds): Promise<Answer> {
    return this.chain.handle({ ...this.#incoming({ method: 'POST', path, signal: local.signal }), query, local });
  }

  #incoming({ method, path, query, body, contentType, headers, causeRevision, signal }: LocalRequest): Incoming {
    const asked = Query.of(query);
    return {
      method,
      path,
      query: asked,
      search: asked === Query.empty ? '' : asked.toURLSearchParams().toString(),
      user: this.user,
      userAgent: headers?.['user-agent'] ?? this.userAgent,
      accept: headers?.accept,
      contentType,
      causeRevision,
      now: this.clock.now(),
      warnings: [],
      body: () => Promise.resolve(body === undefined ? { type: 'none' } : { type: 'value', value: body }),
      onGone(listener) {
        if (signal?.aborted) listener();
        else signal?.addEventListener('abort', listener, { once: true });
      },
    };
  }
}

/** What exec and attach take as parameters. */
export interface CommandQuery {
  container?: string;
  command?: string[];
  stdin?: boolean;
  stdout?: boolean;
  stderr?: boolean;
  tty?: boolean;
}

function commandQuery({ command = [], ...rest }: CommandQuery): Query {
  const params = new URLSearchParams(command.map((word) => ['command', word]));
  for (const [name, value] of Object.entries(rest)) if (value !== undefined) params.append(name, String(value));
  return Query.parse(params.toString());
}

function eventOf({ type, entry }: WatchChange) {
  return { type, object: objectOf(entry) };
}

async function valueOf(answer: Answer, incoming: Incoming): Promise<unknown> {
  switch (answer.type) {
    case 'entry':
    case 'object':
      return plainObject(answer);
    case 'list':
      return listInTurns(answer.page, answer.registry);
    case 'text': {
      const text = typeof answer.body === 'string' ? answer.body : Buffer.from(answer.body).toString('utf8');
      return answer.contentType.startsWith('application/json') ? JSON.parse(text) : text;
    }
    case 'stream': {
      const gone = new AbortController();
      incoming.onGone(() => gone.abort());
      const out = new PassThrough();
      const parts: Buffer[] = [];
      out.on('data', (part: Buffer) => parts.push(part));
      await answer.pump(out, gone.signal);
      return Buffer.concat(parts).toString('utf8');
    }
    case 'relay': {
      const parts: Buffer[] = [];
      for await (const part of answer.body) parts.push(part as Buffer);
      const text = Buffer.concat(parts).toString('utf8');
      return String(answer.headers['content-type'] ?? '').startsWith('application/json') ? (JSON.parse(text) as unknown) : text;
    }
    case 'watch':
    case 'taken':
    case 'ended':
    case 'connected':
      throw internalError('a watch or stream cannot be the answer to a plain request');
  }
}

/** So many objects may have to be parsed in one turn of the event loop, which takes some ten milliseconds. */
const parsedPerTurn = 256;

/** A list whose items are the shared ones of the store. All pods of a large cluster at once would let everybody else wait. */
async function listInTurns(page: Page, registry: Registry): Promise<unknown> {
  const items: KubeObject[] = [];
  for (const entry of page.entries) {
    if (items.length > 0 && items.length % parsedPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
    items.push(objectOf(entry));
  }
  return listObject(page, registry, items);
}
