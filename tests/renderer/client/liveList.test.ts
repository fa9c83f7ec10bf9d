import { beforeEach, describe, expect, it } from 'vitest';
import { watch } from 'vue';
import type { Pod } from '../../../main/api/index.ts';
import { Api } from '../../../renderer/client/api.ts';
import { LiveList } from '../../../renderer/client/liveList.ts';
import { LiveLists } from '../../../renderer/client/liveLists.ts';
import { core } from '../../../renderer/client/resource.ts';
import { FakeBridge } from '../support/fakeBridge.ts';
import { answer } from '../support/fakeApi.ts';
import { ManualTiming } from '../support/manualTiming.ts';
import { makePod } from '../support/objects.ts';

let bridge: FakeBridge;
let timing: ManualTiming;
let list: LiveList<Pod>;

const names = () => list.items.value.map(({ metadata }) => metadata?.name);
const lists = () => bridge.api.requests.filter(({ path }) => path.startsWith('/api/v1/pods?'));

beforeEach(() => {
  bridge = new FakeBridge();
  timing = new ManualTiming();
  list = new LiveList<Pod>(new Api(bridge), '/api/v1/pods', {}, timing);
});

describe('a live list', () => {
  it('shows what is there and follows what happens', async () => {
    bridge.api.put(makePod('a'));
    list.start();
    await timing.pass(0);
    expect(names()).toEqual(['a']);
    expect(list.phase.value).toBe('live');

    bridge.api.put(makePod('b'));
    bridge.api.take('Pod', 'default', 'a');
    await timing.pass(20);
    expect(names()).toEqual(['b']);
  });

  it('lists many objects page by page', async () => {
    for (let i = 0; i < 1_200; i++) bridge.api.put(makePod(`pod-${i}`));
    list.start();
    await timing.pass(0);
    expect(list.items.value).toHaveLength(1_200);
    expect(lists()).toHaveLength(3);
  });

  it('shows what has come of a long first list, the less often the more it is', async () => {
    for (let i = 0; i < 5_200; i++) bridge.api.put(makePod(`pod-${i}`));
    const shown: number[] = [];
    const stop = watch(list.items, (items) => shown.push(items.length), { flush: 'sync' });
    list.start();
    await timing.pass(0);
    await timing.pass(0);
    stop();
    expect(shown).toEqual([500, 1_000, 2_000, 4_000, 5_200]);
  });

  it('may ask for metadata alone, and follows that', async () => {
    const lean = new LiveList<Pod>(new Api(bridge), '/api/v1/pods', {}, timing, true);
    bridge.api.put(makePod('a'));
    lean.start();
    await timing.pass(0);
    bridge.api.put(makePod('b'));
    await timing.pass(20);
    expect(lean.items.value.map(({ metadata, spec, status }) => [metadata?.name, spec, status])).toEqual([['a', undefined, undefined], ['b', undefined, undefined]]);
    lean.stop();
  });

  it('turns a burst of events into one change of the screen', async () => {
    list.start();
    await timing.pass(0);
    const before = list.items.value;
    for (let i = 0; i < 100; i++) bridge.api.put(makePod(`pod-${i}`));
    expect(list.items.value).toBe(before);
    await timing.pass(20);
    expect(list.items.value).toHaveLength(100);
  });

  it('goes on from where it was when a watch ends, without listing again', async () => {
    list.start();
    await timing.pass(0);
    bridge.api.endWatches('connection lost');
    expect(list.phase.value).toBe('retrying');
    bridge.api.put(makePod('meanwhile'));
    await timing.pass(5_000);
    expect(names()).toEqual(['meanwhile']);
    expect(list.phase.value).toBe('live');
    expect(lists()).toHaveLength(1);
  });

  it('lists again when the server has forgotten where it was', async () => {
    bridge.api.put(makePod('a'));
    list.start();
    await timing.pass(0);
    bridge.api.expireWatches();
    await timing.pass(0);
    expect(lists()).toHaveLength(2);
    expect(names()).toEqual(['a']);
    expect(bridge.api.watching).toBe(1);
  });

  it('drops what was deleted while nobody watched', async () => {
    bridge.api.put(makePod('a'));
    list.start();
    await timing.pass(0);
    bridge.api.intercept = () => undefined;
    bridge.api.expireWatches();
    bridge.api.take('Pod', 'default', 'a');
    await timing.pass(100);
    expect(names()).toEqual([]);
  });

  it('says so when the server refuses, in the server’s words', async () => {
    const status = { kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403, message: 'pods is forbidden: User "x" cannot list' };
    bridge.api.intercept = () => answer(403, status);
    list.start();
    await timing.pass(0);
    expect(list.phase.value).toBe('refused');
    expect((list.error.value as Error).message).toBe(status.message);
  });

  it('waits longer after each failure, and recovers', async () => {
    bridge.api.intercept = () => answer(503, { kind: 'Status', status: 'Failure', code: 503, message: 'not ready' });
    list.start();
    await timing.pass(0);
    await timing.pass(499);
    expect(lists()).toHaveLength(1);
    await timing.pass(1);
    expect(lists()).toHaveLength(2);
    await timing.pass(999);
    expect(lists()).toHaveLength(2);
    bridge.api.intercept = () => undefined;
    bridge.api.put(makePod('a'));
    await timing.pass(1);
    expect(names()).toEqual(['a']);
    expect(list.phase.value).toBe('live');
  });

  it('does not keep managedFields', async () => {
    bridge.api.put(makePod('a', { metadata: { name: 'a', namespace: 'default', managedFields: [{ manager: 'kubectl' }] } }));
    list.start();
    await timing.pass(0);
    expect(list.items.value[0]?.metadata?.managedFields).toBeUndefined();
  });
});

describe('shared lists', () => {
  it('watch once however many look, and stop a while after the last has gone', async () => {
    const shared = new LiveLists(new Api(bridge), timing);
    const first = shared.open(core.pods);
    const second = shared.open(core.pods);
    const other = shared.open(core.pods, { namespace: 'default' });
    await timing.pass(0);
    expect(second.list).toBe(first.list);
    expect(bridge.api.watching).toBe(2);

    other.release();
    first.release();
    await timing.pass(10_000);
    expect(bridge.api.watching).toBe(1);
    second.release();
    await timing.pass(4_000);
    const back = shared.open(core.pods);
    await timing.pass(10_000);
    expect(bridge.api.watching).toBe(1);
    expect(back.list).toBe(first.list);
    back.release();
    await timing.pass(10_000);
    expect(bridge.api.watching).toBe(0);
    expect(shared.size).toBe(0);
  });
});
