import { mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeFolders } from '../../../main/util/folders.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'skiff-folders-'));
});
afterEach(() => rm(home, { recursive: true }));

it('makes what is missing and takes what is there, by whatever link it is reached', async () => {
  await makeFolders(path.join(home, 'a/b'), 0o700);
  await makeFolders(path.join(home, 'a/b'), 0o755);
  expect((await stat(path.join(home, 'a/b'))).mode & 0o777).toBe(0o700);
  await symlink(path.join(home, 'a'), path.join(home, 'link'));
  await makeFolders(path.join(home, 'link/c'), 0o700);
  expect(await readdir(path.join(home, 'a'))).toEqual(['b', 'c']);
});

it('two that make the same folder at the same time both have it', async () => {
  const deep = path.join(home, 'x/y/z');
  await Promise.all([makeFolders(deep, 0o700), makeFolders(deep, 0o700)]);
  expect((await stat(deep)).isDirectory()).toBe(true);
});

it('a file in the way is told by the system', async () => {
  await writeFile(path.join(home, 'file'), '');
  await expect(makeFolders(path.join(home, 'file'), 0o700)).rejects.toThrow(/EEXIST/);
  await expect(makeFolders(path.join(home, 'file/below'), 0o700)).rejects.toThrow(/EEXIST|ENOTDIR/);
});

it.skipIf(process.platform !== 'linux')('a folder that can have none below it is told of at once', async () => {
  await expect(makeFolders('/proc/skiff/below', 0o700)).rejects.toThrow(/ENOENT.*\/proc\/skiff'/);
});
