import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Node } from '../../../main/api/index.ts';
import { startClient } from '../../../renderer/client/index.ts';
import { drain } from '../../../renderer/kinds/node/drain.ts';
import { answer } from '../support/fakeApi.ts';
import { FakeBridge } from '../support/fakeBridge.ts';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';
import { makePod } from '../support/objects.ts';

const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' }, status: {} };
const on = (name: string, owner?: string, more: object = {}) =>
  makePod(name, { spec: { nodeName: 'node-1' }, metadata: { name, namespace: 'default', uid: `uid-${name}`, ...(owner ? { ownerReferences: [{ apiVersion: 'apps/v1', kind: owner, name: 'o', uid: 'o', controller: true }] } : {}), ...more } });
const budgetSays = 'Cannot evict pod as it would violate the pod\'s disruption budget.';
const refusal = () => answer(429, { kind: 'Status', status: 'Failure', code: 429, reason: 'TooManyRequests', message: budgetSays, details: { causes: [{ reason: 'DisruptionBudget', message: 'The disruption budget db needs 2 healthy pods and has 2 currently' }] } });

const fill = ({ api }: FakeBridge) => {
  api.put(node as never);
  api.put(on('web', 'ReplicaSet'));
  api.put(on('agent', 'DaemonSet'));
  api.put(on('static', undefined, { annotations: { 'kubernetes.io/config.mirror': 'x' } }));
  api.put(on('alone'));
  api.put(makePod('elsewhere', { spec: { nodeName: 'node-2' } }));
};
const evictions = ({ api }: FakeBridge) => api.requests.filter(({ path }) => path.includes('/eviction')).map(({ path }) => /pods\/([^/]+)/.exec(path)![1]!);

describe('draining a node', () => {
  let bridge: FakeBridge;
  beforeEach(() => {
    bridge = new FakeBridge();
    startClient(bridge);
    fill(bridge);
  });

  it('cordons it and evicts what is on it, but for what belongs to every node', async () => {
    expect(await drain(node)).toEqual({ evicted: 2, held: [] });
    expect(bridge.api.get<Node>('Node', undefined, 'node-1')?.spec?.unschedulable).toBe(true);
    expect(evictions(bridge).sort()).toEqual(['alone', 'web']);
    const body = bridge.api.requests.find(({ path }) => path.includes('/web/eviction'))!.body!;
    expect(JSON.parse(body)).toMatchObject({ apiVersion: 'policy/v1', kind: 'Eviction', deleteOptions: { preconditions: { uid: 'uid-web' } } });
  });

  it('asks again for those that a disruption budget holds back, until it lets them go', async () => {
    let refusals = 2;
    bridge.api.intercept = ({ path }) => (path.includes('/web/eviction') && refusals-- > 0 ? refusal() : undefined);
    let pauses = 0;
    expect(await drain(node, async () => void pauses++)).toEqual({ evicted: 2, held: [] });
    expect(pauses).toBe(2);
    expect(evictions(bridge).filter((name) => name === 'alone')).toHaveLength(1);
  });

  it('ends with the words of the budget that does not', async () => {
    bridge.api.intercept = ({ path }) => (path.includes('/web/eviction') ? refusal() : undefined);
    const { evicted, held } = await drain(node, async () => undefined);
    expect(evicted).toBe(1);
    expect(held).toEqual([{ name: 'web', message: `${budgetSays} The disruption budget db needs 2 healthy pods and has 2 currently` }]);
  });

  it('takes a pod that has gone meanwhile for evicted, and fails by what no waiting helps', async () => {
    bridge.api.intercept = ({ path }) => (path.includes('/web/eviction') ? answer(404, { kind: 'Status', status: 'Failure', code: 404, reason: 'NotFound', message: 'gone' }) : undefined);
    expect((await drain(node)).evicted).toBe(2);
    bridge.api.intercept = ({ path }) => (path.includes('/eviction') ? answer(403, { kind: 'Status', status: 'Failure', code: 403, reason: 'Forbidden', message: 'you may not' }) : undefined);
    await expect(drain(node)).rejects.toThrow('you may not');
  });
});

describe('the page of a node', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });

  it('drains it after a question that names what does not come back', async () => {
    screen = await mountScreen('/k/nodes/-/node-1', fill);
    (document.querySelector('[aria-label="More"]') as HTMLElement).click();
    await settleScreen();
    ([...document.querySelectorAll('.v-list-item')].find((item) => item.textContent === 'Drain') as HTMLElement).click();
    await settleScreen();
    expect([...document.querySelectorAll('[role="dialog"] li')].map((item) => item.textContent)).toEqual(['default/alone']);
    expect(evictions(screen.bridge)).toEqual([]);
    (document.querySelector('[data-confirm]') as HTMLElement).click();
    await settleScreen();
    expect(screen.text()).toContain('node-1 is being drained…');
    expect(screen.text()).toContain('node-1 is drained. Pods evicted: 2');
  });
});
