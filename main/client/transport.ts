/**
 * How a client reaches an API server: over HTTPS, or straight into the apiserver of this process.
 * Objects that come back are shared and must not be changed; copy (cloneJson) before you edit.
 */
export interface Transport {
  /** Rejects with a StatusError for every answer of 400 and above. */
  request<T = unknown>(request: ApiRequest): Promise<ApiResponse<T>>;
  /**
   * Opens a watch. Events arrive in order; `onEnd` is called exactly once, with a StatusError when the server said why
   * (410 Expired: list again), or undefined when the server closed the stream normally (a timeout). After `cancel`
   * nothing arrives any more, but for an `onEnd` that may or may not come.
   */
  watch(request: ApiRequest, handlers: WatchHandlers): { cancel(): void };
}

export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the server's root, percent-encoded, without the query: `/api/v1/namespaces/default/pods/web`. */
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  /** A JSON value. It belongs to the server from here on: do not change it afterwards. */
  body?: unknown;
  /** For a PATCH: which kind of patch. Default `application/json`. */
  contentType?: string;
  headers?: Record<string, string>;
  /** The revision of the object whose change made the caller act, for the trace of causes. */
  causeRevision?: number;
  /** The caller does not look at what a list answers, which then need not be made. */
  unread?: boolean;
  signal?: AbortSignal;
}

export interface ApiResponse<T> {
  code: number;
  body: T;
  /** Texts of `Warning: 299` headers. */
  warnings: string[];
}

export interface WatchHandlers {
  onEvent(event: { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; object: unknown }): void;
  onEnd(error?: Error): void;
}
