import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootstrapCluster } from '../../../../main/bootstrap/index.ts';
import type { FlowSchema } from '../../../../main/api/index.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import { FlowControl, flowDumps, FlowSchemaController, type Ticket } from '../../../../main/apiserver/flowControl/index.ts';
import type { Call } from '../../../../main/apiserver/call.ts';
import { parseRequestInfo } from '../../../../main/apiserver/requestInfo.ts';
import { Query } from '../../../../main/apiserver/query.ts';
import type { UserInfo } from '../../../../main/apiserver/index.ts';
import { noLog } from '../../../../main/util/log.ts';
import { settle } from '../../../support/fakeClock.ts';
import { TestCluster } from '../registry/testCluster.ts';

let cluster: TestCluster;
let flows: FlowControl;
beforeEach(async () => {
  cluster = await TestCluster.start();
  await bootstrapCluster(cluster.client());
  // 20 seats: a level with as many shares as all others together has 10.
  flows = new FlowControl(cluster.store, cluster.clock, 20);
  (await ask({ name: 'anybody', groups: [] }, 'GET', '/version')).finish();
  await settle();
});
afterEach(async () => {
  flows.close();
  await cluster.close();
});

const api = '/apis/flowcontrol.apiserver.k8s.io/v1';
const uid = async (resource: string, name: string) => (await cluster.ask<KubeObject>('GET', `${api}/${resource}/${name}`)).metadata!.uid!;
const person = (name: string): UserInfo => ({ name, groups: ['system:authenticated'] });

function ask(user: UserInfo, method: string, path: string, onGone: (listener: () => void) => void = () => {}): Ticket | Promise<Ticket> {
  const [at, search = ''] = path.split('?') as [string, string?];
  const query = Query.parse(search);
  return flows.enter({ user, query, info: parseRequestInfo(method, at, query), onGone } as Call);
}

/** Whether a request runs, and if it does, how to end it. */
async function outcome(user: UserInfo): Promise<Ticket | 'waits' | { code: number; retryAfter?: number }> {
  const asking = async () => ask(user, 'GET', '/version');
  const seen = asking().catch((error: { code: number; status: { details?: { retryAfterSeconds?: number } } }) => ({ code: error.code, retryAfter: error.status.details?.retryAfterSeconds }));
  return Promise.race([seen, settle().then(() => 'waits' as const)]);
}

async function level(name: string, limited: object): Promise<void> {
  await cluster.ask('POST', `${api}/prioritylevelconfigurations`, { metadata: { name }, spec: { type: 'Limited', limited } });
}

async function schemaFor(users: string[], levelName: string, more: object = {}): Promise<FlowSchema> {
  const subjects = users.map((name) => ({ kind: 'User', user: { name } }));
  const rules = [{ subjects, resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }];
  const schema = await cluster.ask<FlowSchema>('POST', `${api}/flowschemas`, { metadata: { name: `for-${users[0]}` }, spec: { matchingPrecedence: 1000, priorityLevelConfiguration: { name: levelName }, rules, ...more } });
  await settle();
  return schema;
}

describe('requests have their flows', () => {
  it.each([
    ['an administrator', { name: 'root', groups: ['system:masters'] }, 'GET', '/api/v1/pods', 'exempt', 'exempt'],
    ['a probe', { name: 'jane', groups: ['system:authenticated'] }, 'GET', '/healthz', 'probes', 'exempt'],
    ['a node about itself', { name: 'system:node:n', groups: ['system:nodes'] }, 'PUT', '/api/v1/nodes/n/status', 'system-node-high', 'node-high'],
    ['a node about pods', { name: 'system:node:n', groups: ['system:nodes'] }, 'GET', '/api/v1/pods', 'system-nodes', 'system'],
    ['a leader', { name: 'system:kube-scheduler', groups: [] }, 'PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/l', 'system-leader-election', 'leader-election'],
    ['a system account', { name: 'system:serviceaccount:kube-system:a', groups: ['system:serviceaccounts'] }, 'GET', '/api/v1/pods', 'kube-system-service-accounts', 'workload-high'],
    ['another account', { name: 'system:serviceaccount:x:a', groups: ['system:serviceaccounts'] }, 'GET', '/api/v1/pods', 'service-accounts', 'workload-low'],
    ['anybody else', { name: 'jane', groups: ['system:authenticated'] }, 'POST', '/api/v1/namespaces/x/pods', 'global-default', 'global-default'],
    ['whom no schema is about', { name: 'nobody', groups: [] }, 'GET', '/version', 'catch-all', 'catch-all'],
  ])('%s', async (_who, user, method, path, schema, levelName) => {
    const ticket = await ask(user, method, path);
    expect(ticket.flow).toEqual({ schema: await uid('flowschemas', schema), level: await uid('prioritylevelconfigurations', levelName) });
  });

  it('of a schema of a user as soon as it is there, and of others when its level is gone', async () => {
    await level('mine', { limitResponse: { type: 'Reject' } });
    const schema = await schemaFor(['noxu'], 'mine');
    expect((await ask(person('noxu'), 'GET', '/version')).flow).toEqual({ schema: schema.metadata!.uid, level: await uid('prioritylevelconfigurations', 'mine') });
    await cluster.ask('DELETE', `${api}/prioritylevelconfigurations/mine`);
    await settle();
    expect((await ask(person('noxu'), 'GET', '/version')).flow?.schema).toBe(await uid('flowschemas', 'global-default'));
  });
});

describe('a level', () => {
  it('that does not queue turns away who finds no seat, and later for longer', async () => {
    await level('small', { nominalConcurrencyShares: 1, borrowingLimitPercent: 0, limitResponse: { type: 'Reject' } });
    await schemaFor(['bob'], 'small');
    const first = await ask(person('bob'), 'GET', '/version');
    const turnedAway = () => {
      try {
        void ask(person('bob'), 'GET', '/version');
        return undefined;
      } catch (error) {
        return (error as { status: { code: number; details: { retryAfterSeconds: number } } }).status;
      }
    };
    expect(turnedAway()).toMatchObject({ code: 429, details: { retryAfterSeconds: 1 } });
    for (let second = 0; second < 3; second++) {
      for (let i = 0; i < 5; i++) turnedAway();
      await cluster.clock.advance(1000);
    }
    expect(turnedAway()!.details.retryAfterSeconds).toBeGreaterThan(1);
    first.finish();
    expect(await outcome(person('bob'))).toHaveProperty('finish');
    // Others have seats of their own.
    expect(await outcome(person('jane'))).toHaveProperty('finish');
  });

  const queuing = { type: 'Queue', queuing: { queues: 32, handSize: 1, queueLengthLimit: 3 } };

  it('lets wait who finds no seat, in turns of those who ask, whoever came first or asks most', async () => {
    await level('shared', { nominalConcurrencyShares: 1, borrowingLimitPercent: 0, limitResponse: queuing });
    await schemaFor(['hog', 'mouse'], 'shared', { distinguisherMethod: { type: 'ByUser' } });
    const order: string[] = [];
    const run = async (user: string) => {
      const ticket = await ask(person(user), 'GET', '/version');
      order.push(user);
      return ticket;
    };
    let running = await run('hog');
    const waiting = [run('hog'), run('hog'), run('hog'), run('mouse'), run('mouse')];
    await settle();
    expect(order).toEqual(['hog']);
    expect(await outcome(person('hog'))).toEqual({ code: 429, retryAfter: 1 });
    for (let i = 0; i < 5; i++) {
      await cluster.clock.advance(10);
      running.finish();
      running = await Promise.race(waiting);
      const done = running;
      for (const other of [...waiting]) void other.then((ticket) => ticket === done && waiting.splice(waiting.indexOf(other), 1));
      await settle();
    }
    // The mouse has had its two before the hog had its fourth.
    expect(order.indexOf('mouse')).toBeLessThan(3);
    expect(order.slice(0, 5).filter((user) => user === 'mouse')).toHaveLength(2);
  });

  it('lets nobody wait for ever, and forgets who has gone', async () => {
    await level('full', { nominalConcurrencyShares: 1, borrowingLimitPercent: 0, limitResponse: queuing });
    await schemaFor(['bob'], 'full');
    const first = await ask(person('bob'), 'GET', '/version');
    let leave: () => void = () => {};
    const gone = Promise.resolve(ask(person('bob'), 'GET', '/version', (listener) => (leave = listener)));
    const patient = Promise.resolve(ask(person('bob'), 'GET', '/version'));
    leave();
    await expect(gone).rejects.toMatchObject({ code: 429 });
    const timedOut = expect(patient).rejects.toMatchObject({ code: 429 });
    await cluster.clock.advance(15_000);
    await timedOut;
    const dump = await table('dump_priority_levels');
    expect(dump.find((row) => row.startsWith('full'))).toMatch(/^full,\s+0,\s+false,\s+false,\s+0,\s+1,\s+1,\s+2,\s+1,\s+1$/);
    first.finish();
  });

  it('lends what it does not need', async () => {
    await level('lender', { nominalConcurrencyShares: 245, lendablePercent: 100, limitResponse: { type: 'Reject' } });
    await level('borrower', { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' } });
    await schemaFor(['bob'], 'borrower');
    const tickets: Ticket[] = [];
    const askAll = () => {
      try {
        for (;;) tickets.push(ask(person('bob'), 'GET', '/version') as Ticket);
      } catch {
        return tickets.length;
      }
    };
    const before = askAll();
    for (let i = 0; i < 4; i++) {
      await cluster.clock.advance(10_000);
      askAll();
    }
    expect(tickets.length).toBeGreaterThan(before + 2);
    expect(flows.levels.get('borrower')!.set.limit).toBeGreaterThan(flows.levels.get('borrower')!.nominal);
  });

  it('counts a long list for what it is', async () => {
    for (let i = 0; i < 250; i++) await cluster.ask('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: `c${i}` } });
    await level('wide', { nominalConcurrencyShares: 1000, limitResponse: { type: 'Reject' } });
    await schemaFor(['bob'], 'wide');
    const seats = () => flows.levels.get('wide')!.set.seatsInUse;
    const list = await ask(person('bob'), 'GET', '/api/v1/configmaps');
    expect(seats()).toBe(3);
    list.finish();
    (await ask(person('bob'), 'GET', '/api/v1/namespaces/kube-public/configmaps')).finish();
    const one = await ask(person('bob'), 'GET', '/api/v1/namespaces/default/configmaps?fieldSelector=metadata.name%3Dc1');
    expect(seats()).toBe(1);
    one.finish();
    expect(seats()).toBe(0);
  });

  it('counts a change for the watchers that hear of it, for a while', async () => {
    await level('wide', { nominalConcurrencyShares: 1000, limitResponse: { type: 'Reject' } });
    await schemaFor(['bob'], 'wide');
    for (let i = 0; i < 25; i++) (await ask(person('bob'), 'GET', '/api/v1/configmaps?watch=1&resourceVersion=5')).finish();
    (await ask(person('bob'), 'POST', '/api/v1/namespaces/default/configmaps')).finish();
    expect(flows.levels.get('wide')!.set.seatsInUse).toBe(3);
    await cluster.clock.advance(5);
    expect(flows.levels.get('wide')!.set.seatsInUse).toBe(0);
  });
});

const table = async (name: string): Promise<string[]> => {
  const answer = await flowDumps(flows, (time) => time)[`/debug/api_priority_and_fairness/${name}`]!({ query: Query.parse('includeRequestDetails=1') } as Call);
  return (answer as { body: string }).body.trimEnd().split('\n');
};

it('shows who runs and who waits', async () => {
  await ask(person('jane'), 'GET', '/api/v1/namespaces/x/pods/a');
  expect((await table('dump_requests')).find((row) => row.includes('jane'))).toMatch(/^global-default,\s+global-default,\s+-1,\s+-1,\s+jane,.*jane,\s+get,.*\/api\/v1\/namespaces\/x\/pods\/a,\s+x,\s+a,\s+v1,\s+pods,/);
  expect(await table('dump_queues')).toContainEqual(expect.stringMatching(/^global-default,\s+127,\s+0,\s+0,/));
});

it('a schema says whether its level is there; what every cluster has is made again', async () => {
  const controller = new FlowSchemaController({
    store: cluster.store,
    clock: cluster.clock,
    log: noLog,
    async setCondition(name, condition) {
      const schema = await cluster.ask<FlowSchema>('GET', `${api}/flowschemas/${name}`);
      await cluster.ask('PUT', `${api}/flowschemas/${name}/status`, { ...schema, status: { conditions: [condition] } });
    },
    async create(resource, object) {
      await cluster.ask('POST', `${api}/${resource}`, object);
    },
  });
  await controller.start();
  await schemaFor(['bob'], 'nowhere');
  const dangling = async (name: string) => (await cluster.ask<FlowSchema>('GET', `${api}/flowschemas/${name}`)).status?.conditions?.[0];
  await settle();
  expect(await dangling('for-bob')).toMatchObject({ type: 'Dangling', status: 'True', reason: 'NotFound', message: 'This FlowSchema references the PriorityLevelConfiguration object named "nowhere" but there is no such object' });
  expect(await dangling('probes')).toMatchObject({ status: 'False', reason: 'Found' });
  await level('nowhere', { limitResponse: { type: 'Reject' } });
  await settle();
  expect(await dangling('for-bob')).toMatchObject({ status: 'False', reason: 'Found' });
  await cluster.ask('DELETE', `${api}/flowschemas/catch-all`);
  await settle();
  expect(await uid('flowschemas', 'catch-all')).toBeTruthy();
  controller.close();
});
