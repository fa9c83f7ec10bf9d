import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../../main/api/index.ts';
import { parseYaml } from '../../../main/api/yaml.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { defaultConfiguration } from '../../../main/scheduler/configuration.ts';
import { readSchedulerConfiguration, Scheduler } from '../../../main/scheduler/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { makeNode, makePod, seededRandom } from '../../support/objects.ts';

const read = (text: string) =>
  readSchedulerConfiguration(
    parseYaml(`apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n${text}`),
  );
const names = (list: { name: string }[]) => list.map(({ name }) => name);

describe('what a configuration says', () => {
  it('is by default the one profile that everybody knows', () => {
    const { profiles, podInitialBackoffSeconds, podMaxBackoffSeconds } = defaultConfiguration();
    expect([podInitialBackoffSeconds, podMaxBackoffSeconds]).toEqual([1, 10]);
    expect(profiles.map((profile) => profile.schedulerName)).toEqual(['default-scheduler']);
    expect(names(profiles[0]!.plugins.queueSort)).toEqual(['PrioritySort']);
    const weights = Object.fromEntries(profiles[0]!.plugins.score.map(({ name, weight }) => [name, weight]));
    expect(weights).toMatchObject({ TaintToleration: 3, NodeAffinity: 2, PodTopologySpread: 2, ImageLocality: 1 });
  });

  it('plugins are taken away, added and weighed at all points or at one', () => {
    const [profile] = read(`
profiles:
- schedulerName: mine
  plugins:
    multiPoint: { disabled: [{ name: ImageLocality }], enabled: [{ name: NodeAffinity, weight: 7 }] }
    score: { disabled: [{ name: '*' }], enabled: [{ name: NodeResourcesFit, weight: 5 }] }
    filter: { disabled: [{ name: NodePorts }] }`).profiles;
    expect(profile!.plugins.score).toEqual([{ name: 'NodeResourcesFit', weight: 5 }]);
    expect(names(profile!.plugins.filter)).not.toContain('NodePorts');
    expect(names(profile!.plugins.preFilter)).toContain('NodePorts');
    expect(names(profile!.plugins.preFilter)).not.toContain('ImageLocality');
    expect(profile!.plugins.preScore.find(({ name }) => name === 'NodeAffinity')!.weight).toBe(7);
  });

  it('what upstream writes out as its own defaults is understood', () => {
    const [profile] = read(`
profiles:
- plugins: { multiPoint: { enabled: [{ name: NodeAffinity, weight: 2 }] }, placementGenerate: {}, placementScore: {} }
  pluginConfig: [{ name: DynamicResources, args: { apiVersion: kubescheduler.config.k8s.io/v1, kind: DynamicResourcesArgs, bindingTimeout: 10m0s, filterTimeout: 1m1.5s } }]`).profiles;
    expect(profile!.args.DynamicResources).toEqual({ filterTimeout: 61_500, bindingTimeout: 600_000 });
  });

  it.each([
    ['percentageOfNodesToScore: 101', 'percentageOfNodesToScore: Invalid value: 101: must be a whole number, at least 0 and at most 100'],
    ['profiles: [{ schedulerName: a }, { schedulerName: a }]', 'profiles[1].schedulerName: Duplicate value: "a"'],
    ['profiles: [{ plugins: { filter: { enabled: [{ name: Magic }] } } }]', 'profiles[0].plugins.filter.enabled: plugin "Magic" does not exist'],
    ['profiles: [{ plugins: { queueSort: { disabled: [{ name: PrioritySort }] } } }]', 'profiles[0].plugins: no queue sort plugin is enabled'],
    ['profiles: [{ pluginConfig: [{ name: NodePorts, args: {} }] }]', 'profiles[0].pluginConfig[0].args: plugin "NodePorts" takes none'],
    ['profiles: [{ pluginConfig: [{ name: InterPodAffinity, args: { weight: 1 } }] }]', 'unknown field "profiles[0].pluginConfig[0].args.weight"'],
    ['profiles: [{ pluginConfig: [{ name: DynamicResources, args: { bindingTimeout: 999ms } }] }]', 'profiles[0].pluginConfig[0].args.bindingTimeout: Invalid value: must be at least 1 second'],
    ['profiles: [{ pluginConfig: [{ name: DynamicResources, args: { filterTimeout: -1s } }] }]', 'profiles[0].pluginConfig[0].args.filterTimeout: Invalid value: must be zero or positive'],
    ['profiles: [{ pluginConfig: [{ name: DynamicResources, args: { filterTimeout: 5 } }] }]', 'profiles[0].pluginConfig[0].args.filterTimeout: Invalid value: 5: must be a duration such as 1m30s'],
    ['profilez: []', 'unknown field "profilez"'],
  ])('%s is refused', (text, message) => expect(() => read(text)).toThrow(message));

  it('another kind is refused', () =>
    expect(() => readSchedulerConfiguration({ kind: 'Pod' })).toThrow('it must be of kind KubeSchedulerConfiguration'));
});

describe('profiles side by side', () => {
  let server: FakeServer;
  let informers: InformerFactory;
  let scheduler: Scheduler;
  beforeEach(async () => {
    const clock = new FakeClock();
    server = new FakeServer(clock);
    const client = server.client();
    informers = new InformerFactory(client, clock, noLog);
    const configuration = read(`
profiles:
- schedulerName: default-scheduler
- schedulerName: packer
  plugins: { preScore: { disabled: [{ name: '*' }] }, score: { disabled: [{ name: '*' }], enabled: [{ name: NodeResourcesFit }] }, filter: { disabled: [{ name: TaintToleration }] } }
  pluginConfig: [{ name: NodeResourcesFit, args: { scoringStrategy: { type: MostAllocated, resources: [{ name: cpu, weight: 1 }] } } }]
- schedulerName: ratio
  plugins: { score: { disabled: [{ name: '*' }], enabled: [{ name: NodeResourcesFit }] } }
  pluginConfig:
  - name: NodeResourcesFit
    args:
      scoringStrategy:
        type: RequestedToCapacityRatio
        resources: [{ name: example.com/gpu, weight: 3 }]
        requestedToCapacityRatio: { shape: [{ utilization: 0, score: 0 }, { utilization: 100, score: 10 }] }
- schedulerName: west
  pluginConfig: [{ name: NodeAffinity, args: { addedAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: zone, operator: In, values: [west] }] }] } } } }]
- schedulerName: meek
  plugins: { postFilter: { disabled: [{ name: DefaultPreemption }] } }`);
    scheduler = new Scheduler({ client, informers, clock, random: seededRandom(), log: noLog, configuration });
    await scheduler.start();
  });
  afterEach(async () => {
    informers.stop();
    await scheduler.stop();
  });

  async function add(...objects: (Pod | Node)[]): Promise<void> {
    for (const object of objects) {
      if (object.kind === 'Node') server.seed(resources.nodes, object as Node);
      else server.seed(resources.pods, { ...(object as Pod), status: { phase: 'Pending' } });
      await settle();
    }
  }
  const pod = (name: string) => server.find(resources.pods, 'default', name)!;
  const nodeOf = (name: string) => pod(name).spec!.nodeName;
  const asking = (name: string, schedulerName: string, requests: Record<string, string>, more: object = {}) =>
    makePod(name, {}, { schedulerName, containers: [{ name: 'c', image: 'i', resources: { requests } }], ...more });

  it('the default spreads, another packs and does not mind taints', async () => {
    await add(makeNode('full'), makeNode('empty', { taints: [{ key: 'k', effect: 'NoSchedule' }] }));
    await add(asking('first', 'packer', { cpu: '2' }, { nodeSelector: { 'kubernetes.io/hostname': 'empty' } }));
    await add(asking('second', 'packer', { cpu: '1' }), asking('third', 'default-scheduler', { cpu: '1' }));
    expect([nodeOf('first'), nodeOf('second'), nodeOf('third')]).toEqual(['empty', 'empty', 'full']);
    expect(server.all(resources.events).find((event) => event.involvedObject.name === 'second')!.reportingComponent ?? '').toBe('packer');
  });

  it('by a ratio of an extended resource', async () => {
    const [small, large] = [makeNode('small'), makeNode('large')];
    small.status!.allocatable!['example.com/gpu'] = '2';
    large.status!.allocatable!['example.com/gpu'] = '8';
    await add(small, large, asking('p', 'ratio', { 'example.com/gpu': '1' }));
    expect(nodeOf('p')).toBe('small');
  });

  it('affinity that the profile adds', async () => {
    await add(makeNode('east', { labels: { zone: 'east' } }), asking('p', 'west', { cpu: '1' }));
    expect(nodeOf('p')).toBeUndefined();
    expect(pod('p').status!.conditions![0]!.message).toContain("1 node(s) didn't match scheduler-enforced node affinity");
    await add(makeNode('w', { labels: { zone: 'west' } }));
    expect(nodeOf('p')).toBe('w');
  });

  it('a profile without preemption makes nobody leave', async () => {
    await add(makeNode('only', { cpu: '1' }), asking('low', 'meek', { cpu: '1' }), asking('high', 'meek', { cpu: '1' }, { priority: 10 }));
    expect(nodeOf('low')).toBe('only');
    expect(pod('high').status!.conditions![0]!.message).toBe('0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate');
  });

  it('a name that nobody has is left alone', async () => {
    await add(makeNode('only'), asking('p', 'somebody-else', { cpu: '1' }));
    expect(pod('p').status!.conditions).toBeUndefined();
  });
});
