import { text } from 'node:stream/consumers';
import type { Duplex } from 'node:stream';
import { Registry } from 'prom-client';
import { afterEach, expect, test } from 'vitest';
import type { Event, Node, Service } from '../../../main/api/index.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { CloudMetrics, startCloud, type Cloud, type HostListen } from '../../../main/cloud/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { memoryPair } from '../../support/memoryPair.ts';
import { makeService, seededRandom } from '../../support/objects.ts';

let cloud: Cloud | undefined;
afterEach(async () => {
  await cloud?.stop();
  cloud = undefined;
});

async function start(taken: Record<number, string> = {}, families = 1) {
  const clock = new FakeClock();
  const server = new FakeServer(clock);
  const client = server.client();
  const open = new Map<number, (connection: Duplex, from?: string) => void>();
  const openUdp = new Map<number, (connection: Duplex, from?: string) => void>();
  const six = new Set<number>();
  const dialled: { node: string; host: string; port: number; connection: Duplex; udp?: boolean }[] = [];
  const listening =
    (ports: typeof open): HostListen =>
    async (address, port, onConnection) => {
      if (address === '::1') {
        if (families === 1) throw Object.assign(new Error('listen'), { code: 'EADDRNOTAVAIL' });
        six.add(port);
        return { close: () => void six.delete(port) };
      }
      if (address !== '127.0.0.1') throw new Error(`${address} is not this computer's own`);
      if (taken[port] !== undefined || ports.has(port)) throw Object.assign(new Error('listen'), { code: taken[port] ?? 'EADDRINUSE' });
      ports.set(port, (connection, from = '127.0.0.1') => onConnection(connection, from));
      return { close: () => void ports.delete(port) };
    };
  let connected = true;
  for (const name of ['one', 'two']) await client.of(resources.nodes).create({ metadata: { name } } as Node);
  const informers = new InformerFactory(client, clock, noLog);
  const register = new Registry();
  cloud = startCloud({
    client,
    informers,
    cluster: 'test',
    clock,
    random: seededRandom(),
    log: noLog,
    machine: (node) => ({
      ip: node === 'one' ? '10.244.0.2' : '10.244.0.3',
      podCIDR: node === 'one' ? '10.244.1.0/24' : '10.244.2.0/24',
      ipv6: node === 'one' ? 'fd00:10:244::2' : 'fd00:10:244::3',
    }),
    metrics: new CloudMetrics(register),
    agents: (node) =>
      connected
        ? {
            async dial(host, port) {
              const [near, far] = memoryPair();
              dialled.push({ node, host, port, connection: far });
              return near;
            },
            async dialUdp(host, port) {
              const [near, far] = memoryPair();
              dialled.push({ node, host, port, connection: far, udp: true });
              return near;
            },
          }
        : undefined,
    hostListen: listening(open),
    hostListenUdp: listening(openUdp),
  });
  informers.start();
  await informers.synced();
  await clock.advance(0);
  const services = client.of(resources.services);
  const get = (name = 'web'): Promise<Service> => services.get('default', name);
  const events = async (): Promise<Event[]> => (await client.of(resources.events).list('default')).items;
  const ingress = async (name?: string) => (await get(name)).status?.loadBalancer?.ingress ?? undefined;
  return { clock, client, register, services, open, openUdp, six, dialled, taken, get, events, ingress, disconnect: () => (connected = false) };
}

const web = (spec: Service['spec'] = {}, name = 'web') =>
  makeService(name, {
    type: 'LoadBalancer',
    clusterIP: '10.96.1.1',
    ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }],
    ...spec,
  });

test('a load balancer is reached at 127.0.0.1, and leads to a node port', async () => {
  const { clock, services, open, dialled, get, ingress, events } = await start();
  await services.create(web());
  await clock.advance(1000);
  expect(await ingress()).toEqual([{ ip: '127.0.0.1', ipMode: 'Proxy' }]);
  expect((await get()).metadata!.finalizers).toEqual(['service.kubernetes.io/load-balancer-cleanup']);
  expect([...open.keys()].sort()).toEqual([30080, 80].sort());
  expect((await events()).map(({ reason }) => reason).sort()).toEqual(['EnsuredLoadBalancer', 'EnsuringLoadBalancer']);

  const [user, connection] = memoryPair();
  open.get(80)!(connection);
  user.end('hello');
  await clock.advance(0);
  expect(dialled).toMatchObject([{ host: expect.stringMatching(/^10\.244\.0\.[23]$/), port: 30080 }]);
  expect(await text(dialled[0]!.connection)).toBe('hello');
});

test('each direction of a tunnelled connection ends by itself', async () => {
  const { clock, services, open, dialled } = await start();
  await services.create(web());
  await clock.advance(1000);
  const [user, connection] = memoryPair();
  open.get(80)!(connection);
  user.end('question');
  await clock.advance(0);
  const inside = dialled[0]!.connection;
  const question: Buffer[] = [];
  inside.on('data', (chunk: Buffer) => question.push(chunk));
  await new Promise((resolve) => inside.once('end', resolve));
  inside.end('answer');
  expect(await text(user)).toBe('answer');
  expect(Buffer.concat(question).toString()).toBe('question');
});

test('connections take the nodes in turn; without one they end', async () => {
  const { clock, services, open, dialled, disconnect } = await start();
  await services.create(web());
  await clock.advance(1000);
  for (let i = 0; i < 4; i++) open.get(80)!(memoryPair()[1]);
  expect(new Set(dialled.map(({ node }) => node)).size).toBe(2);
  disconnect();
  const [, connection] = memoryPair();
  open.get(80)!(connection);
  expect(connection.destroyed).toBe(true);
});

test('a port that is taken leaves the load balancer pending, says which it is, and is tried again', async () => {
  const { clock, services, open, taken, ingress, events } = await start({ 80: 'EADDRINUSE' });
  await services.create(web());
  await clock.advance(1000);
  expect(await ingress()).toBeUndefined();
  const warnings = (await events()).filter(({ type }) => type === 'Warning');
  expect(warnings.map(({ reason, message }) => [reason, message])).toEqual([
    [
      'SyncLoadBalancerFailed',
      'Error syncing load balancer: failed to ensure load balancer: port 80 of this computer is taken by another program',
    ],
  ]);
  await clock.advance(60_000);
  expect((await events()).filter(({ type }) => type === 'Warning').length).toBe(1);
  delete taken[80];
  await clock.advance(20_000);
  expect(open.has(80)).toBe(true);
  expect(await ingress()).toEqual([{ ip: '127.0.0.1', ipMode: 'Proxy' }]);
});

test('two Services of one port: the second waits for the first, and is told whom it waits for', async () => {
  const { clock, services, ingress, events } = await start();
  await services.create(web());
  await clock.advance(1000);
  await services.create(web({ ports: [{ port: 80, nodePort: 30081 }] }, 'late'));
  await clock.advance(1000);
  expect(await ingress('late')).toBeUndefined();
  expect((await events()).find(({ type }) => type === 'Warning')?.message).toContain(
    'port 80 of this computer is taken by Service default/web',
  );
  await services.delete('default', 'web');
  await clock.advance(1000);
  expect(await ingress('late')).toEqual([{ ip: '127.0.0.1', ipMode: 'Proxy' }]);
});

test('a load balancer carries TCP and UDP, and says what it does not carry', async () => {
  const { clock, services, open, openUdp, dialled, ingress, get, events } = await start();
  const dns = { name: 'dns', port: 53, nodePort: 30053, protocol: 'UDP' };
  const sctp = { name: 'sig', port: 3868, nodePort: 30868, protocol: 'SCTP' };
  await services.create(web({ ports: [{ name: 'http', port: 53, nodePort: 30053 }, dns, sctp] }));
  await services.create(web({ ports: [sctp] }, 'only'));
  await clock.advance(1000);
  expect([...open.keys()].sort()).toEqual([30053, 53].sort());
  expect([...openUdp.keys()].sort()).toEqual([30053, 53].sort());
  expect(await ingress()).toEqual([{ ip: '127.0.0.1', ipMode: 'Proxy' }]);
  openUdp.get(53)!(memoryPair()[0]);
  await clock.advance(0);
  expect(dialled).toMatchObject([{ host: '10.244.0.2', port: 30053, udp: true }]);

  expect(await ingress('only')).toBeUndefined();
  const text = 'SCTP port 3868 of this computer cannot lead into the cluster, only TCP and UDP ports can';
  expect((await get('only')).status!.conditions).toMatchObject([{ type: 'LoadBalancerPortsError', status: 'True', reason: 'PortUnavailable', message: text }]);
  const warnings = (await events()).filter(({ type }) => type === 'Warning').map(({ message }) => message);
  expect(warnings).toHaveLength(2);
  for (const warning of warnings) expect(warning).toContain(text);
});

test('a port that was taken is named in the status until it is free', async () => {
  const { clock, services, taken, get, ingress } = await start({ 80: 'EADDRINUSE' });
  await services.create(web());
  await clock.advance(1000);
  expect((await get()).status!.conditions).toMatchObject([{ type: 'LoadBalancerPortsError', message: 'port 80 of this computer is taken by another program' }]);
  delete taken[80];
  await clock.advance(20_000);
  expect((await get()).status!.conditions ?? []).toEqual([]);
  expect(await ingress()).toEqual([{ ip: '127.0.0.1', ipMode: 'Proxy' }]);
});

test('only clients of the named ranges may use a load balancer; its node port is open to all', async () => {
  const { clock, services, open, dialled } = await start();
  await services.create(web({ loadBalancerSourceRanges: ['10.0.0.0/8', ' 127.0.0.2/32'] }));
  await clock.advance(1000);
  const [refused] = memoryPair();
  open.get(80)!(refused, '127.0.0.1');
  await clock.advance(0);
  expect(refused.destroyed).toBe(true);
  expect(dialled).toHaveLength(0);
  open.get(80)!(memoryPair()[0], '127.0.0.2');
  open.get(30080)!(memoryPair()[0], '127.0.0.1');
  await clock.advance(0);
  expect(dialled).toHaveLength(2);
});

test('with policy Local only nodes that have endpoints are asked', async () => {
  const { clock, client, services, open, dialled } = await start();
  const endpoint = (ip: string, nodeName: string, ready: boolean) => ({ addresses: [ip], nodeName, conditions: { ready, serving: true, terminating: !ready } });
  await client.of(resources.endpointSlices).create({
    metadata: { namespace: 'default', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: '', port: 80, protocol: 'TCP' }],
    endpoints: [endpoint('10.244.1.5', 'one', false), endpoint('10.244.2.5', 'two', true)],
  });
  await services.create(web({ externalTrafficPolicy: 'Local' }));
  await clock.advance(1000);
  for (let i = 0; i < 3; i++) open.get(80)!(memoryPair()[0]);
  await clock.advance(0);
  expect(dialled.map(({ node }) => node)).toEqual(['two', 'two', 'two']);
});

test('with session affinity every connection goes through the same node, which remembers the endpoint', async () => {
  const { clock, services, open, dialled } = await start();
  await services.create(web({ sessionAffinity: 'ClientIP' }));
  await clock.advance(1000);
  for (let i = 0; i < 3; i++) open.get(80)!(memoryPair()[0]);
  await clock.advance(0);
  expect(new Set(dialled.map(({ node }) => node)).size).toBe(1);
});

test('a deleted load balancer closes its ports before it goes', async () => {
  const { clock, services, open, get } = await start();
  await services.create(web());
  await clock.advance(1000);
  await services.delete('default', 'web');
  await clock.advance(1000);
  await expect(get()).rejects.toThrow('not found');
  expect(open.size).toBe(0);
});

test('a load balancer that becomes a plain Service gives its address back', async () => {
  const { clock, services, open, get, ingress } = await start();
  await services.create(web());
  await clock.advance(1000);
  await services.patch('default', 'web', 'merge', { spec: { type: 'ClusterIP', ports: [{ port: 80 }] } });
  await clock.advance(1000);
  expect(await ingress()).toBeUndefined();
  expect((await get()).metadata!.finalizers ?? []).toEqual([]);
  expect(open.size).toBe(0);
});

test("another's load balancer class is left to that one", async () => {
  const { clock, services, open, get } = await start();
  await services.create(web({ loadBalancerClass: 'example.com/lb' }));
  await clock.advance(1000);
  expect((await get()).metadata!.finalizers).toBeUndefined();
  expect([...open.keys()]).toEqual([30080]);
});

test('a node port is reached at 127.0.0.1, and one that cannot be is told', async () => {
  const { clock, services, open, events } = await start({ 30090: 'EACCES' });
  await services.create(
    web({
      type: 'NodePort',
      ports: [
        { port: 80, nodePort: 30080 },
        { port: 81, nodePort: 30090 },
      ],
    }),
  );
  await clock.advance(1000);
  expect([...open.keys()]).toEqual([30080]);
  expect((await events()).map(({ reason, message }) => [reason, message])).toEqual([
    [
      'NodePortUnavailable',
      'The node port cannot be reached at 127.0.0.1: port 30090 of this computer needs rights that Skiff does not have',
    ],
  ]);
});

test('a node is told what its machine is', async () => {
  const { clock, client } = await start();
  await clock.advance(1000);
  const node = await client.of(resources.nodes).get('', 'two');
  expect(node.spec).toMatchObject({
    providerID: 'skiff://test/two',
    podCIDR: '10.244.2.0/24',
    podCIDRs: ['10.244.2.0/24'],
  });
  expect(node.status?.conditions).toMatchObject([
    { type: 'NetworkUnavailable', status: 'False', reason: 'RouteCreated' },
  ]);
});

test('a Service with IPv6 addresses is reached at ::1 as well, and one without others leads to those of the nodes', async () => {
  const { clock, services, open, six, dialled, ingress } = await start({}, 2);
  await services.create(web({ clusterIPs: ['10.96.1.1', 'fd00:10:96::1'] }));
  await services.create(web({ clusterIP: 'fd00:10:96::2', clusterIPs: ['fd00:10:96::2'], ports: [{ port: 81, nodePort: 30081, protocol: 'TCP' }] }, 'six'));
  await clock.advance(1000);
  const both = [{ ip: '127.0.0.1', ipMode: 'Proxy' }, { ip: '::1', ipMode: 'Proxy' }];
  expect(await ingress()).toEqual(both);
  expect(await ingress('six')).toEqual(both);
  expect([...six].sort()).toEqual([30080, 30081, 80, 81]);
  for (const port of [80, 81]) open.get(port)!(memoryPair()[1]);
  await clock.advance(0);
  expect(dialled.map(({ host, port }) => [host, port])).toEqual([['10.244.0.2', 30080], ['fd00:10:244::3', 30081]]);
  await services.delete('default', 'six');
  await clock.advance(1000);
  expect([...six].sort()).toEqual([30080, 80]);
});

test('where this computer has no IPv6, 127.0.0.1 will do', async () => {
  const { clock, services, ingress, events } = await start();
  await services.create(web({ clusterIPs: ['10.96.1.1', 'fd00:10:96::1'] }));
  await clock.advance(1000);
  expect(await ingress()).toEqual([{ ip: '127.0.0.1', ipMode: 'Proxy' }]);
  expect((await events()).filter(({ type }) => type === 'Warning')).toEqual([]);
});

test('its controllers are told as long as they run', async () => {
  const { register } = await start();
  const told = async () => (await register.metrics()).split('\n').filter((line) => line.startsWith('running_managed_controllers{'));
  const lines = (value: number) => ['cloud-node', 'route', 'service'].map((name) => `running_managed_controllers{name="${name}",manager="cloud-controller-manager"} ${value}`);
  expect(await told()).toEqual(lines(1));
  await cloud!.stop();
  expect(await told()).toEqual(lines(0));
});
