import type { DeleteOptions, ListMeta } from '../api/index.ts';
import { apiVersionOf, resourcePath, type KubeObject } from '../api/meta.ts';
import { StatusError } from '../api/status.ts';
import type { ClientMetrics } from './metrics.ts';
import type { ResourceDef } from './resources.ts';
import type { ApiRequest, Transport, WatchHandlers } from './transport.ts';

export interface ListOptions {
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
}

export interface WatchOptions {
  labelSelector?: string;
  fieldSelector?: string;
  /** Events after this revision; absent: first an ADDED for everything there is. */
  resourceVersion?: string;
  allowWatchBookmarks?: boolean;
  timeoutSeconds?: number;
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface PatchOptions {
  subresource?: string;
  fieldManager?: string;
  force?: boolean;
  dryRun?: boolean;
}

const patchContentTypes: Record<PatchType, string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/**
 * One collection of an API server. Every call rejects with a StatusError for an answer of 400 and above. What comes
 * back is shared: copy it (cloneJson) before you change it. `namespace` is '' for what has none.
 */
export interface ResourceClient<T extends KubeObject> {
  get(namespace: string, name: string): Promise<T>;
  /** Without a namespace (undefined or ''): of the whole cluster. */
  list(namespace?: string, options?: ListOptions): Promise<{ items: T[]; metadata: ListMeta }>;
  create(object: T, options?: { dryRun?: boolean; fieldManager?: string }): Promise<T>;
  update(object: T): Promise<T>;
  updateStatus(object: T): Promise<T>;
  patch(namespace: string, name: string, type: PatchType, patch: unknown, options?: PatchOptions): Promise<T>;
  delete(namespace: string, name: string, options?: DeleteOptions): Promise<void>;
  deleteCollection(namespace: string, options?: ListOptions & { delete?: DeleteOptions }): Promise<void>;
  subresource<R>(
    namespace: string,
    name: string,
    subresource: string,
    method: 'GET' | 'POST' | 'PUT' | 'PATCH',
    body?: unknown,
  ): Promise<R>;
  watch(namespace: string | undefined, options: WatchOptions, handlers: WatchHandlers): { cancel(): void };
}

/**
 * Typed access to one API server, on behalf of one program or one of its components. The `userAgent` is the program's name,
 * with the component's after a slash: the server takes the program for the one who owns the fields that are written, as it
 * does for upstream's controllers.
 */
export class Client {
  readonly #cause: number | undefined;

  constructor(
    readonly transport: Transport,
    private readonly options: { userAgent: string; cause?: number; /** Who counts the requests. */ metrics?: ClientMetrics },
  ) {
    this.#cause = options.cause;
  }

  /** The component that writes through this client, or the program where it is none of its components. */
  get component(): string {
    const { userAgent } = this.options;
    return userAgent.slice(userAgent.indexOf('/') + 1);
  }

  /** The same transport, whose writes carry the revision of the object that made the caller act. */
  because(revision: string | number | undefined): Client {
    const cause = revision === undefined || revision === '' ? NaN : Number(revision);
    return Number.isFinite(cause) ? new Client(this.transport, { ...this.options, cause }) : this;
  }

  /** The same transport on behalf of a component of the same program (upstream: rest.AddUserAgent). */
  as(component: string): Client {
    const [program] = this.options.userAgent.split('/');
    return new Client(this.transport, { ...this.options, userAgent: component === program ? program : `${program}/${component}` });
  }

  of<T extends KubeObject>(def: ResourceDef<T>): ResourceClient<T> {
    return new TypedClient<T>(this, def);
  }

  /** Any request, with this client's name and cause; resolves with the body of the answer. */
  async request<T>(request: ApiRequest): Promise<T> {
    const { metrics } = this.options;
    const started = metrics?.now() ?? 0;
    try {
      const { body, code } = await this.transport.request<T>(this.#signed(request));
      metrics?.request(request.method, code, started);
      return body;
    } catch (error) {
      if (error instanceof StatusError) metrics?.request(request.method, error.code, started);
      throw error;
    }
  }

  watch(request: ApiRequest, handlers: WatchHandlers): { cancel(): void } {
    return this.transport.watch(this.#signed(request), handlers);
  }

  #signed(request: ApiRequest): ApiRequest {
    const signed = { ...request, headers: { 'user-agent': this.options.userAgent, ...request.headers } };
    if (this.#cause !== undefined) signed.causeRevision = this.#cause;
    return signed;
  }
}

class TypedClient<T extends KubeObject> implements ResourceClient<T> {
  constructor(
    private readonly client: Client,
    private readonly def: ResourceDef<T>,
  ) {}

  get(namespace: string, name: string): Promise<T> {
    return this.client.request({ method: 'GET', path: this.#path(namespace, name) });
  }

  async list(namespace?: string, options?: ListOptions): Promise<{ items: T[]; metadata: ListMeta }> {
    const list = await this.client.request<{ items?: T[] | null; metadata?: ListMeta }>({
      method: 'GET',
      path: this.#path(namespace),
      query: { ...options },
    });
    const items = list.items ?? [];
    return { items: items.map((item) => this.#typed(item)), metadata: list.metadata ?? {} };
  }

  create(object: T, options: { dryRun?: boolean; fieldManager?: string } = {}): Promise<T> {
    return this.client.request({
      method: 'POST',
      path: this.#path(object.metadata?.namespace),
      query: { dryRun: options.dryRun ? 'All' : undefined, fieldManager: options.fieldManager },
      body: this.#typed(object),
    });
  }

  update(object: T): Promise<T> {
    return this.#put(object);
  }

  updateStatus(object: T): Promise<T> {
    return this.#put(object, 'status');
  }

  patch(namespace: string, name: string, type: PatchType, patch: unknown, options: PatchOptions = {}): Promise<T> {
    return this.client.request({
      method: 'PATCH',
      path: this.#path(namespace, name, options.subresource),
      query: {
        dryRun: options.dryRun ? 'All' : undefined,
        fieldManager: options.fieldManager ?? (type === 'apply' ? this.client.component : undefined),
        force: options.force,
      },
      body: patch,
      contentType: patchContentTypes[type],
    });
  }

  async delete(namespace: string, name: string, options?: DeleteOptions): Promise<void> {
    await this.client.request({ method: 'DELETE', path: this.#path(namespace, name), body: deleteBody(options) });
  }

  async deleteCollection(namespace: string, options: ListOptions & { delete?: DeleteOptions } = {}): Promise<void> {
    const { delete: deletion, ...query } = options;
    await this.client.request({
      method: 'DELETE',
      path: this.#path(namespace),
      query: { ...query },
      body: deleteBody(deletion),
      unread: true,
    });
  }

  subresource<R>(
    namespace: string,
    name: string,
    subresource: string,
    method: 'GET' | 'POST' | 'PUT' | 'PATCH',
    body?: unknown,
  ): Promise<R> {
    return this.client.request({
      method,
      path: this.#path(namespace, name, subresource),
      body,
      ...(method === 'PATCH' ? { contentType: patchContentTypes.merge } : {}),
    });
  }

  watch(namespace: string | undefined, options: WatchOptions, handlers: WatchHandlers): { cancel(): void } {
    return this.client.watch(
      { method: 'GET', path: this.#path(namespace), query: { ...options, watch: true } },
      handlers,
    );
  }

  #put(object: T, subresource?: string): Promise<T> {
    const { namespace, name } = object.metadata ?? {};
    return this.client.request({
      method: 'PUT',
      path: this.#path(namespace, name, subresource),
      body: this.#typed(object),
    });
  }

  #path(namespace?: string, name?: string, subresource?: string): string {
    return resourcePath(this.def, this.def.namespaced ? namespace : undefined, name, subresource);
  }

  /** With apiVersion and kind: items of lists come without them, and a server wants them. */
  #typed(object: T): T {
    return object.kind ? object : { apiVersion: apiVersionOf(this.def), kind: this.def.kind, ...object };
  }
}

function deleteBody(options: DeleteOptions | undefined): DeleteOptions | undefined {
  return options && { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
}
