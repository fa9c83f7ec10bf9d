import { jsonError } from '../../api/jsonError.ts';
import { badRequest } from '../../api/status.ts';

/** Where a paged list goes on. The format is upstream's (k8s.io/apiserver/pkg/storage/continue.go). */
export interface ContinueToken {
  /** The revision of the first page; -1: go on with whatever is there now. */
  revision: number;
  /** The full key to start with. */
  start: string;
}

export function encodeContinue(start: string, root: string, revision: number): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: start.slice(root.length) })).toString('base64url');
}

export function decodeContinue(token: string, root: string): ContinueToken {
  const invalid = (why: string) => badRequest(`invalid continue token: continue key is not valid: ${why}`);
  const text = Buffer.from(token, 'base64url').toString('utf8');
  let value: { v?: unknown; rv?: unknown; start?: unknown };
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid(jsonError(text));
  }
  if (typeof value !== 'object' || value === null || value.v !== 'meta.k8s.io/v1')
    throw badRequest('invalid continue token: continue key is not valid: server does not recognize this encoded version');
  if (typeof value.rv !== 'number' || !Number.isInteger(value.rv) || value.rv === 0)
    throw invalid('incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  if (typeof value.start !== 'string' || value.start === '') throw invalid('encoded start key empty (version meta.k8s.io/v1)');
  if (value.start.startsWith('/') || /(^|\/)\.{0,2}(\/|$)/.test(value.start.replaceAll('\0', ''))) throw invalid(value.start);
  return { revision: value.rv, start: root + value.start };
}
