import https from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment } from '../../../main/api/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { decodeProtobuf, encodeProtobuf } from '../../../main/api/protobuf.ts';
import type { StatusError } from '../../../main/api/status.ts';
import type { Strategy } from '../../../main/apiserver/index.ts';
import { statusSubresource } from '../../../main/apiserver/registry/define.ts';
import { gadgets, start, type Harness } from './support/harness.ts';

/** A kind with a schema, and nothing that is particular about it. */
const deployments: Strategy<KubeObject> = {
  ...gadgets,
  definition: { ...gadgets.definition, group: 'apps', kind: 'Deployment', resource: 'deployments', singular: 'deployment', listKind: 'DeploymentList', namespaced: true },
  hasGeneration: true,
  allowCreateOnUpdate: false,
};
deployments.subresources = { status: statusSubresource(deployments.definition) };
const base = '/apis/apps/v1/namespaces/default/deployments';

let harness: Harness;
beforeAll(async () => {
  harness = await start({ strategies: [deployments] });
});
afterAll(() => harness.close());

const web = (name: string, spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: { selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image: 'nginx' }] } }, ...spec },
});
const create = (body: unknown, query: Record<string, string> = {}) => harness.remote.request<Deployment>({ method: 'POST', path: base, body, query });
const failureOf = (request: Promise<unknown>) => request.then(() => undefined, (error: StatusError) => error.status);
const patch = (name: string, contentType: string, body: unknown, query: Record<string, string | boolean> = {}) =>
  harness.remote.request<Deployment>({ method: 'PATCH', path: `${base}/${name}`, contentType: `application/${contentType}`, body, query });

/** A request whose body is not what a client would make. */
function raw(method: string, path: string, headers: Record<string, string>, body: string | Uint8Array): Promise<{ code: number; headers: Record<string, unknown>; bytes: Buffer }> {
  const { certificate, key } = harness.admin;
  return new Promise((resolve, reject) => {
    const request = https.request({ host: '127.0.0.1', port: harness.port, ca: harness.ca, cert: certificate, key, method, path, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve({ code: response.statusCode!, headers: response.headers, bytes: Buffer.concat(parts) }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('a status', () => {
  /** Who wrote what, without the time and the order, which is that of times. */
  const record = (body: Deployment) =>
    body.metadata!.managedFields!.map(({ time: _, ...entry }) => entry).sort((a, b) => (a.manager! < b.manager! ? -1 : 1));

  it('is all that is taken of an object, from outside and from this process alike', async () => {
    const written = [];
    for (const [name, transport] of [['outside', harness.remote], ['inside', harness.local]] as const) {
      const { body } = await create(web(name));
      const changed = {
        ...body,
        metadata: { ...body.metadata, labels: { seen: 'yes' }, managedFields: undefined },
        spec: { ...body.spec!, replicas: 7 },
        status: { observedGeneration: 1, conditions: [{ type: 'Available', status: 'True', lastUpdateTime: '2024-02-29T00:00:00Z', lastTransitionTime: '2024-02-29T01:02:03+01:00' }] },
      };
      const answer = await transport.request<Deployment>({ method: 'PUT', path: `${base}/${name}/status`, body: changed, query: { fieldManager: 'observer' } });
      expect(answer.body.spec).toEqual(body.spec);
      expect(answer.body.metadata).toMatchObject({ labels: { seen: 'yes' }, generation: 1 });
      expect(answer.body.status).toMatchObject({ observedGeneration: 1, conditions: [{ type: 'Available', status: 'True', lastTransitionTime: '2024-02-29T00:02:03Z' }] });
      expect(Object.keys(answer.body)).toEqual(['kind', 'apiVersion', 'metadata', 'spec', 'status']);
      const { body: stored } = await harness.remote.request<Deployment>({ method: 'GET', path: `${base}/${name}` });
      expect(stored).toEqual(answer.body);
      written.push(record(stored));
    }
    expect(written[1]).toEqual(JSON.parse(JSON.stringify(written[0]).replaceAll('outside', 'inside')));
  });
});

describe('fields that a kind does not have', () => {
  const typo = () => web('typo', { replicaz: 3 });

  it('are warned of', async () => {
    const { warnings, body } = await create(typo(), { dryRun: 'All' });
    expect(warnings).toEqual(['unknown field "spec.replicaz"']);
    expect(body.spec).not.toHaveProperty('replicaz');
  });

  it('are refused on request, or dropped in silence', async () => {
    expect(await failureOf(create(typo(), { fieldValidation: 'Strict' }))).toMatchObject({
      code: 400,
      message: 'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.replicaz"',
    });
    expect((await create(typo(), { fieldValidation: 'Ignore', dryRun: 'All' })).warnings).toEqual([]);
  });

  it('are noticed in patches as well', async () => {
    await create(web('patched'));
    const body = { spec: { replicaz: 3 } };
    expect((await patch('patched', 'merge-patch+json', body)).warnings).toEqual(['unknown field "spec.replicaz"']);
    expect((await failureOf(patch('patched', 'merge-patch+json', body, { fieldValidation: 'Strict' })))!.message).toContain('strict decoding error: unknown field "spec.replicaz"');
  });

  it('and fields that stand twice', async () => {
    const text = JSON.stringify(web('twice', { replicas: 1 })).replace('"replicas":1', '"replicas":1,"replicas":2');
    const { code, headers } = await raw('POST', `${base}?dryRun=All`, { 'content-type': 'application/json' }, text);
    expect(code).toBe(201);
    expect(headers.warning).toBe('299 - "duplicate field \\"spec.replicas\\""');
  });
});

it('a field of the wrong type is told in the words of Go', async () => {
  expect(await failureOf(create(web('wrong', { replicas: 'three' })))).toMatchObject({
    code: 400,
    message: 'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  });
});

it('an object of another kind is not taken', async () => {
  expect((await failureOf(create({ ...web('pod'), kind: 'Pod' })))!.message).toBe(
    'Pod in version "v1" cannot be handled as a Deployment: no kind "Pod" is registered for version "apps/v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
  );
});

it('protobuf is read, and written to who prefers it', async () => {
  const bytes = encodeProtobuf(web('binary') as KubeObject);
  const protobuf = 'application/vnd.kubernetes.protobuf';
  const { code, headers, bytes: answer } = await raw('POST', base, { 'content-type': protobuf, accept: `${protobuf},application/json` }, bytes);
  expect(code).toBe(201);
  expect(headers['content-type']).toBe(protobuf);
  expect(decodeProtobuf(answer)).toMatchObject({ kind: 'Deployment', metadata: { name: 'binary', namespace: 'default' }, spec: { selector: { matchLabels: { app: 'binary' } } } });
  expect((await raw('POST', base, { 'content-type': protobuf }, 'no protobuf')).code).toBe(400);
});

describe('patches', () => {
  it('of strategic kind merge lists by their keys', async () => {
    await create(web('strategic'));
    const { body } = await patch('strategic', 'strategic-merge-patch+json', { spec: { template: { spec: { containers: [{ name: 'side', image: 'busybox' }] } } } });
    expect(body.spec!.template!.spec!.containers.map((c) => c.name).sort()).toEqual(['main', 'side']);
    expect(body.metadata!.generation).toBe(2);
  });

  it('of JSON kind apply wholly or not at all', async () => {
    await create(web('json'));
    const { body } = await patch('json', 'json-patch+json', [{ op: 'add', path: '/spec/replicas', value: 4 }]);
    expect(body.spec!.replicas).toBe(4);
    expect(await failureOf(patch('json', 'json-patch+json', [{ op: 'test', path: '/spec/replicas', value: 5 }]))).toMatchObject({ code: 422, reason: 'Invalid' });
  });

  it('that change nothing write nothing', async () => {
    await create(web('same'));
    const first = await patch('same', 'merge-patch+json', { spec: { replicas: 1 } });
    const second = await patch('same', 'merge-patch+json', { spec: { replicas: 1 } });
    expect(second.body.metadata!.resourceVersion).toBe(first.body.metadata!.resourceVersion);
  });

  it('of several clients at once all take effect', async () => {
    await create(web('busy'));
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    await Promise.all(names.map((name) => patch('busy', 'merge-patch+json', { metadata: { annotations: { [name]: name } } })));
    const { body } = await harness.local.request<Deployment>({ method: 'GET', path: `${base}/busy` });
    expect(Object.keys(body.metadata!.annotations!).sort()).toEqual(names);
  });

  it('may not move an object', async () => {
    await create(web('still'));
    expect(await failureOf(patch('still', 'merge-patch+json', { metadata: { name: 'gone' } }))).toMatchObject({
      code: 400,
      message: 'the name of the object (gone) does not match the name on the URL (still)',
    });
  });
});

describe('server-side apply', () => {
  const apply = (name: string, spec: object, manager: string, force?: boolean) =>
    patch(name, 'apply-patch+yaml', web(name, spec), { fieldManager: manager, ...(force ? { force } : {}) });

  it('creates what does not exist, and its manager owns what it says', async () => {
    const { code, body } = await apply('applied', { replicas: 2 }, 'alice');
    expect(code).toBe(201);
    expect(body.metadata!.managedFields).toMatchObject([{ manager: 'alice', operation: 'Apply', apiVersion: 'apps/v1', fieldsV1: { 'f:spec': { 'f:replicas': {} } } }]);
  });

  it('of a field of somebody else is a conflict, unless forced', async () => {
    await apply('contended', { replicas: 2 }, 'alice');
    const status = await failureOf(apply('contended', { replicas: 3 }, 'bob'));
    expect(status).toMatchObject({ code: 409, reason: 'Conflict', details: { causes: [{ reason: 'FieldManagerConflict', field: '.spec.replicas' }] } });
    expect((await apply('contended', { replicas: 3 }, 'bob', true)).body.spec!.replicas).toBe(3);
  });

  it('needs to know who applies', async () => {
    expect(await failureOf(patch('applied', 'apply-patch+yaml', web('applied')))).toMatchObject({
      code: 422,
      message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    });
  });
});

describe('what no client should send', () => {
  const post = async (body: string, contentType = 'application/json') => JSON.parse((await raw('POST', base, { 'content-type': contentType }, body)).bytes.toString()) as { code: number; message: string };
  const typeMeta = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

  it.each([
    ['application/json', '[1]', `couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type ${typeMeta} (5b315d)`],
    ['application/json', '{"kind":1}', `couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string ({"kind":1})`],
    ['application/json', `{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`, `couldn't get version/kind; json parse error: invalid character '[' exceeded max depth ({"a":[[[[[[[[[[[[[[[[[[[[[[[[[ ...)`],
    ['application/json', '{"apiVersion":"a/b/c","kind":"x"}', 'unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c","kind":" ...)'],
    ['application/yaml', 'a: [b', "yaml: line 1: did not find expected ',' or ']' (613a205b62)"],
    ['application/yaml', 'a:\n\tb: 1', 'yaml: line 2: found character that cannot start any token (613a0a09623a2031)'],
    ['application/yaml', 'a: *b', "yaml: unknown anchor 'b' referenced (613a202a62)"],
    ['application/vnd.kubernetes.protobuf', 'xxxx', 'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] (78787878)'],
  ])('as a body is refused in upstream\'s words: %s %j', async (contentType, body, why) => {
    expect(await post(body, contentType)).toMatchObject({ code: 400, message: `the object provided is unrecognized (must be of type Deployment): ${why}` });
  });

  it('as the options of a deletion deletes nothing', async () => {
    await create(web('kept'));
    const remove = async (options: string) => (JSON.parse((await raw('DELETE', `${base}/kept`, { 'content-type': 'application/json', 'content-length': String(options.length) }, options)).bytes.toString()) as { message: string }).message;
    expect(await remove('{"preconditions":"x"}')).toBe('json: cannot unmarshal string into Go struct field DeleteOptions.preconditions of type v1.Preconditions');
    expect(await remove('{"dryRun":"All"}')).toBe('json: cannot unmarshal string into Go struct field DeleteOptions.dryRun of type []string');
    expect(await remove('{"orphanDependents":"x"}')).toBe('json: cannot unmarshal string into Go struct field DeleteOptions.orphanDependents of type bool');
    expect(await remove('[]')).toContain("couldn't get version/kind; json parse error: json: cannot unmarshal array");
    expect((await harness.local.request({ method: 'GET', path: `${base}/kept` })).code).toBe(200);
  });

  it('as a strategic merge patch is refused as where maps are converted', async () => {
    await create(web('mapped'));
    const refused = async (body: object) => (await failureOf(patch('mapped', 'strategic-merge-patch+json', body)))!.message;
    expect(await refused({ spec: { replicas: 'x' } })).toBe(' "" is invalid: patch: Invalid value: "map[spec:map[replicas:x]]": unrecognized type: int32');
    expect(await refused({ metadata: { labels: { a: 1 } } })).toContain('cannot convert int64 to string');
    expect(await refused({ spec: 'x' })).toContain('cannot restore struct from: string');
    expect((await patch('mapped', 'strategic-merge-patch+json', { kind: 'Pod' })).body.kind).toBe('Deployment');
    expect((await failureOf(patch('mapped', 'merge-patch+json', { kind: 'Pod' })))!.code).toBe(422);
  });
});
