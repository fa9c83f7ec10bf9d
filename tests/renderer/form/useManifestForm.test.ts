import { flushPromises } from '@vue/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPinia, setActivePinia } from 'pinia';
import { effectScope, nextTick, type EffectScope } from 'vue';
import type { KubeObject } from '../../../main/api/meta.ts';
import { startClient } from '../../../renderer/client/index.ts';
import { fieldKey } from '../../../renderer/form/context.ts';
import { withDocument } from '../../../renderer/form/text.ts';
import { useManifestForm, type ManifestForm } from '../../../renderer/form/useManifestForm.ts';
import { useDiscovery } from '../../../renderer/stores/discovery.ts';
import { answer } from '../support/fakeApi.ts';
import { FakeBridge } from '../support/fakeBridge.ts';

let bridge: FakeBridge;
let scope: EffectScope;

beforeEach(async () => {
  vi.useFakeTimers();
  bridge = new FakeBridge();
  startClient(bridge);
  setActivePinia(createPinia());
  await useDiscovery().load();
  scope = effectScope();
});
afterEach(() => {
  scope.stop();
  vi.useRealTimers();
});

const configMap = (data: Record<string, string> = {}): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'default' }, data }) as KubeObject;
const make = (initial: KubeObject = configMap(), existing?: KubeObject): ManifestForm => scope.run(() => useManifestForm(initial, existing))!;
/** The user pauses, and the server answers. */
const pause = async () => {
  await nextTick();
  vi.advanceTimersByTime(500);
  await flushPromises();
};
const invalid = (...causes: [string, string][]) =>
  answer(422, { kind: 'Status', status: 'Failure', reason: 'Invalid', code: 422, message: 'ConfigMap "settings" is invalid', details: { causes: causes.map(([field, message]) => ({ field, message })) } });
const refuse = (code: number, reason: string, message: string, details?: object) => answer(code, { kind: 'Status', status: 'Failure', reason, code, message, details });
const refuseWrites = (response: ReturnType<typeof answer>) => (bridge.api.intercept = ({ method }) => (method === 'GET' ? undefined : response));
const writes = () => bridge.api.requests.filter(({ method }) => method !== 'GET');

describe('a manifest with a form', () => {
  it('is the same on both sides', () => {
    const form = make();
    const fields = form.document(0);
    fields.set('data', { color: 'blue' });
    expect(form.text.value).toContain('color: blue');
    form.setText(form.text.value.replace('blue', 'red'));
    expect(fields.get('data.color')).toBe('red');
  });

  it('keeps what the form last had while its text cannot be read', () => {
    const form = make(configMap({ color: 'blue' }));
    const fields = form.document(0);
    const good = form.text.value;
    form.setText(`${good}  wrong: [`);
    expect(form.broken.value).toBe(true);
    expect(fields.get('data.color')).toBe('blue');
    fields.set('data.color', 'red');
    expect(form.text.value).toBe(`${good}  wrong: [`);
    form.setText(good.replace('blue', 'green'));
    expect(fields.get('data.color')).toBe('green');
  });

  it('is checked by dry run once the user pauses, and once for all that was typed', async () => {
    const form = make();
    form.document(0).set('data', { a: '1' });
    form.document(0).set('data', { a: '12' });
    await pause();
    expect(writes()).toHaveLength(1);
    expect(writes()[0]!.path).toContain('dryRun=All');
    expect(writes()[0]!.path).toContain('fieldValidation=Strict');
    expect(bridge.api.get('ConfigMap', 'default', 'settings')).toBeUndefined();
  });

  it('says what is wrong only where the user has been, until they submit', async () => {
    refuseWrites(invalid(['metadata.name', 'Required value'], ['data[a/b]', 'Invalid value']));
    const form = make();
    const fields = form.document(0);
    fields.set('data', { 'a/b': '1' });
    await pause();
    expect(fields.errors('data[a/b]')).toEqual(['Invalid value']);
    expect(fields.errors('metadata.name')).toEqual([]);
    expect(await form.submit()).toBeUndefined();
    expect(fields.errors('metadata.name')).toEqual(['Required value']);
    expect(form.refusals.value).toBe(1);
    expect(writes().every(({ path }) => path.includes('dryRun'))).toBe(true);
  });

  it('shows apart what belongs to no field on the screen', async () => {
    refuseWrites(invalid(['metadata.name', 'Required value'], ['spec.limits[cpu]', 'Invalid value'], ['spec.hidden', 'Forbidden']));
    const form = make();
    const { desk } = form.document(0);
    const release = desk.hold(fieldKey(0, 'metadata.name'), false);
    desk.hold(fieldKey(0, 'spec.limits'), true);
    await form.submit();
    expect(form.unplaced.value.map(({ field }) => field)).toEqual(['spec.hidden']);
    release();
    expect(form.unplaced.value.map(({ field }) => field)).toEqual(['metadata.name', 'spec.hidden']);
  });

  it('knows a field however its path is spelled', async () => {
    refuseWrites(invalid(['spec.capacity[storage]', 'Invalid value']));
    const form = make();
    await form.submit();
    expect(form.document(0).errors('spec.capacity.storage')).toEqual(['Invalid value']);
  });

  it('finds the field of a refusal that names it only in its message', async () => {
    const form = make({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' }, spec: { template: { spec: { containers: [{ ports: [{ containerPort: 80 }, { containerPort: 'http' }] }] } }, foo: 1 } } as KubeObject);
    const fields = form.document(0);
    refuseWrites(refuse(400, 'BadRequest', 'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field ContainerPort.spec.template.spec.containers.ports.containerPort of type int32'));
    await form.submit();
    expect(fields.errors('spec.template.spec.containers[0].ports[1].containerPort')).toEqual(['cannot unmarshal string into Go struct field ContainerPort.spec.template.spec.containers.ports.containerPort of type int32']);
    refuseWrites(refuse(400, 'BadRequest', 'strict decoding error: unknown field "spec.foo"'));
    await form.submit();
    expect(fields.errors('spec.foo')).toEqual(['unknown field "spec.foo"']);
    expect(form.message.value).toBe('');
  });

  it('says at the name that it is taken', async () => {
    bridge.api.put(configMap());
    const form = make();
    expect(await form.submit()).toBeUndefined();
    expect(form.document(0).errors('metadata.name')).toEqual(['configmaps "settings" already exists']);
  });

  it('says at the namespace that there is none', async () => {
    refuseWrites(refuse(404, 'NotFound', 'namespaces "default" not found', { kind: 'namespaces', name: 'default' }));
    const form = make();
    await form.submit();
    expect(form.document(0).errors('metadata.namespace')).toEqual(['namespaces "default" not found']);
  });

  it('says in the server’s words what belongs to no field', async () => {
    refuseWrites(refuse(403, 'Forbidden', 'exceeded quota: small'));
    const form = make();
    expect(await form.submit()).toBeUndefined();
    expect(form.message.value).toBe('exceeded quota: small');
  });

  it('says that no server answers, but only to who submits', async () => {
    bridge.request = () => Promise.reject(new Error('no route'));
    const form = make();
    form.document(0).set('data', { a: '1' });
    await pause();
    expect(form.message.value).toBe('');
    expect(await form.submit()).toBeUndefined();
    expect([form.message.value, form.unreachable.value]).toEqual(['no route', true]);
  });

  it('is not sent while a field is wrong that the server could not name', async () => {
    const form = make();
    form.document(0).desk.complain(fieldKey(0, 'data.a'), 'must be a number');
    expect(await form.submit()).toBeUndefined();
    expect(writes()).toEqual([]);
    expect(form.document(0).errors('data.a')).toEqual(['must be a number']);
    form.document(0).desk.complain(fieldKey(0, 'data.a'), '');
    expect(await form.submit()).toHaveLength(1);
  });
});

describe('a manifest of two objects', () => {
  const service: string = 'apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: default\n';

  it('makes both, once the server has agreed to both', async () => {
    const form = make();
    form.setText(withDocument(form.text.value, service));
    expect((await form.submit())?.map(({ object }) => object.kind)).toEqual(['ConfigMap', 'Service']);
    expect(writes().map(({ path }) => path.includes('dryRun'))).toEqual([true, true, false, false]);
    expect(bridge.api.get('Service', 'default', 'web')).toBeDefined();
  });

  it('makes none when the server refuses one', async () => {
    const form = make();
    form.setText(withDocument(form.text.value, service));
    bridge.api.intercept = ({ path, method }) => (method === 'POST' && path.includes('services') ? invalid(['metadata.name', 'Invalid value']) : undefined);
    expect(await form.submit()).toBeUndefined();
    expect(bridge.api.get('ConfigMap', 'default', 'settings')).toBeUndefined();
    expect(form.document(1).errors('metadata.name')).toEqual(['Invalid value']);
    expect(form.document(0).errors('metadata.name')).toEqual([]);
  });

  it('goes on with the second one when only that failed', async () => {
    const form = make();
    form.setText(withDocument(form.text.value, service));
    bridge.api.intercept = ({ path, method }) => (method === 'POST' && path.includes('services') && !path.includes('dryRun') ? refuse(500, 'InternalError', 'no port left') : undefined);
    expect(await form.submit()).toBeUndefined();
    expect(form.message.value).toBe('no port left');
    bridge.api.intercept = () => undefined;
    form.document(0).set('data', { a: '2' });
    expect(await form.submit()).toHaveLength(2);
    expect(bridge.api.get<KubeObject & { data: object }>('ConfigMap', 'default', 'settings')?.data).toEqual({ a: '2' });
  });
});

describe('an object that exists', () => {
  const edit = (object: KubeObject) => make(configMap(), object);

  it('is shown without the server’s bookkeeping, and written to its own address', async () => {
    const stored = bridge.api.put({ ...configMap({ a: '1' }), status: { seen: true } } as KubeObject);
    const form = edit(stored);
    expect(form.text.value).not.toMatch(/resourceVersion|uid|creationTimestamp|status/);
    form.document(0).set('data', { a: '2' });
    await form.submit();
    const last = writes().at(-1)!;
    expect([last.method, last.path.split('?')[0]]).toEqual(['PUT', '/api/v1/namespaces/default/configmaps/settings']);
    expect((JSON.parse(last.body!) as KubeObject).metadata).toMatchObject({ resourceVersion: stored.metadata!.resourceVersion, uid: stored.metadata!.uid });
    expect(bridge.api.get<KubeObject & { data: object }>('ConfigMap', 'default', 'settings')?.data).toEqual({ a: '2' });
  });

  it('that only its controllers have written meanwhile is saved all the same', async () => {
    const form = edit(bridge.api.put(configMap({ a: '1' })));
    bridge.api.put({ ...configMap({ a: '1' }), metadata: { ...configMap().metadata, uid: bridge.api.get('ConfigMap', 'default', 'settings')!.metadata!.uid! }, status: { seen: 2 } } as KubeObject);
    form.document(0).set('data', { a: '2' });
    expect(await form.submit()).toHaveLength(1);
    expect(form.stale.value).toBe(false);
  });

  it('that somebody else has changed is not overwritten: it is loaded again', async () => {
    const form = edit(bridge.api.put(configMap({ a: '1' })));
    bridge.api.put(configMap({ a: 'theirs' }));
    form.document(0).set('data', { a: 'mine' });
    expect(await form.submit()).toBeUndefined();
    expect(form.stale.value).toBe(true);
    expect(bridge.api.get<KubeObject & { data: object }>('ConfigMap', 'default', 'settings')?.data).toEqual({ a: 'theirs' });
    await form.reload();
    expect([form.stale.value, form.document(0).get('data.a')]).toEqual([false, 'theirs']);
    form.document(0).set('data', { a: 'mine' });
    expect(await form.submit()).toHaveLength(1);
  });
});
