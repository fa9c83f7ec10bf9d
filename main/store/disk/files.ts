import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../util/clock.ts';
import { lockDirectory } from './lock.ts';

/** What the disk store asks of a file system; a test puts one that fails or crashes in its place. */
export interface Files {
  makeDirectory(directory: string): Promise<void>;
  /** Names, in no order. */
  list(directory: string): Promise<string[]>;
  /** `create`: a new, empty file in the place of any other; `open`: one that is there, to read and write. */
  open(path: string, how: 'create' | 'open'): Promise<OpenFile>;
  /** Bytes; undefined for a file that is not there. */
  size(path: string): Promise<number | undefined>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(directory: string): Promise<void>;
  /** Takes the directory for this process, or throws LockedError; resolves to what gives it back. */
  lock(directory: string, clock: Clock): Promise<() => Promise<void>>;
}

export interface OpenFile {
  size(): Promise<number>;
  /** Reads up to `length` bytes; fewer only at the end of the file. */
  read(position: number, length: number): Promise<Buffer>;
  /** All of `data`. */
  write(data: Buffer, position: number): Promise<void>;
  /** Resolves when everything written is on the disk. */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

const open = promisify(fs.open);
const close = promisify(fs.close);
const fdatasync = promisify(fs.fdatasync);
const fsync = promisify(fs.fsync);
const ftruncate = promisify(fs.ftruncate);
const fstat = promisify(fs.fstat);

/** Writes up to this size go to the page cache at once, since the way through a thread costs more; larger ones could hold up the event loop. */
const smallWrite = 16 * 1024;

class DiskFile implements OpenFile {
  constructor(private readonly fd: number) {}

  async size(): Promise<number> {
    return (await fstat(this.fd)).size;
  }

  async read(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const count = await this.#readOnce(buffer, filled, position + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled === length ? buffer : buffer.subarray(0, filled);
  }

  async write(data: Buffer, position: number): Promise<void> {
    for (let done = 0; done < data.length; ) {
      const rest = data.length - done;
      done += rest <= smallWrite ? fs.writeSync(this.fd, data, done, rest, position + done) : await this.#writeOnce(data, done, position + done);
    }
  }

  sync(): Promise<void> {
    return fdatasync(this.fd);
  }

  truncate(size: number): Promise<void> {
    return ftruncate(this.fd, size);
  }

  close(): Promise<void> {
    return close(this.fd);
  }

  #readOnce(buffer: Buffer, offset: number, position: number): Promise<number> {
    return new Promise((resolve, reject) =>
      fs.read(this.fd, buffer, offset, buffer.length - offset, position, (error, count) => (error ? reject(error) : resolve(count))),
    );
  }

  #writeOnce(data: Buffer, offset: number, position: number): Promise<number> {
    return new Promise((resolve, reject) =>
      fs.write(this.fd, data, offset, data.length - offset, position, (error, count) => (error ? reject(error) : resolve(count))),
    );
  }
}

/** The machine's own file system. Everything is readable by its owner only: the store holds Secrets. */
export const diskFiles: Files = {
  async makeDirectory(directory) {
    await fs.promises.mkdir(directory, { recursive: true, mode: 0o700 });
  },
  list: (directory) => fs.promises.readdir(directory),
  async open(file, how) {
    return new DiskFile(await open(file, how === 'create' ? 'w+' : 'r+', 0o600));
  },
  async size(file) {
    try {
      return (await fs.promises.stat(file)).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  },
  rename: (from, to) => fs.promises.rename(from, to),
  remove: (file) => fs.promises.rm(file, { force: true }),
  async syncDirectory(directory) {
    // Windows cannot open a directory to flush it; its file system journals names by itself.
    if (process.platform === 'win32') return;
    const fd = await open(directory, 'r');
    try {
      await fsync(fd);
    } finally {
      await close(fd);
    }
  },
  lock: (directory, clock) => lockDirectory(path.join(directory, 'lock'), directory, clock),
};
