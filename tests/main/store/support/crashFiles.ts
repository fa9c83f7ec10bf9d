import path from 'node:path';
import type { Files, OpenFile } from '../../../../main/store/disk/files.ts';

/** What goes wrong, and at which of the operations that change something. */
export interface Fault {
  at: number;
  /** `fail`: this one operation does nothing and throws; `crash`: so do all from it on; `full`: it has room for half of its bytes. */
  how: 'fail' | 'crash' | 'full';
}

/** What is on the disk after a power cut, of what was not flushed. */
export type Survival = 'nothing' | 'everything' | 'half' | 'odd sectors';
export const survivals: readonly Survival[] = ['nothing', 'everything', 'half', 'odd sectors'];

interface Node {
  durable: Buffer;
  current: Buffer;
}

const sector = 512;

/**
 * A file system in memory that knows what has been flushed: a test can let any operation fail, cut the power at any, and
 * look at what a disk may hold then.
 */
export class CrashFiles implements Files {
  #durable = new Map<string, Node>();
  #current = new Map<string, Node>();
  /** How many operations that change something there have been. */
  operations = 0;
  fault: Fault | undefined;
  crashed = false;

  constructor(files: Iterable<readonly [string, Buffer]> = []) {
    for (const [name, bytes] of files) {
      const node = { durable: Buffer.from(bytes), current: Buffer.from(bytes) };
      this.#durable.set(name, node);
      this.#current.set(name, node);
    }
  }

  /** The files as a process would find them now. */
  contents(): Map<string, Buffer> {
    return new Map([...this.#current].map(([name, node]) => [name, Buffer.from(node.current)]));
  }

  /** A disk as a power cut may leave this one. */
  afterPowerCut(survival: Survival): CrashFiles {
    const names = survival === 'nothing' ? this.#durable : this.#current;
    return new CrashFiles([...names].map(([name, node]) => [name, surviving(node, survival)] as const));
  }

  makeDirectory(): Promise<void> {
    return Promise.resolve();
  }

  list(): Promise<string[]> {
    return Promise.resolve([...this.#current.keys()].map((name) => path.basename(name)));
  }

  async open(name: string, how: 'create' | 'open'): Promise<OpenFile> {
    if (how === 'create') {
      this.#step();
      this.#current.set(name, { durable: Buffer.alloc(0), current: Buffer.alloc(0) });
    }
    const node = this.#current.get(name);
    if (!node) throw Object.assign(new Error(`ENOENT: ${name}`), { code: 'ENOENT' });
    const step = (half?: () => void) => this.#step(half);
    const put = (data: Buffer, position: number) => {
      const grown = Buffer.alloc(Math.max(node.current.length, position + data.length));
      node.current.copy(grown);
      data.copy(grown, position);
      node.current = grown;
    };
    return {
      size: async () => node.current.length,
      read: async (position, length) => Buffer.from(node.current.subarray(position, position + length)),
      async write(data, position) {
        step(() => put(data.subarray(0, data.length >> 1), position));
        put(data, position);
      },
      async sync() {
        step();
        node.durable = node.current;
      },
      async truncate(size) {
        step();
        node.current = Buffer.from(node.current.subarray(0, size));
      },
      close: async () => undefined,
    };
  }

  size(name: string): Promise<number | undefined> {
    return Promise.resolve(this.#current.get(name)?.current.length);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step();
    this.#current.set(to, this.#current.get(from)!);
    this.#current.delete(from);
  }

  async remove(name: string): Promise<void> {
    this.#step();
    this.#current.delete(name);
  }

  async syncDirectory(): Promise<void> {
    this.#step();
    this.#durable = new Map(this.#current);
  }

  lock(): Promise<() => Promise<void>> {
    return Promise.resolve(() => Promise.resolve());
  }

  #step(half?: () => void): void {
    const hit = this.operations++ === this.fault?.at;
    if (hit && this.fault?.how === 'full') {
      this.fault = undefined;
      half?.();
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    }
    if (hit && this.fault?.how === 'crash') this.crashed = true;
    if (hit || this.crashed) throw Object.assign(new Error('EIO: the disk is gone'), { code: 'EIO' });
  }
}

function surviving({ durable, current }: Node, survival: Survival): Buffer {
  if (survival === 'nothing') return durable;
  if (survival === 'everything') return current;
  let first = 0;
  while (first < durable.length && first < current.length && durable[first] === current[first]) first++;
  if (survival === 'half') {
    const cut = first + Math.floor((current.length - first) / 2);
    const bytes = Buffer.alloc(Math.max(cut, durable.length));
    durable.copy(bytes);
    current.copy(bytes, 0, 0, cut);
    return bytes;
  }
  // The disk wrote every other sector of what was new; where it wrote none, the old is still there, or nothing.
  const bytes = Buffer.alloc(current.length);
  durable.copy(bytes, 0, 0, Math.min(durable.length, current.length));
  for (let at = Math.floor(first / sector) * sector; at < current.length; at += sector)
    if ((at / sector) % 2 === 1) current.copy(bytes, at, at, Math.min(at + sector, current.length));
  return bytes;
}
