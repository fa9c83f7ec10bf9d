import { expect, it } from 'vitest';
import { createMemoryStore } from '../../../main/store/index.ts';
import { listen, until } from '../../contracts/store.ts';
import { FakeClock } from '../../support/fakeClock.ts';

it('a watch hears of hundreds of writes a few at a time, in their order, and others hear of theirs in between', async () => {
  const store = createMemoryStore({ clock: new FakeClock() });
  const order: string[] = [];
  const busy = listen(store, '/many/');
  store.watch('/one/', { onEvents: () => order.push('one'), onEnd: () => {} });
  store.watch('/many/', { onEvents: () => order.push('many'), onEnd: () => {} });
  const keys = Array.from({ length: 300 }, (_, i) => `/many/${i}`);
  await Promise.all([...keys, '/one/0'].map((key) => store.put(key, () => 'text', { cause: { who: 'test' } })));
  await until(() => busy.events.length === keys.length);
  expect(busy.events.map(({ entry }) => entry.key)).toEqual(keys);
  expect(Math.max(...busy.flushes)).toBeLessThan(50);
  expect(order.indexOf('one')).toBeLessThan(order.lastIndexOf('many'));
  await store.close();
});
