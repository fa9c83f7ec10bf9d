import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestCluster } from './testCluster.ts';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await TestCluster.start();
});
afterEach(() => cluster.close());

describe('an eviction', () => {
  const pods = '/api/v1/namespaces/default/pods';
  const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
  const refusal = "Cannot evict pod as it would violate the pod's disruption budget.";
  type Budget = { status: { disruptionsAllowed: number; disruptedPods?: object; conditions?: object[] } };
  const budget = () => cluster.ask<Budget>('GET', `${budgets}/b`);
  const evict = (name: string, more: object = {}) => cluster.ask('POST', `${pods}/${name}/eviction`, { metadata: { name }, ...more });
  const refused = (name: string) => cluster.refusal('POST', `${pods}/${name}/eviction`, { metadata: { name } });

  /** Running pods, ready unless their name begins with `sick`, and a budget that allows so many disruptions. */
  async function given(names: string[], disruptionsAllowed: number, spec: object = {}) {
    await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'default' } });
    await cluster.ask('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
    for (const name of names) {
      const metadata = { name, labels: { app: 'x' }, finalizers: ['example.com/see'] };
      const pod = await cluster.ask<{ status: object }>('POST', pods, { metadata, spec: { containers: [{ name: 'c', image: 'i' }] } });
      const ready = { type: 'Ready', status: name.startsWith('sick') ? 'False' : 'True' };
      await cluster.ask('PUT', `${pods}/${name}/status`, { ...pod, status: { ...pod.status, phase: 'Running', conditions: [ready] } });
    }
    await cluster.ask('POST', budgets, { metadata: { name: 'b' }, spec: { selector: { matchLabels: { app: 'x' } }, minAvailable: 1, ...spec } });
    const status = { disruptionsAllowed, currentHealthy: 1, desiredHealthy: 2 - disruptionsAllowed, expectedPods: 1, observedGeneration: 1 };
    await cluster.ask('PUT', `${budgets}/b/status`, { ...(await budget()), status });
  }

  it('waits for what a disruption budget allows', async () => {
    await given(['p'], 0);
    expect(await refused('p')).toBe(refusal);
  });

  it('takes its disruption from the budget, so that the next one has to wait', async () => {
    await given(['p', 'q'], 1);
    await evict('p', { deleteOptions: { dryRun: ['All'] } });
    expect((await budget()).status.disruptionsAllowed).toBe(1);
    await evict('p');
    const { status } = await budget();
    expect(status).toMatchObject({ disruptionsAllowed: 0, disruptedPods: { p: expect.any(String) as string }, conditions: [{ type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods' }] });
    expect(await refused('q')).toBe(refusal);
  });

  it('says in the pod why it ends', async () => {
    await given(['p'], 1);
    await evict('p');
    const pod = await cluster.ask<{ metadata: { deletionTimestamp?: string }; status: { conditions: object[] } }>('GET', `${pods}/p`);
    expect(pod.metadata.deletionTimestamp).toBeDefined();
    expect(pod.status.conditions).toContainEqual(expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' }));
  });

  it('of a pod that is not ready asks nothing of a budget that lets such pods go', async () => {
    await given(['sick'], 0, { unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    await evict('sick');
    expect((await budget()).status.disruptedPods).toBeUndefined();
  });

  it('may be of the version that clients of old post, and of no version that nobody knows', async () => {
    await given(['p'], 1);
    await evict('p', { apiVersion: 'policy/v1beta1', kind: 'Eviction', deleteOptions: { dryRun: ['All'] } });
    const unknown = { apiVersion: 'policy/v2', kind: 'Eviction', metadata: { name: 'p' } };
    expect(await cluster.refusal('POST', `${pods}/p/eviction`, unknown)).toMatch(/no kind "Eviction" is registered for version "policy\/v2"/);
    await evict('p', { apiVersion: 'policy/v1beta1', kind: 'Eviction' });
    expect((await budget()).status.disruptionsAllowed).toBe(0);
  });

  it('is of the pod that its preconditions speak of, and of no other', async () => {
    await given(['p'], 1);
    const wrong = { metadata: { name: 'p' }, deleteOptions: { preconditions: { uid: 'other' } } };
    expect(await cluster.refusal('POST', `${pods}/p/eviction`, wrong)).toMatch(/^Operation cannot be fulfilled on Pod "p": the UID in the precondition \(other\) does not match/);
  });
});
