import { expect } from 'vitest';
import type { Store } from '../../../../main/store/index.ts';

/** What a store should hold: every write that was asked for, by its revision. */
export class Model {
  readonly writes = new Map<number, { key: string; value: string | undefined }>();
  acknowledged = 0;

  put(revision: number, key: string, value: string): void {
    this.writes.set(revision, { key, value });
  }

  delete(revision: number, key: string): void {
    this.writes.set(revision, { key, value: undefined });
  }

  at(revision: number): [string, string][] {
    const state = new Map<string, string>();
    for (let r = 1; r <= revision; r++) {
      const write = this.writes.get(r);
      if (!write) throw new Error(`nobody asked for revision ${r}`);
      if (write.value === undefined) state.delete(write.key);
      else state.set(write.key, write.value);
    }
    return [...state].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Everything that was acknowledged is there, nothing that nobody asked for is, and all of it is whole. */
  async check(store: Store): Promise<void> {
    expect(store.revision).toBeGreaterThanOrEqual(this.acknowledged);
    const { entries } = await store.list('');
    expect(entries.map(({ key, value }) => [key, value])).toEqual(this.at(store.revision));
  }
}
