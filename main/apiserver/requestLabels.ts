import type { RequestInfo } from './auth/types.ts';
import { isStream } from './longRunning.ts';

// How metrics name requests. Mirrors k8s.io/apiserver/pkg/endpoints/metrics/metrics.go.

const methods = new Set(['DELETE', 'GET', 'PATCH', 'POST', 'PUT']);
const applies = 'application/apply-patch+yaml';

/** By HTTP's method, but for those that say more. Mirrors CanonicalVerb and cleanVerb. */
export function shownVerb(method: string, info: RequestInfo, contentType: string | undefined): string {
  if (info.verb === 'watch') return 'WATCH';
  if (info.isResourceRequest && isStream(info)) return 'CONNECT';
  if (method === 'PATCH' && contentType === applies) return 'APPLY';
  const reading = method === 'GET' || method === 'HEAD';
  if (reading) return ['', 'resource'].includes(shownScope(info)) ? 'GET' : 'LIST';
  return methods.has(method) ? method : 'other';
}

/** Mirrors CleanScope. */
export function shownScope({ isResourceRequest, name, verb, namespace }: RequestInfo): string {
  if (name || verb === 'create') return 'resource';
  if (namespace) return 'namespace';
  return isResourceRequest ? 'cluster' : '';
}
