import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Device, ResourceResourceClaim } from '../../../../main/api/index.ts';
import { compileDeviceSelector } from '../../../../main/apiserver/index.ts';
import { InformerFactory, resources } from '../../../../main/client/index.ts';
import { requestsFor } from '../../../../main/scheduler/devices/extendedResources.ts';
import { Scheduler } from '../../../../main/scheduler/index.ts';
import { noLog } from '../../../../main/util/log.ts';
import { FakeClock, settle } from '../../../support/fakeClock.ts';
import { FakeServer } from '../../../support/fakeServer.ts';
import { makeNode, makePod, seededRandom } from '../../../support/objects.ts';

const driver = 'dra.example.com';
let clock: FakeClock;
let server: FakeServer;
let stop: () => Promise<void>;

beforeEach(async () => {
  clock = new FakeClock();
  server = new FakeServer(clock);
  const client = server.client();
  const informers = new InformerFactory(client, clock, noLog);
  const scheduler = new Scheduler({ client, informers, clock, random: seededRandom(), log: noLog, compileDeviceSelector });
  await scheduler.start();
  stop = async () => {
    informers.stop();
    await scheduler.stop();
  };
  server.seed(resources.namespaces, { metadata: { name: 'default' } });
  for (const name of ['node-1', 'node-2']) server.seed(resources.nodes, makeNode(name));
});
afterEach(() => stop());

const addClass = () => server.seed(resources.deviceClasses, { metadata: { name: 'gpu' }, spec: { selectors: [{ cel: { expression: `device.driver == "${driver}"` } }] } });
const offer = (node: string, ...devices: Device[]) =>
  server.seed(resources.resourceSlices, { metadata: { name: `${node}-gpus` }, spec: { driver, nodeName: node, pool: { name: node, generation: 1, resourceSliceCount: 1 }, devices } });
const addClaim = (name: string, count = 1) =>
  server.seed(resources.resourceClaims, {
    metadata: { name, namespace: 'default' },
    spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count } }] } },
  });
const addPod = (name: string, claim: string, spec: object = {}) =>
  server.seed(resources.pods, { ...makePod(name, {}, { resourceClaims: [{ name: 'gpu', resourceClaimName: claim }], ...spec }), status: { phase: 'Pending' } });
const pod = (name: string) => server.find(resources.pods, 'default', name)!;
const claim = (name: string) => server.find(resources.resourceClaims, 'default', name)!;
const nodeOf = (name: string) => pod(name).spec!.nodeName;
const why = (name: string) => pod(name).status!.conditions!.find(({ type }) => type === 'PodScheduled')!.message!;
const devicesOf = (name: string) => claim(name).status?.allocation?.devices?.results?.map(({ device }) => device);
const change = (name: string, edit: (claim: ResourceResourceClaim) => void) => server.change(resources.resourceClaims, 'default', name, edit);

describe('a pod that asks for devices', () => {
  it('goes where they are, and its claim says what it has', async () => {
    addClass();
    offer('node-2', { name: 'a' });
    addClaim('gpus');
    addPod('web', 'gpus');
    await settle();
    expect(nodeOf('web')).toBe('node-2');
    expect(claim('gpus')).toMatchObject({
      metadata: { finalizers: ['resource.kubernetes.io/delete-protection'] },
      status: {
        allocation: {
          allocationTimestamp: '2026-01-01T00:00:00Z',
          devices: { results: [{ request: 'r', driver, pool: 'node-2', device: 'a' }] },
          nodeSelector: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-2'] }] }] },
        },
        reservedFor: [{ resource: 'pods', name: 'web', uid: pod('web').metadata!.uid }],
      },
    });
  });

  it('waits without a word for its claim, then for the class, then for devices', async () => {
    addPod('web', 'gpus');
    await settle();
    expect(pod('web').status!.conditions).toBeUndefined();
    addClaim('gpus');
    await settle();
    expect(why('web')).toContain('request r: device class gpu does not exist.');
    addClass();
    await clock.advance(2000);
    expect(why('web')).toBe('0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.');
    offer('node-1', { name: 'a' });
    await clock.advance(10_000);
    expect(nodeOf('web')).toBe('node-1');
  });

  it('waits for its claim, whatever else changes until then', async () => {
    addClass();
    addPod('web', 'gpus');
    await settle();
    offer('node-1', { name: 'a' });
    server.seed(resources.nodes, makeNode('node-3'));
    await settle();
    expect(pod('web').status!.conditions).toBeUndefined();
    addClaim('gpus');
    await settle();
    expect(nodeOf('web')).toBe('node-1');
  });

  it('goes nowhere while its selector fails on any node, though it would do on others', async () => {
    server.seed(resources.deviceClasses, { metadata: { name: 'gpu' }, spec: { selectors: [{ cel: { expression: `device.attributes["${driver}"].big` } }] } });
    offer('node-1', { name: 'a' });
    offer('node-2', { name: 'a', attributes: { big: { bool: true } } });
    addClaim('gpus');
    addPod('web', 'gpus');
    await settle();
    expect(nodeOf('web')).toBeUndefined();
    expect(pod('web').status!.conditions).toMatchObject([{ type: 'PodScheduled', status: 'False', reason: 'SchedulerError', message: 'running "DynamicResources" filter plugin: class gpu: selector #0: CEL runtime error: no such key: big' }]);
  });

  it('of which one takes the last waits until a claim gives it back', async () => {
    addClass();
    offer('node-1', { name: 'a' });
    addClaim('first');
    addClaim('second');
    addPod('one', 'first');
    addPod('two', 'second');
    await settle();
    const [winner, loser] = nodeOf('one') ? ['first', 'two'] : ['second', 'one'];
    expect([nodeOf('one'), nodeOf('two')].filter(Boolean)).toEqual(['node-1']);
    change(winner!, (given) => (given.status = {}));
    await clock.advance(10_000);
    expect(nodeOf(loser!)).toBe('node-1');
  });

  it('shares a claim with others, all where its devices are', async () => {
    addClass();
    offer('node-1', { name: 'a' });
    addClaim('shared');
    for (const name of ['one', 'two', 'three']) addPod(name, 'shared');
    await clock.advance(10_000);
    expect(['one', 'two', 'three'].map(nodeOf)).toEqual(['node-1', 'node-1', 'node-1']);
    expect(claim('shared').status!.reservedFor!.map(({ name }) => name).sort()).toEqual(['one', 'three', 'two']);
  });

  it('keeps no devices when it cannot be bound', async () => {
    addClass();
    offer('node-1', { name: 'a' });
    addClaim('gpus');
    let refused = false;
    server.intercept = ({ path, method }) => {
      if (!path.endsWith('/binding') || method !== 'POST' || refused) return;
      refused = true;
      throw new Error('no');
    };
    addPod('web', 'gpus');
    await settle();
    expect(nodeOf('web')).toBeUndefined();
    expect(claim('gpus').status!.reservedFor ?? []).toEqual([]);
    await clock.advance(10_000);
    expect(nodeOf('web')).toBe('node-1');
  });
});

it('a claim that was given devices where its only pod cannot run loses them, and gets others', async () => {
  addClass();
  addClaim('gpus');
  change('gpus', (given) => {
    given.status = { allocation: { devices: { results: [{ request: 'r', driver, pool: 'gone', device: 'x' }] }, nodeSelector: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['gone'] }] }] } } };
  });
  offer('node-2', { name: 'a' });
  addPod('web', 'gpus');
  await clock.advance(10_000);
  const [event] = server.all(resources.events).filter(({ reason }) => reason === 'FailedScheduling');
  expect(event!.message).toContain('2 resourceclaim not available on the node. deallocation of ResourceClaim completed, preemption:');
  expect(nodeOf('web')).toBe('node-2');
  expect(devicesOf('gpus')).toEqual(['a']);
});

it('a claim that others have given devices stays as they gave it', async () => {
  addClaim('gpus');
  const allocation = { devices: { results: [{ request: 'r', driver, pool: 'elsewhere', device: 'x' }] } };
  change('gpus', (given) => (given.status = { allocation }));
  addPod('web', 'gpus');
  await settle();
  expect(nodeOf('web')).toBeDefined();
  expect(claim('gpus').status).toEqual({ allocation, reservedFor: [{ resource: 'pods', name: 'web', uid: pod('web').metadata!.uid }] });
});

describe('devices that have to be made ready', () => {
  const attaches: Device = { name: 'a', bindsToNode: true, bindingConditions: ['Attached'], bindingFailureConditions: ['Broken'] };
  const tell = (type: string) =>
    change('gpus', ({ status }) => (status!.devices = [{ driver, pool: 'node-1', device: 'a', conditions: [{ type, status: 'True', reason: 'Told', message: 'by the driver', lastTransitionTime: '2026-01-01T00:00:00Z' }] }]));
  beforeEach(async () => {
    addClass();
    offer('node-1', attaches);
    addClaim('gpus');
    addPod('web', 'gpus');
    await settle();
  });

  it('keep the pod waiting until their driver says that they are', async () => {
    expect(devicesOf('gpus')).toEqual(['a']);
    expect(nodeOf('web')).toBeUndefined();
    const told = server.all(resources.events).filter(({ reason }) => reason === 'BindingConditionsPending');
    expect(told.map(({ type, message, action }) => ({ type, message, action }))).toEqual([
      { type: 'Normal', message: 'waiting for binding conditions for device on node node-1', action: 'Scheduling' },
    ]);
    tell('Attached');
    await settle();
    expect(nodeOf('web')).toBe('node-1');
  });

  it('are given back when it says that they will not be', async () => {
    tell('Broken');
    await settle();
    expect(why('web')).toContain('device binding failed: claim=gpus, reason=Told, message="by the driver"');
    await clock.advance(2000);
    expect(claim('gpus').status?.devices ?? []).toEqual([]);
    tell('Attached');
    await clock.advance(10_000);
    expect(nodeOf('web')).toBe('node-1');
  });
});

describe('an extended resource that a class of devices stands for', () => {
  const asking = (name: string, requests: Record<string, string>) =>
    server.seed(resources.pods, { ...makePod(name, {}, { containers: [{ name: 'c', image: 'i', resources: { requests } }] }), status: { phase: 'Pending' } });
  const standsFor = (resource?: string) =>
    server.seed(resources.deviceClasses, { metadata: { name: 'gpu' }, spec: { extendedResourceName: resource, selectors: [{ cel: { expression: `device.driver == "${driver}"` } }] } });
  const madeClaims = () => server.all(resources.resourceClaims);

  it('is given by a claim that is made for the pod, which is told what its containers have', async () => {
    standsFor('example.com/gpu');
    offer('node-2', { name: 'a' }, { name: 'b' });
    asking('web', { 'example.com/gpu': '2' });
    await settle();
    expect(nodeOf('web')).toBe('node-2');
    const [made] = madeClaims();
    expect(made).toMatchObject({
      metadata: {
        generateName: 'web-extended-resources-',
        annotations: { 'resource.kubernetes.io/extended-resource-claim': 'true' },
        ownerReferences: [{ kind: 'Pod', name: 'web', uid: pod('web').metadata!.uid, controller: true }],
      },
      spec: { devices: { requests: [{ name: 'container-0-request-0', exactly: { deviceClassName: 'gpu', count: 2 } }] } },
      status: { reservedFor: [{ name: 'web' }], allocation: { devices: { results: [{ device: 'a' }, { device: 'b' }] } } },
    });
    expect(pod('web').status!.extendedResourceClaimStatus).toEqual({
      resourceClaimName: made!.metadata!.name,
      requestMappings: [{ containerName: 'c', resourceName: 'example.com/gpu', requestName: 'container-0-request-0' }],
    });
  });

  it('is every class by its own name, and nothing before there is one', async () => {
    offer('node-1', { name: 'a' });
    asking('web', { 'deviceclass.resource.kubernetes.io/gpu': '1' });
    await settle();
    expect(why('web')).toContain('2 Insufficient deviceclass.resource.kubernetes.io/gpu');
    standsFor();
    await clock.advance(10_000);
    expect(nodeOf('web')).toBe('node-1');
  });

  it('is taken from a node that has it of its own, without any claim', async () => {
    standsFor('example.com/gpu');
    const node = makeNode('node-3');
    server.seed(resources.nodes, { ...node, status: { ...node.status, allocatable: { ...node.status!.allocatable, 'example.com/gpu': '1' } } });
    asking('web', { 'example.com/gpu': '1' });
    await settle();
    expect(nodeOf('web')).toBe('node-3');
    expect(madeClaims()).toEqual([]);
    expect(pod('web').status!.extendedResourceClaimStatus).toBeUndefined();
  });

  it('is given to as many as there are devices', async () => {
    standsFor('example.com/gpu');
    offer('node-1', { name: 'a' });
    asking('one', { 'example.com/gpu': '1' });
    asking('two', { 'example.com/gpu': '1' });
    await settle();
    expect([nodeOf('one'), nodeOf('two')].filter(Boolean)).toEqual(['node-1']);
    expect(madeClaims()).toHaveLength(1);
  });

  it('leaves no claim behind when the pod is not bound, and takes none over that an earlier scheduler has left', async () => {
    standsFor('example.com/gpu');
    offer('node-1', { name: 'a' });
    let refused = false;
    server.intercept = ({ path, method }) => {
      if (!path.endsWith('/binding') || method !== 'POST' || refused) return;
      refused = true;
      throw new Error('no');
    };
    asking('web', { 'example.com/gpu': '1' });
    await settle();
    expect(refused).toBe(true);
    expect(madeClaims()).toEqual([]);
    await clock.advance(10_000);
    expect(nodeOf('web')).toBe('node-1');
    expect(madeClaims()).toHaveLength(1);
    server.drop(resources.pods, 'default', 'web');
    server.drop(resources.resourceClaims, 'default', madeClaims()[0]!.metadata!.name!);
    server.seed(resources.resourceClaims, {
      metadata: { name: 'left', namespace: 'default', finalizers: ['resource.kubernetes.io/delete-protection'], annotations: { 'resource.kubernetes.io/extended-resource-claim': 'true' }, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'late', uid: 'late-uid', controller: true }] },
      spec: { devices: { requests: [{ name: 'container-0-request-0', exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1 } }] } },
      status: { allocation: { devices: { results: [{ request: 'container-0-request-0', driver, pool: 'node-1', device: 'a' }] } } },
    });
    const late = makePod('late', {}, { containers: [{ name: 'c', image: 'i', resources: { requests: { 'example.com/gpu': '1' } } }] });
    server.seed(resources.pods, { ...late, metadata: { ...late.metadata, uid: 'late-uid' }, status: { phase: 'Pending' } });
    await settle();
    await clock.advance(10_000);
    expect(nodeOf('late')).toBe('node-1');
    expect(madeClaims().map(({ metadata }) => metadata!.name)).not.toContain('left');
  });

  it('is lent to containers that end first, of those of the containers that come after', () => {
    const container = (name: string, amount: string, more: object = {}) => ({ name, image: 'i', resources: { requests: { cpu: '1', 'example.com/gpu': amount } }, ...more });
    const { requests, mappings } = requestsFor(
      makePod('web', {}, { initContainers: [container('first', '4'), container('second', '3'), container('side', '1', { restartPolicy: 'Always' })], containers: [container('main', '1')] }),
      ['example.com/gpu'],
      () => ({ metadata: { name: 'gpu' }, spec: {} }),
    );
    expect(requests.map(({ name, exactly }) => [name, exactly!.count])).toEqual([
      ['container-0-request-1', 2],
      ['container-2-request-1', 1],
      ['container-3-request-1', 1],
    ]);
    const of = (name: string) => mappings.filter(({ containerName }) => containerName === name).map(({ requestName }) => requestName);
    expect(of('first')).toEqual(['container-2-request-1', 'container-3-request-1', 'container-0-request-1']);
    expect(of('second')).toEqual(['container-2-request-1', 'container-3-request-1', 'container-0-request-1']);
    expect([of('side'), of('main')]).toEqual([['container-2-request-1'], ['container-3-request-1']]);
  });
});
