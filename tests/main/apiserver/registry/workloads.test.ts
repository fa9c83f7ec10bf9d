import { afterAll, beforeAll, expect, it } from 'vitest';
import { bootstrapCluster } from '../../../../main/bootstrap/index.ts';
import type { Deployment, Job, PodTemplateSpec, Secret, StatefulSet } from '../../../../main/api/index.ts';
import { TestCluster } from './testCluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
  await bootstrapCluster(cluster.client());
});
afterAll(() => cluster.close());

const apps = '/apis/apps/v1/namespaces/default';
const batch = '/apis/batch/v1/namespaces/default';
const template = (over: object = {}): PodTemplateSpec => ({ metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }], ...over } });
const selector = { matchLabels: { app: 'x' } };

it('a job finds its pods by a selector that the cluster made', async () => {
  const made = await cluster.ask<Job>('POST', `${batch}/jobs`, { metadata: { name: 'j' }, spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } } });
  expect(made.spec!.selector).toEqual({ matchLabels: { 'batch.kubernetes.io/controller-uid': made.metadata!.uid } });
  expect(made.spec!.template.metadata!.labels).toMatchObject({ 'job-name': 'j', 'controller-uid': made.metadata!.uid });
  const changed = { ...made, spec: { ...made.spec!, template: { ...made.spec!.template, spec: { ...made.spec!.template.spec!, restartPolicy: 'OnFailure' } } } };
  expect(await cluster.refusal('PUT', `${batch}/jobs/j`, changed)).toContain('spec.template: Invalid value');
});

it.each([
  ['those of its pods, with what finds them', undefined, ['app', 'batch.kubernetes.io/controller-uid', 'batch.kubernetes.io/job-name', 'controller-uid', 'job-name']],
  ['its own', { app: 'web' }, ['app']],
])('a job has labels: %s', async (_name, labels, expected) => {
  const template = { metadata: { labels: { app: 'web' } }, spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } };
  const made = await cluster.ask<Job>('POST', `${batch}/jobs`, { metadata: { name: `labelled-${expected.length}`, ...(labels ? { labels } : {}) }, spec: { template } });
  expect(Object.keys(made.metadata!.labels!).sort()).toEqual(expected);
  expect(Object.keys(made.spec!.template!.metadata!.labels!)).toHaveLength(5);
});

it('a job whose pods never end is refused', async () => {
  expect(await cluster.refusal('POST', `${batch}/jobs`, { metadata: { name: 'k' }, spec: { template: template() } })).toBe(
    'Job.batch "k" is invalid: spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
  );
});

it('a cron job says what is wrong with its schedule', async () => {
  const jobTemplate = { spec: { template: template({ restartPolicy: 'Never' }) } };
  expect(await cluster.refusal('POST', `${batch}/cronjobs`, { metadata: { name: 'c' }, spec: { schedule: '61 * * * *', jobTemplate } })).toBe(
    'CronJob.batch "c" is invalid: spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61',
  );
});

it('a stateful set may mount the claims that it makes, and keeps them', async () => {
  const claim = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
  const spec = { selector, serviceName: 's', template: template({ containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'data', mountPath: '/d' }] }] }), volumeClaimTemplates: [claim] };
  const made = await cluster.ask<StatefulSet>('POST', `${apps}/statefulsets`, { metadata: { name: 's' }, spec });
  expect(made.spec).toMatchObject({ podManagementPolicy: 'OrderedReady', replicas: 1, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } });
  expect(await cluster.refusal('PUT', `${apps}/statefulsets/s`, { ...made, spec: { ...made.spec, serviceName: 'other' } })).toContain('updates to statefulset spec for fields other than');
});

it('a daemon set counts the changes of its template', async () => {
  const made = await cluster.ask<StatefulSet>('POST', `${apps}/daemonsets`, { metadata: { name: 'd' }, spec: { selector, template: template() } });
  const changed = await cluster.ask<StatefulSet>('PUT', `${apps}/daemonsets/d`, { ...made, spec: { ...made.spec, template: template({ hostNetwork: true }) } });
  expect(changed.metadata!.annotations).toEqual({ 'deprecated.daemonset.template.generation': '2' });
});

it.each<[string, object, string]>([
  ['a TLS secret without its key', { type: 'kubernetes.io/tls', stringData: { 'tls.crt': 'x' } }, 'data[tls.key]: Required value'],
  ['basic auth without anything', { type: 'kubernetes.io/basic-auth' }, '[data[username]: Required value, data[password]: Required value]'],
  ['a docker config that is no JSON', { type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': '' } }, 'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": unexpected end of JSON input'],
  ['a key with a slash', { stringData: { 'a/b': 'x' } }, `data[a/b]: Invalid value: "a/b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`],
])('refuses %s', async (_name, over, why) => {
  expect(await cluster.refusal('POST', '/api/v1/namespaces/default/secrets', { metadata: { name: 's' }, ...over })).toBe(`Secret "s" is invalid: ${why}`);
});

it('a secret keeps what was written as text, and an immutable one keeps it for good', async () => {
  const path = '/api/v1/namespaces/default/secrets';
  const made = await cluster.ask<Secret>('POST', path, { metadata: { name: 'kept' }, immutable: true, stringData: { a: 'b' } });
  expect([made.type, made.data, made.stringData]).toEqual(['Opaque', { a: 'Yg==' }, undefined]);
  expect(await cluster.refusal('PUT', `${path}/kept`, { ...made, data: { a: 'Yw==' } })).toBe('Secret "kept" is invalid: data: Forbidden: field is immutable when `immutable` is set');
});

it('a namespace goes when its finalizer does', async () => {
  const path = '/api/v1/namespaces/leaving';
  await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'leaving' } });
  await cluster.ask('DELETE', path);
  const going = await cluster.ask<{ status: object; spec: object }>('GET', path);
  expect(going.status).toEqual({ phase: 'Terminating' });
  await cluster.ask('PUT', `${path}/finalize`, { ...going, spec: { finalizers: [] } });
  expect(await cluster.refusal('GET', path)).toBe('namespaces "leaving" not found');
});

it("a deployment's generation counts its annotations too, but for those that come with its status", async () => {
  const path = `${apps}/deployments/counted`;
  const made = await cluster.ask<Deployment>('POST', `${apps}/deployments`, { metadata: { name: 'counted' }, spec: { selector, template: template() } });
  const withNote = (object: Deployment, note: string): Deployment => ({ ...object, metadata: { ...object.metadata, annotations: { note } } });
  const told = await cluster.ask<Deployment>('PUT', `${path}/status`, { ...withNote(made, 'revision'), status: { observedGeneration: 1 } });
  expect(told.metadata).toMatchObject({ generation: 1, annotations: { note: 'revision' } });
  expect((await cluster.ask<Deployment>('PUT', path, withNote(told, 'by hand'))).metadata!.generation).toBe(2);
});
