/** Where a revision of the store stands among those of etcd. */
export interface Position {
  /** The store's. */
  revision: number;
  /** etcd's. */
  at: number;
  /** When it was written, milliseconds since the epoch. */
  time: number;
}

/** More than so many are not kept: every other one of the older half goes. */
const most = 4096;

/**
 * Known pairs of the store's and etcd's revisions, in order. A store's revision may have none of its own, since a
 * transaction of etcd holds several writes, and etcd may have others, of other users.
 */
export class Positions {
  #known: Position[] = [];

  add(position: Position): void {
    const i = this.#behind(position.revision);
    if (this.#known[i - 1]?.revision === position.revision) return;
    this.#known.splice(i, 0, position);
    if (this.#known.length > most) this.#known = this.#known.filter((_, n) => n % 2 === 0 || n > most / 2);
  }

  clear(): void {
    this.#known = [];
  }

  /** The last one that is not behind `revision`, and the one after it. */
  around(revision: number): [Position | undefined, Position | undefined] {
    const i = this.#behind(revision);
    return [this.#known[i - 1], this.#known[i]];
  }

  /** The newest revision of which it is known that it was written before `time`; 0: of none. */
  newestBefore(time: number): number {
    let newest = 0;
    for (const position of this.#known) {
      if (position.time >= time) break;
      newest = position.revision;
    }
    return newest;
  }

  /** How many stand at or before `revision`. */
  #behind(revision: number): number {
    let low = 0;
    let high = this.#known.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#known[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
