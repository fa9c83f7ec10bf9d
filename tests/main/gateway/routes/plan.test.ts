import { describe, expect, test } from 'vitest';
import type { Secret } from '../../../../main/api/index.ts';
import { findRoute } from '../../../../main/gateway/match.ts';
import { commonHostnames } from '../../../../main/gateway/routes/hostnames.ts';
import { conditionsOf, no, yes, type Finding } from '../../../../main/gateway/routes/conditions.ts';
import { controllerName, type AnyRoute, type BackendTlsPolicy, type GatewayListener, type GatewayObject, type ReferenceGrant } from '../../../../main/gateway/routes/kinds.ts';
import { gatewayStatus, planGateways, type Plan } from '../../../../main/gateway/routes/plan.ts';
import type { ClusterView } from '../../../../main/gateway/routes/references.ts';
import { durationOf } from '../../../../main/gateway/routes/rules.ts';
import { keyPair } from '../../../support/keyPair.ts';

const http = (change: Partial<GatewayListener> = {}): GatewayListener => ({ name: 'http', port: 8000, protocol: 'HTTP', ...change });
const gateway = (listeners: GatewayListener[], spec: Partial<GatewayObject['spec']> = {}): GatewayObject => ({
  metadata: { name: 'edge', namespace: 'infra', generation: 1 },
  spec: { gatewayClassName: 'skiff', listeners, ...spec },
});
const backend = (name: string, more: object = {}) => ({ name, port: 80, ...more });
function route(spec: object = {}, namespace = 'infra', kind = 'HTTPRoute'): AnyRoute {
  const parentRefs = [{ name: 'edge', namespace: 'infra' }];
  return { kind, metadata: { name: 'web', namespace }, spec: { parentRefs, rules: [{ backendRefs: [backend('web')] }], ...spec } } as AnyRoute;
}
const grant = (kind: string, toKind: string, from: string, name?: string): ReferenceGrant => ({
  metadata: { name: 'grant', namespace: 'other' },
  spec: { from: [{ group: 'gateway.networking.k8s.io', kind, namespace: from }], to: [{ group: '', kind: toKind, ...(name ? { name } : {}) }] },
});

const places = { addresses: ['127.0.0.1', '127.0.1.1', '127.0.1.2'], taken: new Set<string>() };

/** A cluster with the class, the namespaces infra, apps and other, and a Service `web` in each. */
function plan(gateways: GatewayObject[], routes: AnyRoute[] = [], more: Partial<ClusterView> = {}): Plan {
  return planGateways({
    classes: [{ metadata: { name: 'skiff' }, spec: { controllerName } }],
    gateways,
    routes,
    grants: [],
    namespace: (name) => ({ metadata: { name, ...(name === 'apps' ? { labels: { team: 'apps' } } : {}) } }),
    service: (key) => (/^(infra|apps|other)\/web$/.test(key) ? { spec: { ports: [{ port: 80 }] } } : undefined),
    backendTlsPolicies: [],
    secret: () => undefined,
    configMap: () => undefined,
    ...more,
  }, places);
}
const brief = (findings: Finding[]) => Object.fromEntries(findings.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
const said = ({ routes }: Plan) => routes.map(({ parents }) => parents.map(({ findings }) => brief(findings)))[0]!;
const open = () => undefined;
const statusOf = (planned: Plan) => {
  const { findings, addresses, listeners } = gatewayStatus(planned.gateways[0]!, open);
  return { ...brief(findings), addresses: addresses.map(({ value }) => value), listeners: listeners.map((each) => ({ ...each, findings: brief(each.findings) })) };
};
function goes({ listeners }: Plan, host: string, path = '/', method = 'GET') {
  return findRoute(listeners[0]!, { host, path, method, query: new URLSearchParams(), header: () => undefined })?.backends[0]?.backend;
}
const accepted = { Accepted: 'True Accepted', ResolvedRefs: 'True ResolvedRefs' };

describe('an HTTPRoute of a Gateway', () => {
  test('is served at the port of its listener, and both say so', () => {
    const planned = plan([gateway([http()])], [route()]);
    expect(goes(planned, 'any.test')).toEqual({ namespace: 'infra', service: 'web', port: 80 });
    expect(said(planned)).toEqual([accepted]);
    expect(statusOf(planned)).toMatchObject({
      Accepted: 'True Accepted',
      Programmed: 'True Programmed',
      addresses: ['127.0.0.1'],
      listeners: [{ name: 'http', attachedRoutes: 1, supportedKinds: [{ kind: 'HTTPRoute' }, { kind: 'GRPCRoute' }], findings: { ResolvedRefs: 'True ResolvedRefs', Conflicted: 'False NoConflicts' } }],
    });
  });

  test('of a class that is not ours is left to others', () => {
    const planned = plan([gateway([http()], { gatewayClassName: 'others' })], [route()]);
    expect(planned).toMatchObject({ listeners: [], gateways: [], routes: [{ parents: [] }] });
  });

  test('has the names that it and the listener share', () => {
    const planned = plan([gateway([http({ hostname: '*.shop.test' })])], [route({ hostnames: ['a.shop.test', 'elsewhere.test'] })]);
    expect(goes(planned, 'a.shop.test')).toBeDefined();
    expect(goes(planned, 'b.shop.test')).toBeUndefined();
    expect(goes(planned, 'elsewhere.test')).toBeUndefined();
  });

  test.each([
    ['no such section', { parentRefs: [{ name: 'edge', sectionName: 'none' }] }, {}, 'infra', 'NoMatchingParent'],
    ['no such port', { parentRefs: [{ name: 'edge', port: 1 }] }, {}, 'infra', 'NoMatchingParent'],
    ['no name in common', { hostnames: ['x.test'] }, { hostname: 'y.test' }, 'infra', 'NoMatchingListenerHostname'],
    ['another namespace', {}, {}, 'apps', 'NotAllowedByListeners'],
    ['a namespace that is not selected', {}, { allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'apps' } } } } }, 'other', 'NotAllowedByListeners'],
    ['a kind that is not allowed', {}, { allowedRoutes: { kinds: [{ kind: 'GRPCRoute' }] } }, 'infra', 'NotAllowedByListeners'],
  ])('is refused where there is %s', (_, spec, listener, namespace, reason) => {
    const planned = plan([gateway([http(listener as Partial<GatewayListener>)])], [route(spec, namespace)]);
    expect(said(planned)[0]!.Accepted).toBe(`False ${reason}`);
    expect(statusOf(planned).listeners[0]!.attachedRoutes).toBe(0);
    expect(planned.listeners[0]!.routes).toEqual([]);
  });

  test.each([['All', undefined], ['Selector', { matchLabels: { team: 'apps' } }]])('comes from another namespace where the listener allows %s', (from, selector) => {
    const planned = plan([gateway([http({ allowedRoutes: { namespaces: { from, ...(selector ? { selector } : {}) } } })])], [route({}, 'apps')]);
    expect(said(planned)).toEqual([accepted]);
    expect(goes(planned, 'any.test')?.namespace).toBe('apps');
  });

  test.each([
    ['does not exist', backend('none'), 'BackendNotFound'],
    ['has no such port', backend('web', { port: 81 }), 'BackendNotFound'],
    ['is of a kind that is not served', backend('web', { group: 'x.test', kind: 'Bucket' }), 'InvalidKind'],
    ['is in a namespace that grants nothing', backend('web', { namespace: 'other' }), 'RefNotPermitted'],
  ])('whose backend %s stays, and leads there nowhere', (_, ref, reason) => {
    const planned = plan([gateway([http()])], [route({ rules: [{ backendRefs: [ref] }] })]);
    expect(said(planned)).toEqual([{ Accepted: 'True Accepted', ResolvedRefs: `False ${reason}` }]);
    expect(planned.listeners[0]!.routes).toMatchObject([{ backends: [{ weight: 1 }] }]);
    expect(goes(planned, 'any.test')).toBeUndefined();
  });

  test('reaches another namespace by a grant that names its kind, its namespace and the Service', () => {
    const crossing = route({ rules: [{ backendRefs: [backend('web', { namespace: 'other' })] }] });
    const reason = (one: ReferenceGrant) => said(plan([gateway([http()])], [crossing], { grants: [one] }))[0]!.ResolvedRefs;
    expect(reason(grant('HTTPRoute', 'Service', 'infra'))).toBe('True ResolvedRefs');
    expect(reason(grant('HTTPRoute', 'Service', 'infra', 'web'))).toBe('True ResolvedRefs');
    expect(reason(grant('HTTPRoute', 'Service', 'infra', 'db'))).toBe('False RefNotPermitted');
    expect(reason(grant('HTTPRoute', 'Service', 'apps'))).toBe('False RefNotPermitted');
    expect(reason(grant('GRPCRoute', 'Service', 'infra'))).toBe('False RefNotPermitted');
    expect(reason(grant('HTTPRoute', 'Secret', 'infra'))).toBe('False RefNotPermitted');
  });

  test('with a filter that is not known is not served without it', () => {
    const planned = plan([gateway([http()])], [route({ rules: [{ filters: [{ type: 'ExtensionRef' }], backendRefs: [backend('web')] }] })]);
    expect(said(planned)[0]!.Accepted).toBe('False UnsupportedValue');
    expect(planned.listeners[0]!.routes).toEqual([]);
  });

  test('carries its matches, filters, weights and limits', () => {
    const rule = {
      matches: [{ path: { type: 'PathPrefix', value: '/a' }, method: 'POST', headers: [{ name: 'X-Canary', value: '1' }, { name: 'x-canary', value: '2' }], queryParams: [{ type: 'RegularExpression', name: 'Q', value: 'a+' }] }],
      filters: [
        { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'a', value: 'b' }] } },
        { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/b' } } },
        { type: 'RequestMirror', requestMirror: { backendRef: backend('web'), fraction: { numerator: 1, denominator: 4 } } },
      ],
      backendRefs: [backend('web', { weight: 9 }), backend('web', { weight: 0 })],
      timeouts: { request: '1m', backendRequest: '1s500ms' },
    };
    expect(plan([gateway([http()])], [route({ rules: [rule] })]).listeners[0]!.routes).toMatchObject([
      {
        match: { path: { type: 'Prefix', value: '/a' }, method: 'POST', headers: [{ name: 'x-canary', type: 'Exact', value: '1' }], query: [{ name: 'Q', type: 'RegularExpression', value: 'a+' }] },
        filters: [
          { type: 'RequestHeaders', change: { set: [{ name: 'a', value: 'b' }], add: [], remove: [] } },
          { type: 'Rewrite', path: { type: 'ReplacePrefixMatch', value: '/b' } },
          { type: 'Mirror', percent: 25 },
        ],
        backends: [{ weight: 9 }, { weight: 0 }],
        timeoutMs: 1500,
      },
    ]);
    expect(durationOf('0s')).toBe(0);
  });
});

describe('other routes', () => {
  test('of gRPC go by service and method', () => {
    const rules = [{ matches: [{ method: { service: 'pets.Store', method: 'Feed' } }, { method: { method: 'Walk' } }], backendRefs: [backend('web')] }];
    const planned = plan([gateway([http()])], [route({ rules }, 'infra', 'GRPCRoute')]);
    expect(goes(planned, 'x.test', '/pets.Store/Feed', 'POST')).toBeDefined();
    expect(goes(planned, 'x.test', '/any.Thing/Walk', 'POST')).toBeDefined();
    expect(goes(planned, 'x.test', '/pets.Store/Other', 'POST')).toBeUndefined();
    expect(planned.listeners[0]!.routes.every(({ grpc }) => grpc)).toBe(true);
  });

  test('of TLS are passed on by name, the more exact first', () => {
    const listener: GatewayListener = { name: 'tls', port: 8443, protocol: 'TLS', tls: { mode: 'Passthrough' } };
    const planned = plan([gateway([listener])], [route({ hostnames: ['*.a.test', 'x.a.test'] }, 'infra', 'TLSRoute')]);
    expect(planned.listeners).toMatchObject([{ port: 8443, tls: true, passthrough: [{ hostname: 'x.a.test', backends: [{ backend: { service: 'web' } }] }, { hostname: '*.a.test' }] }]);
    expect(statusOf(planned).listeners[0]!.supportedKinds).toEqual([{ group: 'gateway.networking.k8s.io', kind: 'TLSRoute' }]);
  });
});

describe('Gateways beside each other', () => {
  const two = () => [gateway([http()]), { ...gateway([http()]), metadata: { name: 'other', namespace: 'infra' } }];

  test('have an address each where they want the same port, and serve their own routes only', () => {
    const planned = plan(two(), [route({ parentRefs: [{ name: 'other', namespace: 'infra' }] })]);
    expect(planned.gateways.map(({ address }) => address)).toEqual(['127.0.0.1', '127.0.1.1']);
    expect(planned.listeners.map(({ address, routes }) => [address, routes.length])).toEqual([['127.0.0.1', 0], ['127.0.1.1', 1]]);
  });

  test('one may ask for an address of this computer, and for no other', () => {
    const at = (value: string) => statusOf(plan([gateway([http()], { addresses: [{ type: 'IPAddress', value }] })]));
    expect(at('127.0.5.5')).toMatchObject({ Programmed: 'True Programmed', addresses: ['127.0.5.5'] });
    expect(at('192.0.2.1')).toMatchObject({ Programmed: 'False AddressNotUsable', addresses: [] });
  });
});

test('a request is for the most specific listener only', () => {
  const listeners = [http({ name: 'all' }), http({ name: 'wild', hostname: '*.a.test' }), http({ name: 'one', hostname: 'x.a.test' })];
  const planned = plan([gateway(listeners)], [route({ parentRefs: [{ name: 'edge', namespace: 'infra', sectionName: 'all' }] })]);
  expect(goes(planned, 'b.test')).toBeDefined();
  expect(goes(planned, 'y.a.test')).toBeUndefined();
  expect(goes(planned, 'x.a.test')).toBeUndefined();
});

describe('the listeners of a Gateway', () => {
  const https = (name: string, more: object = {}): GatewayListener => ({ name: 'https', port: 8443, protocol: 'HTTPS', tls: { mode: 'Terminate', certificateRefs: [{ name, ...more }] } });
  const { certificate, key } = keyPair('a.test');
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const pair: Secret = { type: 'kubernetes.io/tls', data: { 'tls.crt': base64(certificate), 'tls.key': base64(key) } };
  const secret = (name: string): Secret | undefined => ({ 'infra/good': pair, 'other/good': pair, 'infra/bad': { data: { 'tls.crt': 'eA==', 'tls.key': 'eA==' } } })[name];
  const resolved = (listener: GatewayListener, grants: ReferenceGrant[] = []) => statusOf(plan([gateway([listener])], [], { secret, grants }));

  test('of HTTPS have the certificates of their Secrets', () => {
    expect(resolved(https('good'))).toMatchObject({ Programmed: 'True Programmed', listeners: [{ findings: { ResolvedRefs: 'True ResolvedRefs', Programmed: 'True Programmed' } }] });
    const planned = plan([gateway([https('good')])], [], { secret });
    expect(planned.listeners[0]!.certificates).toHaveLength(1);
  });

  test.each([['that is missing', 'none'], ['that is none', 'bad']])('are not programmed with a certificate %s', (_, name) => {
    expect(resolved(https(name))).toMatchObject({ Programmed: 'False Invalid', listeners: [{ findings: { ResolvedRefs: 'False InvalidCertificateRef', Programmed: 'False Invalid' } }] });
  });

  test('have certificates of another namespace by a grant only', () => {
    const crossing = https('good', { namespace: 'other' });
    expect(resolved(crossing).listeners[0]!.findings.ResolvedRefs).toBe('False RefNotPermitted');
    expect(resolved(crossing, [grant('Gateway', 'Secret', 'infra')]).listeners[0]!.findings.ResolvedRefs).toBe('True ResolvedRefs');
  });

  test('conflict by protocol and by hostname at one port', () => {
    const conflicts = (...listeners: GatewayListener[]) => statusOf(plan([gateway(listeners)], [], { secret })).listeners.map(({ findings }) => findings.Conflicted);
    expect(conflicts(http(), { ...https('good'), port: 8000 })).toEqual(['True ProtocolConflict', 'True ProtocolConflict']);
    expect(conflicts(http(), http({ name: 'again' }))).toEqual(['True HostnameConflict', 'True HostnameConflict']);
    expect(conflicts(http(), http({ name: 'named', hostname: 'a.test' }))).toEqual(['False NoConflicts', 'False NoConflicts']);
  });

  test('say which kinds and protocols they cannot have; one that is right keeps the Gateway accepted', () => {
    const status = statusOf(plan([gateway([http({ allowedRoutes: { kinds: [{ kind: 'HTTPRoute' }, { kind: 'TLSRoute' }] } }), { name: 'udp', port: 53, protocol: 'UDP' }])]));
    expect(status).toMatchObject({
      Accepted: 'True ListenersNotValid',
      Programmed: 'True Programmed',
      listeners: [
        { supportedKinds: [{ kind: 'HTTPRoute' }], findings: { ResolvedRefs: 'False InvalidRouteKinds' } },
        { supportedKinds: [], findings: { Accepted: 'False UnsupportedProtocol', Programmed: 'False Invalid' } },
      ],
    });
  });

  test('whose port cannot be had say why', () => {
    const { findings, addresses, listeners } = gatewayStatus(plan([gateway([http()])]).gateways[0]!, () => 'port 8000 is taken');
    expect(brief(findings).Programmed).toBe('False Invalid');
    expect(addresses).toEqual([]);
    expect(listeners[0]!.findings[0]).toEqual(no('Accepted', 'PortUnavailable', 'port 8000 is taken'));
  });
});

test('names that a listener and a route share', () => {
  expect(commonHostnames(undefined, undefined)).toEqual(['']);
  expect(commonHostnames('a.test', undefined)).toEqual(['a.test']);
  expect(commonHostnames('*.test', ['a.test', '*.b.test', 'test', 'x.other'])).toEqual(['a.test', '*.b.test']);
  expect(commonHostnames('a.b.test', ['*.test'])).toEqual(['a.b.test']);
  expect(commonHostnames('*.b.test', ['*.test'])).toEqual(['*.b.test']);
  expect(commonHostnames('*.a.test', ['*.b.test'])).toBeUndefined();
});

test('the time of a condition changes with its status only', () => {
  const first = conditionsOf([yes('Accepted')], undefined, 1, 'early');
  expect(conditionsOf([yes('Accepted', 'Other')], first, 2, 'late')).toMatchObject([{ lastTransitionTime: 'early', reason: 'Other', observedGeneration: 2 }]);
  expect(conditionsOf([no('Accepted', 'Wrong')], first, 2, 'late')).toMatchObject([{ lastTransitionTime: 'late', status: 'False' }]);
});

describe('a BackendTLSPolicy', () => {
  const { certificate } = keyPair('ca.test');
  const configMap = (key: string) => ({ 'infra/ca': { data: { 'ca.crt': certificate } }, 'infra/broken': { data: { 'ca.crt': 'nothing' } } })[key];
  const service = () => ({ spec: { ports: [{ name: 'https', port: 80 }] } });
  const policy = (name: string, validation: Partial<BackendTlsPolicy['spec']['validation']> = {}, sectionName?: string, created = '2026-01-01T00:00:00Z'): BackendTlsPolicy => ({
    metadata: { name, namespace: 'infra', creationTimestamp: created },
    spec: { targetRefs: [{ kind: 'Service', name: 'web', ...(sectionName ? { sectionName } : {}) }], validation: { hostname: 'web.test', caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }], ...validation } },
  });
  const planned = (...backendTlsPolicies: BackendTlsPolicy[]) => plan([gateway([http()])], [route()], { backendTlsPolicies, configMap, service });
  const policies = (of: Plan) => of.policies.map(({ object, gateways, findings }) => [object.metadata!.name, gateways.map(({ metadata }) => metadata!.name), brief(findings)]);

  test('says how a Service is spoken to, to the Gateways that lead there', () => {
    const found = planned(policy('one', { subjectAltNames: [{ type: 'URI', uri: 'spiffe://web' }, { type: 'Hostname', hostname: 'other.test' }] }));
    expect(goes(found, 'any.test')).toMatchObject({ tls: { hostname: 'web.test', authorities: [certificate], names: [{ uri: 'spiffe://web' }, { hostname: 'other.test' }] } });
    expect(policies(found)).toEqual([['one', ['edge'], accepted]]);
    expect(policies(plan([gateway([http()])], [], { backendTlsPolicies: [policy('one')], configMap, service }))).toEqual([['one', [], accepted]]);
  });

  test('of one port counts for that port, and of several for the same the oldest', () => {
    const whole = policy('whole', { hostname: 'whole.test' }, undefined, '2025-01-01T00:00:00Z');
    const found = planned(policy('late', { hostname: 'late.test' }, 'https', '2026-02-01T00:00:00Z'), policy('early', {}, 'https'), whole);
    expect(goes(found, 'any.test')).toMatchObject({ tls: { hostname: 'web.test' } });
    expect(policies(found)).toEqual([
      ['whole', ['edge'], accepted],
      ['early', ['edge'], accepted],
      ['late', ['edge'], { ...accepted, Accepted: 'False Conflicted' }],
    ]);
  });

  test.each([
    ['a certificate that is not there', { caCertificateRefs: [{ kind: 'ConfigMap', name: 'none' }] }, 'False NoValidCACertificate', 'False InvalidCACertificateRef'],
    ['one that is none', { caCertificateRefs: [{ kind: 'ConfigMap', name: 'broken' }] }, 'False NoValidCACertificate', 'False InvalidCACertificateRef'],
    ['another kind', { caCertificateRefs: [{ group: 'x.test', kind: 'Authority', name: 'ca' }] }, 'False NoValidCACertificate', 'False InvalidKind'],
    ['well-known certificates that are not', { caCertificateRefs: [], wellKnownCACertificates: 'x.test/all' }, 'False Invalid', 'True ResolvedRefs'],
  ])('with %s lets nothing through', (_, validation, first, second) => {
    const found = planned(policy('one', validation));
    expect(goes(found, 'any.test')).toMatchObject({ tls: { authorities: [] } });
    expect(policies(found)).toEqual([['one', ['edge'], { Accepted: first, ResolvedRefs: second }]]);
  });

  test('may trust whom this computer trusts', () => {
    const found = planned(policy('one', { caCertificateRefs: [], wellKnownCACertificates: 'System' }));
    expect(goes(found, 'any.test')?.tls?.authorities).toBeUndefined();
    expect(policies(found)).toEqual([['one', ['edge'], accepted]]);
  });
});
