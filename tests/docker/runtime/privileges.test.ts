import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { podVolumeLabels, type ContainerConfig, type Mount } from '../../../main/runtime/index.ts';
import { codeOf, containerConfig, Events, sandboxConfig } from '../../contracts/runtime.ts';
import { startEngine, type EngineUnderTest } from './engine.ts';

let test: EngineUnderTest;
let events: Events;
beforeAll(async () => {
  test = await startEngine();
  events = new Events(test.runtime);
});
afterAll(async () => {
  events.stop();
  await test.dispose();
});

/** What a container says from its beginning to its end. */
async function said(script: string, changes: Partial<ContainerConfig>): Promise<string> {
  const { runtime } = test;
  const sandbox = await runtime.runSandbox(sandboxConfig(test));
  const id = await runtime.createContainer(sandbox, containerConfig(test, { command: ['sh', '-c', script], ...changes }));
  await runtime.startContainer(id);
  await events.until((event) => event.type === 'exited' && event.id === id);
  const lines: string[] = [];
  await runtime.logs(id, { follow: false }, (line) => lines.push(line.text.toString()));
  return lines.join('').trim();
}

describe('a privileged container', () => {
  it('runs with all that the engine can give: devices, mounts and settings of the kernel', async () => {
    const script = 'mkdir /tmp/m && mount -t tmpfs x /tmp/m && echo mounted; [ -w /proc/sys/net/ipv4/ip_forward ] && echo writable';
    expect(await said(script, { security: { privileged: true } })).toBe('mounted\nwritable');
    for (const name of await test.runtime.missingPrivileges()) expect(name).toMatch(/^CAP_[A-Z_]+$/);
  });

  it('is told from one that asks for all capabilities, which may not write where the kernel is set', async () => {
    const all = await said('grep CapEff /proc/self/status', { security: { privileged: true } });
    const script = 'grep CapEff /proc/self/status; grep -q " /proc/sys proc ro" /proc/mounts && echo read-only';
    expect(await said(script, { security: { capabilities: { add: ['ALL'], drop: [] } } })).toBe(`${all}\nread-only`);
  });
});

describe('an image as a volume', () => {
  const image = (subPath?: string): Mount => ({ source: { kind: 'image', image: test.image, ...(subPath ? { subPath } : {}) }, target: '/image', readOnly: true, propagation: 'private' });

  it('shows the files of the image and takes no others', async () => {
    const script = 'ls /image | tr "\\n" " "; ls -l /image/bin/sh | cut -c1; [ -x /image/bin/busybox ] && echo there; touch /image/x 2>/dev/null || echo read-only; ls /image/etc | grep -c resolv';
    expect(await said(script, { mounts: [image()] })).toMatch(/\bbin .*\bvar l\nthere\nread-only\n0$/);
  });

  it('can be a part of the image, which must be there', async () => {
    expect(await said('[ -x /image/busybox ] && echo there', { mounts: [image('bin')] })).toBe('there');
    const sandbox = await test.runtime.runSandbox(sandboxConfig(test));
    // An engine that mounts images itself says so only when the container starts.
    const missing = test.runtime.createContainer(sandbox, containerConfig(test, { command: ['true'], mounts: [image('nowhere/at/all')] }));
    expect(await codeOf(missing.then((id) => test.runtime.startContainer(id)))).toMatch(/notFound|imageVolume|invalid|other/);
  });

  it('goes with its pod', async () => {
    const { runtime, docker } = test;
    const config = sandboxConfig(test);
    const sandbox = await runtime.runSandbox(config);
    await runtime.createContainer(sandbox, containerConfig(test, { command: ['true'], mounts: [image()] }));
    await runtime.removeSandbox(sandbox);
    await runtime.removePodVolumes(config.uid);
    const [key, value] = Object.entries(podVolumeLabels(test.node, config.uid)).find(([, label]) => label === config.uid)!;
    expect((await docker.listVolumes({ filters: { label: [`${key}=${value}`] } })).Volumes ?? []).toEqual([]);
  });
});
