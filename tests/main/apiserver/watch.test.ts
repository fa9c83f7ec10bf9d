import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StatusError } from '../../../main/api/status.ts';
import type { Transport } from '../../../main/client/index.ts';
import { createMemoryStore } from '../../../main/store/index.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { start, type Harness, type Widget } from './support/harness.ts';

const base = '/apis/test.skiff/v1/namespaces/default/widgets';

interface Seen {
  type: string;
  object: Widget;
}

/** What a watch has delivered, to be waited for. */
class Watching {
  readonly events: Seen[] = [];
  ended: { error?: StatusError } | undefined;
  readonly cancel: () => void;
  #wake: () => void = () => undefined;

  constructor(transport: Transport, query: Record<string, string | number | boolean>, path = base) {
    this.cancel = transport.watch(
      { method: 'GET', path, query },
      {
        onEvent: (event) => {
          this.events.push(event as Seen);
          this.#wake();
        },
        onEnd: (error) => {
          this.ended = { error: error as StatusError | undefined };
          this.#wake();
        },
      },
    ).cancel;
  }

  async until(count: number): Promise<string[]> {
    while (this.events.length < count && !this.ended) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.events.map(({ type, object }) => `${type} ${object.metadata!.name ?? ''}`.trim());
  }

  async untilEnd(): Promise<StatusError | undefined> {
    while (!this.ended) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.ended.error;
  }
}

describe.each(['local', 'remote'] as const)('a watch over the %s transport', (way) => {
  let harness: Harness;
  let transport: Transport;
  let clock: FakeClock;
  beforeEach(async () => {
    clock = new FakeClock();
    harness = await start({ clock, store: createMemoryStore({ clock }) });
    transport = harness[way];
  });
  afterEach(() => harness.close());

  const create = async (name: string, more: Partial<Widget> = {}) =>
    (await harness.local.request<Widget>({ method: 'POST', path: base, body: { ...more, metadata: { name, ...more.metadata } } })).body;
  const merge = async (name: string, body: unknown) =>
    (await harness.local.request<Widget>({ method: 'PATCH', path: `${base}/${name}`, contentType: 'application/merge-patch+json', body })).body;
  const remove = (name: string) => harness.local.request({ method: 'DELETE', path: `${base}/${name}` });

  it('from a revision shows every later change once and in order', async () => {
    const { metadata } = await create('before');
    await create('one');
    const watch = new Watching(transport, { resourceVersion: metadata!.resourceVersion! });
    await merge('one', { spec: { size: 1 } });
    await remove('one');
    expect(await watch.until(3)).toEqual(['ADDED one', 'MODIFIED one', 'DELETED one']);
    const revisions = watch.events.map((e) => Number(e.object.metadata!.resourceVersion));
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    expect(watch.events[2]!.object.spec).toEqual({ size: 1 });
    expect(revisions[2]).toBe(harness.store.revision);
    watch.cancel();
  });

  it('without a revision starts with what there is', async () => {
    await create('a');
    await create('b');
    const watch = new Watching(transport, {});
    expect(await watch.until(2)).toEqual(['ADDED a', 'ADDED b']);
    await create('c');
    expect(await watch.until(3)).toEqual(['ADDED a', 'ADDED b', 'ADDED c']);
    watch.cancel();
  });

  it('with sendInitialEvents tells by a bookmark where the initial list ends', async () => {
    await create('a');
    const watch = new Watching(transport, { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true });
    expect(await watch.until(2)).toEqual(['ADDED a', 'BOOKMARK']);
    expect(watch.events[1]!.object).toEqual({
      kind: 'Widget',
      apiVersion: 'test.skiff/v1',
      metadata: { resourceVersion: String(harness.store.revision), annotations: { 'k8s.io/initial-events-end': 'true' } },
    });
    watch.cancel();
  });

  it('with a selector sees objects come and go as they start and stop matching', async () => {
    const { metadata } = await create('one', { spec: { color: 'blue' } });
    const watch = new Watching(transport, { resourceVersion: metadata!.resourceVersion!, fieldSelector: 'spec.color=red' });
    await merge('one', { spec: { color: 'red' } });
    await merge('one', { spec: { size: 2 } });
    const last = await merge('one', { spec: { color: 'green' } });
    expect(await watch.until(3)).toEqual(['ADDED one', 'MODIFIED one', 'DELETED one']);
    expect(watch.events[2]!.object.spec).toEqual({ color: 'red', size: 2 });
    expect(watch.events[2]!.object.metadata!.resourceVersion).toBe(last.metadata!.resourceVersion);
    watch.cancel();
  });

  it('gets bookmarks now and then when nothing else happens', async () => {
    const { metadata } = await create('one');
    const watch = new Watching(transport, { resourceVersion: metadata!.resourceVersion!, allowWatchBookmarks: true });
    await create('two');
    await watch.until(1);
    await clock.advance(60_000);
    expect(await watch.until(2)).toEqual(['ADDED two', 'BOOKMARK']);
    expect(watch.events[1]!.object.metadata).toEqual({ resourceVersion: String(harness.store.revision) });
    watch.cancel();
  });

  it('ends normally when its time is up', async () => {
    const { metadata } = await create('one');
    const watch = new Watching(transport, { resourceVersion: metadata!.resourceVersion!, timeoutSeconds: 5 });
    await create('two');
    await watch.until(1);
    await clock.advance(5000);
    expect(await watch.untilEnd()).toBeUndefined();
  });

  it('from a revision that is forgotten ends with 410', async () => {
    const { metadata } = await create('one');
    await create('two');
    await harness.store.compact(harness.store.revision);
    const error = await new Watching(transport, { resourceVersion: metadata!.resourceVersion! }).untilEnd();
    expect(error!.status).toMatchObject({ code: 410, reason: 'Expired', message: 'The resourceVersion for the provided watch is too old.' });
  });

  it('from the future is refused', async () => {
    const error = await new Watching(transport, { resourceVersion: '12345' }).untilEnd();
    expect(error!.status).toMatchObject({ code: 504, reason: 'Timeout' });
  });

  it('of another namespace shows nothing of this one', async () => {
    const { metadata } = await create('one');
    const watch = new Watching(transport, { resourceVersion: metadata!.resourceVersion! }, '/apis/test.skiff/v1/namespaces/other/widgets');
    await create('two');
    await harness.local.request({ method: 'POST', path: '/apis/test.skiff/v1/namespaces/other/widgets', body: { metadata: { name: 'theirs' } } });
    expect(await watch.until(1)).toEqual(['ADDED theirs']);
    watch.cancel();
  });
});

it('watchers in this process share one object an event', async () => {
  const harness = await start();
  const watches = [1, 2].map(() => new Watching(harness.local, { sendInitialEvents: false, resourceVersionMatch: 'NotOlderThan' }));
  await settle();
  await harness.local.request({ method: 'POST', path: base, body: { metadata: { name: 'one' } } });
  await Promise.all(watches.map((watch) => watch.until(1)));
  expect(watches[0]!.events[0]!.object).toBe(watches[1]!.events[0]!.object);
  await harness.close();
});
