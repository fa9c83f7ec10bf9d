import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { containerConfig, sandboxConfig } from '../../contracts/runtime.ts';
import { startEngine, type EngineUnderTest } from './engine.ts';

let test: EngineUnderTest;
beforeAll(async () => {
  test = await startEngine();
});
afterAll(() => test.dispose());

/** What the machine's control groups of that name say, one line a file; nothing where there are none. */
async function limitsIn(observer: string, name: string): Promise<string[]> {
  const files = ['cpu.shares', 'cpu.cfs_quota_us', 'memory.limit_in_bytes', 'cpu.weight', 'cpu.max', 'memory.max'];
  const script = `for dir in $(find /groups -type d -name '*${name}*'); do for file in ${files.join(' ')}; do [ -f $dir/$file ] && echo "$file $(cat $dir/$file)"; done; done; true`;
  const output = new PassThrough();
  let text = '';
  output.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await test.runtime.exec(observer, ['sh', '-c', script], { stdout: output, tty: false });
  return text.trim().split('\n').filter((line) => line !== '' && !line.endsWith(' max 100000'));
}

it('holds all containers of a pod together to limits, which can change, and leaves no group behind', async () => {
  const { runtime } = test;
  const observing = await runtime.runSandbox(sandboxConfig(test));
  const observer = await runtime.createContainer(
    observing,
    containerConfig(test, { ...test.runs, mounts: [{ source: { kind: 'host', path: '/sys/fs/cgroup' }, target: '/groups', readOnly: true, propagation: 'private' }] }),
  );
  await runtime.startContainer(observer);

  const config = sandboxConfig(test, { ownCgroup: true });
  let limited: Promise<void> | undefined;
  const sandbox = await runtime.runSandbox(config, (id) => {
    limited = runtime.updateSandboxResources(id, { cpuShares: 102, cpuQuota: 20_000, cpuPeriod: 100_000, memoryLimit: 64 * 2 ** 20 });
  });
  await limited;
  const id = await runtime.createContainer(sandbox, containerConfig(test, test.runs));
  await runtime.startContainer(id);
  const uid = { cgroupfs: config.uid, systemd: config.uid.replaceAll('-', '_') }[(await test.docker.info()).CgroupDriver as 'cgroupfs' | 'systemd'];
  const isV1 = (await test.docker.info()).CgroupVersion === '1';
  expect((await limitsIn(observer, uid)).sort()).toEqual(
    isV1 ? ['cpu.cfs_quota_us 20000', 'cpu.shares 102', `memory.limit_in_bytes ${64 * 2 ** 20}`] : ['cpu.max 20000 100000', 'cpu.weight 4', `memory.max ${64 * 2 ** 20}`],
  );

  for (const memoryLimit of [128 * 2 ** 20, 32 * 2 ** 20]) {
    await runtime.updateSandboxResources(sandbox, { cpuShares: 204, memoryLimit });
    expect(await limitsIn(observer, uid)).toContain(`memory.${isV1 ? 'limit_in_bytes' : 'max'} ${memoryLimit}`);
  }
  // The two of them want more than they may have together, though each has no limit of its own.
  const greedy = containerConfig(test, { name: 'greedy', command: ['sh', '-c', 'x=x; while :; do x=$x$x; done'] });
  const other = await runtime.createContainer(sandbox, greedy);
  await runtime.startContainer(other);
  await test.docker.getContainer(other).wait();
  expect(await runtime.containerStatus(other)).toMatchObject({ state: 'exited', exitCode: 137 });

  await runtime.removeSandbox(sandbox);
  expect(await limitsIn(observer, uid)).toEqual([]);
});
