import type { Stats } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { VolumeFile } from '../index.ts';
import type { Ownership } from './nodeVolume.ts';

/** A volume as a whole is given to a group only; a file can have an owner of its own. */
type GroupOwnership = Pick<Ownership, 'group'>;

const dataLink = '..data';
const newDataLink = '..data_tmp';

/**
 * Makes a directory hold just these files, all at once: the content goes into a new directory named by the time, the
 * link `..data` is swapped to it, and every name is a link through `..data`.
 * Mirrors pkg/volume/util/atomic_writer.go; ownership as pkg/volume/volume_linux.go gives it to a read-only volume.
 */
export async function writeAtomically(
  directory: string,
  files: VolumeFile[],
  ownership: GroupOwnership,
  now: Date,
  suffix: string,
): Promise<void> {
  const payload = new Map<string, VolumeFile>();
  for (const file of files) {
    validatePath(file.path);
    payload.set(path.posix.normalize(file.path), file);
  }

  let old = await fs.readlink(`${directory}/${dataLink}`).catch(missing);
  let gone = new Set<string>();
  let write = true;
  if (old !== undefined) {
    const current = `${directory}/${path.posix.basename(old)}`;
    gone = await pathsToRemove(payload, current);
    write = gone.size > 0 || (await differs(payload, current, ownership));
  }

  if (write) {
    const name = `..${stamp(now)}.${suffix}`;
    const target = `${directory}/${name}`;
    try {
      await fs.mkdir(target);
      await setPermissions(target, 0o755, true, ownership);
      await writePayload(target, payload, ownership);
      await fs.rm(`${directory}/${newDataLink}`, { force: true });
      await fs.symlink(name, `${directory}/${newDataLink}`);
      await fs.rename(`${directory}/${newDataLink}`, `${directory}/${dataLink}`);
    } catch (error) {
      await fs.rm(target, { recursive: true, force: true });
      throw error;
    }
  } else {
    // Up to date; the names below may still have been lost when an earlier write was cut short.
    old = undefined;
  }

  const visible = new Set([...payload.keys()].map(firstName));
  for (const name of visible) {
    const there = await fs.readlink(`${directory}/${name}`).catch(missing);
    if (there === undefined) await fs.symlink(`${dataLink}/${name}`, `${directory}/${name}`);
  }
  for (const name of new Set([...gone].map(firstName)))
    if (!visible.has(name)) await fs.rm(`${directory}/${name}`, { force: true });
  if (old !== undefined) await fs.rm(`${directory}/${path.posix.basename(old)}`, { recursive: true, force: true });
}

function validatePath(name: string): void {
  if (name === '') throw new Error(`invalid path: must not be empty: ""`);
  if (name.startsWith('/')) throw new Error(`invalid path: must be relative path: ${name}`);
  if (name.length > 4096) throw new Error('invalid path: must be less than or equal to 4096 characters');
  const items = name.split('/');
  for (const item of items) {
    if (item === '..') throw new Error(`invalid path: must not contain '..': ${name}`);
    if (item.length > 255) throw new Error('invalid path: filenames must be less than or equal to 255 characters');
  }
  if (items[0]!.startsWith('..')) throw new Error(`invalid path: must not start with '..': ${name}`);
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'EINVAL') throw error;
  return undefined;
}

const firstName = (name: string): string => name.split('/', 1)[0]!;

/** `2006_01_02_15_04_05` */
function stamp(now: Date): string {
  return now.toISOString().slice(0, 19).replace(/[-T:]/g, '_');
}

async function pathsToRemove(payload: Map<string, VolumeFile>, directory: string): Promise<Set<string>> {
  const gone = new Set<string>();
  const entries = await fs.readdir(directory, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    missing(error);
    return [] as string[];
  });
  const wanted = new Set<string>();
  for (const name of payload.keys()) for (let at = name; at !== '.'; at = path.posix.dirname(at)) wanted.add(at);
  for (const entry of entries) if (!wanted.has(entry)) gone.add(entry);
  return gone;
}

async function differs(payload: Map<string, VolumeFile>, directory: string, ownership: GroupOwnership): Promise<boolean> {
  for (const [name, file] of payload) {
    const there = await fs.readFile(`${directory}/${name}`).catch(missing);
    if (!there?.equals(Buffer.from(file.data, 'base64'))) return true;
    const stat: Stats = await fs.stat(`${directory}/${name}`);
    if ((stat.mode & 0o777) !== fileMode(file.mode, ownership)) return true;
    if (file.owner !== undefined && stat.uid !== file.owner) return true;
    if (ownership.group !== undefined && stat.gid !== ownership.group) return true;
  }
  return false;
}

async function writePayload(target: string, payload: Map<string, VolumeFile>, ownership: GroupOwnership): Promise<void> {
  const made = new Set(['.']);
  for (const [name, file] of payload) {
    const parents: string[] = [];
    for (let parent = path.posix.dirname(name); !made.has(parent); parent = path.posix.dirname(parent)) {
      made.add(parent);
      parents.unshift(parent);
    }
    for (const parent of parents) {
      await fs.mkdir(`${target}/${parent}`);
      await setPermissions(`${target}/${parent}`, 0o755, true, ownership);
    }
    await fs.writeFile(`${target}/${name}`, Buffer.from(file.data, 'base64'));
    await setPermissions(`${target}/${name}`, file.mode, false, { ...ownership, owner: file.owner });
  }
}

/** The volume is read-only to pods: its group may read what its owner may write. */
const fileMode = (mode: number, { group }: GroupOwnership): number => (group === undefined ? mode : mode | 0o440);

async function setPermissions(name: string, mode: number, directory: boolean, ownership: Ownership): Promise<void> {
  if (ownership.owner !== undefined || ownership.group !== undefined)
    await fs.chown(name, ownership.owner ?? -1, ownership.group ?? -1);
  // After chown, which takes the set-group-id bit away.
  await fs.chmod(name, directory ? (ownership.group === undefined ? mode : mode | 0o2550) : fileMode(mode, ownership));
}
