import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../../main/api/meta.ts';
import type { JsonSchema } from '../../../../main/apiserver/apiextensions/schema/types.ts';
import { WebhookServer } from '../support/webhookServer.ts';
import { CustomServer, definitionOf, definitions } from './definitions.ts';

type Widget = KubeObject & { spec?: Record<string, unknown>; status?: Record<string, unknown> };

let server: CustomServer;
beforeEach(async () => {
  server = await CustomServer.start();
});
afterEach(() => server.close());

const widgets = (version = 'v1') => `/apis/example.com/${version}/namespaces/default/widgets`;
const widget = (name: string, spec?: object, more: object = {}) => ({ apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name }, ...(spec && { spec }), ...more });
const create = (object: object, query: Record<string, string> = {}) => server.request<Widget>('POST', widgets(), object, { query });
const get = async (name: string, version = 'v1') => (await server.request<Widget>('GET', `${widgets(version)}/${name}`)).body;
const spec = (properties: Record<string, JsonSchema>, more: Partial<JsonSchema> = {}): JsonSchema => ({
  type: 'object',
  properties: { spec: { type: 'object', properties, ...more }, status: { type: 'object', properties: { replicas: { type: 'integer' }, note: { type: 'string' } } } },
});
const faults = async (request: Promise<unknown>) => (await server.refusal(request))?.details?.causes?.map(({ field, message }) => `${field}: ${message}`);

describe('a definition', () => {
  it('is served as soon as it says so, and published', async () => {
    const definition = await server.define(definitionOf([{ schema: spec({ size: { type: 'integer', description: 'How large.' } }) }], { names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'], categories: ['all'] } }));
    expect(definition.status?.conditions?.map(({ type, status }) => `${type}=${status}`)).toEqual(['NamesAccepted=True', 'Established=True']);
    const { body: list } = await server.request<{ resources: object[] }>('GET', '/apis/example.com/v1');
    expect(list.resources).toMatchObject([{ name: 'widgets', kind: 'Widget', shortNames: ['wd'], categories: ['all'], namespaced: true }]);
    const { body: v3 } = await server.request<{ components: { schemas: Record<string, { properties: Record<string, unknown> }> } }>('GET', '/openapi/v3/apis/example.com/v1');
    expect(v3.components.schemas['com.example.v1.Widget']?.properties.spec).toMatchObject({ properties: { size: { description: 'How large.' } } });
    const { body: v2 } = await server.request<{ definitions: Record<string, unknown> }>('GET', '/openapi/v2');
    expect(v2.definitions['com.example.v1.Widget']).toMatchObject({ 'x-kubernetes-group-version-kind': [{ group: 'example.com', kind: 'Widget', version: 'v1' }] });
  });

  it('publishes the kinds of patches that its objects take: strategic merge is none of them', async () => {
    await server.define(definitionOf([{ schema: spec({}) }]));
    const item = '/apis/example.com/v1/namespaces/{namespace}/widgets/{name}';
    const { body: v3 } = await server.request<{ paths: Record<string, { patch: { requestBody: { content: object } } }> }>('GET', '/openapi/v3/apis/example.com/v1');
    expect(Object.keys(v3.paths[item]!.patch.requestBody.content)).toEqual(['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json']);
    const { body: v2 } = await server.request<{ paths: Record<string, { patch: { consumes: string[] } }> }>('GET', '/openapi/v2');
    expect(v2.paths[item]!.patch.consumes).not.toContain('application/strategic-merge-patch+json');
    expect(v2.paths[`${definitions}/{name}`]!.patch.consumes).toContain('application/strategic-merge-patch+json');
  });

  it('changes what OpenAPI is known by', async () => {
    const hash = async () => (await server.request<{ paths: Record<string, { serverRelativeURL: string }> }>('GET', '/openapi/v3')).body.paths['apis/example.com/v1']?.serverRelativeURL;
    await server.define(definitionOf([{ schema: spec({}) }]));
    const before = await hash();
    await server.define(definitionOf([{ schema: spec({ color: { type: 'string' } }) }]));
    expect(await hash()).not.toBe(before);
    await server.remove('widgets.example.com');
    expect(await hash()).toBeUndefined();
  });

  it('takes its objects with it, after those who hold them let go', async () => {
    await server.define(definitionOf([{}]));
    await create(widget('free'));
    await create({ ...widget('held'), metadata: { name: 'held', finalizers: ['example.com/hold'] } });
    await server.remove('widgets.example.com');
    expect((await server.find('widgets.example.com'))?.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Terminating', status: 'True', reason: 'InstanceDeletionInProgress' }));
    expect((await server.refusal(create(widget('late'))))?.message).toBe('create not allowed while custom resource definition is terminating');
    expect((await server.request<{ items: KubeObject[] }>('GET', widgets())).body.items.map(({ metadata }) => metadata?.name)).toEqual(['held']);
    expect(await server.refusal(server.request('PATCH', `${widgets()}/held`, { metadata: { finalizers: null } }, { contentType: 'application/merge-patch+json' }))).toBeUndefined();
  });

  it('without objects goes at once, and what it defined with it', async () => {
    await server.define(definitionOf([{}]));
    await server.remove('widgets.example.com');
    expect(await server.find('widgets.example.com')).toBeUndefined();
    expect((await server.refusal(server.request('GET', widgets())))?.code).toBe(404);
    expect((await server.refusal(server.request('GET', '/apis/example.com')))?.code).toBe(404);
  });

  it('of a deprecated version warns whoever asks for it', async () => {
    await server.define(definitionOf([{ deprecated: true }]));
    expect((await server.request('GET', widgets())).warnings).toEqual(['example.com/v1 Widget is deprecated']);
  });

  it('that is wrong is refused whole', async () => {
    expect((await server.refusal(server.request('POST', definitions, definitionOf([{ schema: {} }]))))?.message).toContain('spec.validation.openAPIV3Schema.type: Required value: must not be empty at the root');
    expect(await server.find('widgets.example.com')).toBeUndefined();
  });
});

describe('an object', () => {
  const schema = spec(
    {
      size: { type: 'integer', minimum: 1, maximum: 10, default: 3 },
      name: { type: 'string', maxLength: 5, pattern: '^[a-z]+$' },
      color: { type: 'string', enum: ['red', 'blue'] },
      port: { 'x-kubernetes-int-or-string': true },
      tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
      free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      template: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
      maybe: { type: 'string', nullable: true },
    },
    { required: ['name'] },
  );
  beforeEach(() => server.define(definitionOf([{ schema }])));

  it('is pruned and filled in', async () => {
    const { body, warnings } = await create(widget('a', { name: 'x', other: 1, free: { any: [1] }, maybe: null, color: null }, { more: {} }));
    expect(body.spec).toEqual({ name: 'x', size: 3, free: { any: [1] }, maybe: null });
    expect(body).not.toHaveProperty('more');
    expect(warnings).toEqual(['unknown field "more"', 'unknown field "spec.other"']);
    expect(body.metadata).toMatchObject({ generation: 1, uid: expect.any(String) as string });
  });

  it('is refused for unknown fields when asked', async () => {
    expect((await server.refusal(create(widget('a', { name: 'x', other: 1 }), { fieldValidation: 'Strict' })))?.message).toBe(
      'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.other"',
    );
  });

  it('of another kind is refused as invalid, since nothing converts it', async () => {
    await server.define(definitionOf([{ schema: spec({}) }]));
    expect(await faults(create({ ...widget('a'), kind: 'Gadget' }))).toEqual(['kind: Invalid value: "Gadget": must be Widget']);
  });

  it('that does not fit is refused in the words of Kubernetes', async () => {
    expect(await faults(create(widget('a', { name: 'TOOLONG', size: 11, color: 'green', port: true, tags: ['a', 'a'], template: { kind: 'Pod' } })))).toEqual([
      'spec.color: Unsupported value: "green": supported values: "red", "blue"',
      'spec.name: Too long: may not be more than 5 bytes',
      'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
      'spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10',
      'spec.template.apiVersion: Required value',
      'spec.tags[1]: Duplicate value: "a"',
    ]);
    expect(await faults(create(widget('a', {})))).toEqual(['spec.name: Required value']);
    expect(await faults(create(widget('a', { name: 5 })))).toEqual(['spec.name: Invalid value: "integer": spec.name in body must be of type string: "integer"']);
  });

  it('may stay as wrong as it was', async () => {
    await create(widget('a', { name: 'abc', size: 5 }));
    await server.define(definitionOf([{ schema: spec({ ...schema.properties!.spec!.properties, name: { type: 'string', maxLength: 2 } }) }]));
    const patch = (change: object) => server.request<Widget>('PATCH', `${widgets()}/a`, { spec: change }, { contentType: 'application/merge-patch+json' });
    expect((await patch({ size: 6 })).body.spec?.size).toBe(6);
    expect(await faults(patch({ name: 'abcd' }))).toEqual(['spec.name: Too long: may not be more than 2 bytes']);
  });

  it('gets defaults that came after it', async () => {
    await create(widget('a', { name: 'x' }));
    await server.define(definitionOf([{ schema: spec({ ...schema.properties!.spec!.properties, color: { type: 'string', default: 'red' } }) }]));
    expect((await get('a')).spec?.color).toBe('red');
    const { body } = await server.request<{ items: Widget[] }>('GET', widgets());
    expect(body.items[0]?.spec?.color).toBe('red');
  });

  it('has the status that its schema gives it before anybody has written one', async () => {
    const status = { type: 'object', default: { phase: 'Unknown' }, properties: { phase: { type: 'string' } } } as const;
    await server.define(definitionOf([{ schema: { type: 'object', properties: { ...schema.properties, status } }, subresources: { status: {} } }]));
    const { body } = await create(widget('a', { name: 'x' }, { status: { phase: 'Ready' } }));
    expect(body).toMatchObject({ status: { phase: 'Unknown' } });
    expect(await get('a')).toEqual(body);
  });

  it('counts its generations, and keeps an unchanged object as it is', async () => {
    const first = (await create(widget('a', { name: 'x' }))).body;
    const labelled = (await server.request<Widget>('PATCH', `${widgets()}/a`, { metadata: { labels: { a: 'b' } } }, { contentType: 'application/merge-patch+json' })).body;
    expect(labelled.metadata?.generation).toBe(1);
    const same = (await server.request<Widget>('PUT', `${widgets()}/a`, labelled)).body;
    expect(same.metadata?.resourceVersion).toBe(labelled.metadata?.resourceVersion);
    const changed = (await server.request<Widget>('PUT', `${widgets()}/a`, { ...labelled, spec: { ...first.spec, size: 4 } })).body;
    expect(changed.metadata?.generation).toBe(2);
  });

  it('is applied with owners by its schema', async () => {
    const apply = (manager: string, tags: string[]) =>
      server.request<Widget>('PATCH', `${widgets()}/a`, widget('a', { name: 'x', tags }), { contentType: 'application/apply-patch+yaml', query: { fieldManager: manager } });
    await apply('one', ['a']);
    const { body } = await apply('two', ['b']);
    expect(body.spec?.tags).toEqual(['a', 'b']);
    expect((await apply('one', [])).body.spec?.tags).toEqual(['b']);
  });
});

describe('rules', () => {
  const define = (rules: JsonSchema['x-kubernetes-validations'], properties: Record<string, JsonSchema>) => server.define(definitionOf([{ schema: spec(properties, { 'x-kubernetes-validations': rules }) }]));
  const size = { size: { type: 'integer' } } satisfies Record<string, JsonSchema>;

  it('are measured when they are compiled, and when objects are judged by them', async () => {
    const counts = async () => {
      const { body } = await server.request<string>('GET', '/metrics');
      return ['compilation', 'evaluation'].map((what) => Number(new RegExp(`^apiserver_cel_${what}_duration_seconds_count (\\d+)$`, 'm').exec(body)?.[1] ?? 0));
    };
    const before = await counts();
    await define([{ rule: 'self.size < 5' }], size);
    const defined = await counts();
    expect([defined[0]! > before[0]!, defined[1]]).toEqual([true, before[1]]);
    await create(widget('a', { size: 1 }));
    // By those of the whole, and of its spec.
    expect(await counts()).toEqual([defined[0], defined[1]! + 2]);
  });

  it('say what is wrong, where and why', async () => {
    await define(
      [
        { rule: 'self.size < 5' },
        { rule: 'self.size < 6', message: 'is too large', reason: 'FieldValueForbidden', fieldPath: '.size' },
        { rule: 'self.size < 7', messageExpression: '"size is %d".format([self.size])' },
      ],
      size,
    );
    expect(await faults(create(widget('a', { size: 9 })))).toEqual([
      'spec: Invalid value: failed rule: self.size < 5',
      'spec.size: Forbidden: is too large',
      'spec: Invalid value: size is 9',
    ]);
    expect(await faults(create(widget('a', {})))).toContainEqual('spec: Invalid value: "object": no such key: size evaluating rule: self.size < 5');
    expect(await faults(create(widget('a', { size: 4 })))).toBeUndefined();
  });

  it('compare with what was', async () => {
    await define([{ rule: 'self.size >= oldSelf.size' }, { rule: '!oldSelf.hasValue() || oldSelf.value().size < 9', optionalOldSelf: true, message: 'was final' }], size);
    await create(widget('a', { size: 5 }));
    const patch = (value: number) => server.request('PATCH', `${widgets()}/a`, { spec: { size: value } }, { contentType: 'application/merge-patch+json' });
    expect(await faults(patch(4))).toEqual(['spec: Invalid value: failed rule: self.size >= oldSelf.size']);
    expect(await faults(patch(9))).toBeUndefined();
    expect(await faults(patch(10))).toEqual(['spec: Invalid value: was final']);
  });

  it('stop when they cost too much', async () => {
    await define([{ rule: 'self.list.all(x, self.list.all(y, self.list.all(z, z + x - x == z)))' }], { list: { type: 'array', maxItems: 60, items: { type: 'integer' } } });
    expect(await faults(create(widget('a', { list: Array.from({ length: 60 }, (_, i) => i) })))).toContainEqual(expect.stringContaining('no further validation rules will be run due to call cost exceeds limit for rule'));
  });
});

describe('subresources', () => {
  beforeEach(() =>
    server.define(
      definitionOf([
        {
          schema: spec({ replicas: { type: 'integer' }, color: { type: 'string' } }),
          subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
          additionalPrinterColumns: [{ name: 'Color', type: 'string', jsonPath: '.spec.color' }],
          selectableFields: [{ jsonPath: '.spec.color' }],
        },
      ]),
    ));

  it('keep status and the rest apart', async () => {
    const { body } = await create(widget('a', { replicas: 2 }, { status: { replicas: 9 } }));
    expect(body).not.toHaveProperty('status');
    const put = (await server.request<Widget>('PUT', `${widgets()}/a/status`, { ...body, spec: { replicas: 7 }, status: { replicas: 1 } })).body;
    expect([put.spec, put.status, put.metadata?.generation]).toEqual([{ replicas: 2 }, { replicas: 1 }, 1]);
    const again = (await server.request<Widget>('PUT', `${widgets()}/a`, { ...put, spec: { replicas: 3 }, status: { replicas: 5 } })).body;
    expect([again.spec, again.status, again.metadata?.generation]).toEqual([{ replicas: 3 }, { replicas: 1 }, 2]);
    expect(await faults(server.request('PUT', `${widgets()}/a/status`, { ...again, status: { replicas: 'x' } }))).toEqual([
      'status.replicas: Invalid value: "string": replicas in body must be of type integer: "string"',
      expect.stringContaining('.status.replicas') as string,
    ]);
  });

  it('show and set replicas', async () => {
    await create(widget('a', { replicas: 2 }));
    const { body: scale } = await server.request<Widget>('GET', `${widgets()}/a/scale`);
    expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 2 }, status: { replicas: 0 } });
    await server.request('PUT', `${widgets()}/a/scale`, { ...scale, spec: { replicas: 5 } });
    expect((await get('a')).spec?.replicas).toBe(5);
  });

  it('set replicas that nobody has spoken of, which cannot be shown', async () => {
    await create(widget('b', {}));
    const message = async (request: Promise<unknown>) => (await server.refusal(request))?.message;
    const scaled = (patch: object) => server.request('PATCH', `${widgets()}/b/scale`, patch, { contentType: 'application/merge-patch+json' });
    expect(await message(server.request('GET', `${widgets()}/b/scale`))).toContain('the spec replicas field ".spec.replicas" does not exist');
    expect(await message(scaled({ metadata: {} }))).toBe('the spec replicas field ".spec.replicas" cannot be empty');
    await scaled({ spec: { replicas: 3 } });
    expect((await get('b')).spec?.replicas).toBe(3);
  });

  it('have fields to select by', async () => {
    await create(widget('a', { color: 'red' }));
    await create(widget('b', { color: 'blue' }));
    const list = (fieldSelector: string) => server.request<{ items: Widget[] }>('GET', widgets(), undefined, { query: { fieldSelector } });
    expect((await list('spec.color=blue')).body.items.map(({ metadata }) => metadata?.name)).toEqual(['b']);
    expect((await server.refusal(list('spec.size=1')))?.message).toContain('field label not supported: spec.size');
  });

  it('are shown in columns', async () => {
    await create(widget('a', { color: 'red' }));
    const { body } = await server.harness.remote.request<{ columnDefinitions: Array<{ name: string }>; rows: Array<{ cells: unknown[] }> }>({
      method: 'GET',
      path: widgets(),
      headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    });
    expect([body.columnDefinitions.map(({ name }) => name), body.rows[0]?.cells]).toEqual([['Name', 'Color'], ['a', 'red']]);
  });
});

describe('versions', () => {
  it('with the same fields differ in name alone', async () => {
    await server.define(definitionOf([{}, { name: 'v2' }]));
    await create(widget('a', { size: 1 }));
    expect(await get('a', 'v2')).toMatchObject({ apiVersion: 'example.com/v2', kind: 'Widget', spec: { size: 1 } });
    await server.request('PUT', `${widgets('v2')}/a`, { ...(await get('a', 'v2')), spec: { size: 2 } });
    expect(await get('a')).toMatchObject({ apiVersion: 'example.com/v1', spec: { size: 2 } });
  });

  it('are watched each in its own, and watches end when the definition changes', async () => {
    await server.define(definitionOf([{}, { name: 'v2' }]));
    const events: string[] = [];
    let ended = false;
    server.harness.local.watch({ method: 'GET', path: widgets('v2'), query: { watch: true } }, { onEvent: ({ type, object }) => events.push(`${type} ${(object as KubeObject).apiVersion}`), onEnd: () => (ended = true) });
    await server.turns();
    await create(widget('a', { size: 1 }));
    await server.turns();
    expect(events).toEqual(['ADDED example.com/v2']);
    await server.define(definitionOf([{}, { name: 'v2', schema: spec({}) }]));
    expect(ended).toBe(true);
  });

  it('have owners of their fields each in its own, whom the webhook makes comparable', async () => {
    const hooks = await WebhookServer.start();
    try {
      hooks.conversions = ({ desiredAPIVersion, objects }) =>
        objects.map((object) => {
          const { spec: { host, port, hostPort } = {} } = object as { spec?: Record<string, string> };
          const [name, number] = hostPort?.split(':') ?? [];
          const parts = { ...(name && { host: name }), ...(number && { port: number }) };
          return { ...object, apiVersion: desiredAPIVersion, spec: desiredAPIVersion === 'example.com/v2' ? parts : host || port ? { hostPort: `${host ?? ''}:${port ?? ''}` } : {} };
        });
      const conversion = { strategy: 'Webhook', webhook: { clientConfig: hooks.clientConfig('/convert'), conversionReviewVersions: ['v1'] } };
      const text: JsonSchema = { type: 'string' };
      await server.define(definitionOf([{ schema: spec({ hostPort: text }) }, { name: 'v2', schema: spec({ host: text, port: text }) }], { conversion }));
      const apply = async (fieldManager: string, version: string, said: object, force = false) =>
        (await server.request<Widget>('PATCH', `${widgets(version)}/a`, { ...widget('a', said), apiVersion: `example.com/${version}` }, { contentType: 'application/apply-patch+yaml', query: { fieldManager, force: String(force) } })).body;
      const owners = ({ metadata }: Widget) => Object.fromEntries(metadata!.managedFields!.map(({ manager, apiVersion, fieldsV1 }) => [`${manager} ${apiVersion}`, Object.keys((fieldsV1 as Record<string, object>)['f:spec']!)]));

      await apply('first', 'v1', { hostPort: 'h:80' });
      expect(await faults(apply('second', 'v2', { host: 'h', port: '81' }))).toEqual(['.spec.hostPort: conflict with "first"']);
      expect(owners(await apply('second', 'v2', { host: 'h', port: '80' }))).toEqual({ 'first example.com/v1': ['f:hostPort'], 'second example.com/v2': ['f:host', 'f:port'] });
      // What the one no longer says in a newer version is still the other's, until that one lets go as well.
      const moved = await apply('first', 'v2', { host: 'h' });
      expect([moved.spec, owners(moved)]).toEqual([{ host: 'h', port: '80' }, { 'first example.com/v2': ['f:host'], 'second example.com/v2': ['f:host', 'f:port'] }]);
      expect((await apply('second', 'v2', { host: 'h' })).spec).toEqual({ host: 'h' });
      expect(owners(await apply('third', 'v1', { hostPort: 'i:' }, true))).toEqual({ 'third example.com/v1': ['f:hostPort'] });
    } finally {
      hooks.close();
    }
  });

  it('are converted by a webhook, which may not touch who an object is', async () => {
    const hooks = await WebhookServer.start();
    try {
      hooks.conversions = ({ desiredAPIVersion, objects }) =>
        objects.map((object) => {
          const { spec: { host, port, hostPort } } = object as { spec: Record<string, string> };
          const parts = desiredAPIVersion === 'example.com/v2' ? { host: hostPort!.split(':')[0], port: hostPort!.split(':')[1] } : { hostPort: `${host}:${port}` };
          return { ...object, apiVersion: desiredAPIVersion, metadata: { ...object.metadata, labels: { converted: 'yes' } }, spec: parts };
        });
      const conversion = { strategy: 'Webhook', webhook: { clientConfig: hooks.clientConfig('/convert'), conversionReviewVersions: ['v1'] } };
      await server.define(definitionOf([{}, { name: 'v2' }], { conversion }));
      const { body } = await create(widget('a', { hostPort: 'h:80' }));
      const second = await get('a', 'v2');
      expect([second.spec, second.metadata?.uid, second.metadata?.labels]).toEqual([{ host: 'h', port: '80' }, body.metadata?.uid, { converted: 'yes' }]);
      await server.request('PUT', `${widgets('v2')}/a`, { ...second, spec: { host: 'h', port: '81' } });
      expect((await get('a')).spec).toEqual({ hostPort: 'h:81' });
      hooks.conversions = ({ objects }) => objects;
      await server.request('PATCH', `${widgets()}/a`, { spec: { hostPort: 'x:1' } }, { contentType: 'application/merge-patch+json' });
      expect((await server.refusal(get('a', 'v2')))?.message).toContain('conversion webhook for example.com/v1, Kind=Widget returned invalid converted object at index 0: invalid groupVersion');
    } finally {
      hooks.close();
    }
  });
});
