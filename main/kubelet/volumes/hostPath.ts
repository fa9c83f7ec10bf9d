import { chmod, mkdir, open, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { HostPathVolumeSource } from '../../api/index.ts';
import { makeFolders } from '../../util/folders.ts';

export type HostPathKind = 'directory' | 'file' | 'socket' | 'characterDevice' | 'blockDevice' | 'other';

/** The user's own machine, for hostPath volumes. */
export interface HostFiles {
  stat(path: string): Promise<HostPathKind | undefined>;
  makeDirectory(path: string): Promise<void>;
  makeFile(path: string): Promise<void>;
  /** Where a path below a directory leads, links followed; what is missing of it is made. Rejects when it leads out. */
  subPath(directory: string, below: string): Promise<string>;
}

const goTexts: Record<string, string> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  ENOTDIR: 'not a directory',
  EROFS: 'read-only file system',
  ENOSPC: 'no space left on device',
};

/** A failure in the words that users of Kubernetes know. */
function goWords(what: string, name: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    throw new Error(`${what} ${name}: ${goTexts[error.code ?? ''] ?? error.message}`, { cause: error });
  };
}

export const machineFiles: HostFiles = {
  async stat(name) {
    try {
      const found = await stat(name);
      if (found.isDirectory()) return 'directory';
      if (found.isFile()) return 'file';
      if (found.isSocket()) return 'socket';
      if (found.isCharacterDevice()) return 'characterDevice';
      return found.isBlockDevice() ? 'blockDevice' : 'other';
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
      throw error;
    }
  },
  async makeDirectory(name) {
    await makeFolders(name, 0o755).catch(goWords('mkdir', name));
  },
  async makeFile(name) {
    await (await open(name, 'a', 0o644).catch(goWords('open', name))).close();
  },
  async subPath(directory, below) {
    const root = await realpath(directory).catch(() => undefined);
    // Not for this process to see: the engine looks for itself.
    if (root === undefined) return path.posix.join(directory, below);
    let at = root;
    for (const name of below.split('/').filter((part) => part !== '' && part !== '.')) {
      const next = path.join(at, name);
      const real = await realpath(next).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        return undefined;
      });
      // A link that leads nowhere is there already, so this rejects.
      if (real === undefined) {
        await mkdir(next);
        await chmod(next, (await stat(root)).mode & 0o7777);
      }
      at = real ?? next;
      if (at !== root && !at.startsWith(root === '/' ? root : `${root}${path.sep}`)) throw new Error(`subpath ${JSON.stringify(below)} not within volume path`);
    }
    return at;
  },
};

const wanted: Record<string, { kind: HostPathKind; words: string }> = {
  Directory: { kind: 'directory', words: 'a directory' },
  File: { kind: 'file', words: 'a file' },
  Socket: { kind: 'socket', words: 'a socket file' },
  CharDevice: { kind: 'characterDevice', words: 'a character device' },
  BlockDevice: { kind: 'blockDevice', words: 'a block device' },
};

/** Makes or checks what the volume's type asks for. Mirrors pkg/volume/hostpath/host_path.go (checkType). */
export async function checkHostPath(source: HostPathVolumeSource, files: HostFiles): Promise<void> {
  const { path: name, type = '' } = source;
  // Without a type nothing is checked; the runtime makes a directory where there is nothing.
  if (type === '') return;
  const found = await files.stat(name);
  if (type === 'DirectoryOrCreate') {
    if (found === undefined) return files.makeDirectory(name);
    if (found !== 'directory') throw new Error(`hostPath type check failed: ${name} is not a directory`);
    return;
  }
  if (type === 'FileOrCreate') {
    if (found === undefined) return files.makeFile(name);
    if (found !== 'file') throw new Error(`hostPath type check failed: ${name} is not a file`);
    return;
  }
  const want = wanted[type];
  if (!want) throw new Error(`${type} is an invalid volume type`);
  if (found !== want.kind) throw new Error(`hostPath type check failed: ${name} is not ${want.words}`);
}
