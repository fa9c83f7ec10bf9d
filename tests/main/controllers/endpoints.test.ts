import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EndpointSlice } from '../../../main/api/index.ts';
import { timestamp } from '../../../main/api/meta.ts';
import { conflict } from '../../../main/api/status.ts';
import { Client, resources } from '../../../main/client/index.ts';
import { EndpointsController } from '../../../main/controllers/endpoints.ts';
import { EndpointSliceController } from '../../../main/controllers/endpointSlice.ts';
import { packSlices } from '../../../main/controllers/slicePacking.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeNode, makePod, makeService } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  cluster.server.seed(resources.nodes, makeNode('node-1', { labels: { 'topology.kubernetes.io/zone': 'east' } }));
  await cluster.start(EndpointsController, EndpointSliceController);
});
afterEach(() => cluster.stop());

const slices = () => cluster.server.all(resources.endpointSlices);
const endpoints = () => cluster.server.find(resources.endpoints, 'default', 'web');

async function addService(spec = {}): Promise<void> {
  await cluster.client.of(resources.services).create(makeService('web', spec));
  await settle();
}

async function addPod(name: string, ip: string, ready = true): Promise<void> {
  cluster.server.seed(resources.pods, {
    ...makePod(name, { labels: { app: 'web' } }, { nodeName: 'node-1' }),
    status: {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: timestamp(cluster.clock.now()) }],
    },
  });
  await settle();
}

describe('a service with a selector', () => {
  it('has its ready pods as endpoints, with node and zone', async () => {
    await addService();
    await addPod('a', '10.244.1.2');
    await addPod('b', '10.244.1.3', false);
    const [slice] = slices();
    expect(slice!.metadata).toMatchObject({
      generateName: 'web-',
      labels: {
        'kubernetes.io/service-name': 'web',
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
    });
    expect(slice!.ports).toEqual([{ name: 'http', port: 8080, protocol: 'TCP' }]);
    expect(slice!.endpoints).toMatchObject([
      {
        addresses: ['10.244.1.2'],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: 'node-1',
        zone: 'east',
      },
      { addresses: ['10.244.1.3'], conditions: { ready: false, serving: false, terminating: false } },
    ]);
    expect(endpoints()!.subsets).toMatchObject([
      {
        addresses: [{ ip: '10.244.1.2', nodeName: 'node-1', targetRef: { kind: 'Pod', name: 'a' } }],
        notReadyAddresses: [{ ip: '10.244.1.3' }],
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      },
    ]);
  });

  it('has pods with all of the labels that it selects, whichever comes first', async () => {
    await addService({ selector: { app: 'web', tier: 'front' } });
    const pods: Record<string, Record<string, string>> = { both: { tier: 'front', app: 'web', more: 'yes' }, one: { app: 'web' }, other: { tier: 'front', app: 'db' } };
    for (const [name, labels] of Object.entries(pods))
      cluster.server.seed(resources.pods, {
        ...makePod(name, { labels }, { nodeName: 'node-1' }),
        status: { phase: 'Running', podIP: '10.244.1.9', podIPs: [{ ip: '10.244.1.9' }], conditions: [{ type: 'Ready', status: 'True' }] },
      });
    await settle();
    expect(slices().flatMap(({ endpoints }) => endpoints ?? []).map(({ targetRef }) => targetRef?.name)).toEqual(['both']);
    // A pod that loses a label is out, one that gets it is in.
    for (const [name, labels] of Object.entries({ both: { app: 'web' }, one: { app: 'web', tier: 'front' } }))
      await cluster.client.of(resources.pods).patch('default', name, 'merge', { metadata: { labels: { tier: null, ...labels } } });
    await settle();
    expect(slices().flatMap(({ endpoints }) => endpoints ?? []).map(({ targetRef }) => targetRef?.name)).toEqual(['one']);
  });

  it('says when what changed its endpoints happened', async () => {
    const times = () => [slices()[0]!, endpoints()!].map(({ metadata }) => metadata!.annotations?.['endpoints.kubernetes.io/last-change-trigger-time']);
    await addService();
    const created = cluster.server.find(resources.services, 'default', 'web')!.metadata!.creationTimestamp;
    expect(times()).toEqual([created, created]);
    await cluster.clock.advance(60_000);
    await addPod('a', '10.244.1.2');
    const ready = cluster.server.find(resources.pods, 'default', 'a')!.status!.conditions![0]!.lastTransitionTime;
    expect(ready).not.toBe(created);
    expect(times()).toEqual([ready, ready]);
    cluster.server.change(resources.services, 'default', 'web', (changed) => (changed.metadata!.labels = { team: 'a' }));
    await settle();
    expect(slices()[0]!.metadata!.labels).toMatchObject({ team: 'a' });
    expect(times()).toEqual([undefined, undefined]);
  });

  it('keeps a pod that is on its way out, marked as terminating', async () => {
    await addService();
    await addPod('a', '10.244.1.2');
    await cluster.client.of(resources.pods).delete('default', 'a');
    await settle();
    expect(slices()[0]!.endpoints).toMatchObject([{ conditions: { ready: false, serving: true, terminating: true } }]);
    expect(endpoints()!.subsets).toBeUndefined();
    await cluster.reap();
    expect(slices()).toMatchObject([{ endpoints: [] }]);
  });

  it('that publishes pods that are not ready shows them as ready', async () => {
    await addService({ publishNotReadyAddresses: true });
    await addPod('a', '10.244.1.2', false);
    expect(slices()[0]!.endpoints).toMatchObject([{ conditions: { ready: true, serving: false } }]);
    expect(endpoints()!.subsets).toMatchObject([{ addresses: [{ ip: '10.244.1.2' }] }]);
  });

  it('without a cluster address is labelled as headless', async () => {
    await addService({ clusterIP: 'None', clusterIPs: ['None'] });
    await addPod('a', '10.244.1.2');
    expect(slices()[0]!.metadata!.labels).toMatchObject({ 'service.kubernetes.io/headless': '' });
    expect(endpoints()!.metadata!.labels).toMatchObject({ 'service.kubernetes.io/headless': '' });
  });

  it('with a cluster address is not labelled as headless, whatever its own labels say', async () => {
    await addService();
    cluster.server.change(resources.services, 'default', 'web', (service) => (service.metadata!.labels = { team: 'a', 'service.kubernetes.io/headless': '' }));
    await addPod('a', '10.244.1.2');
    for (const { metadata } of [slices()[0]!, endpoints()!]) {
      expect(metadata!.labels).toMatchObject({ team: 'a' });
      expect(metadata!.labels).not.toHaveProperty(['service.kubernetes.io/headless']);
    }
  });

  it('leads named ports to where each pod has them', async () => {
    await addService({ ports: [{ port: 80, targetPort: 'web', protocol: 'TCP' }] });
    await addPod('a', '10.244.1.2');
    cluster.server.change(resources.pods, 'default', 'a', (pod) => {
      pod.spec!.containers[0]!.ports = [{ name: 'web', containerPort: 9000, protocol: 'TCP' }];
      pod.status!.conditions![0]!.status = 'False';
    });
    await settle();
    expect(slices()).toMatchObject([{ ports: [{ name: '', port: 9000 }], endpoints: [{ addresses: ['10.244.1.2'] }] }]);
  });

  it('is written once: nothing more is written when nothing changes', async () => {
    await addService();
    await addPod('a', '10.244.1.2');
    const before = cluster.server.revision;
    cluster.server.change(
      resources.services,
      'default',
      'web',
      (service) => (service.metadata!.annotations = { note: 'x' }),
    );
    await cluster.clock.advance(60_000);
    expect(cluster.server.revision).toBe(before + 1);
  });

  it('hints at the zone when it prefers to stay close', async () => {
    await addService({ trafficDistribution: 'PreferSameZone' });
    await addPod('a', '10.244.1.2');
    expect(slices()[0]!.endpoints).toMatchObject([{ hints: { forZones: [{ name: 'east' }] } }]);
  });

  it('that waits for its finalizers still follows its pods, in the slices that it has', async () => {
    await addService({ ipFamilies: ['IPv4'] });
    await addPod('a', '10.244.1.2');
    cluster.server.change(resources.services, 'default', 'web', ({ metadata }) => {
      metadata!.finalizers = ['service.kubernetes.io/load-balancer-cleanup'];
      metadata!.deletionTimestamp = timestamp(cluster.clock.now());
    });
    await addPod('b', '10.244.1.3');
    expect(slices().map((slice) => slice.endpoints!.length)).toEqual([2]);
    cluster.server.drop(resources.endpointSlices, 'default', slices()[0]!.metadata!.name!);
    await settle();
    expect(slices()).toEqual([]);
  });

  it('leaves a slice alone that is on its way out, and makes another in its place', async () => {
    await addService({ ipFamilies: ['IPv4'] });
    await addPod('a', '10.244.1.2');
    const { name } = slices()[0]!.metadata!;
    cluster.server.change(resources.endpointSlices, 'default', name!, ({ metadata }) => {
      metadata!.finalizers = ['example.com/wait'];
      metadata!.deletionTimestamp = timestamp(cluster.clock.now());
    });
    await addPod('b', '10.244.1.3');
    expect(slices().map(({ metadata, endpoints: list }) => [metadata!.name === name, list!.length])).toEqual([[true, 1], [false, 2]]);
  });

  it('writes addresses as Kubernetes does, however the kubelet has', async () => {
    await addService({ ipFamilies: ['IPv6'] });
    await addPod('a', 'fd00:0010:0244:0001:0000:0000:0000:0002');
    expect(slices()[0]!.endpoints).toMatchObject([{ addresses: ['fd00:10:244:1::2'] }]);
  });

  it('takes its Endpoints along when it goes', async () => {
    await addService();
    await addPod('a', '10.244.1.2');
    await cluster.client.of(resources.services).delete('default', 'web');
    await settle();
    expect(endpoints()).toBeUndefined();
  });
});

it('a slice that is being made is not made again because another could not be written', async () => {
  const slow = new Cluster();
  slow.server.seed(resources.nodes, makeNode('node-1'));
  const held: (() => void)[] = [];
  let failing = false;
  const client = new Client(
    {
      watch: (request, handlers) => slow.server.watch(request, handlers),
      request: async (request) => {
        const writes = request.path.includes('/endpointslices') && failing;
        if (writes && request.method === 'PUT') throw conflict(resources.endpointSlices, 'web', 'it has changed');
        if (writes && request.method === 'POST') await new Promise<void>((resolve) => void held.push(resolve));
        return slow.server.request(request);
      },
    },
    { userAgent: 'test' },
  );
  slow.more = { client };
  const podWith = (name: string, ip: string, port: number) => ({
    ...makePod(name, { labels: { app: 'web' } }, { nodeName: 'node-1', containers: [{ name: 'c', image: 'i', ports: [{ name: 'http', containerPort: port }] }] }),
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  });
  slow.server.seed(resources.pods, podWith('a', '10.244.1.2', 8080));
  slow.server.seed(resources.pods, podWith('b', '10.244.1.3', 9090));
  await slow.start(EndpointSliceController);
  await slow.client.of(resources.services).create(makeService('web', { ports: [{ name: 'http', port: 80, targetPort: 'http' }], ipFamilies: ['IPv4'] }));
  await settle(20);
  const [first] = slow.server.all(resources.endpointSlices);
  failing = true;
  slow.server.pause();
  slow.server.drop(resources.endpointSlices, 'default', first!.metadata!.name!);
  const other = first!.endpoints![0]!.targetRef!.name === 'a' ? 'b' : 'a';
  slow.server.change(resources.pods, 'default', other, (pod) => (pod.status!.conditions = [{ type: 'Ready', status: 'True' }]));
  slow.server.resume();
  await settle(20);
  await slow.clock.advance(5_000);
  await settle(20);
  expect(held).toHaveLength(1);
  failing = false;
  held[0]!();
  await settle(20);
  await slow.clock.advance(5_000);
  await settle(20);
  expect(slow.server.all(resources.endpointSlices).flatMap(({ endpoints: list }) => list!.map(({ targetRef }) => targetRef!.name)).sort()).toEqual(['a', 'b']);
  await slow.stop();
});

it('a service without a selector is left to whoever fills it in', async () => {
  await addService({ selector: undefined });
  expect(slices()).toEqual([]);
  expect(endpoints()).toBeUndefined();
});

describe('packing', () => {
  const content = (count: number) => ({
    addressType: 'IPv4' as const,
    ports: [],
    endpoints: Array.from({ length: count }, (_, i) => ({ addresses: [`10.0.${Math.floor(i / 250)}.${i % 250}`] })),
  });
  const slice = (from: number, to: number): EndpointSlice => ({
    addressType: 'IPv4',
    ports: [],
    endpoints: content(to).endpoints.slice(from),
  });

  it('makes slices of a hundred', () => {
    expect(packSlices([], [content(250)]).create.map((c) => c.endpoints.length)).toEqual([100, 100, 50]);
  });
  it('touches only the slice with room for one more', () => {
    const plan = packSlices([slice(0, 100), slice(100, 150)], [content(151)]);
    expect([plan.create.length, plan.update.length, plan.delete.length]).toEqual([0, 1, 0]);
    expect(plan.update[0]!.endpoints).toHaveLength(51);
  });
  it('fills the fullest of those that take all of the rest', () => {
    const plan = packSlices([slice(0, 20), slice(100, 160)], [{ ...content(0), endpoints: [...content(20).endpoints, ...content(165).endpoints.slice(100)] }]);
    expect(plan.update.map((s) => s.endpoints!.length)).toEqual([65]);
    expect(plan.keep).toHaveLength(1);
  });
  it('makes a new one of what is left only where no other takes it', () => {
    const plan = packSlices([slice(0, 60)], [content(190)]);
    expect(plan.create.map((c) => c.endpoints.length)).toEqual([100]);
    expect(plan.update.map((s) => s.endpoints!.length)).toEqual([90]);
  });
  it('gives a slice other ports and endpoints rather than to delete it and make another', () => {
    const ports = [{ name: 'other', port: 81, protocol: 'TCP' }];
    const plan = packSlices([{ ...slice(0, 10), metadata: { name: 'web-abc' } }], [{ ...content(5), ports }]);
    expect(plan).toMatchObject({ create: [], delete: [], update: [{ metadata: { name: 'web-abc' }, ports }] });
    expect(plan.update[0]!.endpoints).toHaveLength(5);
  });
  it('deletes slices that have become empty', () => {
    const plan = packSlices([slice(0, 100), slice(100, 150)], [content(100)]);
    expect([plan.create.length, plan.update.length, plan.delete.length]).toEqual([0, 0, 1]);
  });
});
