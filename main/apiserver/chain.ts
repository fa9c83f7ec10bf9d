import { failure, unauthorized } from '../api/status.ts';
import type { Aggregator } from './aggregation/index.ts';
import type { Auditor } from './audit/index.ts';
import type { Authenticator, Credentials, RequestInfo, UserInfo } from './auth/types.ts';
import { authorize } from './authorize.ts';
import type { Answer, Call, Handler } from './call.ts';
import { checkAcceptable } from './content/negotiate.ts';
import { create } from './handlers/create.ts';
import { deleteOne } from './handlers/delete.ts';
import { deleteCollection } from './handlers/deleteCollection.ts';
import { get } from './handlers/get.ts';
import { list } from './handlers/list.ts';
import { patch } from './handlers/patch.ts';
import { subresource } from './handlers/subresource.ts';
import { update } from './handlers/update.ts';
import { watch } from './handlers/watch.ts';
import { impersonate, type Impersonation } from './impersonation.ts';
import { isStream } from './longRunning.ts';
import type { Registry } from './registry/generic.ts';
import { parseRequestInfo } from './requestInfo.ts';
import { requestTimeout } from './requestTimeout.ts';
import type { Serving } from './serving.ts';

/** A request before anybody has looked at it: from the wire with credentials, from this process with its user. */
export interface Incoming extends Omit<Call, 'info' | 'user'> {
  user?: UserInfo;
  credentials?: Credentials;
  /** Whom the client asks to be taken for. */
  impersonation?: Impersonation;
}

/** Answers requests for paths that are no resources; undefined: there is none at this path. */
export type Site = (call: Call) => Promise<Answer | undefined>;

/** The path that every request takes, over TLS or from this process. Every error is a StatusError. */
export class Chain {
  readonly #verbs: Record<string, Handler>;

  constructor(
    private readonly serving: Serving,
    private readonly authenticators: readonly Authenticator[],
    private readonly site: Site,
    /** Subresources that are streams: `pods/log`. */
    private readonly streams: Readonly<Record<string, Handler>>,
    /** Other servers, for what they answer. */
    private readonly aggregator: Pick<Aggregator, 'handles' | 'answer'>,
    private readonly auditor?: Auditor,
  ) {
    this.#verbs = {
      get,
      list,
      watch: watch(serving),
      create: create(serving),
      update: update(serving),
      patch: patch(serving),
      delete: deleteOne(serving),
      deletecollection: deleteCollection(serving),
    };
  }

  async handle(incoming: Incoming): Promise<Answer> {
    const info = parseRequestInfo(incoming.method, incoming.path, incoming.query);
    const local = incoming.user !== undefined;
    const timeout = local || info.verb === 'watch' || isStream(info) ? undefined : requestTimeout(incoming.query);
    const requester = incoming.user ?? (await this.authenticate(incoming));
    const user = incoming.impersonation ? await impersonate(this.serving.authorizer, requester, incoming.impersonation, info) : requester;
    const call: Call = Object.assign(incoming, { info, user });
    try {
      call.audited = this.auditor?.begin(call, requester);
      // This process' own requests do not wait for each other: what they do is bounded by their work queues.
      if (local || isStream(info)) return await this.#allowed(call);
      const entering = this.serving.flows.enter(call, timeout);
      const ticket = entering instanceof Promise ? await this.#waiting(call, entering) : entering;
      try {
        return await this.#allowed(call);
      } finally {
        ticket.finish();
      }
    } catch (error) {
      call.audited?.failed(error);
      throw error;
    }
  }

  /** For its turn, which counts for no request. */
  async #waiting<T>(call: Call, entering: Promise<T>): Promise<T> {
    const started = this.serving.clock.monotonic();
    try {
      return await entering;
    } finally {
      call.waited = (call.waited ?? 0) + this.serving.clock.monotonic() - started;
    }
  }

  async #allowed(call: Call): Promise<Answer> {
    try {
      const asked = authorize(this.serving.authorizer, call.user, call.info);
      if (asked) await asked;
    } catch (error) {
      call.denied = true;
      throw error;
    }
    const answer = await (this.aggregator.handles(call.path) ? this.aggregator.answer(call) : this.#answer(call));
    call.audited?.answered(answer);
    return answer;
  }

  /** Who asks. Throws 401. */
  async authenticate(incoming: Incoming): Promise<UserInfo> {
    if (incoming.user) return incoming.user;
    const credentials: Credentials = { ...incoming.credentials, note: (key, value) => void ((incoming.auditAnnotations ??= {})[key] = value) };
    for (const authenticator of this.authenticators) {
      const found = authenticator.authenticate(credentials);
      const user = found instanceof Promise ? await found : found;
      if (user) return user.groups.includes('system:authenticated') ? user : { ...user, groups: [...user.groups, 'system:authenticated'] };
    }
    // Other schemes than tokens are nobody's.
    if (/^bearer +\S/i.test(credentials.authorization ?? '')) throw unauthorized();
    return { name: 'system:anonymous', groups: ['system:unauthenticated'] };
  }

  async #answer(call: Call): Promise<Answer> {
    const { info } = call;
    if (call.path.startsWith('//')) return nothingHere(call);
    if (!info.isResourceRequest) return (await this.site(call)) ?? nothingHere(call);
    const { resources } = this.serving;
    const registry = resources.find(info.group, info.version, info.resource);
    if (!registry && !resources.serves(info.group, info.version)) return nothingHere(call);
    if (!registry || !fits(registry, info)) throw notServed();
    if (registry.strategy.deprecation) {
      call.warnings.push(registry.strategy.deprecation);
      call.deprecated = true;
    }
    if (info.subresource) {
      const stream = this.streams[`${info.group ? `${info.group}/` : ''}${info.resource}/${info.subresource}`];
      if (stream) return this.#goingOn(call, () => stream(call, registry));
    }
    if (call.method === 'HEAD') throw notAllowed();
    checkAcceptable(call, info.verb, registry.definition);
    if (info.subresource) return subresource(this.serving, call, registry);
    const handler = this.#verbs[info.verb];
    if (!handler || !nameFits(registry, info)) throw notAllowed();
    const { verbs } = registry.definition;
    if (verbs && !verbs.includes(info.verb)) throw notAllowed();
    return info.verb === 'watch' ? this.#goingOn(call, () => handler(call, registry)) : handler(call, registry);
  }

  /** Counts an answer that has begun until it ends. */
  async #goingOn(call: Call, begin: () => Promise<Answer>): Promise<Answer> {
    if (!call.wire) return begin();
    const end = this.serving.longRunning.begin(call);
    try {
      return await begin();
    } catch (error) {
      end();
      throw error;
    }
  }
}

/** Whether the path names a namespace exactly where the collection has one. */
function fits(registry: Registry, info: RequestInfo): boolean {
  const named = info.parts.length > 1;
  if (registry.definition.namespaced) return info.namespace !== '' || !named;
  return info.namespace === '' || registry.definition.resource === 'namespaces';
}

function nameFits(registry: Registry, info: RequestInfo): boolean {
  const named = info.parts.length > 1;
  switch (info.verb) {
    case 'create':
      return !named && (!registry.definition.namespaced || info.namespace !== '');
    case 'update':
    case 'patch':
      return named;
    case 'deletecollection':
      return !registry.definition.namespaced || info.namespace !== '';
    default:
      return true;
  }
}

/** Clients on the wire get the text that Go's own router has for paths that nobody knows; those of this process throw. */
function nothingHere(call: Call): Answer {
  if (!call.wire) throw notServed();
  return { type: 'text', code: 404, contentType: 'text/plain; charset=utf-8', body: '404 page not found\n' };
}

export const notServed = () => failure(404, 'NotFound', 'the server could not find the requested resource', {});
export const notAllowed = () => failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
