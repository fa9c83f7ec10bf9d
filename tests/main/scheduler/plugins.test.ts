import { beforeEach, describe, expect, it } from 'vitest';
import type { Affinity, Node, Pod, PodAffinityTerm } from '../../../main/api/index.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { feasibleNodesToFind } from '../../../main/scheduler/algorithm.ts';
import { Scheduler } from '../../../main/scheduler/index.ts';
import { podRequests } from '../../../main/api/podResources.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { makeNode, makePod, seededRandom } from '../../support/objects.ts';

let server: FakeServer;
beforeEach(() => {
  server = new FakeServer(new FakeClock());
});

const seedPod = (pod: Pod) => server.seed(resources.pods, { ...pod, status: { phase: 'Pending' } });

/** Schedules `pod` among what has been seeded: the node that it got, or the reasons why it got none. */
async function place(nodes: Node[], others: Pod[], pod: Pod): Promise<string> {
  for (const node of nodes) server.seed(resources.nodes, node);
  for (const other of others) seedPod(other);
  server.seed(resources.namespaces, { metadata: { name: 'default', labels: { team: 'a' } } });
  seedPod(pod);
  const clock = server.clock;
  const client = server.client();
  const informers = new InformerFactory(client, clock, noLog);
  const scheduler = new Scheduler({ client, informers, clock, random: seededRandom(), log: noLog });
  await scheduler.start();
  await settle();
  informers.stop();
  await scheduler.stop();
  const placed = server.find(resources.pods, 'default', pod.metadata!.name!)!;
  if (placed.spec!.nodeName) return placed.spec!.nodeName;
  const message = placed.status!.conditions!.find((condition) => condition.type === 'PodScheduled')!.message!;
  return message.replace(/^0\/\d+ nodes are available: /, '').replace(/ no new claims to deallocate, preemption: .*/, '');
}

const zoned = (name: string, zone: string) => makeNode(name, { labels: { zone } });
const on = (name: string, node: string, labels: Record<string, string> = {}, affinity?: Affinity) =>
  makePod(name, { labels }, { nodeName: node, affinity });
const term = (topologyKey: string, app: string): PodAffinityTerm => ({
  topologyKey,
  labelSelector: { matchLabels: { app } },
});
const nodeAffinity = (key: string, operator: string, values?: string[]): Affinity => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }],
    },
  },
});

describe('a pod goes only where it is allowed to:', () => {
  const cases: [name: string, nodes: Node[], others: Pod[], pod: Pod, result: string][] = [
    [
      'by its node selector',
      [zoned('a', 'east'), zoned('b', 'west')],
      [],
      makePod('p', {}, { nodeSelector: { zone: 'west' } }),
      'b',
    ],
    [
      'not where its node selector does not match',
      [zoned('a', 'east')],
      [],
      makePod('p', {}, { nodeSelector: { zone: 'west' } }),
      "1 node(s) didn't match Pod's node affinity/selector.",
    ],
    [
      'by node affinity with NotIn',
      [zoned('a', 'east'), zoned('b', 'west')],
      [],
      makePod('p', {}, { affinity: nodeAffinity('zone', 'NotIn', ['east']) }),
      'b',
    ],
    [
      'by node affinity with Gt',
      [zoned('a', '3'), zoned('b', '10')],
      [],
      makePod('p', {}, { affinity: nodeAffinity('zone', 'Gt', ['9']) }),
      'b',
    ],
    [
      'past taints that it tolerates',
      [makeNode('a', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] })],
      [],
      makePod('p', {}, { tolerations: [{ key: 'gpu', operator: 'Exists' }] }),
      'a',
    ],
    [
      'where its port of the host is free',
      [makeNode('a'), makeNode('b')],
      [makePod('q', {}, { nodeName: 'a', containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] })],
      makePod(
        'p',
        {},
        { containers: [{ name: 'c', ports: [{ containerPort: 8080, hostPort: 80, hostIP: '127.0.0.1' }] }] },
      ),
      'b',
    ],
    [
      'not where its port is taken',
      [makeNode('a')],
      [makePod('q', {}, { nodeName: 'a', containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] })],
      makePod('p', {}, { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] }),
      "1 node(s) didn't have free ports for the requested pod ports.",
    ],
    ['not on a full node', [makeNode('a', { pods: '1' })], [on('q', 'a')], makePod('p'), '1 Too many pods.'],
    [
      'near those that it wants to be near',
      [zoned('a', 'east'), zoned('b', 'west')],
      [on('db', 'b', { app: 'db' })],
      makePod(
        'p',
        {},
        { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('zone', 'db')] } } },
      ),
      'b',
    ],
    [
      'nowhere when those are nowhere',
      [zoned('a', 'east')],
      [],
      makePod(
        'p',
        {},
        { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('zone', 'db')] } } },
      ),
      "1 node(s) didn't match pod affinity rules.",
    ],
    [
      'anywhere when it is the first of its own kind',
      [zoned('a', 'east')],
      [],
      makePod(
        'p',
        { labels: { app: 'db' } },
        { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('zone', 'db')] } } },
      ),
      'a',
    ],
    [
      'away from its own kind',
      [zoned('a', 'east'), zoned('b', 'west')],
      [on('q', 'a', { app: 'db' })],
      makePod(
        'p',
        { labels: { app: 'db' } },
        { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('zone', 'db')] } } },
      ),
      'b',
    ],
    [
      'away from those that do not want it',
      [zoned('a', 'east')],
      [
        on(
          'q',
          'a',
          { app: 'db' },
          { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('zone', 'web')] } },
        ),
      ],
      makePod('p', { labels: { app: 'web' } }),
      "1 node(s) didn't satisfy existing pods anti-affinity rules.",
    ],
    [
      'spread over the zones',
      [zoned('a', 'east'), zoned('b', 'west')],
      [on('q', 'a', { app: 'web' }), on('r', 'a', { app: 'web' })],
      makePod(
        'p',
        { labels: { app: 'web' } },
        {
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'zone',
              whenUnsatisfiable: 'DoNotSchedule',
              labelSelector: { matchLabels: { app: 'web' } },
            },
          ],
        },
      ),
      'b',
    ],
    [
      'not to nodes without the label to spread over',
      [makeNode('a')],
      [],
      makePod(
        'p',
        { labels: { app: 'web' } },
        {
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'zone',
              whenUnsatisfiable: 'DoNotSchedule',
              labelSelector: { matchLabels: { app: 'web' } },
            },
          ],
        },
      ),
      "1 node(s) didn't match pod topology spread constraints (missing required label).",
    ],
    [
      'not without its claim',
      [makeNode('a')],
      [],
      makePod('p', {}, { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] }),
      // As upstream: the plugin that looks for claims to give up has not seen the pod.
      'persistentvolumeclaim "data" not found. not found',
    ],
  ];
  it.each(cases)('%s', async (_, nodes, others, pod, result) => {
    expect(await place(nodes, others, pod)).toBe(result);
  });
});

describe('of several nodes a pod goes to the one', () => {
  const heavy = (name: string, node: string) =>
    makePod(
      name,
      {},
      { nodeName: node, containers: [{ name: 'c', resources: { requests: { cpu: '3', memory: '6Gi' } } }] },
    );
  it('with its image', async () => {
    const images = [{ names: ['web:1'], sizeBytes: 900 * 1024 * 1024 }];
    const [a, b] = [makeNode('a'), makeNode('b')];
    b.status!.images = images;
    expect(await place([a, b], [], makePod('p', {}, { containers: [{ name: 'c', image: 'web:1' }] }))).toBe('b');
  });
  it('that it prefers, though another has more room', async () => {
    const affinity: Affinity = {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 100, preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['east'] }] } },
        ],
      },
    };
    expect(
      await place([zoned('a', 'east'), zoned('b', 'west')], [heavy('q', 'a')], makePod('p', {}, { affinity })),
    ).toBe('a');
  });
  it('without a taint that would rather not have it', async () => {
    const taints = [{ key: 'old', effect: 'PreferNoSchedule' }];
    expect(await place([makeNode('a', { taints }), makeNode('b')], [], makePod('p'))).toBe('b');
  });
});

it('a pod goes where the kubelet can do what it asks for', async () => {
  const restarting = { containers: [{ name: 'c', restartPolicyRules: [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [1] } }] }] };
  const able: Node = { ...makeNode('able'), status: { ...makeNode('able').status, declaredFeatures: ['RestartAllContainersOnContainerExits'] } };
  expect(await place([makeNode('a')], [], makePod('p', {}, restarting))).toBe("1 node(s) didn't match Pod's required features.");
  expect(await place([able], [], makePod('q', {}, restarting))).toBe('able');
});

describe('what a pod asks for', () => {
  const container = (cpu: string, restartPolicy?: string) => ({
    name: 'c',
    resources: { requests: { cpu } },
    restartPolicy,
  });
  const milliCpu = (spec: Partial<Pod['spec']>) => podRequests(makePod('p', {}, spec)).milliCpu;
  it('is its containers together', () =>
    expect(milliCpu({ containers: [container('1'), container('500m')] })).toBe(1500));
  it('or its largest init container', () => {
    expect(milliCpu({ containers: [container('1')], initContainers: [container('3'), container('2')] })).toBe(3000);
  });
  it('with side cars beside both', () => {
    const initContainers = [container('1', 'Always'), container('3')];
    expect(milliCpu({ containers: [container('1')], initContainers })).toBe(4000);
  });
  it('or, while it is resized, what it still has', () => {
    const status = (cpu: string) => ({ name: 'c', image: 'i', imageID: '', ready: true, restartCount: 0, resources: { requests: { cpu } }, allocatedResources: { cpu: '2' } });
    const resized = (had: string, conditions: NonNullable<Pod['status']>['conditions'] = []): Pod => ({
      ...makePod('p', {}, { containers: [container('4')] }),
      status: { containerStatuses: [status(had)], conditions },
    });
    expect(podRequests(resized('1'), { inUse: true }).milliCpu).toBe(4000);
    expect(podRequests(resized('6'), { inUse: true }).milliCpu).toBe(6000);
    const infeasible = [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }];
    expect(podRequests(resized('1', infeasible), { inUse: true }).milliCpu).toBe(2000);
    expect(podRequests(resized('6')).milliCpu).toBe(4000);
  });
  it('and its overhead', () =>
    expect(milliCpu({ containers: [container('1')], overhead: { cpu: '250m' } })).toBe(1250));
});

it('not every node of many is looked at', () => {
  expect([10, 100, 1000, 5000, 10_000].map((count) => feasibleNodesToFind(count))).toEqual([10, 100, 420, 500, 500]);
});
