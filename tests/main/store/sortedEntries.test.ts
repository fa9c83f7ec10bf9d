import { describe, expect, it } from 'vitest';
import { MemoKeeper, StoredEntry } from '../../../main/store/entry.ts';
import { prefixEnd, SortedEntries } from '../../../main/store/sortedEntries.ts';

const cause = { who: 'test' };
const entry = (key: string, keeper?: MemoKeeper, value = '') => new StoredEntry(key, value, 1, 1, cause, keeper);

/** A sequence of numbers below `n` that looks like chance and is the same every time. */
function* shuffled(n: number): Generator<number> {
  for (let i = 0, at = 1; i < n; i++) yield (at = (at * 48271) % 2147483647) % n;
}

describe('sorted entries', () => {
  it('stay in order through thousands of insertions and deletions anywhere', () => {
    const entries = new SortedEntries();
    const model = new Set<string>();
    for (const number of shuffled(6000)) {
      const key = `/${number % 7}/${number}`;
      if (model.has(key)) {
        expect(entries.delete(key)!.key).toBe(key);
        model.delete(key);
      } else {
        expect(entries.set(entry(key))).toBeUndefined();
        model.add(key);
      }
    }
    const keys = [...model].sort();
    expect(entries.all().map((e) => e.key)).toEqual(keys);
    expect(entries.size).toBe(keys.length);
    for (let group = 0; group < 7; group++) {
      const wanted = keys.filter((key) => key.startsWith(`/${group}/`));
      expect(entries.count(`/${group}/`, prefixEnd(`/${group}/`))).toBe(wanted.length);
      expect(entries.range(`/${group}/`, prefixEnd(`/${group}/`)).map((e) => e.key)).toEqual(wanted);
      expect(entries.range(`/${group}/`, prefixEnd(`/${group}/`), 5).map((e) => e.key)).toEqual(wanted.slice(0, 5));
    }
    for (const key of keys) entries.delete(key);
    expect([entries.size, entries.all(), entries.count('', undefined)]).toEqual([0, [], 0]);
  });

  it('know the end of a prefix, where there is one', () => {
    expect(prefixEnd('/a')).toBe('/b');
    expect(prefixEnd('/a\uffff')).toBe('/b');
    expect(prefixEnd('\uffff')).toBeUndefined();
    expect(prefixEnd('')).toBeUndefined();
  });
});

describe('memos', () => {
  it('give way when the values behind them pass the budget, those not used since first', () => {
    const keeper = new MemoKeeper(300);
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((key) => entry(key, keeper, 'x'.repeat(100))) as [StoredEntry, StoredEntry, StoredEntry, StoredEntry];
    for (const each of [a, b, c]) each.remember(each.key);
    expect(a.memo).toBe('a');
    d.remember('d');
    expect([a.memo, b.memo, c.memo, d.memo]).toEqual(['a', undefined, 'c', 'd']);
  });

  it('of a reader who goes through more than fits stay for the next time', () => {
    const keeper = new MemoKeeper(1000);
    const all = Array.from({ length: 20 }, (_, i) => entry(String(i), keeper, 'x'.repeat(100)));
    const parsed = () => all.filter((each) => each.memo === undefined && (each.memo = 'parsed')).length;
    expect(parsed()).toBe(20);
    for (let round = 0; round < 10; round++) expect(parsed()).toBeLessThanOrEqual(12);
  });

  it('of a replaced entry make room', () => {
    const keeper = new MemoKeeper(200);
    const [a, b, c] = ['a', 'b', 'c'].map((key) => entry(key, keeper, 'x'.repeat(100))) as [StoredEntry, StoredEntry, StoredEntry];
    a.memo = 1;
    b.memo = 2;
    a.retire();
    c.memo = 3;
    expect([a.memo, b.memo, c.memo]).toEqual([undefined, 2, 3]);
  });
});
