import type { RequestInfo } from '../auth/types.ts';

const verbs: Record<string, string> = { POST: 'create', GET: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** Paths with a subresource of their own beside `proxy`, which stands for all of them. */
const fineGrained: readonly [path: string, subresource: string][] = [
  ['/pods', 'pods'],
  ['/healthz', 'healthz'],
  ['/configz', 'configz'],
  ['/runningpods', 'pods'],
];

const alone: readonly [path: string, subresource: string][] = [
  ['/stats', 'stats'],
  ['/metrics', 'metrics'],
  ['/logs', 'log'],
  ['/checkpoint', 'checkpoint'],
  ['/statusz', 'statusz'],
  ['/flagz', 'configz'],
];

/** A WebSocket begins with a GET, which must not do what only `create` allows. */
const acting = /^\/(exec|attach|portForward|run)\//;

/** What a request to a kubelet needs one of to be allowed. Mirrors pkg/kubelet/server/auth.go (GetRequestAttributes). */
export function attributesOf(node: string, method: string, path: string): RequestInfo[] {
  const found = (table: typeof alone) => table.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`))?.[1];
  const fine = found(fineGrained);
  const subresources = [...(fine ? [fine] : []), found(alone) ?? 'proxy'];
  return subresources.map((subresource) => ({
    isResourceRequest: true,
    path,
    verb: acting.test(path) ? 'create' : (verbs[method] ?? ''),
    apiPrefix: 'api',
    group: '',
    version: 'v1',
    namespace: '',
    resource: 'nodes',
    subresource,
    name: node,
    parts: ['nodes', node, subresource],
  }));
}
