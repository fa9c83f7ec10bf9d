import { failure, StatusError } from '../../main/api/status.ts';
import type { Status, StatusCause } from '../../main/api/index.ts';
import type { KubeObject } from '../../main/api/meta.ts';
import type { Bridge, BridgeRequest } from '../../preload/contract.ts';

export { StatusError };

/** No answer came at all: the shell or the API server is out of reach. */
export class UnreachableError extends Error {}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface WriteOptions {
  /** Ask what would happen, without its happening. */
  dryRun?: boolean;
  fieldManager?: string;
  /** Take over fields of other managers (apply only). */
  force?: boolean;
  /** Refuse unknown and duplicate fields instead of warning of them. */
  strict?: boolean;
}

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  uid?: string;
}

const contentTypes: Record<PatchType, string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

const tableAccept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

/** The Kubernetes API over the bridge. What fails throws a StatusError with the server's own words. */
export class Api {
  #warningListeners = new Set<(warning: string) => void>();

  constructor(readonly bridge: Bridge) {}

  /** Warnings that the server sends along with answers, each as it comes. */
  onWarning(listener: (warning: string) => void): () => void {
    this.#warningListeners.add(listener);
    return () => this.#warningListeners.delete(listener);
  }

  get<T>(path: string, accept?: string): Promise<T> {
    return this.send<T>({ method: 'GET', path, ...(accept ? { accept } : {}) });
  }

  /** A list as the server prints it for people; a server that cannot answers with the list itself. */
  table<T>(path: string): Promise<T> {
    return this.get<T>(path, tableAccept);
  }

  /** An answer that is no JSON, such as a log. */
  async text(path: string): Promise<string> {
    return (await this.#exchange({ method: 'GET', path, accept: '*/*' })).body;
  }

  create<T extends KubeObject>(path: string, object: KubeObject, options?: WriteOptions): Promise<T> {
    return this.#write('POST', path, 'application/json', object, options);
  }

  replace<T extends KubeObject>(path: string, object: KubeObject, options?: WriteOptions): Promise<T> {
    return this.#write('PUT', path, 'application/json', object, options);
  }

  patch<T extends KubeObject>(path: string, type: PatchType, patch: unknown, options?: WriteOptions): Promise<T> {
    return this.#write('PATCH', path, contentTypes[type], patch, options);
  }

  remove(path: string, options: DeleteOptions = {}): Promise<unknown> {
    const { uid, ...rest } = options;
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', ...rest, ...(uid ? { preconditions: { uid } } : {}) };
    return this.send({ method: 'DELETE', path, contentType: 'application/json', body: JSON.stringify(body) });
  }

  async send<T>(request: BridgeRequest): Promise<T> {
    const response = await this.#exchange(request);
    return (response.body === '' ? undefined : JSON.parse(response.body)) as T;
  }

  #write<T>(method: 'POST' | 'PUT' | 'PATCH', path: string, contentType: string, body: unknown, options: WriteOptions = {}) {
    const query = new URLSearchParams({ fieldManager: options.fieldManager ?? 'skiff' });
    if (options.dryRun) query.set('dryRun', 'All');
    if (options.strict) query.set('fieldValidation', 'Strict');
    if (options.force) query.set('force', 'true');
    const separator = path.includes('?') ? '&' : '?';
    return this.send<T>({ method, path: `${path}${separator}${query}`, contentType, body: JSON.stringify(body) });
  }

  async #exchange(request: BridgeRequest) {
    const response = await this.bridge.request(request).catch((error: unknown) => {
      throw new UnreachableError(messageOf(error));
    });
    for (const warning of response.warnings) for (const listener of this.#warningListeners) listener(warning);
    if (response.status < 200 || response.status > 299) throw errorOf(response.status, response.body);
    return response;
  }
}

function errorOf(code: number, body: string): StatusError {
  const status = readStatus(body);
  return status ? new StatusError({ code, ...status }) : failure(code, '', body.trim() || `HTTP ${code}`);
}

/** The Status in a text, if it holds one: what a stream ends with does not name its kind. */
export function readStatus(text: string): Status | undefined {
  try {
    const value = JSON.parse(text) as Status | null;
    return value?.kind === 'Status' || value?.status === 'Failure' || value?.status === 'Success' ? value : undefined;
  } catch {
    return undefined;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Which fields a refusal speaks of. */
export function causesOf(error: unknown): StatusCause[] {
  return error instanceof StatusError ? (error.status.details?.causes ?? []) : [];
}

export const isGone = (error: unknown): boolean => error instanceof StatusError && error.code === 410;
export const isNotFound = (error: unknown): boolean => error instanceof StatusError && error.code === 404;
export const isConflict = (error: unknown): boolean => error instanceof StatusError && error.reason === 'Conflict';
