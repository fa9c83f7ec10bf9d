import { afterEach, describe, expect, it, vi } from 'vitest';
import type { KubeObject } from '../../../main/api/meta.ts';
import { fieldChanges, followChanges, type Change } from '../../../renderer/kinds/generic/changes.ts';
import { core, startClient } from '../../../renderer/client/index.ts';
import { answer } from '../support/fakeApi.ts';
import { FakeBridge } from '../support/fakeBridge.ts';
import { settle } from '../support/manualTiming.ts';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';

vi.mock('../../../renderer/components/yaml/editor.ts', () => ({
  makeEditor: () => ({ setOriginal() {}, fold() {}, setServerFindings() {}, setText() {}, setReadonly() {}, setDark() {}, text: () => '', destroy() {}, focus() {}, reveal() {} }),
}));

const at = (second: number) => `2026-01-01T00:00:0${second}Z`;
const entry = (manager: string, second: number, subresource?: string) => ({ manager, operation: 'Update', time: at(second), ...(subresource ? { subresource } : {}) });
const version = (resourceVersion: string, managedFields: object[], more: object): KubeObject & Record<string, unknown> => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'color', namespace: 'default', uid: 'u', creationTimestamp: at(0), resourceVersion, managedFields }, ...more }) as never;
const first = version('10', [entry('kubectl', 0)], { data: { color: 'red' } });
const second = version('12', [entry('kubectl', 0), entry('skiff', 3)], { data: { color: 'blue' } });
const third = version('15', [entry('kubectl', 0), entry('skiff', 3), entry('controller', 5, 'status')], { data: { color: 'blue' }, status: { seen: 1 } });

describe('the writes to an object', () => {
  function follow(events: { type: string; object: object }[], kept = 1) {
    const bridge = new FakeBridge();
    const asked: string[] = [];
    bridge.api.intercept = ({ path }) => {
      const query = new URLSearchParams(path.split('?')[1]);
      asked.push(query.get('resourceVersion') ?? '');
      return Number(query.get('resourceVersion')) >= kept ? answer(200, { items: [] }) : answer(410, { kind: 'Status', code: 410 });
    };
    let watched = '';
    let tell: (line: string) => void = () => {};
    bridge.watch = (path, onEvent) => {
      watched = path;
      tell = onEvent;
      return { cancel: () => (watched = 'cancelled') };
    };
    let seen: readonly Change[] = [];
    const errors: string[] = [];
    const stop = followChanges(startClient(bridge), core.configMaps, third, (all) => (seen = all), (message) => errors.push(message));
    return {
      asked,
      errors,
      stop,
      watched: () => watched,
      async run() {
        for (let i = 0; i < 12; i++) await settle();
        for (const event of events) tell(JSON.stringify(event));
        return seen;
      },
    };
  }

  it('are told one by one, with who made them and what they changed', async () => {
    const followed = follow([{ type: 'ADDED', object: first }, { type: 'MODIFIED', object: second }, { type: 'MODIFIED', object: third }, { type: 'DELETED', object: { ...third, metadata: { ...third.metadata, resourceVersion: '20' } } }, { type: 'ADDED', object: { ...first, metadata: { ...first.metadata, resourceVersion: '21' } } }]);
    const seen = await followed.run();
    expect(new URLSearchParams(followed.watched().split('?')[1]).get('resourceVersion')).toBe('1');
    expect(seen.map(({ version: number, type, who, at: time, fields }) => [number, type, who, time, fields])).toEqual([
      ['21', 'made', 'kubectl', at(0), []],
      ['20', 'deleted', '', undefined, []],
      ['15', 'changed', 'controller · status', at(5), [{ path: 'status', from: undefined, to: '{"seen":1}' }]],
      ['12', 'changed', 'skiff', at(3), [{ path: 'data.color', from: 'red', to: 'blue' }]],
      ['10', 'made', 'kubectl', at(0), []],
    ]);
    followed.stop();
    expect(followed.watched()).toBe('cancelled');
  });

  it('begin where the store still knows them', async () => {
    const bridge = new FakeBridge();
    bridge.api.intercept = ({ path }) => {
      const asked = new URLSearchParams(path.split('?')[1]).get('resourceVersion');
      return asked === null || Number(asked) >= 70_000 ? answer(200, { metadata: { resourceVersion: '100000' }, items: [third] }) : answer(410, { kind: 'Status', code: 410 });
    };
    let seen: readonly Change[] = [];
    const from = await new Promise<number>((resolve) => {
      bridge.watch = (path) => {
        resolve(Number(new URLSearchParams(path.split('?')[1]).get('resourceVersion')));
        return { cancel: () => undefined };
      };
      followChanges(startClient(bridge), core.configMaps, third, (all) => (seen = all), () => {});
    });
    expect(from).toBeGreaterThanOrEqual(70_000);
    expect(from).toBeLessThan(70_100);
    expect(seen.map(({ type, version: number }) => [type, number])).toEqual([['known', '15']]);
  });

  it('name fields within lists, and whole lists that grew', () => {
    const list = (...images: string[]) => ({ apiVersion: 'v1', kind: 'X', spec: { containers: images.map((image) => ({ image })) } }) as KubeObject;
    expect(fieldChanges(list('a', 'b'), list('a', 'c'))).toEqual([{ path: 'spec.containers[1].image', from: 'b', to: 'c' }]);
    expect(fieldChanges(list('a'), list('a', 'b'))).toMatchObject([{ path: 'spec.containers', to: '[{"image":"a"},{"image":"b"}]' }]);
  });
});

describe('the tab of changes', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });
  const open = async (kind: 'ConfigMap' | 'Secret', events: { type: string; object: KubeObject }[]) => {
    screen = await mountScreen(`/k/${kind.toLowerCase()}s/default/color?tab=changes`, (bridge) => {
      const put = bridge.watch.bind(bridge);
      bridge.api.put({ ...events.at(-1)!.object, kind } as never);
      bridge.api.intercept = ({ path }) => (path.includes('resourceVersionMatch=Exact') ? answer(200, { items: [] }) : undefined);
      bridge.watch = (path, onEvent, onEnd) => {
        if (!path.includes('fieldSelector=metadata.name%3Dcolor&watch=1&resourceVersion=1')) return put(path, onEvent, onEnd);
        for (const event of events) onEvent(JSON.stringify({ ...event, object: { ...event.object, kind } }));
        return { cancel: () => undefined };
      };
    });
    await settleScreen();
  };
  const rows = () => [...document.querySelectorAll('[data-test="change"]')].map((row) => row.textContent);

  it('shows what was wanted, and what only the status tells when it is asked for', async () => {
    await open('ConfigMap', [{ type: 'ADDED', object: first }, { type: 'MODIFIED', object: second }, { type: 'MODIFIED', object: third }]);
    expect(rows()).toHaveLength(2);
    expect(rows()[0]).toContain('data.color: red → blue');
    document.querySelector<HTMLElement>('.status input')!.click();
    await settleScreen();
    expect(rows()).toHaveLength(3);
  });

  it('restores an earlier state over the present one', async () => {
    await open('ConfigMap', [{ type: 'ADDED', object: first }, { type: 'MODIFIED', object: second }]);
    document.querySelectorAll<HTMLElement>('[data-test="change"]')[1]!.click();
    await settleScreen();
    document.querySelector<HTMLElement>('.sheet button')!.click();
    await settleScreen();
    document.querySelector<HTMLElement>('[data-confirm]')!.click();
    await settleScreen();
    const written = screen.bridge.api.requests.find(({ method }) => method === 'PUT');
    expect(JSON.parse(written!.body!)).toMatchObject({ data: { color: 'red' }, metadata: { name: 'color', resourceVersion: '12' } });
    expect(written!.body).not.toContain('managedFields');
  });

  it('shows no values of Secrets', async () => {
    await open('Secret', [{ type: 'ADDED', object: first }, { type: 'MODIFIED', object: second }]);
    expect(rows()[0]).toContain('data.color');
    expect(screen.text()).not.toContain('red');
    expect(screen.text()).not.toContain('blue');
  });
});
