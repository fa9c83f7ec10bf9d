import { afterEach, beforeEach, expect, test } from 'vitest';
import { resources, InformerFactory } from '../../../main/client/index.ts';
import { startGateway, type Gateway } from '../../../main/gateway/index.ts';
import { definitions } from '../../../main/gateway/routes/definitions.ts';
import { controllerName, gatewayClasses, gateways, grpcRoutes, httpRoutes, referenceGrants, tlsRoutes, type HttpRoute } from '../../../main/gateway/routes/kinds.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { seededRandom } from '../../support/objects.ts';

let clock: FakeClock;
let server: FakeServer;
let gateway: Gateway;
let informers: InformerFactory;
const taken = new Set<number>();
const open = new Set<number>();

beforeEach(async () => {
  taken.clear();
  open.clear();
  clock = new FakeClock();
  server = new FakeServer(clock);
  server.customKinds.push(gatewayClasses, gateways, httpRoutes, grpcRoutes, tlsRoutes, referenceGrants);
  for (const definition of definitions)
    server.seed(resources.customResourceDefinitions, { ...definition, status: { conditions: [{ type: 'Established', status: 'True', lastTransitionTime: '', reason: '', message: '' }] } as never });
  const client = server.client();
  informers = new InformerFactory(client, clock, noLog);
  gateway = startGateway({
    client,
    informers,
    dial: () => Promise.reject(new Error('nobody is there')),
    listen: async (_, port) => {
      if (taken.has(port)) throw new Error('EADDRINUSE');
      open.add(port);
      return { close: () => void open.delete(port) };
    },
    platform: 'linux',
    portProblem: (port) => `port ${port} is taken`,
    fallback: { certificate: '', key: '' },
    clock,
    random: seededRandom(1),
    log: noLog,
  });
  informers.start();
  await settle(60);
  server.seed(resources.services, { metadata: { name: 'web', namespace: 'default' }, spec: { ports: [{ port: 80 }] } });
  server.seed(gateways, { metadata: { name: 'edge', namespace: 'default' }, spec: { gatewayClassName: 'skiff', listeners: [{ name: 'http', port: 8000, protocol: 'HTTP' }] } });
});
afterEach(async () => {
  informers.stop();
  await gateway.stop();
});

const client = () => server.client();
const programmed = async (name = 'edge') => (await client().of(gateways).get('default', name)).status?.conditions?.find(({ type }) => type === 'Programmed')?.status;
const parents = async () => (await client().of(httpRoutes).get('default', 'web')).status?.parents;
const route = (more: Partial<HttpRoute> = {}) =>
  server.seed(httpRoutes, { kind: 'HTTPRoute', metadata: { name: 'web', namespace: 'default' }, spec: { parentRefs: [{ name: 'edge' }], rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] }, ...more });

test('a Gateway opens its port, says so once, and closes it as it goes', async () => {
  route();
  await settle(60);
  expect(open).toEqual(new Set([8000]));
  expect(await programmed()).toBe('True');
  const { status, metadata } = await client().of(gatewayClasses).get('', 'skiff');
  expect(status?.conditions).toMatchObject([{ type: 'Accepted', status: 'True', reason: 'Accepted' }]);
  await clock.advance(60_000);
  expect((await client().of(gatewayClasses).get('', 'skiff')).metadata!.resourceVersion).toBe(metadata!.resourceVersion);
  await client().of(gateways).delete('default', 'edge');
  await settle(60);
  expect(open).toEqual(new Set());
  expect(await parents()).toEqual([]);
});

test('a port that is taken is tried again', async () => {
  taken.add(8001);
  server.seed(gateways, { metadata: { name: 'busy', namespace: 'default' }, spec: { gatewayClassName: 'skiff', listeners: [{ name: 'http', port: 8001, protocol: 'HTTP' }] } });
  await settle(60);
  expect(await programmed('busy')).toBe('False');
  const { status } = await client().of(gateways).get('default', 'busy');
  expect(status?.listeners?.[0]?.conditions[0]).toMatchObject({ type: 'Accepted', status: 'False', reason: 'PortUnavailable', message: 'port 8001 is taken' });
  taken.clear();
  await clock.advance(20_000);
  await settle(60);
  expect(await programmed('busy')).toBe('True');
});

test('what other controllers say of a route stays; a Service that comes makes its reference whole', async () => {
  const theirs = { parentRef: { name: 'other' }, controllerName: 'example.com/other', conditions: [] };
  route({ spec: { parentRefs: [{ name: 'edge' }], rules: [{ backendRefs: [{ name: 'late', port: 80 }] }] }, status: { parents: [theirs] } });
  await settle(60);
  const resolved = async () => (await parents())?.map(({ controllerName: name, conditions }) => [name, conditions.find(({ type }) => type === 'ResolvedRefs')?.reason]);
  expect(await resolved()).toEqual([['example.com/other', undefined], [controllerName, 'BackendNotFound']]);
  server.seed(resources.services, { metadata: { name: 'late', namespace: 'default' }, spec: { ports: [{ port: 80 }] } });
  await settle(60);
  expect(await resolved()).toEqual([['example.com/other', undefined], [controllerName, 'ResolvedRefs']]);
});
