import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeAtomically } from '../../../main/node/agent/atomicWriter.ts';
import { NodeVolume } from '../../../main/node/agent/nodeVolume.ts';

// The agent runs on Linux only: it opens directories through /proc/self/fd.
const onLinux = process.platform === 'linux' ? describe : describe.skip;
const asRoot = process.getuid?.() === 0 ? test : test.skip;

let root: string;
let volume: NodeVolume;
let outside: string;

beforeEach(async () => {
  const base = await fs.mkdtemp(path.join(os.tmpdir(), 'skiff-volume-'));
  root = path.join(base, 'volume');
  outside = path.join(base, 'outside');
  await fs.mkdir(root);
  await fs.mkdir(outside);
  volume = new NodeVolume(root);
});

afterEach(() => fs.rm(path.dirname(root), { recursive: true, force: true }));

const file = (name: string, content: string, mode = 0o644, owner?: number) => ({
  ...(owner === undefined ? {} : { owner }),
  path: name,
  data: Buffer.from(content).toString('base64'),
  mode,
});
let turn = 0;
const write = (files: ReturnType<typeof file>[], ownership: { group?: number } = {}) =>
  volume.inDirectory('cm', true, (directory) =>
    writeAtomically(directory, files, ownership, new Date('2026-01-02T03:04:05Z'), String(++turn)),
  );
const read = (name: string) => fs.readFile(path.join(root, 'cm', name), 'utf8');
const names = async () => (await fs.readdir(path.join(root, 'cm'))).sort();

onLinux('a volume of files', () => {
  test('holds what was written, behind links', async () => {
    await write([file('key', 'value'), file('deep/er/key', 'below')]);
    expect(await read('key')).toBe('value');
    expect(await read('deep/er/key')).toBe('below');
    expect(await fs.readlink(path.join(root, 'cm/key'))).toBe('..data/key');
    expect(await fs.readlink(path.join(root, 'cm/deep'))).toBe('..data/deep');
    expect(await fs.readlink(path.join(root, 'cm/..data'))).toMatch(/^\.\.2026_01_02_03_04_05\./);
  });

  test('changes all at once, keeping the links and leaving nothing behind', async () => {
    await write([file('a', '1'), file('b/c', '1')]);
    const before = await fs.readlink(path.join(root, 'cm/..data'));
    await write([file('a', '2'), file('d', '2')]);
    const after = await fs.readlink(path.join(root, 'cm/..data'));
    expect(after).not.toBe(before);
    expect(await names()).toEqual(['..data', after, 'a', 'd'].sort());
    expect(await read('a')).toBe('2');
  });

  test('stays as it is when nothing changed', async () => {
    await write([file('a', '1')]);
    const before = await fs.readlink(path.join(root, 'cm/..data'));
    await write([file('a', '1')]);
    expect(await fs.readlink(path.join(root, 'cm/..data'))).toBe(before);
    await write([file('a', '1', 0o600)]);
    expect(await fs.readlink(path.join(root, 'cm/..data'))).not.toBe(before);
  });

  test('gets its missing links back', async () => {
    await write([file('a', '1')]);
    await fs.rm(path.join(root, 'cm/a'));
    await write([file('a', '1')]);
    expect(await read('a')).toBe('1');
  });

  test('may become empty', async () => {
    await write([file('a', '1')]);
    await write([]);
    expect((await names()).filter((name) => !name.startsWith('..'))).toEqual([]);
  });

  asRoot('belongs to its group, which may read it, and a file of it to a user', async () => {
    await write([file('a', '1', 0o600, 1000), file('b', '1', 0o600)], { group: 2000 });
    expect((await fs.stat(path.join(root, 'cm/b'))).uid).toBe(0);
    const stat = await fs.stat(path.join(root, 'cm/a'));
    expect([stat.uid, stat.gid, stat.mode & 0o7777]).toEqual([1000, 2000, 0o640]);
    const directory = await fs.stat(path.join(root, 'cm/..data'));
    expect([directory.gid, directory.mode & 0o7777]).toEqual([2000, 0o2755]);
  });

  test.each(['../evil', '/etc/passwd', 'a/../../b', '..data/x', ''])('refuses the path %j', async (name) => {
    await expect(write([file(name, 'x')])).rejects.toThrow(/invalid path/);
    expect(await fs.readdir(outside)).toEqual([]);
  });
});

onLinux('the node volume', () => {
  test('makes, tells, measures and removes', async () => {
    await volume.makeDirectory('pods/a/dir', { mode: 0o777 });
    expect((await fs.stat(path.join(root, 'pods/a/dir'))).mode & 0o777).toBe(0o777);
    await volume.writeFile('pods/a/dir/file', Buffer.from('0123456789'), 0o600);
    expect(await volume.stat('pods/a/dir/file')).toEqual({ kind: 'file', size: 10 });
    expect((await volume.stat('/pods/a'))?.kind).toBe('directory');
    expect((await volume.readFile('pods/a/dir/file', 4))?.toString()).toBe('6789');
    expect(await volume.usage('pods')).toBeGreaterThan(0);
    await volume.remove('pods/a');
    expect(await volume.stat('pods/a/dir')).toBeUndefined();
    await volume.remove('pods/a/never/was');
  });

  test('keeps what a directory holds that is made again', async () => {
    await volume.makeDirectory('dir', { mode: 0o755 });
    await volume.writeFile('dir/file', Buffer.from('x'), 0o644);
    await volume.makeDirectory('dir', { mode: 0o700 });
    expect(await volume.stat('dir/file')).toBeDefined();
  });

  test('makes no parents when it is told so', async () => {
    await expect(volume.makeDirectory('not/there', { mode: 0o755, recursive: false })).rejects.toThrow('does not exist');
  });

  test('finds and makes a sub-path of a directory, with its mode', async () => {
    await volume.makeDirectory('pod/v', { mode: 0o777, recursive: true });
    expect(await volume.subPath('pod/v', 'a//b/.')).toBe('pod/v/a/b');
    const { mode } = await fs.stat(path.join(root, 'pod/v/a/b'));
    expect(mode & 0o7777).toBe(0o777);
    await fs.symlink('a/b', path.join(root, 'pod/v/inside'));
    expect(await volume.subPath('pod/v', 'inside')).toBe('pod/v/a/b');
    await write([file('key', 'value')]);
    expect(await volume.subPath('cm', 'key')).toMatch(/^cm\/\.\.2026_.*\/key$/);
  });

  test('refuses a sub-path that a link leads out of its directory', async () => {
    await volume.makeDirectory('pod/v', { mode: 0o777, recursive: true });
    await volume.makeDirectory('other/v', { mode: 0o777, recursive: true });
    for (const [name, target] of Object.entries({ out: outside, up: '../../other/v', own: '/v/x', lost: 'nowhere' })) {
      await fs.symlink(target, path.join(root, 'pod/v', name));
      await expect(volume.subPath('pod/v', name)).rejects.toThrow();
      await expect(volume.subPath('pod/v', `${name}/made`)).rejects.toThrow();
    }
    await expect(volume.subPath('pod/v', '../../other/v')).rejects.toThrow("must not contain '..'");
    expect(await fs.readdir(outside)).toEqual([]);
    expect(await fs.readdir(path.join(root, 'other/v'))).toEqual([]);
  });

  test('never follows a link that a pod left behind', async () => {
    await fs.symlink(outside, path.join(root, 'link'));
    await fs.writeFile(path.join(outside, 'secret'), 'x');
    await expect(volume.makeDirectory('link/dir', { mode: 0o755, recursive: true })).rejects.toThrow(
      'is not a directory',
    );
    await expect(volume.writeFile('link/file', Buffer.from('x'), 0o644)).rejects.toThrow('is not a directory');
    await expect(volume.remove('link/secret')).rejects.toThrow('is not a directory');
    await expect(volume.readFile('link/secret', 10)).rejects.toThrow("leads out of the node's volume");
    await expect(volume.stat('../outside')).rejects.toThrow("must not contain '..'");
    expect(await fs.readdir(outside)).toEqual(['secret']);
    await volume.remove('link');
    expect(await fs.readdir(outside)).toEqual(['secret']);
  });
});
