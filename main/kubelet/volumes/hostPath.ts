import { mkdir, open, stat } from 'node:fs/promises';
import type { HostPathVolumeSource } from '../../api/index.ts';

export type HostPathKind = 'directory' | 'file' | 'socket' | 'characterDevice' | 'blockDevice' | 'other';

/** The user's own machine, for hostPath volumes. */
export interface HostFiles {
  stat(path: string): Promise<HostPathKind | undefined>;
  makeDirectory(path: string): Promise<void>;
  makeFile(path: string): Promise<void>;
}

export const machineFiles: HostFiles = {
  async stat(path) {
    try {
      const found = await stat(path);
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
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o755 });
  },
  async makeFile(path) {
    await (await open(path, 'a', 0o644)).close();
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
  const { path, type = '' } = source;
  // Without a type nothing is checked; the runtime makes a directory where there is nothing.
  if (type === '') return;
  const found = await files.stat(path);
  if (type === 'DirectoryOrCreate') {
    if (found === undefined) return files.makeDirectory(path);
    if (found !== 'directory') throw new Error(`hostPath type check failed: ${path} is not a directory`);
    return;
  }
  if (type === 'FileOrCreate') {
    if (found === undefined) return files.makeFile(path);
    if (found !== 'file') throw new Error(`hostPath type check failed: ${path} is not a file`);
    return;
  }
  const want = wanted[type];
  if (!want) throw new Error(`${type} is an invalid volume type`);
  if (found !== want.kind) throw new Error(`hostPath type check failed: ${path} is not ${want.words}`);
}
