import { afterEach, expect, it } from 'vitest';
import type { FeatureGates } from '../../../../main/api/featureGates.ts';
import type { StatefulSet } from '../../../../main/api/index.ts';
import { createMemoryStore, type Store } from '../../../../main/store/index.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { TestCluster } from './testCluster.ts';

/* Mirrors pkg/registry/apps/statefulset/strategy_test.go: a field behind a gate. */

let cluster: TestCluster;
const running: TestCluster[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) await each.close();
});

const sets = '/apis/apps/v1/namespaces/default/statefulsets';
const db = (rollingUpdate?: object) => ({
  metadata: { name: 'db' },
  spec: { selector: { matchLabels: { app: 'db' } }, template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'db', image: 'db' }] } }, updateStrategy: { type: 'RollingUpdate', rollingUpdate } },
});
const rolling = ({ spec }: StatefulSet) => spec?.updateStrategy?.rollingUpdate;
async function start(gates: FeatureGates, store?: Store): Promise<void> {
  const clock = new FakeClock();
  cluster = await TestCluster.start(undefined, clock, store ?? createMemoryStore({ clock }), gates);
  running.push(cluster);
  if (!store) await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'default' } });
}

it('is dropped without a word, right or wrong, while the gate is off', async () => {
  await start({});
  expect(rolling(await cluster.ask('POST', sets, db({ maxUnavailable: 2 })))).toEqual({ partition: 0 });
  expect(rolling(await cluster.ask('PUT', `${sets}/db`, db({ partition: 1, maxUnavailable: 0 })))).toEqual({ partition: 1 });
});

it('is kept, has a default and is checked while the gate is on', async () => {
  await start({ MaxUnavailableStatefulSet: true });
  expect(rolling(await cluster.ask('POST', sets, db({})))).toEqual({ partition: 0, maxUnavailable: 1 });
  expect(rolling(await cluster.ask('PUT', `${sets}/db`, db({ maxUnavailable: '40%' })))).toEqual({ partition: 0, maxUnavailable: '40%' });
  await expect(cluster.ask('PUT', `${sets}/db`, db({ maxUnavailable: 0 }))).rejects.toMatchObject({
    code: 422,
    message: 'StatefulSet.apps "db" is invalid: spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0',
  });
});

it('stays with an object that has it when the gate is off again', async () => {
  await start({ MaxUnavailableStatefulSet: true });
  await cluster.ask('POST', sets, db({ maxUnavailable: 2 }));
  await start({}, cluster.store);
  expect(rolling(await cluster.ask('PUT', `${sets}/db`, db({ maxUnavailable: 3 })))).toEqual({ partition: 0, maxUnavailable: 3 });
  expect(rolling(await cluster.ask('PUT', `${sets}/db`, db({})))).toEqual({ partition: 0 });
  expect(rolling(await cluster.ask('PUT', `${sets}/db`, db({ maxUnavailable: 3 })))).toEqual({ partition: 0 });
});

it('tells at /metrics which gates are on', async () => {
  const told = async () => (await cluster.ask<string>('GET', '/metrics')).split('\n').filter((line) => line.startsWith('kubernetes_feature_enabled{'));
  await start({});
  expect(await told()).toEqual(['kubernetes_feature_enabled{name="MaxUnavailableStatefulSet",stage="BETA"} 0']);
  await start({ MaxUnavailableStatefulSet: true });
  expect(await told()).toEqual(['kubernetes_feature_enabled{name="MaxUnavailableStatefulSet",stage="BETA"} 1']);
});
