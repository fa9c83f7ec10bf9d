import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../../main/api/index.ts';
import type { BridgeResponse } from '../../../preload/contract.ts';
import { startClient } from '../../../renderer/client/index.ts';
import { drain, lostBy } from '../../../renderer/kinds/node/drain.ts';
import { answer } from '../support/fakeApi.ts';
import { FakeBridge } from '../support/fakeBridge.ts';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';
import { makePod } from '../support/objects.ts';

const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' }, status: {} };
const on = (name: string, owner?: string, more: object = {}) =>
  makePod(name, { spec: { nodeName: 'node-1' }, metadata: { name, namespace: 'default', uid: `uid-${name}`, ...(owner ? { ownerReferences: [{ apiVersion: 'apps/v1', kind: owner, name: 'o', uid: 'o', controller: true }] } : {}), ...more } });
const budgetSays = 'Cannot evict pod as it would violate the pod\'s disruption budget.';
const refusal = () => answer(429, { kind: 'Status', status: 'Failure', code: 429, reason: 'TooManyRequests', message: budgetSays, details: { causes: [{ reason: 'DisruptionBudget', message: 'The disruption budget db needs 2 healthy pods and has 2 currently' }] } });

const daemonSet = { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'o', namespace: 'default', uid: 'o' } };
const fill = ({ api }: FakeBridge) => {
  api.put(node as never);
  api.put(on('web', 'ReplicaSet'));
  api.put(on('agent', 'DaemonSet'));
  api.put(daemonSet);
  api.put(on('static', undefined, { annotations: { 'kubernetes.io/config.mirror': 'x' } }));
  api.put(on('alone'));
  api.put(makePod('elsewhere', { spec: { nodeName: 'node-2' } }));
};
const evictions = ({ api }: FakeBridge) => api.requests.filter(({ path }) => path.includes('/eviction')).map(({ path }) => /pods\/([^/]+)/.exec(path)![1]!);

/** What the eviction API does where it lets a pod go: by then it is another object's name, or nobody's. */
const letGo = ({ api }: FakeBridge, path: string, instead?: (name: string) => Pod) => {
  const name = /pods\/([^/]+)\/eviction/.exec(path)?.[1];
  if (!name) return;
  api.take('Pod', 'default', name);
  if (instead) api.put(instead(name));
};
const elsewhere = (name: string) => makePod(name, { spec: { nodeName: 'node-2' }, metadata: { name, namespace: 'default', uid: `uid-${name}-again` } });
const status = (code: number, reason: string, message: string, cause = '') => answer(code, { kind: 'Status', status: 'Failure', code, reason, message, details: cause ? { causes: [{ reason: cause, message }] } : {} });
const atOnce = async () => undefined;

describe('draining a node', () => {
  let bridge: FakeBridge;
  beforeEach(() => {
    bridge = new FakeBridge();
    startClient(bridge);
    fill(bridge);
    bridge.api.intercept = ({ path }) => void letGo(bridge, path);
  });
  /** Answers evictions of `name`; where it has no answer, and for all others, they are let go. */
  const answerFor = (name: string, eviction: () => BridgeResponse | undefined) => {
    bridge.api.intercept = ({ path }) => {
      if (!path.includes('/eviction')) return undefined;
      const given = path.includes(`/${name}/eviction`) ? eviction() : undefined;
      return given ?? void letGo(bridge, path);
    };
  };

  it('cordons it and evicts what is on it, but for what belongs to every node', async () => {
    expect(await drain(node)).toEqual({ evicted: 2, held: [], ending: [] });
    expect(bridge.api.get<Node>('Node', undefined, 'node-1')?.spec?.unschedulable).toBe(true);
    expect(evictions(bridge).sort()).toEqual(['alone', 'web']);
    const body = bridge.api.requests.find(({ path }) => path.includes('/web/eviction'))!.body!;
    expect(JSON.parse(body)).toMatchObject({ apiVersion: 'policy/v1', kind: 'Eviction', deleteOptions: { preconditions: { uid: 'uid-web' } } });
  });

  it('asks again for those that a disruption budget holds back, until it lets them go', async () => {
    let refusals = 2;
    answerFor('web', () => (refusals-- > 0 ? refusal() : undefined));
    let pauses = 0;
    expect(await drain(node, async () => void pauses++)).toEqual({ evicted: 2, held: [], ending: [] });
    expect(pauses).toBe(2);
    expect(evictions(bridge).filter((name) => name === 'alone')).toHaveLength(1);
  });

  it('ends with the words of the budget that does not', async () => {
    answerFor('web', refusal);
    const { evicted, held } = await drain(node, atOnce);
    expect(evicted).toBe(1);
    expect(held).toEqual([{ name: 'web', message: `${budgetSays} The disruption budget db needs 2 healthy pods and has 2 currently` }]);
  });

  it('takes a pod that has gone meanwhile for evicted, and fails by what no waiting helps', async () => {
    bridge.api.intercept = ({ path }) => (path.includes('/web/eviction') ? (bridge.api.take('Pod', 'default', 'web'), status(404, 'NotFound', 'gone')) : void letGo(bridge, path));
    expect((await drain(node)).evicted).toBe(2);
    fill(bridge);
    bridge.api.intercept = ({ path }) => (path.includes('/eviction') ? status(403, 'Forbidden', 'you may not') : undefined);
    await expect(drain(node)).rejects.toThrow('you may not');
  });

  it('goes on where a pod of a set is made anew under its name on another node, and leaves that one alone', async () => {
    const mismatch = 'Operation cannot be fulfilled on Pod "web": the UID in the precondition does not match the UID in record';
    answerFor('web', () => {
      bridge.api.put(elsewhere('web'));
      return status(409, 'Conflict', mismatch);
    });
    expect(await drain(node, atOnce)).toEqual({ evicted: 2, held: [], ending: [] });
    expect(evictions(bridge)).toHaveLength(2);
    expect(bridge.api.get<Pod>('Pod', 'default', 'web')?.metadata?.uid).toBe('uid-web-again');
  });

  it('asks no budget to let go what only has the name of a pod that was held back', async () => {
    answerFor('web', () => {
      bridge.api.put(elsewhere('web'));
      return refusal();
    });
    expect(await drain(node, atOnce)).toMatchObject({ evicted: 2, held: [] });
    expect(evictions(bridge).filter((name) => name === 'web')).toHaveLength(1);
  });

  it('asks again for a pod that is being written, or whose namespace is about to take it along', async () => {
    const passing = [status(409, 'Conflict', 'the object has been modified'), status(403, 'Forbidden', 'the namespace is being terminated', 'NamespaceTerminating')];
    answerFor('web', () => passing.shift());
    expect(await drain(node, atOnce)).toEqual({ evicted: 2, held: [], ending: [] });
    expect(evictions(bridge).filter((name) => name === 'web')).toHaveLength(3);
  });

  it('waits until the pods have ended, those that were ending before it as well', async () => {
    bridge.api.intercept = () => undefined;
    bridge.api.put(on('leaving', 'ReplicaSet', { deletionTimestamp: '2026-01-01T10:00:00Z' }));
    const gone: string[] = [];
    const left = ['web', 'leaving', 'alone'];
    const drained = await drain(node, async () => {
      const name = left.shift()!;
      gone.push(name);
      bridge.api.take('Pod', 'default', name);
      bridge.api.put(elsewhere(name));
    });
    expect(drained).toEqual({ evicted: 2, held: [], ending: [] });
    expect(gone).toEqual(['web', 'leaving', 'alone']);
    expect(evictions(bridge)).not.toContain('leaving');
  });

  it('names the pods that have not ended half a minute after they had to', async () => {
    answerFor('web', () => answer(201, {}));
    bridge.api.put(on('web', 'ReplicaSet', { deletionGracePeriodSeconds: 90 }));
    let waited = 0;
    expect((await drain(node, async (ms) => void (waited += ms))).ending).toEqual(['web']);
    expect(waited).toBe(120_000);
  });

  it('takes along pods of DaemonSets that have run to their end', async () => {
    bridge.api.put({ ...on('agent', 'DaemonSet'), status: { phase: 'Failed' } });
    expect(await drain(node, atOnce)).toMatchObject({ evicted: 3 });
  });

  it('takes along pods of a DaemonSet that is no longer there, and counts them among what nobody makes again', async () => {
    expect(await lostBy(node)).toEqual(['default/alone']);
    bridge.api.take('DaemonSet', 'default', 'o');
    expect(await lostBy(node)).toEqual(['default/agent', 'default/alone']);
    expect(await drain(node, atOnce)).toMatchObject({ evicted: 3 });
    expect(evictions(bridge)).toContain('agent');
  });

  it('takes pods of another group’s DaemonSet for those of any controller', async () => {
    const [owner] = on('agent', 'DaemonSet').metadata.ownerReferences!;
    bridge.api.put(on('agent', undefined, { ownerReferences: [{ ...owner!, apiVersion: 'example.com/v1' }] }));
    expect(await lostBy(node)).toEqual(['default/alone']);
    expect(await drain(node, atOnce)).toMatchObject({ evicted: 3 });
  });

  it('evicts nothing where it cannot be told whether a DaemonSet is there', async () => {
    bridge.api.intercept = ({ path }) => (path.includes('/daemonsets/') ? status(403, 'Forbidden', 'you may not') : undefined);
    await expect(drain(node, atOnce)).rejects.toThrow('you may not');
    expect(evictions(bridge)).toEqual([]);
  });
});

describe('the page of a node', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });

  it('drains it after a question that names what does not come back', async () => {
    screen = await mountScreen('/k/nodes/-/node-1', (bridge) => {
      fill(bridge);
      bridge.api.intercept = ({ path }) => void letGo(bridge, path);
    });
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
