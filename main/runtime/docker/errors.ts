import { RuntimeError, type RuntimeErrorCode } from '../index.ts';

interface EngineFailure {
  statusCode?: number;
  json?: unknown;
  code?: string;
  message?: string;
}

const unreachable = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'EACCES', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND', 'ECONNABORTED']);

/** The HTTP status of the engine's answer, if it answered. */
export function statusOf(error: unknown): number | undefined {
  return (error as EngineFailure | undefined)?.statusCode;
}

/** Any failure of a call to the engine as a RuntimeError that carries the engine's own words. */
export function runtimeError(error: unknown): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const failure = (error ?? {}) as EngineFailure;
  if (failure.statusCode === undefined) {
    if (failure.code && unreachable.has(failure.code))
      return new RuntimeError('unavailable', `the container engine cannot be reached: ${failure.message ?? failure.code}`);
    // Node's word for an engine that closed the connection in the middle of an answer.
    if (failure.message === 'socket hang up' || failure.message === 'aborted')
      return new RuntimeError('unavailable', 'the container engine closed the connection');
    return new RuntimeError('other', failure.message ?? String(error));
  }
  const message = engineMessage(failure);
  return new RuntimeError(codeOf(failure.statusCode, message), message);
}

function engineMessage(failure: EngineFailure): string {
  const json = failure.json as { message?: unknown } | undefined;
  if (json && typeof json.message === 'string') return json.message;
  // The client's own words stand before those of the engine: the status and what it takes it for.
  return (failure.message ?? '').replace(/^\(HTTP code \d+\) (?:[a-z ]+ - )?/, '').trim();
}

function codeOf(status: number, message: string): RuntimeErrorCode {
  if (status === 404) return /no such image/i.test(message) ? 'imageNotFound' : 'notFound';
  // Podman has no status of its own for what a container's state does not allow.
  if (status === 409 || (status === 500 && message.includes('container state improper'))) return 'conflict';
  if (status === 400) return 'invalid';
  if (status === 502 || status === 503 || status === 504) return 'unavailable';
  return 'other';
}

/** Runs a call to the engine; what it throws becomes a RuntimeError. */
export async function engineCall<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw runtimeError(error);
  }
}

/** As engineCall, but an answer with one of `statuses` counts as done: undefined. */
export async function tolerate<T>(statuses: number[], call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    const status = statusOf(error);
    if (status !== undefined && statuses.includes(status)) return undefined;
    throw runtimeError(error);
  }
}
