import type Docker from 'dockerode';
import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Engine } from '../../../main/runtime/docker/engine.ts';
import type { Helpers } from '../../../main/runtime/docker/helpers.ts';
import { label } from '../../../main/runtime/docker/labels.ts';
import { limitScript, PodCgroups } from '../../../main/runtime/docker/podCgroups.ts';

const run = promisify(execFile);

let root: string;
beforeEach(async () => void (root = await fs.mkdtemp(path.join(os.tmpdir(), 'skiff-cgroups-'))));
afterEach(() => fs.rm(root, { recursive: true }));

/** What `docker info` says, and a helper whose machine has the tree below `root`. */
function cgroupsOf(info: object): PodCgroups {
  const engine = new Engine({ info: async () => info } as unknown as Docker);
  const helpers = {
    run: async (_: string[], __: string, args: string[]) => {
      const { stdout } = await run('sh', ['-c', limitScript(root), 'sh', ...args]);
      return { code: 0, output: stdout };
    },
  } as unknown as Helpers;
  return new PodCgroups(engine, helpers, 'test');
}

const file = (...names: string[]) => fs.readFile(path.join(root, ...names), 'utf8');
const limits = { cpuShares: 1024, cpuQuota: 50_000, cpuPeriod: 100_000, memoryLimit: 2 ** 26 };

describe('the control group of a pod', () => {
  it('is beside those of the engine, by the name that the engine has for its kind', async () => {
    expect(await cgroupsOf({ CgroupDriver: 'cgroupfs', CgroupVersion: '2' }).parentOf({ uid: 'a-b' })).toBe('/docker/skiff-test-poda-b');
    expect(await cgroupsOf({ CgroupDriver: 'systemd', CgroupVersion: '2' }).parentOf({ uid: 'a-b' })).toBe('system-skiff_test_poda_b.slice');
    expect(await cgroupsOf({ CgroupDriver: 'systemd', CgroupVersion: '2', SecurityOptions: ['name=rootless'] }).parentOf({ uid: 'a-b' })).toBe('user-skiff_test_poda_b.slice');
    expect(await cgroupsOf({ CgroupDriver: 'none', CgroupVersion: '2', SecurityOptions: ['name=rootless'] }).parentOf({ uid: 'a-b' })).toBeUndefined();
  });

  it('of version 2 is one directory, in which limits that are taken away are `max`', async () => {
    const group = path.join(root, 'docker', 'skiff-test-poda');
    await fs.mkdir(group, { recursive: true });
    await fs.writeFile(path.join(root, 'cgroup.controllers'), 'cpu memory pids\n');
    const cgroups = cgroupsOf({});
    const labels = { [label.cgroup]: '/docker/skiff-test-poda' };
    await cgroups.limit(labels, limits);
    expect(await file('docker', 'skiff-test-poda', 'cpu.weight')).toBe('39');
    expect(await file('docker', 'skiff-test-poda', 'cpu.max')).toBe('50000 100000');
    expect(await file('docker', 'skiff-test-poda', 'memory.max')).toBe(String(2 ** 26));
    await cgroups.limit(labels, { cpuShares: 2 });
    expect(await file('docker', 'skiff-test-poda', 'cpu.weight')).toBe('1');
    expect(await file('docker', 'skiff-test-poda', 'cpu.max')).toBe('max 100000');
    expect(await file('docker', 'skiff-test-poda', 'memory.max')).toBe('max');
    expect((await fs.readdir(group)).sort()).toEqual(['cpu.max', 'cpu.weight', 'memory.max']);
  });

  it('of version 1 is a directory in the tree of each kind of resource', async () => {
    for (const tree of ['cpu', 'memory']) await fs.mkdir(path.join(root, tree, 'docker', 'skiff-test-poda'), { recursive: true });
    await cgroupsOf({}).limit({ [label.cgroup]: '/docker/skiff-test-poda' }, limits);
    expect(await file('cpu', 'docker', 'skiff-test-poda', 'cpu.shares')).toBe('1024');
    expect(await file('cpu', 'docker', 'skiff-test-poda', 'cpu.cfs_quota_us')).toBe('50000');
    expect(await file('memory', 'docker', 'skiff-test-poda', 'memory.limit_in_bytes')).toBe(String(2 ** 26));
  });
});
