import { afterEach, describe, expect, it, vi } from 'vitest';
import type { KubeObject } from '../../../main/api/meta.ts';
import { useManifests, type ManifestFile } from '../../../renderer/stores/manifests.ts';
import { entriesOf } from '../../../renderer/views/apply/review.ts';
import { answer, type FakeApi } from '../support/fakeApi.ts';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';

vi.mock('../../../renderer/components/yaml/editor.ts', () => ({
  makeEditor: () => ({ setOriginal() {}, fold() {}, setServerFindings() {}, setText() {}, setReadonly() {}, setDark() {}, text: () => '', destroy() {}, focus() {}, reveal() {} }),
}));

const configMap = (name: string, namespace?: string, data = 'a: b') => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${namespace ? `  namespace: ${namespace}\n` : ''}data:\n  ${data}\n`;
const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n';
const definition = 'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: boats.example.com\nspec:\n  group: example.com\n  names: {kind: Boat, plural: boats}\n';
const boat = 'apiVersion: example.com/v1\nkind: Boat\nmetadata:\n  name: dinghy\n  namespace: default\n';
const file = (name: string, ...documents: string[]): ManifestFile => ({ name, text: documents.join('---\n') });

describe('the objects of dropped files', () => {
  const titles = (...files: ManifestFile[]) => entriesOf(files).map(({ title }) => title);

  it('come in the order in which they can be applied', () => {
    expect(titles(file('a.yaml', configMap('one'), boat, definition), file('b.yaml', configMap('two'), namespace))).toEqual([
      'Namespace shop',
      'CustomResourceDefinition boats.example.com',
      'ConfigMap one',
      'Boat dinghy',
      'ConfigMap two',
    ]);
  });

  it('are taken out of Lists; empty documents are none', () => {
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'in' } }, 7] });
    const entries = entriesOf([file('list.json', list), file('b.yaml', '# nothing\n', '')]);
    expect(entries.map(({ title, state }) => [title, state])).toEqual([['ConfigMap in', 'checking'], ['list.json', 'refused']]);
    expect(entries[0]!.text).toContain('name: in');
  });

  it('that cannot be read are refused with the place', () => {
    const [good, bad] = entriesOf([file('a.yaml', configMap('one'), 'kind: [broken\n')]);
    expect([good!.state, bad!.state, bad!.chosen]).toEqual(['checking', 'refused', false]);
    expect(bad!.error).not.toBe('');
    expect(bad!.findings[0]!.from).toBeLessThanOrEqual(bad!.text.length);
  });

  it('never share an id', () => {
    const entries = [...entriesOf([file('a.yaml', configMap('one'))]), ...entriesOf([file('a.yaml', configMap('one'))])];
    expect(new Set(entries.map(({ id }) => id)).size).toBe(2);
  });
});

describe('the review', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });

  /** A server in which a namespace must be there before what is in it. */
  function withNamespaces(api: FakeApi): void {
    api.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
    api.intercept = ({ method, path }) => {
      const name = /\/namespaces\/([^/]+)\/./.exec(path.split('?')[0]!)?.[1];
      if (method === 'GET' || !name || api.get('Namespace', undefined, name)) return undefined;
      return answer(404, { kind: 'Status', status: 'Failure', reason: 'NotFound', code: 404, message: `namespaces "${name}" not found`, details: { kind: 'namespaces', name } });
    };
  }
  async function review(files: ManifestFile[], prepare: (api: FakeApi) => void = () => undefined) {
    screen = await mountScreen('/apply', ({ api }) => {
      withNamespaces(api);
      prepare(api);
    });
    useManifests().offer(files);
    await settleScreen();
  }
  const entry = (title: string) => [...document.querySelectorAll<HTMLElement>('[data-test="apply-entry"]')].find(({ textContent }) => textContent?.includes(title))!;
  const states = () => Object.fromEntries([...document.querySelectorAll<HTMLElement>('[data-test="apply-entry"]')].map((each) => [each.querySelector('.title')!.textContent, each.dataset.state]));
  const apply = async () => {
    document.querySelector<HTMLElement>('[data-test="apply-all"]')!.click();
    await settleScreen();
  };
  const dataOf = (name: string, space = 'default') => screen.bridge.api.get<KubeObject & { data: unknown }>('ConfigMap', space, name)?.data;

  it('says what files will change, and changes nothing yet', async () => {
    await review([file('a.yaml', configMap('new'), configMap('old', 'default', 'a: c'), configMap('same', 'default'), configMap('inside', 'shop'), namespace)], (api) => {
      for (const name of ['old', 'same']) api.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data: { a: 'b' } } as KubeObject);
    });
    expect(states()).toEqual({ 'Namespace shop': 'created', 'ConfigMap new': 'created', 'ConfigMap old': 'configured', 'ConfigMap same': 'unchanged', 'ConfigMap inside': 'waiting' });
    expect([dataOf('new'), dataOf('old'), screen.bridge.api.get('Namespace', undefined, 'shop')]).toEqual([undefined, { a: 'b' }, undefined]);
    expect(document.querySelector('[data-test="apply-all"]')!.textContent).toContain('4');
  });

  it('applies what needs a namespace after it', async () => {
    await review([file('a.yaml', configMap('inside', 'shop'), configMap('plain'), namespace)]);
    await apply();
    expect(states()).toEqual({ 'Namespace shop': 'done', 'ConfigMap inside': 'done', 'ConfigMap plain': 'done' });
    expect([dataOf('inside', 'shop'), dataOf('plain')]).toEqual([{ a: 'b' }, { a: 'b' }]);
  });

  it('leaves out what was not chosen', async () => {
    await review([file('a.yaml', configMap('one'), configMap('two'))]);
    entry('ConfigMap one').querySelector<HTMLInputElement>('input[type=checkbox]')!.click();
    await settleScreen();
    await apply();
    expect([dataOf('one'), dataOf('two')]).toEqual([undefined, { a: 'b' }]);
  });

  it('refuses what is in a namespace that nobody brings, in the server’s words', async () => {
    await review([file('a.yaml', configMap('inside', 'nowhere'))]);
    expect(states()).toEqual({ 'ConfigMap inside': 'refused' });
    expect(entry('ConfigMap inside').textContent).toContain('namespaces "nowhere" not found');
    expect(document.querySelector<HTMLButtonElement>('[data-test="apply-all"]')!.disabled).toBe(true);
  });

  it('applies the rest when one is refused on the way, and goes on after it was mended', async () => {
    await review([file('a.yaml', configMap('one'), configMap('two'))]);
    const before = screen.bridge.api.intercept;
    screen.bridge.api.intercept = (request) =>
      request.method !== 'GET' && request.path.includes('/one') ? answer(403, { kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403, message: 'exceeded quota' }) : before(request);
    await apply();
    expect(states()).toEqual({ 'ConfigMap one': 'refused', 'ConfigMap two': 'done' });
    expect(entry('ConfigMap one').textContent).toContain('exceeded quota');
    screen.bridge.api.intercept = before;
    [...document.querySelectorAll('button')].find(({ textContent }) => textContent?.includes('Check the refused again'))!.click();
    await settleScreen();
    expect(states()).toEqual({ 'ConfigMap one': 'created', 'ConfigMap two': 'done' });
  });

  it('waits for a kind that is served only after its definition', async () => {
    await review([file('a.yaml', boat, definition)]);
    expect(states()).toEqual({ 'CustomResourceDefinition boats.example.com': 'created', 'Boat dinghy': 'waiting' });
    const { api } = screen.bridge;
    const before = api.intercept;
    let asked = 0;
    api.intercept = (request) => {
      // Not the first time that the window asks, but the second, the kind is there.
      if (request.path === '/apis' && ++asked === 2) api.addKind({ group: 'example.com', version: 'v1', resource: 'boats', kind: 'Boat', namespaced: true });
      return before(request);
    };
    await apply();
    await expect.poll(() => states()['Boat dinghy']).toBe('done');
    expect(api.get('Boat', 'default', 'dinghy')).toBeDefined();
  });

  it('takes more files in, and a file dropped again in the place of what it was', async () => {
    await review([file('a.yaml', configMap('inside', 'shop'))]);
    expect(states()).toEqual({ 'ConfigMap inside': 'refused' });
    useManifests().offer([file('b.yaml', namespace)]);
    await settleScreen();
    expect(states()).toEqual({ 'Namespace shop': 'created', 'ConfigMap inside': 'waiting' });
    useManifests().offer([file('a.yaml', configMap('other'))]);
    await settleScreen();
    expect(states()).toEqual({ 'Namespace shop': 'created', 'ConfigMap other': 'created' });
  });

  it('says how to begin while there is nothing to review', async () => {
    await review([]);
    expect(screen.text()).toContain('Drop YAML or JSON files');
  });
});
