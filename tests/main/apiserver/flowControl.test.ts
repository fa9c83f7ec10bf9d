import { afterEach, beforeEach, expect, it } from 'vitest';
import { bootstrapCluster } from '../../../main/bootstrap/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { FlowControl } from '../../../main/apiserver/flowControl.ts';
import { parseRequestInfo } from '../../../main/apiserver/requestInfo.ts';
import { Query } from '../../../main/apiserver/query.ts';
import { settle } from '../../support/fakeClock.ts';
import { TestCluster } from './registry/testCluster.ts';

let cluster: TestCluster;
let flows: FlowControl;
beforeEach(async () => {
  cluster = await TestCluster.start();
  await bootstrapCluster(cluster.client());
  flows = new FlowControl(cluster.store);
  flows.classify({ name: 'anybody', groups: [] }, request('GET', '/version'));
  await settle();
});
afterEach(async () => {
  flows.close();
  await cluster.close();
});

const api = '/apis/flowcontrol.apiserver.k8s.io/v1';
const request = (method: string, path: string) => parseRequestInfo(method, path, Query.empty);
const uid = async (resource: string, name: string) => (await cluster.ask<KubeObject>('GET', `${api}/${resource}/${name}`)).metadata!.uid!;

it.each([
  ['an administrator', { name: 'root', groups: ['system:masters'] }, 'GET', '/api/v1/pods', 'exempt', 'exempt'],
  ['a probe', { name: 'jane', groups: ['system:authenticated'] }, 'GET', '/healthz', 'probes', 'exempt'],
  ['a node about itself', { name: 'system:node:n', groups: ['system:nodes'] }, 'PUT', '/api/v1/nodes/n/status', 'system-node-high', 'node-high'],
  ['a node about pods', { name: 'system:node:n', groups: ['system:nodes'] }, 'GET', '/api/v1/pods', 'system-nodes', 'system'],
  ['a leader', { name: 'system:kube-scheduler', groups: [] }, 'PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/l', 'system-leader-election', 'leader-election'],
  ['a system account', { name: 'system:serviceaccount:kube-system:a', groups: ['system:serviceaccounts'] }, 'GET', '/api/v1/pods', 'kube-system-service-accounts', 'workload-high'],
  ['another account', { name: 'system:serviceaccount:x:a', groups: ['system:serviceaccounts'] }, 'GET', '/api/v1/pods', 'service-accounts', 'workload-low'],
  ['anybody else', { name: 'jane', groups: ['system:authenticated'] }, 'POST', '/api/v1/namespaces/x/pods', 'global-default', 'global-default'],
])('%s has its flow', async (_who, user, method, path, schema, level) => {
  expect(flows.classify(user, request(method, path))).toEqual({ schema: await uid('flowschemas', schema), level: await uid('prioritylevelconfigurations', level) });
});

it('a schema of a user takes precedence as soon as it is there', async () => {
  const spec = { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } };
  const level = await cluster.ask<KubeObject>('POST', `${api}/prioritylevelconfigurations`, { metadata: { name: 'mine' }, spec });
  const rules = [{ subjects: [{ kind: 'User', user: { name: 'noxu' } }], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }];
  const schema = await cluster.ask<KubeObject>('POST', `${api}/flowschemas`, { metadata: { name: 'mine' }, spec: { matchingPrecedence: 1000, priorityLevelConfiguration: { name: 'mine' }, rules } });
  await settle();
  const user = { name: 'noxu', groups: ['system:authenticated'] };
  expect(flows.classify(user, request('GET', '/version'))).toEqual({ schema: schema.metadata!.uid, level: level.metadata!.uid });
});
