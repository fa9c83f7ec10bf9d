import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../main/api/index.ts';
import { resources } from '../../../main/client/index.ts';
import { EndpointSliceController } from '../../../main/controllers/endpointSlice.ts';
import { cpuShares, hintZones } from '../../../main/controllers/topologyHints.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeNode, makePod, makeService } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

const node = (name: string, zone?: string, cpu = '4', ready = 'True') => ({
  ...makeNode(name, zone ? { labels: { 'topology.kubernetes.io/zone': zone } } : {}),
  status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: ready }] },
});
const endpoint = (i: number, zone?: string, ready = true): Endpoint => ({ addresses: [`10.244.1.${i}`], conditions: { ready }, ...(zone ? { zone } : {}) });
const many = (...zones: string[]) => zones.map((zone, i) => endpoint(i, zone));
/** How many endpoints are hinted for each zone. */
function countsOf(endpoints: Endpoint[], shares: Record<string, number>) {
  const found = hintZones(endpoints, new Map(Object.entries(shares)));
  if (found.disabled !== undefined) return found.disabled;
  const counts: Record<string, number> = {};
  for (const zone of found.zones.values()) counts[zone] = (counts[zone] ?? 0) + 1;
  return counts;
}

describe("zones' shares", () => {
  it('are those of the CPUs of nodes that are ready', () => {
    expect(cpuShares([node('1', 'a', '3'), node('2', 'b', '500m'), node('3', 'b', '500m'), node('4', 'c', '9', 'False')])).toEqual(new Map([['a', 0.75], ['b', 0.25]]));
  });

  it.each([
    ['in one zone alone', [node('1', 'a'), node('2', 'a')]],
    ['with a node of no zone', [node('1', 'a'), node('2', 'b'), node('3')]],
    ['without CPUs', [node('1', 'a'), node('2', 'b', '0')]],
  ])('are not known %s', (_, nodes) => {
    expect(cpuShares(nodes)).toBeUndefined();
  });
});

describe('endpoints', () => {
  it('are hinted for their own zones where that is fair, and some for others where it is not', () => {
    expect(countsOf(many('a', 'a', 'b', 'b'), { a: 0.5, b: 0.5 })).toEqual({ a: 2, b: 2 });
    expect(countsOf(many('a', 'a', 'a', 'a'), { a: 0.5, b: 0.5 })).toEqual({ a: 2, b: 2 });
    expect(countsOf(many('a', 'a', 'a', 'b', 'b', 'b'), { a: 0.34, b: 0.33, c: 0.33 })).toEqual({ a: 2, b: 2, c: 2 });
    expect(countsOf([...many('a', 'b'), endpoint(9, 'a', false)], { a: 0.5, b: 0.5 })).toEqual({ a: 1, b: 1 });
  });

  it('have no hints where these would overload some of them', () => {
    expect(countsOf(many('a', 'b'), { a: 0.4, b: 0.3, c: 0.3 })).toBe('Insufficient number of endpoints (2 endpoints, 3 zones)');
    expect(countsOf(many('a', 'b', 'b'), { a: 0.5, b: 0.5 })).toBe('Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (3 endpoints, 2 zones)');
    expect(countsOf([endpoint(1), endpoint(2, 'b')], { a: 0.5, b: 0.5 })).toBe('One or more endpoints do not have a zone specified');
  });

  it('are never hinted for a zone so that it gets less than its least share', () => {
    const zones = ['a', 'b', 'c'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...zones), { minLength: 3, maxLength: 40 }), fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })), (chosen, cpus) => {
        const total = cpus.reduce((sum, cpu) => sum + cpu, 0);
        const shares = Object.fromEntries(zones.map((zone, i) => [zone, cpus[i]! / total]));
        const counts = countsOf(many(...chosen), shares);
        if (typeof counts === 'string') return;
        expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(chosen.length);
        for (const zone of zones) expect(counts[zone] ?? 0).toBeGreaterThanOrEqual(Math.floor((shares[zone]! * chosen.length) / 1.2));
      }),
    );
  });
});

describe('a Service that asks for topology aware routing', () => {
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = new Cluster();
    for (const [name, zone] of [['one', 'a'], ['two', 'b']] as const) cluster.server.seed(resources.nodes, node(name, zone));
    await cluster.start(EndpointSliceController);
  });
  afterEach(() => cluster.stop());

  const addPod = (name: string, nodeName: string, ip: string) =>
    cluster.server.seed(resources.pods, {
      ...makePod(name, { labels: { app: 'web' } }, { nodeName }),
      status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] },
    });
  const hints = () => cluster.server.all(resources.endpointSlices).flatMap(({ endpoints }) => (endpoints ?? []).map((each) => each.hints?.forZones?.[0]?.name));
  const events = () => cluster.server.all(resources.events).map(({ reason, message }) => `${reason}: ${message}`);

  it('has hints as long as there are enough endpoints and zones, and is told so', async () => {
    const service = makeService('web');
    await cluster.client.of(resources.services).create({ ...service, metadata: { ...service.metadata, annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } } });
    addPod('p1', 'one', '10.244.1.2');
    await settle();
    expect(hints()).toEqual([undefined]);
    addPod('p2', 'one', '10.244.1.3');
    await settle();
    expect(hints().sort()).toEqual(['a', 'b']);
    cluster.server.change(resources.nodes, '', 'two', (two) => (two.status!.conditions = [{ type: 'Ready', status: 'False' }]));
    await settle();
    expect(hints()).toEqual([undefined, undefined]);
    expect(events()).toEqual(expect.arrayContaining([
      'TopologyAwareHintsDisabled: Insufficient number of endpoints (1 endpoints, 2 zones), addressType: IPv4',
      'TopologyAwareHintsEnabled: Topology Aware Hints has been enabled, addressType: IPv4',
      'TopologyAwareHintsDisabled: Insufficient Node information: allocatable CPU or zone not specified on one or more nodes, addressType: IPv4',
    ]));
  });
});
