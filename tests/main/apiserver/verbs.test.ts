import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StatusError } from '../../../main/api/status.ts';
import type { Transport } from '../../../main/client/index.ts';
import { start, type Harness, type Widget } from './support/harness.ts';

const base = '/apis/test.skiff/v1/namespaces/default/widgets';

describe.each(['local', 'remote'] as const)('over the %s transport', (way) => {
  let harness: Harness;
  let transport: Transport;
  beforeEach(async () => {
    harness = await start();
    transport = harness[way];
  });
  afterEach(() => harness.close());

  const create = async (name: string, more: Partial<Widget> = {}) =>
    (await transport.request<Widget>({ method: 'POST', path: base, body: { ...more, metadata: { name, ...more.metadata } } })).body;
  const get = async (name: string) => (await transport.request<Widget>({ method: 'GET', path: `${base}/${name}` })).body;
  const failureOf = async (request: Parameters<Transport['request']>[0]) => {
    const error = await transport.request(request).then(
      () => undefined,
      (e: unknown) => e as StatusError,
    );
    return error!.status;
  };

  it('a created object has its identity from the server', async () => {
    const { code, body } = await transport.request<Widget>({
      method: 'POST',
      path: base,
      body: { metadata: { name: 'one', uid: 'mine', labels: {} }, status: { ready: true } },
    });
    expect(code).toBe(201);
    expect(body).toMatchObject({ kind: 'Widget', apiVersion: 'test.skiff/v1', metadata: { name: 'one', namespace: 'default', generation: 1 } });
    expect(body.metadata!.uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect(body.metadata!.resourceVersion).toBe(String(harness.store.revision));
    expect(body.metadata).not.toHaveProperty('labels');
    expect(body).not.toHaveProperty('status');
    expect(await get('one')).toEqual(body);
  });

  it('a second object of the same name is refused in the words of Kubernetes', async () => {
    await create('one');
    expect(await failureOf({ method: 'POST', path: base, body: { metadata: { name: 'one' } } })).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'widgets.test.skiff "one" already exists',
      reason: 'AlreadyExists',
      details: { name: 'one', group: 'test.skiff', kind: 'widgets' },
      code: 409,
    });
  });

  it('names are generated on request', async () => {
    const { body } = await transport.request<Widget>({ method: 'POST', path: base, body: { metadata: { generateName: 'w-' } } });
    expect(body.metadata!.name).toMatch(/^w-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(body.metadata!.generateName).toBe('w-');
  });

  it('an update counts generations, and one that changes nothing writes nothing', async () => {
    const one = await create('one', { spec: { size: 1 } });
    const put = (body: Widget) => transport.request<Widget>({ method: 'PUT', path: `${base}/one`, body }).then((r) => r.body);
    const same = await put(one);
    expect(same.metadata!.resourceVersion).toBe(one.metadata!.resourceVersion);
    const two = await put({ ...one, spec: { size: 2 } });
    expect(two.metadata!.generation).toBe(2);
    const labelled = await put({ ...two, metadata: { ...two.metadata, labels: { a: 'b' } } });
    expect(labelled.metadata!.generation).toBe(2);
    expect(Number(labelled.metadata!.resourceVersion)).toBeGreaterThan(Number(two.metadata!.resourceVersion));
  });

  it('a stale update is a conflict', async () => {
    const one = await create('one');
    await transport.request({ method: 'PUT', path: `${base}/one`, body: { ...one, spec: { size: 1 } } });
    const status = await failureOf({ method: 'PUT', path: `${base}/one`, body: { ...one, spec: { size: 2 } } });
    expect(status).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on widgets.test.skiff "one": the object has been modified; please apply your changes to the latest version and try again',
    });
  });

  it('an update of another object than the URL names is refused', async () => {
    const one = await create('one');
    expect(await failureOf({ method: 'PUT', path: `${base}/two`, body: one })).toMatchObject({
      code: 400,
      message: 'the name of the object (one) does not match the name on the URL (two)',
    });
    expect(await failureOf({ method: 'POST', path: base, body: { metadata: { name: 'x', namespace: 'other' } } })).toMatchObject({
      code: 400,
      message: 'the namespace of the provided object does not match the namespace sent on the request',
    });
    expect(await failureOf({ method: 'POST', path: base, body: { apiVersion: 'v1', kind: 'Widget', metadata: { name: 'x' } } })).toMatchObject({
      code: 400,
      message: 'the API version in the data (v1) does not match the expected API version (test.skiff/v1)',
    });
  });

  it('findings of validation come with their causes', async () => {
    expect(await failureOf({ method: 'POST', path: base, body: { metadata: { name: 'x' }, spec: { size: -1 } } })).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: 'Widget.test.skiff "x" is invalid: spec.size: Invalid value: -1: must be at least 0',
      details: { kind: 'Widget', causes: [{ field: 'spec.size', reason: 'FieldValueInvalid' }] },
    });
    expect(await failureOf({ method: 'POST', path: base, body: { metadata: { name: 'No Name' } } })).toMatchObject({ code: 422 });
  });

  it('warnings travel with the answer', async () => {
    const { warnings } = await transport.request({ method: 'POST', path: base, body: { metadata: { name: 'r' }, spec: { color: 'red' } } });
    expect(warnings).toEqual(['spec.color: red is "discouraged"']);
  });

  it('a status update changes the status and nothing else, the main one everything else', async () => {
    const one = await create('one', { spec: { size: 1 } });
    const { body } = await transport.request<Widget>({
      method: 'PUT',
      path: `${base}/one/status`,
      body: { ...one, spec: { size: 5 }, status: { ready: true } },
    });
    expect(body).toMatchObject({ spec: { size: 1 }, status: { ready: true }, metadata: { generation: 1 } });
    const patched = await transport.request<Widget>({
      method: 'PATCH',
      path: `${base}/one`,
      contentType: 'application/merge-patch+json',
      body: { spec: { size: 2 }, status: { ready: false } },
    });
    expect(patched.body).toMatchObject({ spec: { size: 2 }, status: { ready: true }, metadata: { generation: 2 } });
  });

  it('a dry run shows what would be and leaves everything as it was', async () => {
    const before = harness.store.revision;
    const { body } = await transport.request<Widget>({ method: 'POST', path: base, query: { dryRun: 'All' }, body: { metadata: { name: 'one' } } });
    expect(body.metadata!.uid).toBeDefined();
    expect(body.metadata).not.toHaveProperty('resourceVersion');
    expect(await failureOf({ method: 'GET', path: `${base}/one` })).toMatchObject({ code: 404, message: 'widgets.test.skiff "one" not found' });
    await create('one');
    await transport.request({ method: 'DELETE', path: `${base}/one`, query: { dryRun: 'All' } });
    expect(harness.store.revision).toBe(before + 1);
    expect(await failureOf({ method: 'POST', path: base, query: { dryRun: 'Some' }, body: { metadata: { name: 'y' } } })).toMatchObject({
      message: 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
    });
  });

  it('a deleted object is gone, and its answer says which one it was', async () => {
    const one = await create('one');
    const { body } = await transport.request({ method: 'DELETE', path: `${base}/one` });
    expect(body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'one', group: 'test.skiff', kind: 'widgets', uid: one.metadata!.uid },
    });
    expect(await failureOf({ method: 'DELETE', path: `${base}/one` })).toMatchObject({ code: 404 });
  });

  it('an object with finalizers stays until the last one is taken off', async () => {
    await create('one', { metadata: { finalizers: ['skiff.test/wait'] } });
    const { body: marked } = await transport.request<Widget>({ method: 'DELETE', path: `${base}/one` });
    expect(marked.metadata).toMatchObject({ deletionGracePeriodSeconds: 0, generation: 2 });
    expect(marked.metadata!.deletionTimestamp).toBeDefined();
    expect(
      await failureOf({
        method: 'PATCH',
        path: `${base}/one`,
        contentType: 'application/merge-patch+json',
        body: { metadata: { finalizers: ['skiff.test/wait', 'skiff.test/more'] } },
      }),
    ).toMatchObject({ code: 422 });
    await transport.request({ method: 'PATCH', path: `${base}/one`, contentType: 'application/merge-patch+json', body: { metadata: { finalizers: null } } });
    expect(await failureOf({ method: 'GET', path: `${base}/one` })).toMatchObject({ code: 404 });
  });

  it('a propagation policy becomes the finalizer that the garbage collector looks for', async () => {
    await create('one');
    await create('two');
    const policy = async (name: string, propagationPolicy: string) =>
      (await transport.request<Widget>({ method: 'DELETE', path: `${base}/${name}`, body: { propagationPolicy } })).body.metadata!.finalizers;
    expect(await policy('one', 'Foreground')).toEqual(['foregroundDeletion']);
    expect(await policy('two', 'Orphan')).toEqual(['orphan']);
  });

  it('a propagation policy keeps the other finalizers, and nothing is added to an object that goes', async () => {
    const others = Array.from({ length: 50 }, (_, i) => `skiff.test/wait-${i}`);
    await create('one', { metadata: { finalizers: others } });
    const remove = async (propagationPolicy: string) =>
      (await transport.request<Widget>({ method: 'DELETE', path: `${base}/one`, body: { propagationPolicy } })).body.metadata!.finalizers;
    expect(await remove('Foreground')).toEqual([...others, 'foregroundDeletion']);
    expect(await remove('Background')).toEqual(others);
    const patch = (finalizers: string[]) => ({ method: 'PATCH' as const, path: `${base}/one`, contentType: 'application/merge-patch+json', body: { metadata: { finalizers } } });
    const refused = await failureOf(patch([...others, 'skiff.test/late', 'skiff.test/later']));
    expect(refused).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(refused.message).toContain('found new finalizers []string{"skiff.test/late", "skiff.test/later"}');
    expect((await transport.request<Widget>(patch(others.slice(25)))).body.metadata!.finalizers).toEqual(others.slice(25));
  });

  it('an owner counts once, and only one of them controls', async () => {
    const owner = (i: number, more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: `owner-${i}`, uid: `uid-${i}`, ...more });
    const owners = [0, 1, 2].map((i) => owner(i));
    expect((await create('one', { metadata: { ownerReferences: [...owners, owner(1), owner(0)] } })).metadata!.ownerReferences).toEqual(owners);
    const refused = await failureOf({ method: 'POST', path: base, body: { metadata: { name: 'two', ownerReferences: [owner(0, { controller: true }), owner(1), owner(2, { controller: true })] } } });
    expect(refused.message).toContain('Found "true" in references for ConfigMap/owner-0 and ConfigMap/owner-2');
  });

  it('a grace period is granted once and can only be shortened', async () => {
    await create('one');
    const remove = async (gracePeriodSeconds: number) =>
      (await transport.request<Widget>({ method: 'DELETE', path: `${base}/one`, body: { gracePeriodSeconds } })).body;
    expect((await remove(30)).metadata!.deletionGracePeriodSeconds).toBe(30);
    expect((await remove(60)).metadata!.deletionGracePeriodSeconds).toBe(30);
    expect((await remove(10)).metadata!.deletionGracePeriodSeconds).toBe(10);
    await remove(0);
    expect(await failureOf({ method: 'GET', path: `${base}/one` })).toMatchObject({ code: 404 });
  });

  it('preconditions guard a deletion', async () => {
    await create('one');
    const status = await failureOf({ method: 'DELETE', path: `${base}/one`, body: { preconditions: { uid: 'other' } } });
    expect(status).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(status.message).toContain('the UID in the precondition (other) does not match the UID in record');
  });

  it('options of another kind are none', async () => {
    await create('one');
    expect(await failureOf({ method: 'DELETE', path: `${base}/one`, body: { kind: 'Widget', apiVersion: 'v1' } })).toMatchObject({
      code: 400,
      message: 'no kind "Widget" is registered for version "v1" in scheme "pkg/apis/meta/internalversion/scheme/register.go:27"',
    });
  });

  it('deletecollection deletes what the selector matches', async () => {
    await create('one', { metadata: { labels: { a: '1' } } });
    await create('two', { metadata: { labels: { a: '2' } } });
    await transport.request({ method: 'DELETE', path: base, query: { labelSelector: 'a=1' } });
    const { body } = await transport.request<{ items: Widget[] }>({ method: 'GET', path: base });
    expect(body.items.map((w) => w.metadata!.name)).toEqual(['two']);
  });

  it('lists come in pages that show one moment', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await create(name);
    interface List {
      metadata: { continue?: string; remainingItemCount?: number; resourceVersion: string };
      items: Widget[];
    }
    const first = (await transport.request<List>({ method: 'GET', path: base, query: { limit: 2 } })).body;
    expect(first.items.map((w) => w.metadata!.name)).toEqual(['a', 'b']);
    expect(first.metadata.remainingItemCount).toBe(3);
    await create('cc');
    const second = (await transport.request<List>({ method: 'GET', path: base, query: { limit: 5, continue: first.metadata.continue } })).body;
    expect(second.items.map((w) => w.metadata!.name)).toEqual(['c', 'd', 'e']);
    expect(second.metadata).toEqual({ resourceVersion: first.metadata.resourceVersion });
    await harness.store.compact(harness.store.revision);
    const status = await failureOf({ method: 'GET', path: base, query: { limit: 5, continue: first.metadata.continue } });
    expect(status).toMatchObject({ code: 410, reason: 'Expired' });
    const rest = (await transport.request<List>({ method: 'GET', path: base, query: { continue: status.metadata!.continue } })).body;
    expect(rest.items.map((w) => w.metadata!.name)).toEqual(['c', 'cc', 'd', 'e']);
  });

  it('a list that is paged for too long goes on without the past, though the past can still be read', async () => {
    for (const name of ['a', 'b', 'c']) await create(name);
    interface List {
      metadata: { continue?: string; resourceVersion: string };
      items: Widget[];
    }
    const list = async (query: Record<string, string | number | undefined>) => (await transport.request<List>({ method: 'GET', path: base, query })).body;
    const first = await list({ limit: 1 });
    await create('bb');
    expect((await list({ limit: 1, continue: first.metadata.continue })).items.map((w) => w.metadata!.name)).toEqual(['b']);
    vi.spyOn(harness.store, 'isOutdated').mockReturnValue(true);
    const status = await failureOf({ method: 'GET', path: base, query: { limit: 1, continue: first.metadata.continue } });
    expect(status).toMatchObject({ code: 410, reason: 'Expired' });
    expect((await list({ continue: status.metadata!.continue })).items.map((w) => w.metadata!.name)).toEqual(['b', 'bb', 'c']);
    expect((await list({ resourceVersion: first.metadata.resourceVersion, resourceVersionMatch: 'Exact' })).items).toHaveLength(3);
  });

  it('lists can be asked for by selector and as of a revision', async () => {
    const red = await create('a', { spec: { color: 'red' } });
    await create('b', { spec: { color: 'blue' }, metadata: { labels: { x: 'y' } } });
    const names = async (query: Record<string, string>) =>
      (await transport.request<{ items: Widget[] }>({ method: 'GET', path: base, query })).body.items.map((w) => w.metadata!.name);
    expect(await names({ fieldSelector: 'spec.color=red' })).toEqual(['a']);
    expect(await names({ fieldSelector: 'metadata.name=b' })).toEqual(['b']);
    expect(await names({ labelSelector: 'x in (y)' })).toEqual(['b']);
    expect(await names({ resourceVersion: red.metadata!.resourceVersion!, resourceVersionMatch: 'Exact' })).toEqual(['a']);
    expect(await names({ resourceVersion: red.metadata!.resourceVersion!, resourceVersionMatch: 'NotOlderThan' })).toEqual(['a', 'b']);
    expect(await failureOf({ method: 'GET', path: base, query: { fieldSelector: 'spec.nothing=1' } })).toMatchObject({
      code: 400,
      message: 'field label not supported: spec.nothing',
    });
    expect(await failureOf({ method: 'GET', path: base, query: { resourceVersion: '999999' } })).toMatchObject({
      code: 504,
      message: `Timeout: Too large resource version: 999999, current: ${harness.store.revision}`,
      details: { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }] },
    });
  });

  it('PUT creates where the kind allows it', async () => {
    const { code, body } = await transport.request<Widget>({ method: 'PUT', path: '/api/v1/gadgets/g', body: { metadata: { name: 'g' } } });
    expect(code).toBe(201);
    expect(body).toMatchObject({ kind: 'Gadget', metadata: { name: 'g' } });
    expect(await failureOf({ method: 'PUT', path: `${base}/g`, body: { metadata: { name: 'g' } } })).toMatchObject({ code: 404 });
  });

  it('what is not served is said not to be', async () => {
    expect(await failureOf({ method: 'GET', path: '/api/v1/nothings' })).toMatchObject({ code: 404, message: 'the server could not find the requested resource' });
    expect(await failureOf({ method: 'POST', path: '/apis/test.skiff/v1/widgets', body: {} })).toMatchObject({ code: 405, reason: 'MethodNotAllowed' });
  });
});
