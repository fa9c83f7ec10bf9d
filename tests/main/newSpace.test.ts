import { expect, test } from 'vitest';
import { limitNewSpace } from '../../main/newSpace.ts';

const MiB = 1024 * 1024;

/** Grows after each collection by as much as it may, as V8 does under load. */
function v8(initial: number) {
  let size = initial;
  let factor = 2;
  const looks = new Set<() => void>();
  return {
    size: () => size,
    growBy: (times: number) => void (factor = times),
    onCollected(look: () => void) {
      looks.add(look);
      return () => looks.delete(look);
    },
    collect() {
      size = Math.min(32 * MiB, size * factor);
      for (const look of looks) look();
    },
    shrink: () => void (size = 2 * MiB),
  };
}

test('room for new objects grows under load, but not beyond what is of use', () => {
  const space = v8(2 * MiB);
  limitNewSpace(space);
  for (let i = 0; i < 10; i++) space.collect();
  expect(space.size()).toBe(16 * MiB);
});

test('what has been given back at rest is taken again', () => {
  const space = v8(16 * MiB);
  limitNewSpace(space);
  space.collect();
  expect(space.size()).toBe(16 * MiB);
  space.shrink();
  // V8 asks how much to grow by before the first collection is told of.
  for (let i = 0; i < 10; i++) space.collect();
  expect(space.size()).toBe(16 * MiB);
});

test('it ends', () => {
  const space = v8(2 * MiB);
  limitNewSpace(space)();
  for (let i = 0; i < 10; i++) space.collect();
  expect(space.size()).toBe(32 * MiB);
});
