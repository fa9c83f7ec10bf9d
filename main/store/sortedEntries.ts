import type { StoredEntry } from './entry.ts';

const leafSize = 256;

/**
 * Entries in order of their keys' code units: a list of sorted leaves. A key is found by two binary searches, an
 * insertion moves at most one leaf, and a range is a walk; counting a range adds up the leaves between its ends.
 */
export class SortedEntries {
  #leaves: StoredEntry[][] = [[]];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  clear(): void {
    this.#leaves = [[]];
    this.#size = 0;
  }

  get(key: string): StoredEntry | undefined {
    const leaf = this.#leaves[this.#leafOf(key)]!;
    const entry = leaf[lowerBound(leaf, key)];
    return entry?.key === key ? entry : undefined;
  }

  /** Puts the entry in its key's place and returns the one that was there. */
  set(entry: StoredEntry): StoredEntry | undefined {
    const at = this.#leafOf(entry.key);
    const leaf = this.#leaves[at]!;
    const i = lowerBound(leaf, entry.key);
    const old = leaf[i];
    if (old?.key === entry.key) {
      leaf[i] = entry;
      return old;
    }
    if (i === leaf.length) leaf.push(entry);
    else leaf.splice(i, 0, entry);
    this.#size++;
    // Keys often come in rising order; a leaf that grew at its end is left nearly full, so that such a run packs well.
    if (leaf.length > leafSize) this.#leaves.splice(at + 1, 0, leaf.splice(i === leaf.length - 1 ? leafSize - 16 : leafSize >> 1));
    return undefined;
  }

  delete(key: string): StoredEntry | undefined {
    const at = this.#leafOf(key);
    const leaf = this.#leaves[at]!;
    const i = lowerBound(leaf, key);
    const old = leaf[i];
    if (old?.key !== key) return undefined;
    leaf.splice(i, 1);
    this.#size--;
    if (leaf.length === 0 && this.#leaves.length > 1) this.#leaves.splice(at, 1);
    return old;
  }

  /** How many keys are in [from, to); `to` undefined: all behind `from`. */
  count(from: string, to: string | undefined): number {
    const a = this.#position(from);
    const b = to === undefined ? { leaf: this.#leaves.length - 1, index: this.#leaves.at(-1)!.length } : this.#position(to);
    if (b.leaf < a.leaf) return 0;
    if (a.leaf === b.leaf) return Math.max(0, b.index - a.index);
    let count = this.#leaves[a.leaf]!.length - a.index + b.index;
    for (let i = a.leaf + 1; i < b.leaf; i++) count += this.#leaves[i]!.length;
    return count;
  }

  /** At most `limit` entries of [from, to), in order, but for those whose keys are in `without`. */
  range(from: string, to: string | undefined, limit = Infinity, without?: ReadonlyMap<string, unknown>): StoredEntry[] {
    const { leaf, index } = this.#position(from);
    const found: StoredEntry[] = [];
    for (let l = leaf, i = index; l < this.#leaves.length; l++, i = 0) {
      const entries = this.#leaves[l]!;
      for (; i < entries.length; i++) {
        const entry = entries[i]!;
        if (found.length >= limit || (to !== undefined && entry.key >= to)) return found;
        if (!without?.has(entry.key)) found.push(entry);
      }
    }
    return found;
  }

  /** All entries, in order, as they are now. */
  all(): StoredEntry[] {
    // `flat` takes twenty times as long, which is felt where a large cluster's snapshot begins.
    return ([] as StoredEntry[]).concat(...this.#leaves);
  }

  #position(key: string): { leaf: number; index: number } {
    const leaf = this.#leafOf(key);
    return { leaf, index: lowerBound(this.#leaves[leaf]!, key) };
  }

  /** The last leaf that begins at or before `key`. */
  #leafOf(key: string): number {
    let low = 0;
    let high = this.#leaves.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#leaves[middle]![0]!.key <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function lowerBound(entries: readonly StoredEntry[], key: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle]!.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first string behind all strings with this prefix; undefined where there is none. */
export function prefixEnd(prefix: string): string | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const unit = prefix.charCodeAt(i);
    if (unit < 0xffff) return prefix.slice(0, i) + String.fromCharCode(unit + 1);
  }
  return undefined;
}
