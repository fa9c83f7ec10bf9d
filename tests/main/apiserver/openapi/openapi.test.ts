import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../../main/api/json.ts';
import type { Answer, Call } from '../../../../main/apiserver/call.ts';
import { OpenApi, type ServedResource } from '../../../../main/apiserver/openapi/index.ts';

const served = (group: string, kind: string, resource: string, more: Partial<ServedResource['definition']> = {}): ServedResource => ({
  definition: {
    group,
    version: 'v1',
    kind,
    resource,
    singular: kind.toLowerCase(),
    listKind: `${kind}List`,
    shortNames: [],
    categories: [],
    namespaced: true,
    ...more,
  },
});

const scale = { kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: ['get', 'update', 'patch'] };
const pods = served('', 'Pod', 'pods');
const deployments: ServedResource = { ...served('apps', 'Deployment', 'deployments'), subresources: { scale } };
const reviews = served('authorization.k8s.io', 'SubjectAccessReview', 'subjectaccessreviews', { namespaced: false, verbs: ['create'] });

type Tree = { [key: string]: Tree } & { [key: number]: Tree };

function server(...resources: ServedResource[]) {
  return serverBeside([], ...resources);
}

/** With the documents of other servers. */
function serverBeside(documents: Json[], ...resources: ServedResource[]) {
  const table = { version: 1, resources, all: () => table.resources };
  const alone = { version: 0, groups: () => [], handles: () => false, answer: () => Promise.reject(new Error('there are no other servers')), documents: () => Promise.resolve(documents) };
  const openApi = new OpenApi(table, () => alone);
  async function ask(path: string, more: Partial<Call> = {}) {
    const [pathname = '', query] = path.split('?');
    const call = { method: 'GET', info: { path: pathname }, query: new URLSearchParams(query), ...more };
    return (await openApi.answer(call as unknown as Call)) as (Answer & { type: 'text' }) | undefined;
  }
  const read = async (path: string) => JSON.parse(Buffer.from((await ask(path))!.body as Uint8Array).toString()) as Tree;
  return { table, ask, read };
}

describe('OpenAPI v3', () => {
  it('lists a document a group and version, at a path that names its content', async () => {
    const { read, ask } = server(pods, deployments);
    const { paths } = await read('/openapi/v3');
    expect(Object.keys(paths!)).toEqual(['.well-known/openid-configuration', 'api', 'api/v1', 'apis', 'apis/apps', 'apis/apps/v1', 'openid/v1/jwks', 'version']);
    const url = String(paths!['apis/apps/v1']!['serverRelativeURL']);
    expect(url).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);
    const answer = await ask(url);
    expect(answer).toMatchObject({ code: 200, contentType: 'application/json' });
    expect(answer!.headers!['cache-control']).toContain('immutable');
    expect(await ask('/openapi/v3/apis/apps/v1?hash=OLD')).toMatchObject({ code: 301, headers: { location: url } });
    expect(await ask('/openapi/v3/apis/apps/v1', { ifNoneMatch: answer!.headers!['etag'] })).toMatchObject({ code: 304 });
    expect(await ask('/openapi/v3/apis/nothing/v1')).toBeUndefined();
  });

  it('describes every member of a kind, and how it is merged', async () => {
    const { components } = await server(deployments).read('/openapi/v3/apis/apps/v1');
    const schemas = components!['schemas']!;
    expect(schemas['io.k8s.api.apps.v1.Deployment']).toMatchObject({
      type: 'object',
      'x-kubernetes-group-version-kind': [{ group: 'apps', kind: 'Deployment', version: 'v1' }],
    });
    expect(schemas['io.k8s.api.apps.v1.DeploymentSpec']).toMatchObject({
      required: ['selector', 'template'],
      properties: {
        replicas: { type: 'integer', format: 'int32', description: expect.stringContaining('Number of desired pods') },
        template: { allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.PodTemplateSpec' }], default: {} },
      },
    });
    expect(schemas['io.k8s.api.core.v1.Container']!['properties']).toMatchObject({
      ports: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
        'x-kubernetes-patch-merge-key': 'containerPort',
        'x-kubernetes-patch-strategy': 'merge',
      },
      imagePullPolicy: { type: 'string', enum: ['Always', 'IfNotPresent', 'Never'] },
    });
    expect(schemas['io.k8s.api.core.v1.ContainerPort']!['properties']!['protocol']).toMatchObject({ default: 'TCP' });
    expect(schemas['io.k8s.apimachinery.pkg.util.intstr.IntOrString']).toMatchObject({ oneOf: [{ type: 'integer' }, { type: 'string' }] });
    for (const reference of JSON.stringify(components).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) expect(schemas).toHaveProperty([reference[1]!]);
  });

  it('names what can be done, where, and to which kind', async () => {
    const { paths } = await server(deployments).read('/openapi/v3/apis/apps/v1');
    expect(Object.keys(paths!)).toEqual([
      '/apis/apps/v1/',
      '/apis/apps/v1/deployments',
      '/apis/apps/v1/namespaces/{namespace}/deployments',
      '/apis/apps/v1/namespaces/{namespace}/deployments/{name}',
      '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale',
      '/apis/apps/v1/watch/deployments',
      '/apis/apps/v1/watch/namespaces/{namespace}/deployments',
      '/apis/apps/v1/watch/namespaces/{namespace}/deployments/{name}',
    ]);
    const item = paths!['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']!;
    expect(item['patch']).toMatchObject({
      operationId: 'patchAppsV1NamespacedDeployment',
      'x-kubernetes-action': 'patch',
      'x-kubernetes-group-version-kind': { group: 'apps', kind: 'Deployment', version: 'v1' },
    });
    const names = (item['patch']!['parameters'] as unknown as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(['dryRun', 'fieldManager', 'fieldValidation', 'force']);
    expect(paths!['/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale']!['get']).toMatchObject({
      operationId: 'readAppsV1NamespacedDeploymentScale',
      'x-kubernetes-group-version-kind': { group: 'autoscaling', kind: 'Scale', version: 'v1' },
    });
  });

  it('says what each parameter is for, and once of a path what all its operations take', async () => {
    const { paths } = await server(deployments, { ...pods, returnsDeletedObject: true }).read('/openapi/v3/apis/apps/v1');
    const item = paths!['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']!;
    expect(item['parameters']).toMatchObject([
      { name: 'name', in: 'path', description: 'name of the Deployment', required: true, schema: { type: 'string', uniqueItems: true } },
      { name: 'namespace', in: 'path', description: 'object name and auth scope, such as for teams and projects' },
      { name: 'pretty', in: 'query', description: expect.stringContaining('pretty printed') },
    ]);
    const manager = (method: string) => (item[method]!['parameters'] as unknown as { name: string; description: string }[]).find(({ name }) => name === 'fieldManager')!.description;
    expect(manager('patch')).toContain('required for apply requests');
    expect(manager('put')).not.toContain('required for apply requests');
    const all = paths!['/apis/apps/v1/deployments']!;
    expect(all['get']).not.toHaveProperty('parameters');
    expect((all['parameters'] as unknown as { name: string }[]).map(({ name }) => name)).toEqual([
      'allowWatchBookmarks', 'continue', 'fieldSelector', 'labelSelector', 'limit', 'pretty', 'resourceVersion', 'resourceVersionMatch', 'sendInitialEvents', 'shardSelector', 'timeoutSeconds', 'watch',
    ]);
    expect(paths!['/apis/apps/v1/watch/namespaces/{namespace}/deployments/{name}']!['get']).toMatchObject({ operationId: 'watchAppsV1NamespacedDeployment', 'x-kubernetes-action': 'watch' });
  });

  it('has a document of the server itself and one a group', async () => {
    const { read } = server(deployments);
    expect((await read('/openapi/v3/apis/apps'))['paths']).toMatchObject({ '/apis/apps/': { get: { operationId: 'getAppsAPIGroup' } } });
    expect(await read('/openapi/v3/version')).toMatchObject({
      paths: { '/version/': { get: { operationId: 'getCodeVersion' } } },
      components: { schemas: { 'io.k8s.apimachinery.pkg.version.Info': { required: expect.arrayContaining(['gitVersion']), properties: { emulationMajor: { type: 'string', description: expect.stringContaining('emulation') } } } } },
    });
  });

  it('knows no list of what is only created, and any content for what is not built in', async () => {
    const { read } = server(reviews, served('example.com', 'Widget', 'widgets'));
    const review = await read('/openapi/v3/apis/authorization.k8s.io/v1');
    expect(Object.keys(review['paths']!)).toEqual(['/apis/authorization.k8s.io/v1/', '/apis/authorization.k8s.io/v1/subjectaccessreviews']);
    // Of what nobody deletes nothing else is asked.
    expect(JSON.stringify(review)).not.toContain('DeleteOptions');
    expect(JSON.stringify(review)).not.toContain('SubjectAccessReviewList');
    const widget = await read('/openapi/v3/apis/example.com/v1');
    expect(widget['components']!['schemas']!['com.example.v1.Widget']).toMatchObject({ 'x-kubernetes-preserve-unknown-fields': true });
  });

  it('follows what is served', async () => {
    const { table, read, ask } = server(pods);
    const before = await ask('/openapi/v2');
    expect(await ask('/openapi/v3/apis/apps/v1')).toBeUndefined();
    table.resources = [pods, deployments];
    table.version++;
    expect((await read('/openapi/v3/apis/apps/v1'))['paths']).toHaveProperty(['/apis/apps/v1/deployments']);
    expect((await ask('/openapi/v2'))!.headers!['etag']).not.toBe(before!.headers!['etag']);
  });
});

describe('OpenAPI v2', () => {
  it('says the same in its own way', async () => {
    const { definitions, swagger } = await server(pods, deployments).read('/openapi/v2');
    expect(swagger).toBe('2.0');
    expect(definitions!['io.k8s.api.apps.v1.DeploymentSpec']!['properties']!['template']).toMatchObject({ $ref: '#/definitions/io.k8s.api.core.v1.PodTemplateSpec' });
    expect(definitions!['io.k8s.apimachinery.pkg.util.intstr.IntOrString']).toMatchObject({ type: 'string', format: 'int-or-string' });
    expect(JSON.stringify(definitions)).not.toMatch(/"(allOf|oneOf|default)":/);
    expect(definitions!['io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions']!['x-kubernetes-group-version-kind']).toEqual([
      { group: '', kind: 'DeleteOptions', version: 'v1' },
      { group: 'apps', kind: 'DeleteOptions', version: 'v1' },
    ]);
  });

  it('names what many operations take by what it says, as Kubernetes does', async () => {
    const { parameters, paths } = await server(pods, deployments).read('/openapi/v2');
    for (const name of ['namespace-vgWSWtn3', 'fieldManager-Qy4HdaTW', 'fieldManager-7c6nTn1T', 'continue-QfD61s0i', 'sendInitialEvents-rLXlEK_k', 'gracePeriodSeconds--K5HaBOS', 'body-2Y1dVQaQ', 'container-_Q-EJ3nR'])
      expect(parameters).toHaveProperty([name]);
    const shared = JSON.stringify(parameters);
    for (const [, name] of JSON.stringify(paths).matchAll(/"#\/parameters\/([^"]+)"/g)) expect(shared).toContain(`"${name}":`);
    expect(paths!['/version/']!['get']).toMatchObject({ responses: { 200: { schema: { $ref: '#/definitions/io.k8s.apimachinery.pkg.version.Info' } } } });
  });

  it('has what users define among what is built in, as long as it is there', async () => {
    const schema = { type: 'object', description: 'A wheel.', 'x-kubernetes-group-version-kind': [{ group: 'cars.example.com', kind: 'Wheel', version: 'v1' }] };
    const wheels: ServedResource = { ...served('cars.example.com', 'Wheel', 'wheels'), openApi: { v2: schema, v3: schema, list: { type: 'object' } } };
    const { table, read, ask } = server(pods, deployments);
    const protobufs = async () => oracle.toObject(oracle.decode((await ask('/openapi/v2', { accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf' }))!.body as Uint8Array)) as Tree;
    const namesOf = (document: Tree) => (document['definitions']!['additional_properties'] as unknown as { name: string }[]).map(({ name }) => name);
    const before = await read('/openapi/v2');
    const builtin = namesOf(await protobufs());
    table.resources = [pods, wheels, deployments];
    table.version++;
    const after = await read('/openapi/v2');
    expect(after['definitions']).toEqual({ ...before['definitions'], 'com.example.cars.v1.Wheel': schema, 'com.example.cars.v1.WheelList': { type: 'object' } });
    expect(Object.keys(after['paths']!)).toEqual(Object.keys(after['paths']!).sort());
    expect(after['paths']).toMatchObject({ ...before['paths'], '/apis/cars.example.com/v1/namespaces/{namespace}/wheels': {} });
    expect(namesOf(await protobufs())).toEqual([...builtin, 'com.example.cars.v1.Wheel', 'com.example.cars.v1.WheelList']);
    table.resources = [pods, deployments];
    table.version++;
    expect(await read('/openapi/v2')).toEqual(before);
  });

  // The parts of OpenAPIv2.proto that kubectl looks at.
  const oracle = protobuf.parse(
    `syntax = "proto3";
    message Any { string yaml = 2; }
    message NamedAny { string name = 1; Any value = 2; }
    message NamedSchema { string name = 1; Schema value = 2; }
    message Properties { repeated NamedSchema additional_properties = 1; }
    message Item { repeated Schema schema = 1; }
    message TypeItem { repeated string value = 1; }
    message Schema {
      string ref = 1; string format = 2; string description = 4; repeated string required = 19; repeated Any enum = 20;
      Item additional_properties = 21; TypeItem type = 22; Item items = 23; Properties properties = 25; repeated NamedAny vendor_extension = 31;
    }
    message Query { bool required = 1; string in = 2; string name = 4; string type = 6; bool unique_items = 20; }
    message NonBody { Query query = 3; }
    message Body { string name = 2; Schema schema = 5; }
    message Parameter { Body body = 1; NonBody non_body = 2; }
    message Reference { string ref = 1; }
    message ParametersItem { Parameter parameter = 1; Reference reference = 2; }
    message Operation {
      repeated string tags = 1; string operation_id = 5; repeated ParametersItem parameters = 8; repeated NamedAny vendor_extension = 13;
    }
    message PathItem { Operation get = 2; Operation patch = 8; repeated ParametersItem parameters = 9; }
    message NamedPathItem { string name = 1; PathItem value = 2; }
    message Paths { repeated NamedPathItem path = 2; }
    message Document { string swagger = 1; Paths paths = 8; Properties definitions = 9; }`,
    { keepCase: true },
  ).root.lookupType('Document');

  it.each([
    'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
    'application/com.github.proto-openapi.spec.v2.v1.0+protobuf, application/json',
  ])('is protobuf for %s', async (accept) => {
    const answer = await server(pods, deployments).ask('/openapi/v2', { accept });
    expect(answer!.contentType).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    const document = oracle.toObject(oracle.decode(answer!.body as Uint8Array), { arrays: false }) as Tree;
    expect(document['swagger']).toBe('2.0');
    const named = (list: unknown, name: string) => (list as { name: string; value: Tree }[]).find((entry) => entry.name === name)!.value;
    const container = named(document['definitions']!['additional_properties'], 'io.k8s.api.core.v1.Container');
    expect(container).toMatchObject({ required: ['name'], type: { value: ['object'] } });
    const ports = named(container['properties']!['additional_properties'], 'ports');
    expect(ports).toMatchObject({ items: { schema: [{ ref: '#/definitions/io.k8s.api.core.v1.ContainerPort' }] } });
    expect(ports['vendor_extension']).toContainEqual({ name: 'x-kubernetes-list-map-keys', value: { yaml: '["containerPort","protocol"]' } });
    const patch = named(document['paths']!['path'], '/api/v1/namespaces/{namespace}/pods/{name}')['patch']!;
    expect(patch['operation_id']).toBe('patchCoreV1NamespacedPod');
    expect(patch['parameters']).toContainEqual({
      parameter: { non_body: { query: { in: 'query', name: 'dryRun', type: 'string', unique_items: true } } },
    });
    expect(patch['vendor_extension']).toContainEqual({ name: 'x-kubernetes-action', value: { yaml: '"patch"' } });
  });

  it('is JSON where JSON is wanted first', async () => {
    const { ask } = server(pods);
    expect((await ask('/openapi/v2', { accept: 'application/json, application/com.github.proto-openapi.spec.v2@v1.0+protobuf' }))!.contentType).toBe('application/json');
    expect((await ask('/openapi/v2', { accept: undefined }))!.contentType).toBe('application/json');
  });
});

it('what other servers serve is in the v2 document, under other names where the same name means something else', async () => {
  const ref = (name: string) => ({ $ref: `#/definitions/${name}` });
  const pod = 'io.k8s.api.core.v1.Pod';
  const other = {
    swagger: '2.0',
    paths: { '/apis/fruit.example.com/v1/apples': { get: { responses: { 200: { schema: ref('example.Apple') } } } }, '/version/': { get: {} }, '/apis/apps/v1/deployments': { get: { mine: true } } },
    definitions: { 'example.Apple': { properties: { pod: ref(pod), self: ref('example.Apple') } }, [pod]: { description: 'of another kind' }, unused: {} },
  };
  const documents: Json[] = [other];
  const { ask, read } = serverBeside(documents, pods, deployments);
  const { paths, definitions } = await read('/openapi/v2');
  expect(paths!['/apis/fruit.example.com/v1/apples']).toEqual(other.paths['/apis/fruit.example.com/v1/apples']);
  expect(paths).toHaveProperty(['/apis/apps/v1/namespaces/{namespace}/deployments']);
  expect(JSON.stringify(paths)).not.toContain('"mine"');
  expect(definitions!['example.Apple']).toEqual({ properties: { pod: ref(`${pod}_v2`), self: ref('example.Apple') } });
  expect(definitions![`${pod}_v2`]).toEqual({ description: 'of another kind' });
  expect(definitions![pod]).toHaveProperty('properties');
  expect(definitions).not.toHaveProperty('unused');
  const { etag } = (await ask('/openapi/v2'))!.headers!;
  documents.pop();
  expect((await ask('/openapi/v2'))!.headers!['etag']).not.toBe(etag);
  expect((await read('/openapi/v2'))['paths']).not.toHaveProperty(['/apis/fruit.example.com/v1/apples']);
});
