import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { duplicateFields } from '../../../main/api/duplicates.ts';
import { negotiate, negotiatePlain } from '../../../main/apiserver/content/negotiate.ts';
import type { Deployment, SubjectAccessReview } from '../../../main/api/index.ts';
import { StatusError } from '../../../main/api/status.ts';
import { TestCluster } from './registry/testCluster.ts';

describe('what strict decoding complains about', () => {
  it('comes in the order of the text', () => {
    const text = '{"spec":{"odd":1,"replicas":2,"replicas":3,"list":[{"strange":1,"name":"a","name":"b"}]}}';
    expect(duplicateFields(text, ['unknown field "spec.odd"', 'unknown field "spec.list[0].strange"'])).toEqual([
      'unknown field "spec.odd"', 'duplicate field "spec.replicas"', 'unknown field "spec.list[0].strange"', 'duplicate field "spec.list[0].name"',
    ]);
  });

  it('loses none that is not found in the text', () => {
    expect(duplicateFields('{"a":1}', ['unknown field "b"'])).toEqual(['unknown field "b"']);
  });
});

describe('an answer that has no table', () => {
  it('is refused to who takes nothing else, and shown plainly to everybody else', () => {
    const table = 'application/json;as=Table;g=meta.k8s.io;v=v1';
    expect(negotiate(table).as?.kind).toBe('Table');
    expect(() => negotiatePlain(table)).toThrow(StatusError);
    expect(negotiatePlain(`${table},application/json`)).toEqual({ format: 'json' });
  });

  it('is that of a review', async () => {
    const cluster = await TestCluster.start();
    const ask = await cluster.listen();
    const post = async (accept: string) =>
      (await ask({
        method: 'POST', path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', headers: { accept, 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ spec: { nonResourceAttributes: { path: '/', verb: 'get' } } })),
      })).code;
    expect(await post('application/json;as=Table;g=meta.k8s.io;v=v1')).toBe(406);
    expect(await post('application/json')).toBe(201);
    await cluster.close();
  });
});

describe('a question of who may do what', () => {
  let cluster: TestCluster;
  const reviews = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
  const spec = { user: 'jane', resourceAttributes: { verb: 'get', resource: 'pods' } };
  beforeAll(async () => {
    cluster = await TestCluster.start();
  });
  afterAll(() => cluster.close());

  it('has no metadata but who asked it', async () => {
    const { metadata } = await cluster.ask<SubjectAccessReview>('POST', `${reviews}?fieldManager=asker`, { spec });
    expect(metadata).toMatchObject({ managedFields: [{ manager: 'asker', operation: 'Update', fieldsV1: { 'f:spec': { 'f:user': {} } } }] });
    await expect(cluster.ask('POST', reviews, { metadata: { labels: { a: 'b' } }, spec })).rejects.toMatchObject({
      status: { code: 422, details: { causes: [{ field: 'metadata', message: expect.stringMatching(/^Invalid value: \{"labels":\{"a":"b"\},.*: must be empty$/) as string }] } },
    });
  });

  it('of one namespace may name that', async () => {
    const local = (metadata: object) => cluster.ask('POST', '/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews', { metadata, spec: { ...spec, resourceAttributes: { ...spec.resourceAttributes, namespace: 'default' } } });
    expect(await local({ namespace: 'default' })).toMatchObject({ status: { allowed: false } });
    await expect(local({ name: 'x' })).rejects.toMatchObject({ status: { details: { causes: [{ message: expect.stringMatching(/must be empty except for namespace$/) as string }] } } });
  });
});

describe('an answer as text', () => {
  it('ends with the end of a line, and has integers refused that are written as fractions', async () => {
    const cluster = await TestCluster.start();
    await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'default' } });
    const ask = await cluster.listen();
    const headers = { accept: 'application/json', 'content-type': 'application/json' };
    const list = await ask({ method: 'GET', path: '/api/v1/namespaces', headers });
    expect(list.text).toMatch(/\]\}\n$/);
    const refused = await ask({ method: 'POST', path: '/api/v1/namespaces/default/pods', headers, body: Buffer.from('{"spec":{"priority":1e0}}') });
    expect([refused.code, (JSON.parse(refused.text) as { message: string }).message]).toEqual([
      400, 'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number 1e0 into Go struct field PodSpec.spec.priority of type int32',
    ]);
    await cluster.close();
  });
});

describe('scale', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start();
    await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'default' } });
  });
  afterAll(() => cluster.close());

  it('applied, it makes its applier the owner of the replicas', async () => {
    const path = '/apis/apps/v1/namespaces/default/deployments';
    const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'x' }] } };
    await cluster.ask('POST', path, { metadata: { name: 'web' }, spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template } });
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'web' }, spec: { replicas: 3 } };
    const apply = (force: boolean) => cluster.apply(`${path}/web/scale`, scale, { fieldManager: 'scaler', force });
    await expect(apply(false)).rejects.toMatchObject({ status: { reason: 'Conflict' } });
    expect(await apply(true)).toMatchObject({ kind: 'Scale', spec: { replicas: 3 } });
    const { metadata, spec } = await cluster.ask<Deployment>('GET', `${path}/web`);
    expect(spec!.replicas).toBe(3);
    expect(metadata!.managedFields!.find(({ manager }) => manager === 'scaler')).toMatchObject({
      operation: 'Apply', subresource: 'scale', apiVersion: 'apps/v1', fieldsV1: { 'f:spec': { 'f:replicas': {} } },
    });
  });
});
