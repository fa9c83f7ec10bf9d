import { expect, test } from 'vitest';
import { randomFrom, systemRandom } from '../../../main/util/random.ts';

test('a UUID is of version 4, whatever the bytes are', () => {
  const all = (byte: number) => randomFrom((size) => new Uint8Array(size).fill(byte)).uuid();
  expect(all(0)).toBe('00000000-0000-4000-8000-000000000000');
  expect(all(0xff)).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff');
  let next = 0;
  expect(randomFrom((size) => Uint8Array.from({ length: size }, () => next++)).uuid()).toBe('00010203-0405-4607-8809-0a0b0c0d0e0f');
});

test('a suffix has so many characters of the alphabet', () => {
  expect(randomFrom((size) => Uint8Array.from({ length: size }, (_, i) => i)).suffix(27)).toBe('bcdfghjklmnpqrstvwxz2456789');
  expect(systemRandom.suffix(5)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  expect(systemRandom.suffix(0)).toBe('');
});

test('what the system draws does not come twice', () => {
  const drawn = Array.from({ length: 2000 }, () => systemRandom.uuid());
  expect(new Set(drawn).size).toBe(2000);
  for (const uuid of drawn) expect(uuid).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
});
