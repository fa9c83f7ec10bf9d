import { describe, expect, it } from 'vitest';
import type { Device, DeviceClass, DeviceConstraint, DeviceRequest, ResourceResourceClaim, ResourceSlice, ResourceSliceSpec } from '../../../../main/api/index.ts';
import { compileDeviceSelector } from '../../../../main/apiserver/index.ts';
import { Allocator } from '../../../../main/scheduler/devices/allocator.ts';
import { DevicesInUse } from '../../../../main/scheduler/devices/devicesInUse.ts';
import type { Clock } from '../../../../main/util/clock.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { makeNode, seededRandom } from '../../../support/objects.ts';

const driver = 'dra.example.com';
const gpu = (name: string, about: Partial<Device> = {}): Device => ({ name, ...about });
const slice = (name: string, devices: Device[], spec: Partial<ResourceSliceSpec> = {}): ResourceSlice => ({
  metadata: { name },
  spec: { driver, pool: { name, generation: 1, resourceSliceCount: 1 }, nodeName: 'node-1', devices, ...spec },
});
const anyDevice: DeviceClass = { metadata: { name: 'any' }, spec: {} };
const request = (name: string, exactly: Partial<NonNullable<DeviceRequest['exactly']>> = {}): DeviceRequest => ({ name, exactly: { deviceClassName: 'any', allocationMode: 'ExactCount', count: 1, ...exactly } });
const claim = (requests: DeviceRequest[], constraints?: DeviceConstraint[], name = 'claim'): ResourceResourceClaim => ({
  metadata: { name, namespace: 'default', uid: name },
  spec: { devices: { requests, constraints } },
});
const selects = (expression: string) => [{ cel: { expression } }];

interface Setting {
  slices: ResourceSlice[];
  claims: ResourceResourceClaim[];
  classes?: DeviceClass[];
  inUse?: { device: string; pool?: string; adminAccess?: boolean; shareID?: string; consumedCapacity?: Record<string, string> }[];
  node?: string;
  clock?: Pick<Clock, 'monotonic'>;
  limit?: number;
}

function allocate({ slices, claims, classes = [anyDevice], inUse = [], node = 'node-1', clock = new FakeClock(), limit }: Setting) {
  const allocator = new Allocator({
    slices,
    classes: (name) => classes.find(({ metadata }) => metadata!.name === name),
    inUse: new DevicesInUse([{ devices: { results: inUse.map((use) => ({ driver, pool: 'pool', request: 'r', ...use })) } }]),
    compile: compileDeviceSelector,
    random: seededRandom(),
    clock: clock as Clock,
  });
  return allocator.allocate(makeNode(node, { labels: { zone: 'a' } }), claims, limit);
}

/** By claim: `request=device` of all that was found. */
const found = (setting: Setting) => allocate(setting)?.map(({ devices }) => devices?.results?.map(({ request: of, device }) => `${of}=${device}`));

describe('devices are found', () => {
  const two = [slice('pool', [gpu('a', { attributes: { kind: { string: 'old' } } }), gpu('b', { attributes: { kind: { string: 'new' } } })])];

  it('as many as are asked for, each for one claim only', () => {
    expect(found({ slices: two, claims: [claim([request('r', { count: 2 })])] })).toEqual([['r=a', 'r=b']]);
    expect(found({ slices: two, claims: [claim([request('r')]), claim([request('r')], [], 'other')] })).toEqual([['r=a'], ['r=b']]);
    expect(found({ slices: two, claims: [claim([request('r', { count: 3 })])] })).toBeUndefined();
    expect(found({ slices: two, claims: [claim([request('r')])], inUse: [{ device: 'a' }] })).toEqual([['r=b']]);
  });

  it('that both class and request select', () => {
    const newOnes: DeviceClass = { metadata: { name: 'any' }, spec: { selectors: selects(`device.driver == "${driver}" && device.attributes["${driver}"].kind == "new"`) } };
    expect(found({ slices: two, classes: [newOnes], claims: [claim([request('r')])] })).toEqual([['r=b']]);
    expect(found({ slices: two, classes: [newOnes], claims: [claim([request('r', { selectors: selects(`device.attributes["${driver}"].kind == "old"`) })])] })).toBeUndefined();
  });

  it('by taking steps back where the first choice leaves nothing for another request', () => {
    const picky = request('picky', { selectors: selects(`device.attributes["${driver}"].kind == "old"`) });
    expect(found({ slices: two, claims: [claim([request('any'), picky])] })).toEqual([['any=b', 'picky=a']]);
  });

  it('all of them or none where all are asked for', () => {
    const all = request('r', { allocationMode: 'All', count: undefined });
    expect(found({ slices: two, claims: [claim([all])] })).toEqual([['r=a', 'r=b']]);
    expect(found({ slices: two, claims: [claim([all])], inUse: [{ device: 'b' }] })).toBeUndefined();
    expect(found({ slices: [], claims: [claim([all])] })).toBeUndefined();
    expect(() => found({ slices: [slice('pool', [gpu('a')], { pool: { name: 'pool', generation: 1, resourceSliceCount: 2 } })], claims: [claim([all])] })).toThrow(
      'claim default/claim, request r: asks for all devices, but resource pool dra.example.com/pool is currently being updated',
    );
    expect(() => found({ slices: two, claims: [claim([all], [{ matchAttribute: `${driver}/kind` }])] })).toThrow(
      'claim default/claim, request r: cannot add device dra.example.com/pool/b because a claim constraint would not be satisfied',
    );
  });

  it('also in use by others with admin access, which takes them from nobody', () => {
    expect(found({ slices: two, claims: [claim([request('r', { adminAccess: true })])], inUse: [{ device: 'a' }] })).toEqual([['r=a']]);
    expect(found({ slices: two, claims: [claim([request('r')])], inUse: [{ device: 'a', adminAccess: true }] })).toEqual([['r=a']]);
  });

  it('of the first alternative that can be had', () => {
    const list: DeviceRequest = {
      name: 'r',
      firstAvailable: [
        { name: 'many', deviceClassName: 'any', count: 3 },
        { name: 'new', deviceClassName: 'any', selectors: selects(`device.attributes["${driver}"].kind == "new"`) },
        { name: 'any', deviceClassName: 'any' },
      ],
    };
    expect(found({ slices: two, claims: [claim([list])] })).toEqual([['r/new=b']]);
    expect(found({ slices: two, claims: [claim([list])], inUse: [{ device: 'b' }] })).toEqual([['r/any=a']]);
  });
});

describe('constraints', () => {
  const numa = (node: number) => ({ attributes: { numa: { int: node }, 'other.example.com/kind': { string: `${node}` } } });
  const slices = [slice('pool', [gpu('a', numa(0)), gpu('b', numa(1)), gpu('c', numa(1)), gpu('d')])];

  it('make all devices alike, also by the attributes of another domain', () => {
    for (const matchAttribute of [`${driver}/numa`, 'other.example.com/kind'])
      expect(found({ slices, claims: [claim([request('r', { count: 2 })], [{ matchAttribute }])] })).toEqual([['r=b', 'r=c']]);
    expect(found({ slices, claims: [claim([request('r', { count: 3 })], [{ matchAttribute: `${driver}/numa` }])] })).toBeUndefined();
  });

  it('make them differ, and hold only for the requests that they name', () => {
    expect(found({ slices, claims: [claim([request('r', { count: 2 })], [{ distinctAttribute: `${driver}/numa` }])] })).toEqual([['r=a', 'r=b']]);
    expect(found({ slices, claims: [claim([request('x'), request('y'), request('z')], [{ matchAttribute: `${driver}/numa`, requests: ['y', 'z'] }])] })).toEqual([['x=a', 'y=b', 'z=c']]);
  });
});

describe('pools', () => {
  const one = [claim([request('r')])];

  it('are those of the node, of its labels or of all nodes', () => {
    const zone = (value: string) => ({ nodeName: undefined, nodeSelector: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [value] }] }] } });
    expect(found({ slices: [slice('pool', [gpu('a')], { nodeName: 'node-2' })], claims: one })).toBeUndefined();
    expect(allocate({ slices: [slice('pool', [gpu('a')])], claims: one })![0]!.nodeSelector).toEqual({ nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }] }] });
    expect(allocate({ slices: [slice('pool', [gpu('a')], zone('a'))], claims: one })![0]!.nodeSelector).toEqual({ nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }] });
    expect(found({ slices: [slice('pool', [gpu('a')], zone('b'))], claims: one })).toBeUndefined();
    const everywhere = allocate({ slices: [slice('pool', [gpu('a')], { nodeName: undefined, allNodes: true })], claims: one })!;
    expect(everywhere[0]).toEqual({ devices: { results: [{ request: 'r', driver, pool: 'pool', device: 'a' }] } });
    const perDevice = slice('pool', [gpu('a', { nodeName: 'node-2' }), gpu('b', { nodeName: 'node-1' })], { nodeName: undefined, perDeviceNodeSelection: true });
    expect(found({ slices: [perDevice], claims: one })).toEqual([['r=b']]);
  });

  it('give nothing while their driver writes them, and what an older generation said is forgotten', () => {
    const part = (generation: number, count: number, name: string) => slice(name, [gpu(name)], { pool: { name: 'pool', generation, resourceSliceCount: count } });
    expect(found({ slices: [part(1, 2, 'a')], claims: one })).toBeUndefined();
    expect(found({ slices: [part(1, 2, 'a'), part(1, 2, 'b')], claims: one })).toEqual([['r=a']]);
    expect(found({ slices: [part(1, 1, 'a'), part(2, 1, 'b')], claims: one })).toEqual([['r=b']]);
    const elsewhere = { ...part(2, 1, 'b'), spec: { ...part(2, 1, 'b').spec, nodeName: 'node-2' } };
    expect(found({ slices: [part(1, 2, 'a'), elsewhere], claims: one })).toBeUndefined();
    // Who sees as many slices as the pool had does not ask for others.
    expect(found({ slices: [part(1, 1, 'a'), elsewhere], claims: one })).toEqual([['r=a']]);
  });

  it('that contradict themselves are named when nothing else is found', () => {
    const twice = slice('pool', [gpu('a'), gpu('a')]);
    expect(() => found({ slices: [twice], claims: one })).toThrow('invalid resource pools were encountered');
    expect(found({ slices: [twice, slice('better', [gpu('x')])], claims: one })).toEqual([['r=x']]);
  });
});

describe('tainted devices', () => {
  const slices = [slice('pool', [gpu('sick', { taints: [{ key: 'health', value: 'bad', effect: 'NoSchedule' }] }), gpu('odd', { taints: [{ key: 'note', effect: 'None' }] })])];

  it('go only to those who tolerate them', () => {
    expect(found({ slices, claims: [claim([request('r')])] })).toEqual([['r=odd']]);
    const tolerant = [{ key: 'health', operator: 'Equal', value: 'bad', effect: 'NoSchedule' }];
    const result = allocate({ slices, claims: [claim([request('r', { tolerations: tolerant })])] })!;
    expect(result[0]!.devices!.results).toEqual([{ request: 'r', driver, pool: 'pool', device: 'sick', tolerations: tolerant }]);
    expect(found({ slices, claims: [claim([request('r', { count: 2, tolerations: [{ operator: 'Exists' }] })])] })).toEqual([['r=sick', 'r=odd']]);
  });
});

describe('parts of a machine', () => {
  const memory = (value: string) => [{ counterSet: 'gpu', counters: { memory: { value } } }];
  const counters = slice('counters', [], { pool: { name: 'pool', generation: 1, resourceSliceCount: 2 }, devices: undefined, sharedCounters: [{ name: 'gpu', counters: { memory: { value: '40Gi' } } }] });
  const parts = slice('parts', [gpu('whole', { consumesCounters: memory('40Gi') }), gpu('half-1', { consumesCounters: memory('20Gi') }), gpu('half-2', { consumesCounters: memory('20Gi') })], {
    pool: { name: 'pool', generation: 1, resourceSliceCount: 2 },
  });

  it('cannot be had beside the whole', () => {
    const slices = [counters, parts];
    expect(found({ slices, claims: [claim([request('r', { count: 2 })])] })).toEqual([['r=half-1', 'r=half-2']]);
    expect(found({ slices, claims: [claim([request('r', { count: 3 })])] })).toBeUndefined();
    expect(found({ slices, claims: [claim([request('r')])], inUse: [{ device: 'whole' }] })).toBeUndefined();
    expect(found({ slices, claims: [claim([request('r')])], inUse: [{ device: 'half-1' }] })).toEqual([['r=half-2']]);
  });
});

describe('a device that several may share', () => {
  const policy = { default: '1Gi', validRange: { min: '1Gi', step: '1Gi', max: '8Gi' } };
  const shared = slice('pool', [gpu('nic', { allowMultipleAllocations: true, capacity: { bandwidth: { value: '10Gi', requestPolicy: policy } } })]);
  const wants = (bandwidth: string, name: string) => claim([request('r', { capacity: { requests: { bandwidth } } })], [], name);

  it('gives each what its policy makes of the request, as long as there is enough', () => {
    const result = allocate({ slices: [shared], claims: [wants('1500Mi', 'x'), wants('8Gi', 'y')] })!;
    expect(result.map(({ devices }) => devices!.results![0]!.consumedCapacity)).toEqual([{ bandwidth: '2Gi' }, { bandwidth: '8Gi' }]);
    expect(new Set(result.map(({ devices }) => devices!.results![0]!.shareID)).size).toBe(2);
    expect(found({ slices: [shared], claims: [wants('9Gi', 'x')] })).toBeUndefined();
    const taken = [{ device: 'nic', shareID: 'one', consumedCapacity: { bandwidth: '9Gi' } }];
    expect(found({ slices: [shared], claims: [wants('2Gi', 'x')], inUse: taken })).toBeUndefined();
    expect(found({ slices: [shared], claims: [claim([request('r')])], inUse: taken })).toEqual([['r=nic']]);
  });
});

describe('what is told of a claim that cannot be right', () => {
  const slices = [slice('pool', [gpu('a')])];
  it.each([
    [[request('r', { deviceClassName: 'none' })], 'claim default/claim, request r: could not retrieve device class none: deviceclass.resource.k8s.io "none" not found'],
    [[request('r', { count: 33 })], 'claim default/claim: number of requested devices 33 exceeds the claim limit of 32'],
    [[request('r', { selectors: selects('device.attributes["x.example.com"].missing') })], 'claim default/claim: selector #0: CEL runtime error: no such key: missing'],
  ])('%#', (requests, message) => expect(() => found({ slices, claims: [claim(requests)] })).toThrow(message));

  it('a search that does not end is given up', () => {
    const many = Array.from({ length: 40 }, (_, i) => gpu(`gpu-${i}`, { attributes: { kind: { int: i % 2 } } }));
    const never = [request('x', { count: 15 }), request('y', { selectors: selects('device.driver == "none"') })];
    expect(() => found({ slices: [slice('pool', many)], claims: [claim(never)] })).toThrow('timed out trying to allocate devices');
    let looks = 0;
    const clock = { monotonic: () => 10 * looks++ };
    expect(() => found({ slices: [slice('pool', many)], claims: [claim(never)], clock, limit: 45 })).toThrow('node node-1: timed out trying to allocate devices');
    expect(looks).toBe(6);
  });
});

it('settings of classes and claims come with what they are for', () => {
  const opaque = (name: string) => ({ opaque: { driver, parameters: { name } } });
  const classes = [{ metadata: { name: 'any' }, spec: { config: [opaque('class')] } }];
  const wanted = claim([request('r'), request('s')]);
  wanted.spec.devices!.config = [{ ...opaque('all') }, { requests: ['s'], ...opaque('s') }, { requests: ['gone'], ...opaque('gone') }];
  expect(allocate({ slices: [slice('pool', [gpu('a'), gpu('b')])], classes, claims: [wanted] })![0]!.devices!.config).toEqual([
    { source: 'FromClass', requests: ['r', 's'], ...opaque('class') },
    { source: 'FromClaim', ...opaque('all') },
    { source: 'FromClaim', requests: ['s'], ...opaque('s') },
  ]);
});
