import { afterAll, beforeAll, expect, it } from 'vitest';
import { conditionPatch } from '../../../main/api/conditionPatch.ts';
import type { Pod } from '../../../main/api/index.ts';
import { TestCluster } from '../apiserver/registry/testCluster.ts';

let cluster: TestCluster;
beforeAll(async () => void (cluster = await TestCluster.start()));
afterAll(() => cluster.close());

it('conditions keep their order, whichever of them is written, and a new one comes last', async () => {
  const pods = '/api/v1/namespaces/default/pods';
  await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'default' } });
  await cluster.ask('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  const made = await cluster.ask<Pod>('POST', pods, { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } });
  const conditions = ['Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({ type, status: 'True' }));
  let pod = await cluster.ask<Pod>('PUT', `${pods}/p/status`, { ...made, status: { ...made.status, conditions } });
  const said = () => pod.status!.conditions!.map(({ type, status }) => `${type}=${status}`);
  const write = async (type: string, status: string) => {
    pod = await cluster.client().request({ method: 'PATCH', path: `${pods}/p/status`, body: { status: conditionPatch(pod, { type, status }) }, contentType: 'application/strategic-merge-patch+json' });
  };
  await write('DisruptionTarget', 'True');
  expect(said()).toEqual(['Ready=True', 'ContainersReady=True', 'PodScheduled=True', 'DisruptionTarget=True']);
  await write('ContainersReady', 'False');
  expect(said()).toEqual(['Ready=True', 'ContainersReady=False', 'PodScheduled=True', 'DisruptionTarget=True']);
});
