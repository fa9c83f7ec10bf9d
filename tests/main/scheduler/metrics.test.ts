import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Pod } from '../../../main/api/index.ts';
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
  scheduler = new Scheduler({ client, informers, clock, random: seededRandom(), log: noLog, metrics: new SchedulerMetrics(register) });
  informers.start();
  await scheduler.start();
});
afterEach(async () => {
  informers.stop();
  await scheduler.stop();
});

/** What Prometheus would read of one measure, without the buckets, and without what is zero. */
const told = async (name: string) =>
  (await register.getSingleMetricAsString(`scheduler_${name}`))
    .split('\n')
    .filter((line) => !line.startsWith('#') && !line.includes('_bucket{') && !line.endsWith(' 0'))
    .map((line) => line.replace('scheduler_', ''))
    .sort();

async function add(...pods: Pod[]): Promise<void> {
  for (const pod of pods) await server.client().of(resources.pods).create(pod);
  await settle();
}

const cpu = (amount: string) => ({ containers: [{ name: 'main', image: 'busybox', resources: { requests: { cpu: amount } } }] });

it('tells of tries and what came of them, of pods that wait, and of what is known', async () => {
  server.seed(resources.nodes, makeNode('node-1', { cpu: '1' }));
  await add(makePod('fits', {}, cpu('500m')), makePod('waits', {}, cpu('1')), makePod('gated', {}, { ...cpu('1'), schedulingGates: [{ name: 'example.com/gate' }] }));
  expect(await told('schedule_attempts_total')).toEqual([
    'schedule_attempts_total{profile="default-scheduler",result="scheduled"} 1',
    'schedule_attempts_total{profile="default-scheduler",result="unschedulable"} 1',
  ]);
  expect(await told('pending_pods')).toEqual(['pending_pods{queue="gated"} 1', 'pending_pods{queue="unschedulable"} 1']);
  expect(await told('cache_size')).toEqual(['cache_size{type="nodes"} 1', 'cache_size{type="pods"} 1']);
  expect(await told('pod_scheduling_attempts')).toEqual(['pod_scheduling_attempts_count 1', 'pod_scheduling_attempts_sum 1']);
  await clock.advance(20_000);
  server.seed(resources.nodes, makeNode('node-2', { cpu: '1' }));
  await settle();
  expect(await told('pod_scheduling_attempts')).toEqual(['pod_scheduling_attempts_count 2', 'pod_scheduling_attempts_sum 3']);
  expect(await told('pod_scheduling_sli_duration_seconds')).toEqual([
    'pod_scheduling_sli_duration_seconds_count{attempts="1"} 1',
    'pod_scheduling_sli_duration_seconds_count{attempts="2"} 1',
    'pod_scheduling_sli_duration_seconds_sum{attempts="2"} 20',
  ]);
  expect(await told('scheduling_attempt_duration_seconds')).toContain('scheduling_attempt_duration_seconds_count{profile="default-scheduler",result="scheduled"} 2');
  expect(await told('scheduling_algorithm_duration_seconds')).toEqual(['scheduling_algorithm_duration_seconds_count 2']);
});

it('tells how pods come into the queue, and which plugins keep them there', async () => {
  server.seed(resources.nodes, makeNode('node-1', { cpu: '1' }));
  await add(makePod('waits', {}, { ...cpu('2'), nodeSelector: { disk: 'ssd' } }), makePod('gated', {}, { schedulingGates: [{ name: 'example.com/gate' }] }));
  expect(await told('unschedulable_pods')).toEqual([
    'unschedulable_pods{plugin="NodeAffinity",profile="default-scheduler"} 1',
    'unschedulable_pods{plugin="SchedulingGates",profile="default-scheduler"} 1',
  ]);
  expect(await told('queue_incoming_pods_total')).toEqual([
    'queue_incoming_pods_total{queue="active",event="UnschedulablePodAdd"} 1',
    'queue_incoming_pods_total{queue="unschedulable",event="ScheduleAttemptFailure"} 1',
    'queue_incoming_pods_total{queue="unschedulable",event="UnschedulablePodAdd"} 1',
  ]);
  server.seed(resources.nodes, { ...makeNode('node-2', { cpu: '4' }), metadata: { name: 'node-2', labels: { disk: 'ssd' } } });
  await settle();
  await clock.advance(2000);
  expect(await told('unschedulable_pods')).toEqual(['unschedulable_pods{plugin="SchedulingGates",profile="default-scheduler"} 1']);
  expect(await told('queue_incoming_pods_total')).toContain('queue_incoming_pods_total{queue="backoff",event="NodeAdd"} 1');
  await scheduler.stop();
  expect(await told('unschedulable_pods')).toEqual([]);
});

it('tells what the points of a cycle and their plugins take, and how often each plugin is asked', async () => {
  for (const name of ['a', 'b', 'c']) server.seed(resources.nodes, makeNode(name, { cpu: name === 'a' ? '100m' : '1' }));
  await settle();
  await add(makePod('fits', {}, cpu('500m')), makePod('waits', {}, cpu('8')));
  const points = await told('framework_extension_point_duration_seconds');
  const count = (point: string, status: string, times: number) => `framework_extension_point_duration_seconds_count{extension_point="${point}",status="${status}",profile="default-scheduler"} ${times}`;
  expect(points).toEqual([
    count('Bind', 'Success', 1),
    count('Filter', 'Success', 2),
    count('PostFilter', 'Unschedulable', 1),
    count('PreFilter', 'Success', 2),
    count('PreScore', 'Success', 1),
    count('Reserve', 'Success', 1),
    count('Score', 'Success', 1),
  ]);
  const asked = await told('plugin_evaluation_total');
  const times = (plugin: string, point: string) => Number(asked.find((line) => line.includes(`"${plugin}",extension_point="${point}"`))?.split(' ').at(-1) ?? 0);
  expect(times('NodeResourcesFit', 'Filter')).toBe(6);
  expect(times('NodeResourcesFit', 'Score')).toBe(2);
  // Nobody behind it is asked about a node that it has objected to, nor who has nothing to say about these pods.
  expect(times('NodeUnschedulable', 'Filter')).toBe(6);
  expect(times('PodTopologySpread', 'Filter')).toBe(0);
  // The first of ten cycles is measured plugin by plugin.
  const plugins = await told('plugin_execution_duration_seconds');
  expect(plugins).toContain('plugin_execution_duration_seconds_count{plugin="NodeResourcesFit",extension_point="Filter",status="UnschedulableAndUnresolvable"} 1');
  expect(plugins).toContain('plugin_execution_duration_seconds_count{plugin="NodeResourcesFit",extension_point="Filter",status="Success"} 2');
});

it('measures the filters of a cycle on some of its nodes, however many there are', async () => {
  for (let i = 0; i < 25; i++) server.seed(resources.nodes, makeNode(`node-${i}`, { cpu: '1' }));
  await settle();
  await add(makePod('fits', {}, cpu('500m')));
  expect(await told('plugin_execution_duration_seconds')).toContain('plugin_execution_duration_seconds_count{plugin="NodeResourcesFit",extension_point="Filter",status="Success"} 10');
  const asked = await told('plugin_evaluation_total');
  expect(asked.find((line) => line.includes('"NodeResourcesFit",extension_point="Filter"'))).toMatch(/ 25$/);
});

it('tells of pods that make room for others', async () => {
  server.seed(resources.nodes, makeNode('node-1', { cpu: '1' }));
  await add(makePod('low', {}, cpu('500m')), makePod('lower', {}, cpu('500m')));
  await add(makePod('high', {}, { ...cpu('1'), priority: 10 }));
  expect(await told('preemption_victims')).toEqual(['preemption_victims_count 1', 'preemption_victims_sum 2']);
  expect(await told('preemption_attempts_total')).toEqual(['preemption_attempts_total 1']);
});

it('tells of no sizes when nobody schedules any more', async () => {
  server.seed(resources.nodes, makeNode('node-1'));
  await settle();
  await scheduler.stop();
  expect(await told('cache_size')).toEqual([]);
});
