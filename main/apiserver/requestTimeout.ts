import { badRequest } from '../api/status.ts';
import { parseDuration } from './cel/index.ts';
import type { Query } from './query.ts';

/** Milliseconds: how long a request may take that does not say so, and at most. */
const most = 60_000;

/**
 * In how many milliseconds a client wants to be answered; throws 400 for what is no duration. Not for answers that take as
 * long as they like. Mirrors k8s.io/apiserver/pkg/endpoints/filters/request_deadline.go.
 */
export function requestTimeout(query: Query): number {
  const text = query.get('timeout');
  if (!text) return most;
  const nanos = parseDuration(text);
  if (nanos === undefined) throw badRequest(`invalid timeout specified in the request URL - time: ${/^[-+]?[\d.]*\d[\d.]*$/.test(text) ? 'missing unit in' : 'invalid'} duration ${JSON.stringify(text)}`);
  const milliseconds = Number(nanos / 1_000_000n);
  return milliseconds > 0 && milliseconds < most ? milliseconds : most;
}
