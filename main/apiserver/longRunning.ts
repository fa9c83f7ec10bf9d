import type { RequestInfo } from './auth/types.ts';

const streams = new Set(['log', 'exec', 'attach', 'portforward', 'proxy']);

/** Whether an answer may take as long as it likes. */
export function isStream(info: RequestInfo): boolean {
  return streams.has(info.subresource) || info.verb === 'proxy';
}
