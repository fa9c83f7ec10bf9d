import { constants } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { MachineState } from '../index.ts';

/** Who owns what is made. */
export interface Ownership {
  owner?: number;
  group?: number;
}

/**
 * The node's own volume, below which all files of pods lie. A path never leaves it: pods write here too, and may leave
 * links behind, so directories are opened one by one without following any (as doSafeMakeDir of
 * pkg/volume/util/subpath/subpath_linux.go does), by means of /proc/self/fd, Node's only openat.
 */
export class NodeVolume {
  constructor(private readonly root: string) {}

  /** Makes an empty directory; it keeps what it has when it is there. */
  async makeDirectory(target: string, options: Ownership & { mode: number; recursive?: boolean }): Promise<void> {
    const names = this.#split(target);
    const name = names.pop()!;
    await this.inDirectory(names, options.recursive ?? true, async (parent) => {
      await fs.mkdir(`${parent}/${name}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
      const directory = await openDirectory(`${parent}/${name}`);
      try {
        // mkdir's mode is cut by the umask; a group that owns a volume can write to it (pkg/volume/volume_linux.go).
        const group = options.group === undefined ? 0 : 0o2770;
        if (options.owner !== undefined || options.group !== undefined)
          await directory.chown(options.owner ?? -1, options.group ?? -1);
        await directory.chmod(options.mode | group);
      } finally {
        await directory.close();
      }
    });
  }

  /**
   * Follows a path below a directory as far as it leads and makes what is missing, with the directory's own mode and,
   * where that one hands it on, its group. No link on the way may leave the directory; one of a pod's own file system
   * (`/data/x`) does. Mirrors pkg/volume/util/subpath/subpath_linux.go (doSafeMakeDir, doSafeOpen).
   */
  async subPath(directory: string, below: string): Promise<string> {
    const root = await this.#real(directory);
    if (root === undefined) throw Object.assign(new Error(`${directory} does not exist`), { code: 'ENOENT' });
    const { mode, gid } = await fs.stat(root);
    let at = root;
    for (const name of below.split('/').filter((part) => part !== '' && part !== '.')) {
      if (name === '..') throw new Error(`invalid path: must not contain '..': ${below}`);
      const next = path.join(at, name);
      const real = await fs.realpath(next).catch(missing);
      if (real === undefined) {
        // A link that leads nowhere is there already, so this rejects.
        await fs.mkdir(next);
        if (mode & 0o2000) await fs.chown(next, -1, gid);
        await fs.chmod(next, mode & 0o7777);
      }
      at = real ?? next;
      if (at !== root && !at.startsWith(`${root}/`))
        throw new Error(`subpath ${JSON.stringify(below)} not within volume path`);
    }
    return path.relative(await fs.realpath(this.root), at);
  }

  async stat(target: string): Promise<{ kind: 'file' | 'directory' | 'other'; size: number } | undefined> {
    const real = await this.#real(target);
    if (!real) return undefined;
    const stat = await fs.stat(real);
    return { kind: stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other', size: stat.size };
  }

  /** The kernel's memory, which no container bounds, and the disk below this volume. */
  async machineState(): Promise<MachineState> {
    const [{ blocks, bavail, bsize, files, ffree }, memory] = await Promise.all([fs.statfs(this.root), fs.readFile('/proc/meminfo', 'utf8')]);
    const kibibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(memory)?.[1] ?? 0);
    return {
      memoryTotalBytes: kibibytes('MemTotal') * 1024,
      memoryAvailableBytes: kibibytes('MemAvailable') * 1024,
      diskTotalBytes: blocks * bsize,
      diskAvailableBytes: bavail * bsize,
      inodes: files,
      // Some file systems count none.
      inodesFree: files === 0 ? Number.MAX_SAFE_INTEGER : ffree,
    };
  }

  async list(target: string): Promise<string[]> {
    const real = await this.#real(target);
    return real === undefined ? [] : fs.readdir(real);
  }

  /** Bytes of disk below a path; a file with several names counts once. */
  async usage(target: string): Promise<number> {
    const real = await this.#real(target);
    if (!real) return 0;
    const seen = new Set<string>();
    let total = 0;
    const waiting = [real];
    for (let current = waiting.pop(); current !== undefined; current = waiting.pop()) {
      // What disappears while we count does not count.
      const stat = await fs.lstat(current).catch(() => undefined);
      if (!stat) continue;
      if (stat.nlink > 1 && !stat.isDirectory()) {
        const key = `${stat.dev}:${stat.ino}`;
        if (seen.has(key)) continue;
        seen.add(key);
      }
      total += stat.blocks * 512;
      if (!stat.isDirectory()) continue;
      for (const name of await fs.readdir(current).catch(() => [])) waiting.push(path.join(current, name));
    }
    return total;
  }

  /** The end of a file, at most `maxBytes` of it. */
  async readFile(target: string, maxBytes: number): Promise<Buffer | undefined> {
    const real = await this.#real(target);
    if (!real) return undefined;
    const file = await fs.open(real, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = await file.stat();
      const start = Math.max(0, size - maxBytes);
      const buffer = Buffer.alloc(size - start);
      let length = 0;
      while (length < buffer.length) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length, start + length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return buffer.subarray(0, length);
    } finally {
      await file.close();
    }
  }

  /** Replaces a file at once: a reader sees the old or the new content. */
  async writeFile(target: string, data: Buffer, mode: number): Promise<void> {
    const names = this.#split(target);
    const name = names.pop()!;
    await this.inDirectory(names, true, async (parent) => {
      const beside = `${parent}/.${name}.new`;
      await fs.rm(beside, { force: true });
      await fs.writeFile(beside, data, { mode, flag: 'wx' });
      await fs.chmod(beside, mode);
      await fs.rename(beside, `${parent}/${name}`);
    });
  }

  async remove(target: string): Promise<void> {
    const names = this.#split(target);
    const name = names.pop()!;
    try {
      await this.inDirectory(names, false, (parent) =>
        fs.rm(`${parent}/${name}`, { recursive: true, force: true, maxRetries: 2 }),
      );
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** Calls `use` with a path to the directory that stays the same directory whatever happens to its names. */
  async inDirectory<T>(target: string | string[], create: boolean, use: (directory: string) => Promise<T>): Promise<T> {
    let directory = await openDirectory(this.root);
    try {
      for (const name of typeof target === 'string' ? this.#split(target) : target) {
        const child = `/proc/self/fd/${directory.fd}/${name}`;
        if (create)
          await fs.mkdir(child, 0o755).catch((error: NodeJS.ErrnoException) => {
            if (error.code !== 'EEXIST') throw error;
          });
        const next = await openDirectory(child).catch((error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOTDIR' || error.code === 'ELOOP')
            throw new Error(`${JSON.stringify(name)} in ${this.#name(target)} is not a directory`);
          throw error;
        });
        await directory.close();
        directory = next;
      }
      return await use(`/proc/self/fd/${directory.fd}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT')
        throw Object.assign(new Error(`${this.#name(target)} does not exist`), { code: 'ENOENT' });
      throw error;
    } finally {
      await directory.close();
    }
  }

  #name(target: string | string[]): string {
    return typeof target === 'string' ? target : target.join('/');
  }

  /** The names on the way to a path, given from the volume's root or as the node's own path. Throws when it leaves the volume. */
  #split(target: string): string[] {
    const inside = target === this.root || target.startsWith(`${this.root}/`) ? target.slice(this.root.length) : target;
    const names = inside.split('/').filter((name) => name !== '' && name !== '.');
    if (names.includes('..')) throw new Error(`invalid path: must not contain '..': ${target}`);
    if (names.length === 0) throw new Error("invalid path: must name something in the node's volume");
    return names;
  }

  /** Where a path leads, links followed; undefined when that is nothing. Throws when it is outside of the volume. */
  async #real(target: string): Promise<string | undefined> {
    const root = await fs.realpath(this.root);
    try {
      const real = await fs.realpath(path.join(root, ...this.#split(target)));
      if (!real.startsWith(`${root}/`)) throw new Error(`${target} leads out of the node's volume`);
      return real;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  }
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

function openDirectory(name: string): Promise<fs.FileHandle> {
  return fs.open(name, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}
