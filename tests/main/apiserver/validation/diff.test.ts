import { expect, it } from 'vitest';
import { diff } from '../../../../main/apiserver/validation/diff.ts';

it('shows what changed between two values as a unified diff, with three lines around it', () => {
  const before = { a: 1, b: 2, c: 3, d: 4, e: { f: 5, g: 6 }, h: 7, i: 8, j: 9, k: 10, l: 11, m: 12 };
  const after = { ...before, b: 0, m: undefined };
  expect(diff(before, after)).toBe(
    '@@ -1,6 +1,6 @@\n {\n  "a": 1,\n- "b": 2,\n+ "b": 0,\n  "c": 3,\n  "d": 4,\n  "e": {\n' +
      '@@ -11,6 +11,5 @@\n  "i": 8,\n  "j": 9,\n  "k": 10,\n- "l": 11,\n- "m": 12\n+ "l": 11\n }\n',
  );
  expect(diff(before, before)).toBe('');
});

it('tells every change of a text that is too long to look for all that is the same in it', () => {
  const values = (mark: string) => Array.from({ length: 8000 }, (_, i) => ({ name: `V${i}`, value: i % 2 ? mark : `${i}`, from: null }));
  const shown = diff(values('before'), values('after')).split('\n');
  expect(shown.filter((line) => line === '-  "value": "before",')).toHaveLength(4000);
  expect(shown.filter((line) => line === '+  "value": "after",')).toHaveLength(4000);
});
