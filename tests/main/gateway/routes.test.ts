import { describe, expect, test } from 'vitest';
import type { Ingress, IngressClass } from '../../../main/api/index.ts';
import { buildIngressListeners, isOurs } from '../../../main/gateway/ingress/buildRoutes.ts';
import { byPrecedence, findRoute, hostMatches, pathMatches } from '../../../main/gateway/match.ts';
import type { Route } from '../../../main/gateway/model.ts';
import { changeHeaders, changePath, redirectLocation } from '../../../main/gateway/proxy/filters.ts';

const path = (value: string, service: string, pathType = 'Prefix') => ({
  path: value,
  pathType,
  backend: { service: { name: service, port: { number: 80 } } },
});

const ingress = (name: string, spec: Ingress['spec'], created = '2026-01-01T00:00:00Z'): Ingress => ({
  metadata: { name, namespace: 'default', uid: name, creationTimestamp: created },
  spec,
});

const ports = { http: 80, https: 443 };
const routesOf = (...ingresses: Ingress[]) => buildIngressListeners(ingresses, () => undefined, ports)[0]!.routes;

/** The Service that a request to a host and path goes to. */
function goes(routes: Route[], host: string, at: string, headers: Record<string, string> = {}, method = 'GET'): string | undefined {
  const [only, query] = at.split('?') as [string, string?];
  const route = findRoute({ routes, sections: [] }, { host, method, path: only, query: new URLSearchParams(query), header: (name) => headers[name] });
  return route?.backends[0]?.backend?.service;
}

describe('the paths of an Ingress', () => {
  // The table of the Ingress reference: kind of path, path, request, whether it matches.
  test.each([
    ['Prefix', '/', '/anything/at/all', true],
    ['Exact', '/foo', '/foo', true],
    ['Exact', '/foo', '/foo/', false],
    ['Exact', '/foo/', '/foo', false],
    ['Prefix', '/foo', '/foo/', true],
    ['Prefix', '/foo/', '/foo', true],
    ['Prefix', '/aaa/bb', '/aaa/bbb', false],
    ['Prefix', '/aaa/bbb/', '/aaa/bbb/ccc', true],
    ['Prefix', '/aaa/bbb', '/aaa/bbbxyz', false],
  ] as const)('%s %s and a request to %s: %s', (type, value, request, matches) => {
    expect(pathMatches({ type, value }, request)).toBe(matches);
  });

  test('the longest is taken, and an exact one before a prefix', () => {
    const routes = routesOf(ingress('web', { rules: [{ http: { paths: [path('/', 'root'), path('/a/b', 'long'), path('/a', 'short'), path('/a/b', 'exact', 'Exact')] } }] }));
    expect(goes(routes, 'x.test', '/a/b')).toBe('exact');
    expect(goes(routes, 'x.test', '/a/b/c')).toBe('long');
    expect(goes(routes, 'x.test', '/a/c')).toBe('short');
    expect(goes(routes, 'x.test', '/c')).toBe('root');
  });
});

describe('the hosts of an Ingress', () => {
  test('a wildcard stands for one label', () => {
    expect(hostMatches('*.foo.test', 'bar.foo.test', true)).toBe(true);
    expect(hostMatches('*.foo.test', 'baz.bar.foo.test', true)).toBe(false);
    expect(hostMatches('*.foo.test', 'foo.test', true)).toBe(false);
    expect(hostMatches('*.foo.test', 'baz.bar.foo.test', false)).toBe(true);
  });

  test('the more specific is taken; what no rule matches goes to the default backend', () => {
    const rule = (host: string | undefined, service: string) => ({ ...(host ? { host } : {}), http: { paths: [path('/app', service)] } });
    const routes = routesOf(
      ingress('web', {
        rules: [rule(undefined, 'any'), rule('*.foo.test', 'wild'), rule('a.foo.test', 'exact')],
        defaultBackend: { service: { name: 'rest', port: { name: 'http' } } },
      }),
    );
    expect(goes(routes, 'a.foo.test', '/app')).toBe('exact');
    expect(goes(routes, 'b.foo.test', '/app')).toBe('wild');
    expect(goes(routes, 'other.test', '/app')).toBe('any');
    expect(goes(routes, 'a.foo.test', '/elsewhere')).toBe('rest');
  });

  test('are shared by several Ingresses; of equal paths the older has it', () => {
    const young = ingress('young', { rules: [{ host: 'x.test', http: { paths: [path('/', 'young'), path('/new', 'new')] } }] }, '2026-02-01T00:00:00Z');
    const old = ingress('old', { rules: [{ host: 'x.test', http: { paths: [path('/', 'old')] } }] });
    const routes = routesOf(young, old);
    expect(goes(routes, 'x.test', '/')).toBe('old');
    expect(goes(routes, 'x.test', '/new')).toBe('new');
  });
});

test('an Ingress is served here when its class is ours, or it has none and ours is the default', () => {
  const ours: IngressClass = { metadata: { name: 'skiff' }, spec: { controller: 'skiff.dev/ingress' } };
  const byDefault = { ...ours, metadata: { name: 'skiff', annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } } };
  const other: IngressClass = { metadata: { name: 'nginx' }, spec: { controller: 'k8s.io/ingress-nginx' } };
  expect(isOurs(ingress('a', { ingressClassName: 'skiff' }), [ours, other])).toBe(true);
  expect(isOurs(ingress('a', { ingressClassName: 'nginx' }), [ours, other])).toBe(false);
  expect(isOurs(ingress('a', {}), [ours, other])).toBe(false);
  expect(isOurs(ingress('a', {}), [byDefault, other])).toBe(true);
});

test('an Ingress with TLS is served at both ports, with the certificates of its secrets', () => {
  const data = { 'tls.crt': Buffer.from('CERT').toString('base64'), 'tls.key': Buffer.from('KEY').toString('base64') };
  const spec = { tls: [{ hosts: ['x.test', '*.y.test'], secretName: 'pair' }, { hosts: ['z.test'], secretName: 'missing' }], rules: [{ http: { paths: [path('/', 'web')] } }] };
  const listeners = buildIngressListeners([ingress('web', spec)], (key) => (key === 'default/pair' ? { data } : undefined), ports);
  expect(listeners.map(({ port, tls }) => [port, tls])).toEqual([[80, false], [443, true]]);
  expect(listeners[1]!.certificates).toEqual([
    { hostname: 'x.test', certificate: 'CERT', key: 'KEY' },
    { hostname: '*.y.test', certificate: 'CERT', key: 'KEY' },
  ]);
});

describe('routes with matches beyond the path', () => {
  const route = (service: string, match: Partial<Route['match']>): Route => ({
    owner: service,
    hostname: '',
    oneLabel: false,
    match: { path: { type: 'Prefix', value: '/' }, headers: [], query: [], ...match },
    filters: [],
    backends: [{ weight: 1, filters: [], backend: { namespace: 'default', service, port: 80 } }],
    created: '',
  });

  test('are taken by method, headers and query, the more of them the better', () => {
    const routes = byPrecedence([
      route('plain', {}),
      route('header', { headers: [{ name: 'version', type: 'Exact', value: '2' }] }),
      route('two', { headers: [{ name: 'version', type: 'Exact', value: '2' }, { name: 'color', type: 'RegularExpression', value: 'bl.*' }] }),
      route('query', { query: [{ name: 'animal', type: 'Exact', value: 'whale' }] }),
      route('post', { method: 'POST' }),
    ]);
    expect(goes(routes, 'x', '/')).toBe('plain');
    expect(goes(routes, 'x', '/', { version: '2' })).toBe('header');
    expect(goes(routes, 'x', '/', { version: '2', color: 'blue' })).toBe('two');
    expect(goes(routes, 'x', '/?animal=whale')).toBe('query');
    expect(goes(routes, 'x', '/?animal=whale', { version: '2' }, 'POST')).toBe('post');
  });

  test('an expression must match the whole text, and one that is none matches nothing', () => {
    expect(pathMatches({ type: 'RegularExpression', value: '/v[0-9]+/.*' }, '/v12/x')).toBe(true);
    expect(pathMatches({ type: 'RegularExpression', value: '/v[0-9]+' }, '/v12/x')).toBe(false);
    expect(pathMatches({ type: 'RegularExpression', value: '(' }, '(')).toBe(false);
  });
});

describe('filters', () => {
  test('set, add to and remove headers', () => {
    const headers = { a: '1', b: '2', c: '3' };
    changeHeaders(headers, { set: [{ name: 'A', value: 'new' }], add: [{ name: 'B', value: 'more' }, { name: 'D', value: '4' }], remove: ['C'] });
    expect(headers).toEqual({ a: 'new', b: '2,more', d: '4' });
  });

  // The table of the Gateway API reference for ReplacePrefixMatch.
  test.each([
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'],
    ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'],
    ['/foo/bar', '/foo', '/', '/bar'],
    ['/foo', '/foo', '/', '/'],
    ['/foo/bar?q=1', '/foo', '/xyz', '/xyz/bar?q=1'],
  ])('%s with prefix %s replaced by %s is %s', (from, prefix, value, to) => {
    expect(changePath(from, { type: 'ReplacePrefixMatch', value }, { type: 'Prefix', value: prefix })).toBe(to);
  });

  test('redirect to another scheme, host, port and path', () => {
    const at = { scheme: 'http', host: 'x.test', port: 80, path: '/a?b' } as const;
    const to = (change: object) => redirectLocation({ type: 'Redirect', statusCode: 302, ...change }, at, { type: 'Prefix', value: '/' });
    expect(to({ scheme: 'https' })).toBe('https://x.test/a?b');
    expect(to({ hostname: 'y.test', port: 8080 })).toBe('http://y.test:8080/a?b');
    expect(to({ path: { type: 'ReplaceFullPath', value: '/z' } })).toBe('http://x.test/z?b');
    expect(redirectLocation({ type: 'Redirect', statusCode: 302 }, { ...at, port: 8080 }, { type: 'Prefix', value: '/' })).toBe('http://x.test:8080/a?b');
  });
});
