import { expect, it } from 'vitest';
import { lazy } from '../../renderer/lazy.ts';

const failing = (times: number) => {
  let asked = 0;
  return () => (asked++ < times ? Promise.reject(new Error(`broken off ${asked}`)) : Promise.resolve(`came ${asked}`));
};

it('a part of the window that did not come is asked for again, with growing pauses, and not for ever', async () => {
  const waited: number[] = [];
  const pause = (ms: number) => {
    waited.push(ms);
    return Promise.resolve();
  };
  expect(await lazy(failing(0), pause)()).toBe('came 1');
  expect(waited).toEqual([]);
  expect(await lazy(failing(3), pause)()).toBe('came 4');
  expect(waited).toEqual([200, 800, 2_000]);
  await expect(lazy(failing(9), pause)()).rejects.toThrow('broken off 4');
});
