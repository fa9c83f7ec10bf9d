import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Node, Pod, PodSpec } from '../../../../main/api/index.ts';
import { InformerFactory, resources } from '../../../../main/client/index.ts';
import type { ConnectToExtender } from '../../../../main/scheduler/extenders/index.ts';
import { readSchedulerConfiguration, Scheduler, SchedulerMetrics } from '../../../../main/scheduler/index.ts';
import { noLog } from '../../../../main/util/log.ts';
import { FakeClock, settle } from '../../../support/fakeClock.ts';
import { FakeServer } from '../../../support/fakeServer.ts';
import { makeNode, makePod, seededRandom } from '../../../support/objects.ts';

/** What a test reads of a question. */
interface Question {
  Pod: Pod;
  Nodes: { items: Node[] } | null;
  NodeNames: string[] | null;
  NodeNameToVictims: Record<string, { Pods: Pod[]; NumPDBViolations: number }> | null;
  NodeNameToMetaVictims: Record<string, { Pods: { UID: string }[]; NumPDBViolations: number }> | null;
}
type Answer = (question: Question) => unknown;

let clock: FakeClock;
let server: FakeServer;
let informers: InformerFactory;
let scheduler: Scheduler;
let register: Registry;
/** `HOST VERB` of each question, and the question. */
let asked: [string, Question][];
/** By `HOST VERB`. */
let answers: Record<string, Answer>;
let closed: number;

const connect: ConnectToExtender = ({ urlPrefix }) => ({
  async post(verb, question, { signal }) {
    const what = `${new URL(urlPrefix).hostname} ${verb}`;
    // As it is on the wire.
    const sent = JSON.parse(JSON.stringify(question)) as Question;
    asked.push([what, sent]);
    const own = AbortSignal.any([signal]);
    const ended = new Promise<never>((_, reject) => own.addEventListener('abort', () => reject(own.reason as Error)));
    return Promise.race([ended, answers[what]!(sent)]);
  },
  close: () => void closed++,
});

async function start(extenders: object[], more: object = {}): Promise<void> {
  const client = server.client();
  informers = new InformerFactory(client, clock, noLog);
  const configuration = readSchedulerConfiguration({ apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration', extenders, ...more });
  scheduler = new Scheduler({ client, informers, clock, random: seededRandom(), log: noLog, configuration, connectToExtender: connect, metrics: new SchedulerMetrics(register) });
  await scheduler.start();
}

beforeEach(() => {
  clock = new FakeClock();
  server = new FakeServer(clock);
  register = new Registry();
  asked = [];
  answers = {};
  closed = 0;
});
afterEach(async () => {
  informers.stop();
  await scheduler.stop();
});

const pod = (name: string): Pod => server.find(resources.pods, 'default', name)!;
const nodeOf = (name: string) => pod(name).spec!.nodeName;
const conditionOf = (name: string) => pod(name).status?.conditions?.find(({ type }) => type === 'PodScheduled');
const events = (name: string, reason: string) =>
  server
    .all(resources.events)
    .filter((event) => event.involvedObject.name === name && event.reason === reason)
    .map(({ message }) => message);
const questions = () => asked.map(([what]) => what);
const attempt = (name: string) => scheduler.lastAttempt(pod(name).metadata!.uid!)!;
const namesIn = ({ Nodes, NodeNames }: Question) => NodeNames ?? Nodes!.items.map(({ metadata }) => metadata!.name!);
const requesting = (requests: Record<string, string>, more: Partial<PodSpec> = {}): Partial<PodSpec> => ({ containers: [{ name: 'main', image: 'busybox', resources: { requests } }], ...more });

async function add(...objects: (Pod | Node)[]): Promise<void> {
  for (const object of objects) {
    if (object.kind === 'Node') server.seed(resources.nodes, object as Node);
    else await server.client().of(resources.pods).create(object as Pod);
  }
  await settle();
}

/** An answer that comes when it is told to. */
function held(): { answer: Answer; release: (value: unknown) => Promise<void> } {
  let resolve!: (value: unknown) => void;
  const promise = new Promise((done) => (resolve = done));
  return {
    answer: () => promise,
    release: async (value) => {
      resolve(value);
      await settle();
    },
  };
}

const only =
  (...names: string[]): Answer =>
  (question) => ({ NodeNames: namesIn(question).filter((name) => names.includes(name)) });
const cached = { nodeCacheCapable: true };
const one = { urlPrefix: 'http://one', filterVerb: 'filter', ...cached };

describe('an extender that filters', () => {
  it('is told the pod and the nodes that will do otherwise, and says which of them will do', async () => {
    await start([{ urlPrefix: 'http://one', filterVerb: 'filter' }]);
    answers['one filter'] = ({ Nodes }) => ({ Nodes: { items: Nodes!.items.filter(({ metadata }) => metadata!.name === 'b') }, FailedNodes: { a: 'too far away' } });
    await add(makeNode('a'), makeNode('b'), makeNode('small', { cpu: '1' }), makePod('web', {}, requesting({ cpu: '2' })));
    expect(nodeOf('web')).toBe('b');
    const [[what, { Pod, Nodes, NodeNames }]] = asked as [(typeof asked)[0]];
    expect([what, Pod.metadata!.uid, Nodes!.items.map(({ metadata }) => metadata!.name).sort(), NodeNames]).toEqual(['one filter', pod('web').metadata!.uid, ['a', 'b'], null]);
    expect(Nodes!.items[0]!.status!.allocatable).toEqual({ cpu: '4', memory: '8Gi', pods: '110' });
    expect(events('web', 'Scheduled')).toEqual(['Successfully assigned default/web to b']);
    expect(attempt('web').nodes).toContainEqual({ name: 'a', rejectedBy: 'http://one', reasons: ['too far away'] });
  });

  it('that knows the nodes is told their names alone, and may write its answer in small letters', async () => {
    await start([one]);
    answers['one filter'] = () => ({ nodenames: ['b'], failednodes: null });
    await add(makeNode('a'), makeNode('b'), makePod('web'));
    expect([nodeOf('web'), asked[0]![1].Nodes, asked[0]![1].NodeNames!.toSorted()]).toEqual(['b', null, ['a', 'b']]);
  });

  it('says why, in what the user is told, under its name in what the window shows, and any change may help', async () => {
    await start([one]);
    answers['one filter'] = () => ({ NodeNames: [], FailedNodes: { a: 'no gpu is free', b: 'no gpu is free', stranger: 'who is this' } });
    await add(makeNode('a'), makeNode('b'), makeNode('c', { unschedulable: true }), makePod('web'));
    const message =
      '0/3 nodes are available: 1 node(s) were unschedulable, 2 no gpu is free. no new claims to deallocate, ' +
      'preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.';
    expect(conditionOf('web')).toMatchObject({ status: 'False', reason: 'Unschedulable', message });
    expect(events('web', 'FailedScheduling')).toEqual([message]);
    expect(attempt('web').nodes.filter(({ rejectedBy }) => rejectedBy === 'http://one')).toEqual(['a', 'b'].map((name) => ({ name, rejectedBy: 'http://one', reasons: ['no gpu is free'] })));
    expect(await register.getSingleMetricAsString('scheduler_unschedulable_pods')).toContain('{plugin="Extender",profile="default-scheduler"} 1');
    answers['one filter'] = only('a');
    server.change(resources.nodes, '', 'c', ({ metadata }) => (metadata!.labels = { new: 'label' }));
    await clock.advance(1000);
    expect(nodeOf('web')).toBe('a');
  });

  it('need not say why', async () => {
    await start([one]);
    answers['one filter'] = () => ({ NodeNames: [] });
    await add(makeNode('a'), makePod('web'));
    expect(conditionOf('web')!.message).toBe('0/1 nodes are available: no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.');
    expect(attempt('web').nodes).toEqual([{ name: 'a', rejectedBy: 'http://one', reasons: [] }]);
  });

  it('comes before the next one, which is asked about the rest alone, and not at all when there is none', async () => {
    await start([one, { ...one, urlPrefix: 'http://two' }]);
    answers['one filter'] = only('a', 'b');
    answers['two filter'] = only('b', 'c');
    await add(makeNode('a'), makeNode('b'), makeNode('c'), makePod('web'));
    expect([nodeOf('web'), asked[1]![1].NodeNames!.toSorted()]).toEqual(['b', ['a', 'b']]);
    answers['one filter'] = only();
    await add(makePod('next'));
    expect(questions().slice(2)).toEqual(['one filter']);
  });

  it('is not asked about pods that fit nowhere anyway', async () => {
    await start([one]);
    await add(makeNode('a', { unschedulable: true }), makePod('web'));
    expect([asked, conditionOf('web')!.status]).toEqual([[], 'False']);
  });

  it('that names a node it was not asked about has not answered', async () => {
    await start([one]);
    answers['one filter'] = () => ({ NodeNames: ['stranger'] });
    await add(makeNode('a'), makePod('web'));
    const message = 'extender "http://one" claims a filtered node "stranger" which is not found in the input node list';
    expect(conditionOf('web')).toMatchObject({ status: 'False', reason: 'SchedulerError', message });
  });

  it.each([
    ['no object', ['a'], 'the answer: must be an object'],
    ['names that are none', { NodeNames: [7] }, 'NodeNames: must be a string'],
    ['reasons that are none', { NodeNames: [], FailedNodes: { a: {} } }, 'FailedNodes[a]: must be a string'],
    ['an error of its own', { NodeNames: ['a'], Error: 'the database is down' }, 'the database is down'],
  ])('that answers with %s has not answered, and is asked again after the back-off', async (_, value, message) => {
    await start([one]);
    answers['one filter'] = () => value;
    await add(makeNode('a'), makePod('web'));
    expect(conditionOf('web')).toMatchObject({ reason: 'SchedulerError', message });
    expect(events('web', 'FailedScheduling')).toEqual([message]);
    expect([scheduler.pending, attempt('web')]).toMatchObject([{ backoff: 1 }, { result: 'Error', message }]);
    answers['one filter'] = only('a');
    await clock.advance(999);
    expect(nodeOf('web')).toBeUndefined();
    await clock.advance(1);
    expect(nodeOf('web')).toBe('a');
  });

  it('that one can do without is done without, and asked last', async () => {
    await start([{ ...one, ignorable: true }, { ...one, urlPrefix: 'http://two' }]);
    answers['one filter'] = () => Promise.reject(new Error('connect: connection refused'));
    answers['two filter'] = only('a');
    await add(makeNode('a'), makeNode('b'), makePod('web'));
    expect([nodeOf('web'), questions()]).toEqual(['a', ['two filter', 'one filter']]);
  });
});

describe('an extender that prioritizes', () => {
  const prefers = { urlPrefix: 'http://one', prioritizeVerb: 'prioritize', weight: 2, ...cached };
  const nodes = () => [makeNode('small', { cpu: '2' }), makeNode('big', { cpu: '16' })];

  it('changes the choice, by as much as it counts', async () => {
    await start([prefers]);
    answers['one prioritize'] = () => [{ Host: 'small', Score: 10 }, { host: 'big', score: 1 }];
    await add(...nodes(), makePod('web', {}, requesting({ cpu: '1' })));
    expect(nodeOf('web')).toBe('small');
    const scores = Object.fromEntries(attempt('web').nodes.map(({ name, scores: each, total }) => [name, [each!['http://one'], total! - Object.values(each!).reduce((a, b) => a + b)]]));
    expect(scores).toEqual({ small: [200, 0], big: [20, 0] });
  });

  it('is added up with others, who are asked at the same time', async () => {
    await start([prefers, { ...prefers, urlPrefix: 'http://two', weight: 5 }]);
    const first = held();
    answers['one prioritize'] = first.answer;
    answers['two prioritize'] = () => [{ Host: 'big', Score: 5 }];
    await add(...nodes(), makePod('web'));
    expect(questions()).toEqual(['one prioritize', 'two prioritize']);
    await first.release([{ Host: 'small', Score: 10 }]);
    expect(nodeOf('web')).toBe('big');
    expect(attempt('web').nodes.map(({ name, scores }) => [name, scores!['http://one'], scores!['http://two']]).sort()).toEqual([['big', 0, 250], ['small', 200, 0]]);
  });

  it.each([
    ['does not answer', () => Promise.reject(new Error('down'))],
    ['answers nonsense', () => [{ Host: 'small', Score: 'much' }]],
  ])('that %s has no say', async (_, answer) => {
    await start([prefers]);
    answers['one prioritize'] = answer;
    await add(...nodes(), makePod('web', {}, requesting({ cpu: '1' })));
    expect([nodeOf('web'), questions()]).toEqual(['big', ['one prioritize']]);
  });

  it('is not asked where there is nothing to choose', async () => {
    await start([prefers]);
    await add(makeNode('a'), makePod('web'));
    expect([nodeOf('web'), asked]).toEqual(['a', []]);
  });
});

describe('an extender that binds', () => {
  const binder = { urlPrefix: 'http://one', bindVerb: 'bind' };
  const bindings = () => server.requests.filter(({ path }) => path.endsWith('/binding'));
  const binds: Answer = (question) => {
    const { PodName, PodNamespace, Node: node } = question as unknown as Record<string, string>;
    server.change(resources.pods, PodNamespace!, PodName!, ({ spec }) => (spec!.nodeName = node!));
    return {};
  };

  it('does it in place of the scheduler, who says so', async () => {
    await start([binder]);
    answers['one bind'] = binds;
    await add(makeNode('a'), makePod('web'));
    expect(asked).toEqual([['one bind', { PodName: 'web', PodNamespace: 'default', PodUID: pod('web').metadata!.uid, Node: 'a' }]]);
    expect([nodeOf('web'), bindings(), events('web', 'Scheduled')]).toEqual(['a', [], ['Successfully assigned default/web to a']]);
  });

  it('that cannot leaves the pod to be tried again, and its place to others', async () => {
    await start([binder]);
    answers['one bind'] = () => ({ Error: 'no' });
    await add(makeNode('a', { cpu: '1' }), makePod('web', {}, requesting({ cpu: '1' })));
    expect([conditionOf('web'), events('web', 'FailedScheduling'), bindings()]).toMatchObject([{ reason: 'SchedulerError', message: 'no' }, ['no'], []]);
    answers['one bind'] = binds;
    await add(makePod('next', {}, requesting({ cpu: '1' })));
    expect(nodeOf('next')).toBe('a');
  });

  it('that one can do without is done without', async () => {
    await start([{ ...binder, ignorable: true }]);
    answers['one bind'] = () => ({ Error: 'no' });
    await add(makeNode('a'), makePod('web'));
    expect([nodeOf('web'), bindings().length]).toEqual(['a', 1]);
  });

  it('that has done it, and whose answer was lost, has done it', async () => {
    await start([binder]);
    answers['one bind'] = async (question) => {
      binds(question);
      await settle(3);
      throw new Error('context deadline exceeded');
    };
    await add(makeNode('a'), makePod('web'));
    expect([nodeOf('web'), events('web', 'FailedScheduling'), scheduler.pending]).toEqual(['a', [], { active: 0, backoff: 0, unschedulable: 0 }]);
  });

  it('and hangs keeps nobody else from being bound', async () => {
    await start([{ ...binder, managedResources: [{ name: 'example.com/gpu', ignoredByScheduler: true }] }]);
    answers['one bind'] = () => new Promise(() => {});
    await add(makeNode('a', { pods: '1000', cpu: '1000' }), ...Array.from({ length: 260 }, (_, i) => makePod(`gpu-${i}`, {}, requesting({ 'example.com/gpu': '1' }))));
    await settle(600);
    await add(makePod('web'));
    expect([nodeOf('web'), asked.length, scheduler.pending.active]).toEqual(['a', 256, 4]);
  });
});

describe('an extender of some resources', () => {
  const gpus = { ...one, managedResources: [{ name: 'example.com/gpu', ignoredByScheduler: true }] };

  it('is not asked about pods that ask for none of them', async () => {
    await start([gpus]);
    await add(makeNode('a'), makePod('web'));
    expect([nodeOf('web'), asked]).toEqual(['a', []]);
  });

  it.each([
    ['a request', requesting({ 'example.com/gpu': '1' })],
    ['a limit', { containers: [{ name: 'main', image: 'busybox', resources: { limits: { 'example.com/gpu': '1' } } }] }],
    ['an init container', { ...requesting({}), initContainers: [{ name: 'first', image: 'busybox', resources: { requests: { 'example.com/gpu': '1' } } }] }],
  ])('is asked about one that does, by %s, and looks alone after what the scheduler is to ignore', async (_, spec) => {
    await start([gpus]);
    answers['one filter'] = only('b');
    await add(makeNode('a'), makeNode('b'), makePod('web', {}, spec));
    expect([nodeOf('web'), questions()]).toEqual(['b', ['one filter']]);
  });

  it('that is slow keeps no other pods waiting, but those that are its business', async () => {
    await start([gpus]);
    const first = held();
    answers['one filter'] = first.answer;
    await add(makeNode('a'), makePod('gpu-1', {}, requesting({ 'example.com/gpu': '1' })));
    await add(makePod('gpu-2', {}, requesting({ 'example.com/gpu': '1' }, { priority: 10 })), makePod('web'));
    expect([nodeOf('gpu-1'), nodeOf('gpu-2'), nodeOf('web'), asked.length, scheduler.pending.active]).toEqual([undefined, undefined, 'a', 1, 1]);
    await first.release({ NodeNames: ['a'] });
    expect(['gpu-1', 'gpu-2'].map(nodeOf)).toEqual(['a', 'a']);
  });

  it('has its pods in their turn, by importance among all that wait', async () => {
    answers['one filter'] = only('a');
    const order: string[] = [];
    server.onChange = ({ object }) => void ((object as Pod).spec?.nodeName && order.push(`${object.metadata!.name} bound after ${asked.length} questions`));
    server.seed(resources.nodes, makeNode('a'));
    for (const [name, priority, requests] of [['low', 1, {}], ['gpu', 2, { 'example.com/gpu': '1' }], ['high', 3, {}], ['gpu-low', 0, { 'example.com/gpu': '1' }]] as const)
      server.seed(resources.pods, makePod(name, {}, requesting(requests, { priority })));
    await start([gpus]);
    await settle();
    expect(order.toSorted()).toEqual(['gpu bound after 1 questions', 'gpu-low bound after 2 questions', 'high bound after 0 questions', 'low bound after 1 questions']);
    expect([questions().length, order.indexOf('gpu-low bound after 2 questions')]).toEqual([2, 3]);
  });
});

describe('while an extender is asked about a pod', () => {
  const gpu = (name: string, more: Partial<PodSpec> = {}, cpu = '1') => makePod(name, {}, requesting({ 'example.com/gpu': '1', cpu }, more));
  const gpus = { ...one, managedResources: [{ name: 'example.com/gpu', ignoredByScheduler: true }] };
  let first: ReturnType<typeof held>;

  beforeEach(async () => {
    await start([gpus]);
    first = held();
    answers['one filter'] = first.answer;
  });

  it('a node may be taken by another one: it is asked again at once about what is left', async () => {
    await add(makeNode('a', { cpu: '1' }), gpu('slow'));
    await add(makePod('web', {}, requesting({ cpu: '1' })));
    expect(nodeOf('web')).toBe('a');
    await add(makeNode('b', { cpu: '1' }));
    answers['one filter'] = only('b');
    await first.release({ NodeNames: ['a'] });
    expect([nodeOf('slow'), asked.map(([, { NodeNames }]) => NodeNames)]).toEqual(['b', [['a'], ['b']]]);
  });

  it('another node may still do of those that it has agreed to', async () => {
    await add(makeNode('a', { cpu: '1' }), makeNode('b', { cpu: '1' }), gpu('slow'));
    await add(makePod('web', {}, requesting({ cpu: '1' })));
    await first.release({ NodeNames: ['a', 'b'] });
    expect([nodeOf('slow'), nodeOf('web')].sort()).toEqual(['a', 'b']);
    expect(asked.length).toBe(1);
  });

  it('nodes may go away, and it is told so when none is left', async () => {
    await add(makeNode('a'), gpu('slow'));
    server.drop(resources.nodes, '', 'a');
    await settle();
    await first.release({ NodeNames: ['a'] });
    expect([nodeOf('slow'), conditionOf('slow')]).toMatchObject([undefined, { reason: 'Unschedulable', message: 'no nodes available to schedule pods' }]);
  });

  it('that loses the nodes every time is not asked for ever', async () => {
    await add(makeNode('a'), gpu('slow'));
    let times = 0;
    answers['one filter'] = (question) => {
      const [name] = question.NodeNames!;
      server.drop(resources.nodes, '', name!);
      server.seed(resources.nodes, makeNode(`a${++times}`));
      return settle(3).then(() => ({ NodeNames: [name] }));
    };
    server.drop(resources.nodes, '', 'a');
    server.seed(resources.nodes, makeNode('a0'));
    await settle();
    await first.release({ NodeNames: ['a'] });
    await settle();
    expect([times, conditionOf('slow')]).toMatchObject([2, { reason: 'SchedulerError', message: 'nodes were taken by others while extenders were asked about them' }]);
    answers['one filter'] = ({ NodeNames }) => ({ NodeNames });
    await clock.advance(1000);
    expect(nodeOf('slow')).toBe('a2');
  });

  it('the pod may be deleted: nothing comes of it, and the next one has its turn', async () => {
    await add(makeNode('a'), gpu('slow'));
    answers['one filter'] = only('a');
    server.drop(resources.pods, 'default', 'slow');
    await add(gpu('next'));
    expect(nodeOf('next')).toBe('a');
    await first.release({ NodeNames: ['a'] });
    await clock.advance(20_000);
    expect([questions().length, server.all(resources.events).filter(({ involvedObject }) => involvedObject.name === 'slow')]).toEqual([2, []]);
    expect(await register.getSingleMetricAsString('scheduler_schedule_attempts_total')).toContain('result="error"} 1');
  });

  it('the pod may be on its way out: it is not bound any more', async () => {
    await add(makeNode('a'), gpu('slow'));
    server.change(resources.pods, 'default', 'slow', ({ metadata }) => Object.assign(metadata!, { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.com/mine'] }));
    await settle();
    await first.release({ NodeNames: ['a'] });
    expect([nodeOf('slow'), scheduler.pending]).toEqual([undefined, { active: 0, backoff: 0, unschedulable: 0 }]);
  });

  it('the pod may be changed: it is asked about as it is now', async () => {
    await add(makeNode('a'), makeNode('b', { labels: { disk: 'ssd' } }), gpu('slow'));
    answers['one filter'] = ({ NodeNames }) => ({ NodeNames });
    server.change(resources.pods, 'default', 'slow', ({ spec }) => (spec!.nodeSelector = { disk: 'ssd' }));
    await settle();
    expect([nodeOf('slow'), asked[1]![1].NodeNames]).toEqual(['b', ['b']]);
    expect(asked[1]![1].Pod.spec!.nodeSelector).toEqual({ disk: 'ssd' });
  });

  it('a change of its status alone is of no interest', async () => {
    await add(makeNode('a'), gpu('slow'));
    server.change(resources.pods, 'default', 'slow', ({ status }) => (status!.message = 'hello'));
    await settle();
    await first.release({ NodeNames: ['a'] });
    expect([nodeOf('slow'), asked.length, scheduler.pending.active]).toEqual(['a', 1, 0]);
  });

  it('another scheduler may bind it: it is not bound again', async () => {
    await add(makeNode('a'), makeNode('b'), gpu('slow'));
    server.change(resources.pods, 'default', 'slow', ({ spec }) => (spec!.nodeName = 'b'));
    await settle();
    await first.release({ NodeNames: ['a'] });
    expect([nodeOf('slow'), server.requests.filter(({ path }) => path.endsWith('/binding'))]).toEqual(['b', []]);
  });

  it('what may help it is not missed', async () => {
    await add(makeNode('a'), gpu('slow'));
    await add(makeNode('b'));
    answers['one filter'] = only('b');
    await first.release({ NodeNames: [], FailedNodes: { a: 'no' } });
    await clock.advance(1000);
    expect(nodeOf('slow')).toBe('b');
  });

  it('the scheduler may end, and waits for no answer', async () => {
    await add(makeNode('a'), gpu('slow'));
    await scheduler.stop();
    expect([closed, clock.pending, nodeOf('slow')]).toEqual([1, 0, undefined]);
  });
});

it('a scheduler that ends does not wait for an extender that binds', async () => {
  await start([{ urlPrefix: 'http://one', bindVerb: 'bind' }]);
  answers['one bind'] = () => new Promise(() => {});
  await add(makeNode('a'), makePod('web'));
  await scheduler.stop();
  expect([closed, questions(), events('web', 'FailedScheduling')]).toEqual([1, ['one bind'], []]);
});

describe('to make room for a pod', () => {
  const low = (name: string, node: string) => makePod(name, {}, requesting({ cpu: '1' }, { nodeSelector: { 'kubernetes.io/hostname': node } }));
  const high = makePod('high', {}, requesting({ cpu: '1' }, { priority: 10 }));
  const managed = { managedResources: [{ name: 'example.com/gpu', ignoredByScheduler: true }] };
  const highGpu = makePod('high', {}, requesting({ cpu: '1', 'example.com/gpu': '1' }, { priority: 10 }));
  const twoFull = [makeNode('a', { cpu: '1' }), makeNode('b', { cpu: '1' }), low('on-a', 'a'), low('on-b', 'b')];
  const left = () => server.all(resources.pods).filter(({ metadata }) => !metadata!.deletionTimestamp).map(({ metadata }) => metadata!.name!).sort();
  const uidOf = (name: string) => pod(name).metadata!.uid!;

  it('an extender is told whom to send away, and chooses where', async () => {
    await start([{ urlPrefix: 'http://one', preemptVerb: 'preempt', ...managed }]);
    answers['one preempt'] = () => ({ NodeNameToMetaVictims: { b: { Pods: [{ UID: uidOf('on-b') }] } } });
    await add(...twoFull, highGpu);
    const { NodeNameToVictims, NodeNameToMetaVictims } = asked[0]![1];
    expect(Object.fromEntries(Object.entries(NodeNameToVictims!).map(([node, { Pods, NumPDBViolations }]) => [node, [Pods.map(({ metadata }) => metadata!.name), NumPDBViolations]]))).toEqual({ a: [['on-a'], 0], b: [['on-b'], 0] });
    expect(NodeNameToMetaVictims).toBeNull();
    expect([left(), pod('high').status!.nominatedNodeName]).toEqual([['high', 'on-a'], 'b']);
    server.drop(resources.pods, 'default', 'on-b');
    await clock.advance(10_000);
    expect([nodeOf('high'), asked.length]).toEqual(['b', 1]);
  });

  it('one that knows the nodes is told by uid', async () => {
    await start([{ urlPrefix: 'http://one', preemptVerb: 'preempt', ...cached, ...managed }]);
    answers['one preempt'] = ({ NodeNameToMetaVictims }) => ({ NodeNameToMetaVictims });
    await add(makeNode('a', { cpu: '1' }), low('on-a', 'a'), highGpu);
    expect(asked[0]![1]).toMatchObject({ NodeNameToVictims: null, NodeNameToMetaVictims: { a: { NumPDBViolations: 0 } } });
    expect(left()).toEqual(['high']);
  });

  it('an extender may spare all', async () => {
    await start([{ urlPrefix: 'http://one', preemptVerb: 'preempt', ...managed }]);
    answers['one preempt'] = () => ({ NodeNameToMetaVictims: {} });
    await add(...twoFull, highGpu);
    expect([left(), conditionOf('high')!.message]).toEqual([['high', 'on-a', 'on-b'], '0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: no candidate node for preemption']);
  });

  it.each([
    ['a node that is none', { NodeNameToMetaVictims: { c: { Pods: [{ UID: 'x' }] } } }, 'nodeinfo not found for node name "c"'],
    ['a pod that is not there', { NodeNameToMetaVictims: { a: { Pods: [{ UID: 'x' }] } } }, 'extender: http://one claims to preempt pod (UID: &{x}) on node: a, but the pod is not found on that node'],
    ['nobody', { NodeNameToMetaVictims: { a: { Pods: [] } } }, 'expected at least one victim pod on node "a"'],
  ])('an extender that names %s makes nobody leave', async (_, answer, why) => {
    await start([{ urlPrefix: 'http://one', preemptVerb: 'preempt', ...managed }]);
    answers['one preempt'] = () => answer;
    await add(...twoFull, highGpu);
    expect([left(), conditionOf('high')]).toMatchObject([['high', 'on-a', 'on-b'], { reason: 'Unschedulable', message: `0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: ${why}` }]);
  });

  it('one that one can do without is done without', async () => {
    await start([{ urlPrefix: 'http://one', preemptVerb: 'preempt', ignorable: true, ...managed }]);
    answers['one preempt'] = () => Promise.reject(new Error('down'));
    await add(...twoFull, highGpu);
    expect(left().length).toBe(2);
  });

  it('nobody leaves for a pod that has gone while it was asked', async () => {
    await start([{ urlPrefix: 'http://one', preemptVerb: 'preempt', ...managed }]);
    const first = held();
    answers['one preempt'] = first.answer;
    await add(...twoFull, highGpu);
    const { uid } = pod('on-a').metadata!;
    server.drop(resources.pods, 'default', 'high');
    await settle();
    await first.release({ NodeNameToMetaVictims: { a: { Pods: [{ UID: uid }] } } });
    expect(left()).toEqual(['on-a', 'on-b']);
  });

  it('a node that an extender cannot make do is not freed', async () => {
    await start([one]);
    answers['one filter'] = ({ Pod, NodeNames }) => (Pod.metadata!.name === 'high' ? { NodeNames: [], FailedAndUnresolvableNodes: { a: 'never' } } : { NodeNames });
    await add(makeNode('a', { cpu: '2' }), low('on-a', 'a'), high);
    expect([left(), conditionOf('high')!.message]).toEqual([
      ['high', 'on-a'],
      '0/1 nodes are available: 1 never. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
    ]);
  });

  it('one that has room, which an extender refuses, is not freed for nothing', async () => {
    await start([one]);
    answers['one filter'] = ({ Pod, NodeNames }) => (Pod.metadata!.name === 'high' ? { NodeNames: [], FailedNodes: { a: 'not now' } } : { NodeNames });
    await add(makeNode('a', { cpu: '2' }), low('on-a', 'a'), high);
    expect([left(), conditionOf('high')!.message]).toEqual([['high', 'on-a'], '0/1 nodes are available: 1 not now. no new claims to deallocate, preemption: expected at least one victim pod on node "a"']);
  });

  it('the node that was freed is asked about first, and others when it will not do after all', async () => {
    await start([{ ...one, ...managed }]);
    answers['one filter'] = only('b');
    await add(makeNode('a', { cpu: '1' }), low('on-a', 'a'), highGpu);
    expect([asked.length, pod('high').status!.nominatedNodeName]).toEqual([0, 'a']);
    answers['one filter'] = (question) => {
      if (asked.length === 1) server.seed(resources.nodes, makeNode('b', { cpu: '1' }));
      return asked.length === 1 ? settle(3).then(() => ({ NodeNames: [], FailedNodes: { a: 'no' } })) : only('b')(question);
    };
    server.drop(resources.pods, 'default', 'on-a');
    await clock.advance(10_000);
    expect([nodeOf('high'), asked.map(([, { NodeNames }]) => NodeNames!.toSorted())]).toEqual(['b', [['a'], ['a', 'b']]]);
  });
});
