import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { freeIndex, Nodes } from '../../../main/nodes.ts';
import type { DockerMachines, EngineDiscovery } from '../../../main/runtime/index.ts';
import { createSimulatedRuntime } from '../../../main/runtime/simulated/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { seededRandom } from '../../support/objects.ts';

// What the containers of an engine do is not this test's.
vi.mock('../../../main/runtime/docker/index.ts', () => ({
  createDockerRuntime: () => createSimulatedRuntime({ clock, random: seededRandom(), startDelayMs: 0 }),
}));

let clock: FakeClock;
let server: FakeServer;
let informers: InformerFactory;
let nodes: Nodes;
let published: string;
let failures: string[];

const newNodes = () =>
  new Nodes({
    cluster: 'test',
    directory: '/nowhere',
    after: 0,
    count: 2,
    client: (_, userAgent) => server.client(userAgent),
    onApiConnection: () => {},
    onKubeletConnection: () => {},
    clusterDNS: '10.96.0.10',
    clusterDomain: 'cluster.local',
    dualStack: false,
    serviceCIDR: '10.96.0.0/16',
    api: { address: '10.96.0.1', port: 443 },
    publishApi: async ({ ip }) => void (published = ip),
    certificate: { certificate: '', key: '' },
    onFailure: ({ message }) => void failures.push(message),
    clock,
    random: seededRandom(),
    log: noLog,
  });

beforeEach(async () => {
  clock = new FakeClock();
  server = new FakeServer(clock);
  informers = new InformerFactory(server.client(), clock, noLog);
  failures = [];
  nodes = newNodes();
  nodes.prepareSimulated(createSimulatedRuntime({ clock, random: seededRandom(), startDelayMs: 0 }));
  informers.informer(resources.nodes);
  informers.start();
  const started = nodes.start(informers);
  await settle();
  await started;
  await settle();
});
afterEach(async () => {
  await nodes.stop();
  informers.stop();
});

const names = () => server.all(resources.nodes).map(({ metadata }) => metadata!.name!).sort();
const node = (name: string) => server.find(resources.nodes, '', name);
const annotate = async (name: string, annotations: Record<string, string>) => {
  await server.client('kubectl').of(resources.nodes).patch('', name, 'merge', { metadata: { annotations } });
  await clock.advance(100);
};
/** Written by the kubelet of a node since a moment. */
const isAlive = async (name: string) => {
  const renewed = () => server.find(resources.leases, 'kube-node-lease', name)?.spec?.renewTime;
  const before = renewed();
  await clock.advance(15_000);
  return renewed() !== before;
};

test('a Node that asks for a machine gets one, with its labels and taints, at a place of its own', async () => {
  server.seed(resources.nodes, {
    metadata: { name: 'worker', labels: { 'topology.kubernetes.io/zone': 'west' }, annotations: { 'skiff.dev/machine': '' } },
    spec: { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] },
  });
  await clock.advance(1000);
  expect(node('worker')).toMatchObject({
    metadata: { labels: { 'topology.kubernetes.io/zone': 'west', 'kubernetes.io/hostname': 'worker' } },
    spec: { taints: [{ key: 'dedicated' }], podCIDR: '10.0.3.0/24' },
  });
  expect(node('worker')!.status!.conditions!.find(({ type }) => type === 'Ready')!.status).toBe('True');
  expect(await isAlive('worker')).toBe(true);
});

test('a Node that does not ask is only an object', async () => {
  server.seed(resources.nodes, { metadata: { name: 'elsewhere' } });
  await clock.advance(1000);
  expect(node('elsewhere')!.status).toBeUndefined();
  expect(nodes.kubelet('elsewhere')).toBeUndefined();
});

test('a Node that is deleted takes its machine with it and does not come back', async () => {
  await server.client('kubectl').of(resources.nodes).delete('', 'node-2');
  await clock.advance(1000);
  expect(nodes.kubelet('node-2')).toBeUndefined();
  await clock.advance(600_000);
  expect(names()).toEqual(['node-1']);
});

test('a place that was given back is not given to the next one, in whose pods others would look for those of before', async () => {
  const range = (name: string) => node(name)!.spec!.podCIDR;
  const add = async (name: string) => {
    server.seed(resources.nodes, { metadata: { name, annotations: { 'skiff.dev/machine': '' } } });
    await clock.advance(1000);
  };
  await server.client('kubectl').of(resources.nodes).delete('', 'node-2');
  await clock.advance(1000);
  await add('third');
  await add('node-2');
  expect(['node-1', 'third', 'node-2'].map(range)).toEqual(['10.0.1.0/24', '10.0.3.0/24', '10.0.4.0/24']);
});

test('a Node that brings its range along gets it back, unless another has it', async () => {
  const bring = async (name: string, podCIDR: string) => {
    server.seed(resources.nodes, { metadata: { name, annotations: { 'skiff.dev/machine': '' } }, spec: { podCIDR, podCIDRs: [podCIDR] } });
    await clock.advance(1000);
    return node(name)!.spec!.podCIDR;
  };
  await server.client('kubectl').of(resources.nodes).delete('', 'node-2');
  await clock.advance(1000);
  expect(await bring('node-2', '10.0.2.0/24')).toBe('10.0.2.0/24');
  expect(await bring('other', '10.0.2.0/24')).toBe('10.0.3.0/24');
});

test.each([
  [[], 0, 3, 1],
  [[1, 2], 2, 3, 3],
  [[1, 3], 3, 3, 2],
  [[2, 3], 2, 3, 1],
  [[1, 2, 3], 2, 3, 4],
])('of places %j are taken, the last one given was %i, there are %i: %i comes next', (taken, last, capacity, next) => {
  expect(freeIndex(taken.map((index) => ({ index })), last, capacity)).toBe(next);
});

test('the last word of a kubelet does not bring its node back', async () => {
  await server.client('kubectl').of(resources.nodes).delete('', 'node-2');
  await clock.advance(1000);
  server.seed(resources.nodes, { metadata: { name: 'node-2', managedFields: [{ manager: 'kubelet', operation: 'Update' }] } });
  await clock.advance(1000);
  expect(names()).toEqual(['node-1']);
});

test('a Node that somebody makes in the name of one that was deleted stays, though it has no machine', async () => {
  await server.client('kubectl').of(resources.nodes).delete('', 'node-2');
  await clock.advance(1000);
  server.seed(resources.nodes, { metadata: { name: 'node-2', managedFields: [{ manager: 'kubectl-create', operation: 'Update' }] } });
  await clock.advance(1000);
  expect(names()).toEqual(['node-1', 'node-2']);
  expect(nodes.kubelet('node-2')).toBeUndefined();
});

test('the API answers at the first node that there is', async () => {
  expect(published).toBe('172.16.0.1');
  await server.client('kubectl').of(resources.nodes).delete('', 'node-1');
  await clock.advance(1000);
  expect(published).toBe('172.16.0.2');
});

test('a node whose machine is in another network than before gets the range of addresses there, and keeps what users gave it', async () => {
  await nodes.stop();
  const before = node('node-1')!;
  server.change(resources.nodes, '', 'node-1', (found) => {
    found.spec = { ...found.spec, podCIDR: '10.77.1.0/24', podCIDRs: ['10.77.1.0/24'], taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }], unschedulable: true };
    found.metadata!.labels!.mine = 'yes';
  });
  await settle();
  nodes = newNodes();
  nodes.prepareSimulated(createSimulatedRuntime({ clock, random: seededRandom(), startDelayMs: 0 }));
  await nodes.start(informers);
  await settle();
  const after = node('node-1')!;
  expect(after.metadata!.uid).not.toBe(before.metadata!.uid);
  expect(after.metadata!.labels).toEqual({ ...before.metadata!.labels, mine: 'yes' });
  expect(after.spec).toMatchObject({ podCIDR: '10.0.1.0/24', podCIDRs: ['10.0.1.0/24'], unschedulable: true, taints: [{ key: 'dedicated' }] });
  expect(after.status!.conditions!.find(({ type }) => type === 'Ready')!.status).toBe('True');
  expect(await isAlive('node-1')).toBe(true);
});

test('a node that is where it was stays the same', async () => {
  await nodes.stop();
  const before = node('node-1')!;
  nodes = newNodes();
  nodes.prepareSimulated(createSimulatedRuntime({ clock, random: seededRandom(), startDelayMs: 0 }));
  await nodes.start(informers);
  await settle();
  expect(node('node-1')!.metadata!.uid).toBe(before.metadata!.uid);
});

test('a node with the name of a removed one is another, at another place', async () => {
  await server.client('kubectl').of(resources.nodes).delete('', 'node-1');
  await clock.advance(1000);
  server.seed(resources.nodes, { metadata: { name: 'node-1', annotations: { 'skiff.dev/machine': '' } } });
  await clock.advance(1000);
  expect(node('node-1')!.spec!.podCIDR).toBe('10.0.3.0/24');
  expect(await isAlive('node-1')).toBe(true);
});

test('a node that is switched off says nothing any more until it is switched on', async () => {
  expect(await isAlive('node-2')).toBe(true);
  await annotate('node-2', { 'skiff.dev/power': 'off' });
  expect(await isAlive('node-2')).toBe(false);
  expect(names()).toEqual(['node-1', 'node-2']);
  expect(await isAlive('node-1')).toBe(true);
  await annotate('node-2', { 'skiff.dev/power': 'on' });
  expect(await isAlive('node-2')).toBe(true);
});

describe('while the engine makes the network of a new cluster', () => {
  interface Later {
    promise: Promise<void>;
    resolve(): void;
    reject(error: Error): void;
  }
  let made: Later;
  let hasNetwork: boolean;
  let ensured: string[];
  let onDocker: Nodes;

  const later = (): Later => {
    const ends = {} as Later;
    return Object.assign(ends, { promise: new Promise<void>((resolve, reject) => Object.assign(ends, { resolve, reject })) });
  };

  /** Machines that cannot be reached, in a network that comes late. */
  const machines = () =>
    ({
      network: 'skiff-test',
      image: 'skiff-node',
      capacity: 253,
      get hasNetwork() {
        return hasNetwork;
      },
      get clusterCIDR() {
        if (!hasNetwork) throw new Error('the machines are not prepared');
        return '10.245.0.0/16';
      },
      prepare: () => made.promise.then(() => void (hasNetwork = true)),
      place: (index: number) => ({ ip: `10.245.0.${index + 1}`, podCIDR: `10.245.${index}.0/24` }),
      containerName: (node: string) => node,
      list: async () => [],
      ensure: async ({ name }: { name: string }) => {
        ensured.push(name);
        throw new Error('unreachable');
      },
    }) as unknown as DockerMachines;

  beforeEach(async () => {
    made = later();
    hasNetwork = false;
    ensured = [];
    await nodes.stop();
    for (const name of names()) await server.client('kubectl').of(resources.nodes).delete('', name);
    onDocker = newNodes();
    await onDocker.prepareOnDocker({ connection: {} } as NonNullable<EngineDiscovery['found']>, machines());
    await onDocker.start(informers);
  });
  afterEach(async () => {
    made.resolve();
    await onDocker.stop();
  });

  test('its nodes are there, without a place, and get theirs when it is made', async () => {
    expect(names()).toEqual(['node-1', 'node-2']);
    expect(node('node-1')!.spec?.podCIDR).toBeUndefined();
    expect(ensured).toEqual([]);
    made.resolve();
    await settle();
    await clock.advance(1000);
    expect(ensured).toEqual(expect.arrayContaining(['node-1', 'node-2']));
    expect(node('node-1')).toMatchObject({
      metadata: { annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' } },
      spec: { podCIDR: '10.245.1.0/24' },
    });
    expect(published).toBe('10.245.0.2');
    expect(failures).toEqual([]);
  });

  test('an engine that cannot make it is told about', async () => {
    made.reject(new Error('every range of 10.0.0.0/8 is taken'));
    await settle();
    expect(failures).toEqual(['every range of 10.0.0.0/8 is taken']);
  });
});
