import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Pod } from '../../../main/api/index.ts';
import { compileDeviceSelector } from '../../../main/apiserver/index.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { Scheduler, SchedulerMetrics } from '../../../main/scheduler/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { makeNode, makePod, seededRandom } from '../../support/objects.ts';

let clock: FakeClock;
let server: FakeServer;
let informers: InformerFactory;
let scheduler: Scheduler;
let register: Registry;

beforeEach(async () => {
  clock = new FakeClock();
  server = new FakeServer(clock);
  register = new Registry();
  const client = server.client();
  informers = new InformerFactory(client, clock, noLog);
  scheduler = new Scheduler({ client, informers, clock, random: seededRandom(), log: noLog, compileDeviceSelector, metrics: new SchedulerMetrics(register) });
  await scheduler.start();
  server.seed(resources.namespaces, { metadata: { name: 'default' } });
  server.seed(resources.nodes, makeNode('node-1', { cpu: '1' }));
  server.seed(resources.storageClasses, { metadata: { name: 'slow' }, provisioner: 'csi.example.com', volumeBindingMode: 'WaitForFirstConsumer' });
  addClaim('data');
});
afterEach(async () => {
  informers.stop();
  await scheduler.stop();
});

const addClaim = (name: string) =>
  server.seed(resources.persistentVolumeClaims, { metadata: { name, namespace: 'default' }, spec: { storageClassName: 'slow' }, status: { phase: 'Pending' } });
const cpu = (amount: string) => ({ containers: [{ name: 'main', image: 'busybox', resources: { requests: { cpu: amount } } }] });
const waiting = (name: string, spec: object = {}) =>
  makePod(name, {}, { ...cpu('1'), volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }], ...spec });
const pod = (name: string) => server.find(resources.pods, 'default', name)!;
const nodeOf = (name: string) => pod(name).spec!.nodeName;
const eventsOf = (name: string) => server.all(resources.events).filter(({ involvedObject }) => involvedObject.name === name);
const provisioned = () => {
  server.seed(resources.persistentVolumes, { metadata: { name: 'made' }, spec: {} });
  server.change(resources.persistentVolumeClaims, 'default', 'data', (claim) => {
    claim.metadata!.annotations = { ...claim.metadata!.annotations, 'pv.kubernetes.io/bind-completed': 'yes' };
    claim.spec!.volumeName = 'made';
  });
};
const told = async (name: string, pattern: RegExp) => Number(pattern.exec(await register.getSingleMetricAsString(`scheduler_${name}`))?.[1] ?? 0);
const failures = () => told('schedule_attempts_total', /result="error"} (\d+)/);
const bindings = () => told('goroutines', /operation="binding"} (\d+)/);

async function add(...pods: Pod[]): Promise<void> {
  for (const each of pods) await server.client().of(resources.pods).create(each);
  await settle();
}

describe('a pod that waits for its volume to be made', () => {
  it('keeps nobody waiting when it is gone, and nothing is said of it', async () => {
    const timers = clock.pending;
    await add(waiting('slow'));
    expect(pod('slow').status!.nominatedNodeName).toBe('node-1');
    expect(await bindings()).toBe(1);
    server.drop(resources.pods, 'default', 'slow');
    await settle();
    expect([await failures(), await bindings(), clock.pending]).toEqual([1, 0, timers]);
    const since = server.requests.length;
    await clock.advance(601_000);
    expect(server.requests.slice(since)).toEqual([]);
    expect(eventsOf('slow')).toEqual([]);
    await add(makePod('next', {}, cpu('1')));
    expect(nodeOf('next')).toBe('node-1');
  });

  it('is not waited for any longer when it is on its way out, and keeps its room from nobody', async () => {
    await add(waiting('slow'), makePod('next', {}, cpu('1')));
    expect(nodeOf('next')).toBeUndefined();
    server.change(resources.pods, 'default', 'slow', ({ metadata }) => Object.assign(metadata!, { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.com/mine'] }));
    await clock.advance(1000);
    expect(nodeOf('next')).toBe('node-1');
    expect(await failures()).toBe(1);
    provisioned();
    await clock.advance(601_000);
    expect([nodeOf('slow'), eventsOf('slow')]).toEqual([undefined, []]);
    expect(pod('slow').status!.conditions ?? []).toEqual([]);
  });

  it('leaves the way free for one of its name that comes at once', async () => {
    await add(waiting('slow'));
    const { uid } = pod('slow').metadata!;
    server.pause(resources.pods);
    server.drop(resources.pods, 'default', 'slow');
    await add(waiting('slow'));
    server.resume();
    await clock.advance(1000);
    provisioned();
    await settle();
    expect(pod('slow').metadata!.uid).not.toBe(uid);
    expect(nodeOf('slow')).toBe('node-1');
  });

  it('gives way to a more important one without being deleted, and looks for another place', async () => {
    await add(waiting('slow'));
    await add(makePod('high', {}, { ...cpu('1'), priority: 10 }));
    await clock.advance(1000);
    expect(nodeOf('high')).toBe('node-1');
    expect(pod('slow').metadata!.deletionTimestamp).toBeUndefined();
    expect(eventsOf('slow').map(({ message }) => message)).toContain(`Preempted by pod ${pod('high').metadata!.uid} on node node-1 (in kube-scheduler memory).`);
    expect(eventsOf('slow').map(({ message }) => message)).toContain('running PreBind plugin "VolumeBinding": preempted by DefaultPreemption');
    expect(pod('slow').status!.nominatedNodeName).toBeUndefined();
    server.change(resources.persistentVolumeClaims, 'default', 'data', ({ metadata }) => delete metadata!.annotations);
    server.seed(resources.nodes, makeNode('node-2', { cpu: '1' }));
    await clock.advance(10_000);
    provisioned();
    await settle();
    expect(nodeOf('slow')).toBe('node-2');
  });

  it('keeps no others from being bound, however many such pods there are', async () => {
    server.seed(resources.nodes, makeNode('wide', { cpu: '1000', pods: '1000' }));
    for (let i = 0; i < 300; i++) server.seed(resources.pods, { ...waiting(`slow-${i}`), status: { phase: 'Pending' } });
    await settle(100);
    expect(server.all(resources.pods).filter(({ status }) => status?.nominatedNodeName)).toHaveLength(300);
    await add(makePod('quick', {}, cpu('1')));
    expect(nodeOf('quick')).toBeDefined();
  });

  it('ends with the scheduler', async () => {
    await add(waiting('slow'));
    await scheduler.stop();
    provisioned();
    await settle();
    expect([nodeOf('slow'), eventsOf('slow')]).toEqual([undefined, []]);
  });
});

describe('a pod that waits for its devices to be made ready', () => {
  const driver = 'dra.example.com';
  const reserved = (name: string) => (server.find(resources.resourceClaims, 'default', name)!.status?.reservedFor ?? []).map((consumer) => consumer.name);
  const givingBack = () => server.requests.filter(({ body }) => JSON.stringify(body ?? '').includes('"$patch":"delete"'));
  const withDevices = (name: string) => makePod(name, {}, { ...cpu('1'), resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpus' }] });

  beforeEach(() => {
    server.seed(resources.deviceClasses, { metadata: { name: 'gpu' }, spec: { selectors: [{ cel: { expression: `device.driver == "${driver}"` } }] } });
    server.seed(resources.resourceSlices, {
      metadata: { name: 'gpus' },
      spec: { driver, nodeName: 'node-1', pool: { name: 'node-1', generation: 1, resourceSliceCount: 1 }, devices: [{ name: 'a', bindsToNode: true, bindingConditions: ['Attached'], bindingFailureConditions: ['Broken'] }] },
    });
    server.seed(resources.resourceClaims, {
      metadata: { name: 'gpus', namespace: 'default' },
      spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1 } }] } },
    });
  });

  it('gives them back once, at once, when it is gone', async () => {
    await add(withDevices('slow'));
    expect(reserved('gpus')).toEqual(['slow']);
    server.drop(resources.pods, 'default', 'slow');
    await settle();
    expect(reserved('gpus')).toEqual([]);
    await clock.advance(601_000);
    expect(givingBack()).toHaveLength(1);
    expect(await failures()).toBe(1);
    expect(eventsOf('slow').map(({ reason }) => reason)).toEqual(['BindingConditionsPending']);
  });

  it('writes nothing more when it goes between two requests, and gives back what was written', async () => {
    const gone = ({ path, method }: { path: string; method: string }) => {
      if (method !== 'PUT' || path.endsWith('/status')) return;
      server.intercept = undefined;
      server.drop(resources.pods, 'default', 'slow');
    };
    server.intercept = gone;
    await add(withDevices('slow'));
    expect(server.requests.filter(({ path, method }) => method === 'PUT' && path.endsWith('/gpus/status'))).toEqual([]);
    expect(reserved('gpus')).toEqual([]);
    await add(withDevices('next'));
    expect(reserved('gpus')).toEqual(['next']);
  });

  it('gives back what the watch has not shown yet', async () => {
    server.pause(resources.resourceClaims);
    await add(withDevices('slow'));
    server.drop(resources.pods, 'default', 'slow');
    await settle();
    expect(reserved('gpus')).toEqual([]);
    server.resume();
  });

  it('waits no longer for a claim that is gone', async () => {
    await add(withDevices('slow'));
    server.drop(resources.resourceClaims, 'default', 'gpus');
    await settle();
    const condition = pod('slow').status!.conditions!.find(({ type }) => type === 'PodScheduled');
    expect(condition).toMatchObject({ reason: 'SchedulerError', message: 'running PreBind plugin "DynamicResources": could not find ResourceClaim "default/gpus"' });
  });
});
