import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerRuntime } from '../../../main/runtime/docker/index.ts';
import { realClock } from '../../../main/util/clock.ts';
import { noLog } from '../../../main/util/log.ts';
import { startEngine, type EngineUnderTest } from './engine.ts';

let test: EngineUnderTest;
beforeAll(async () => (test = await startEngine()));
afterAll(() => test.dispose());

/** What a shell says that has a volume at /volume. */
async function within(volume: string, script: string): Promise<string> {
  const { docker, cluster, image } = test;
  const container = await docker.createContainer({
    Image: image,
    Cmd: ['sh', '-c', script],
    Labels: { 'dev.skiff.cluster': cluster },
    Tty: true,
    HostConfig: { Binds: [`${volume}:/volume`], NetworkMode: 'none' },
  });
  await container.start();
  await container.wait();
  const said = (await container.logs({ stdout: true, stderr: true })).toString();
  await container.remove({ force: true });
  return said.trim().replaceAll('\r\n', '\n');
}

const named = (name: string) => `${test.cluster}-${name}`;
async function made(name: string, mode = 0o777): Promise<string> {
  await test.runtime.createVolume(named(name), {}, { mode });
  return named(name);
}

describe('a volume of the engine', () => {
  it('begins with the mode that was asked for', async () => {
    const volume = await made('mode');
    expect(await within(volume, 'stat -c %a /volume')).toBe('777');
  });

  it('is copied with owners, modes, links and what was hidden', async () => {
    const [from, to] = [await made('from'), await made('to', 0o700)];
    await within(from, 'cd /volume; echo one > a; chown 1000:2000 a; chmod 640 a; ln a hard; ln -s a soft; mkdir -p .d/e; echo two > .d/e/b');
    await test.runtime.copyVolume(from, to);
    const tell = "cd /volume; stat -c '%n %u %g %a %h' . a hard; readlink soft; cat a .d/e/b";
    expect(await within(to, tell)).toBe(await within(from, tell));
    expect(await within(to, 'cat /volume/.d/e/b')).toBe('two');
  });

  it('is given to a group with all that it holds, or left alone when its root has it already', async () => {
    const volume = await made('group');
    await within(volume, 'cd /volume; mkdir d; echo x > d/f; chmod 600 d/f; ln -s /etc/passwd d/l');
    const source = { kind: 'volume' as const, name: volume };
    await test.runtime.setVolumeGroup(source, { group: 4000, readOnly: false, onRootMismatch: false });
    const tell = "cd /volume; stat -c '%n %g %a' . d d/f; stat -c '%g' d/l";
    expect(await within(volume, tell)).toBe('. 4000 2777\nd 4000 2775\nd/f 4000 660\n4000');
    await within(volume, 'chgrp 5 /volume/d/f');
    await test.runtime.setVolumeGroup(source, { group: 4000, readOnly: false, onRootMismatch: true });
    expect(await within(volume, 'stat -c %g /volume/d/f')).toBe('5');
    await test.runtime.setVolumeGroup(source, { group: 4000, readOnly: false, onRootMismatch: false });
    expect(await within(volume, 'stat -c %g /volume/d/f')).toBe('4000');
  });

  it('tells where a sub-path leads, and makes it', async () => {
    const volume = await made('sub');
    await within(volume, 'mkdir -p /volume/a/b; ln -s a/b /volume/in; ln -s /etc /volume/out; ln -s ../../.. /volume/up; ln -s nowhere /volume/lost');
    expect(await test.runtime.volumeSubPath(volume, 'in')).toBe('a/b');
    expect(await test.runtime.volumeSubPath(volume, 'in/new name/*')).toBe('a/b/new name/*');
    expect(await within(volume, "stat -c %a '/volume/a/b/new name/*'")).toBe('777');
    for (const path of ['out/x', 'up', 'lost/x'])
      await expect(test.runtime.volumeSubPath(volume, path)).rejects.toThrow('not within volume path');
    expect(await within(volume, 'ls /volume')).toMatch(/^a +in +lost +out +up$/);
  });

  it('tells how much it holds', async () => {
    const [full, empty] = [await made('full'), await made('empty')];
    await within(full, 'mkdir /volume/d; dd if=/dev/zero of=/volume/d/f bs=1024 count=2048 2>/dev/null');
    const usage = await test.runtime.volumeUsage([full, named('none'), empty]);
    expect([...usage.keys()].sort()).toEqual([empty, full]);
    expect(usage.get(full)!.usedBytes).toBeGreaterThanOrEqual(2 * 2 ** 20);
    expect(usage.get(empty)!.usedBytes).toBeLessThan(2 ** 20);
    expect(usage.get(full)!.availableBytes).toBeGreaterThan(0);
  });

  it('of somebody else is never removed', async () => {
    const { docker, runtime } = test;
    const name = named('foreign');
    await docker.createVolume({ Name: name });
    await expect(runtime.removeVolume(name)).rejects.toThrow('does not belong to this cluster');
    await docker.getVolume(name).remove();
  });

  it('of memory belongs to the pod and its group, and goes with the pod', async () => {
    const { runtime, docker } = test;
    await runtime.createVolume(named('memory'), { 'dev.skiff.node': 'node-1', 'dev.skiff.pod.uid': 'pod-1' }, { tmpfsBytes: 2 ** 20, group: 3000 });
    expect(await within(named('memory'), "stat -c '%g %a' /volume; df /volume | tail -1 | cut -d' ' -f1")).toBe('3000 3777\ntmpfs');
    expect(await runtime.podsWithVolumes('node-1')).toEqual(['pod-1']);
    await runtime.removePodVolumes('pod-1');
    await runtime.removePodVolumes('pod-1');
    expect(await runtime.podsWithVolumes('node-1')).toEqual([]);
    await expect(docker.getVolume(named('memory')).inspect()).rejects.toThrow('no such volume');
  });

  it('is not held by the helper of a process that was killed', async () => {
    const { docker, cluster, image } = test;
    const volume = await made('held');
    await docker.createContainer({
      Image: image,
      Cmd: ['true'],
      Labels: { 'dev.skiff.cluster': cluster, 'dev.skiff.kind': 'volume-helper' },
      HostConfig: { Binds: [`${volume}:/volume`] },
    });
    const next = createDockerRuntime({ connection: {}, cluster, sandboxImage: image, clock: realClock, log: noLog });
    await next.removeVolume(volume);
    await expect(docker.getVolume(volume).inspect()).rejects.toThrow('no such volume');
  });
});
