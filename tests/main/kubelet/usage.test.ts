import { describe, expect, it } from 'vitest';
import { settle } from '../../support/fakeClock.ts';
import { Harness } from './harness.ts';

describe("the node's log directory", () => {
  it('has the logs of its containers, by pod and all in one place', async () => {
    const h = await new Harness().start();
    const { uid } = (await h.create('web')).metadata!;
    h.runtime.logs = async (_, __, onLine) => {
      onLine({ stream: 'stdout', timestamp: '2026-01-01T00:00:00.000000001Z', text: Buffer.from('one\n') });
      onLine({ stream: 'stderr', timestamp: '2026-01-01T00:00:00.000000002Z', text: Buffer.from('a part') });
    };
    const ask = (path: string) => h.kubelet.api.http(path, new URLSearchParams());
    const entries = async (path: string) => [...(await ask(path)).body.matchAll(/<a href="(.*?)">\1<\/a>/g)].map(([, name]) => name);
    expect(await entries('/logs/')).toEqual(['containers/', 'pods/']);
    expect(await entries('/logs/pods')).toEqual([`default_web_${uid}/`]);
    expect(await entries(`/logs/pods/default_web_${uid}/`)).toEqual(['web/']);
    const { id } = (await h.container('web'))!;
    expect(await entries('/logs/containers/')).toEqual([`web_default_web-${id}.log`]);
    const log = '2026-01-01T00:00:00.000000001Z stdout F one\n2026-01-01T00:00:00.000000002Z stderr P a part\n';
    expect(await ask(`/logs/pods/default_web_${uid}/web/0.log`)).toEqual({ status: 200, contentType: 'text/plain; charset=utf-8', body: log });
    expect((await ask(`/logs/containers/web_default_web-${id}.log`)).body).toBe(log);
    expect((await ask('/logs/none')).status).toBe(404);
    expect((await ask('/logs/../pods')).status).toBe(404);
  });
});

describe('what the containers of a node use', () => {
  it('is measured over a second at first, and then since it was asked for last', async () => {
    const harness = await new Harness().start();
    const { uid } = (await harness.create('web')).metadata!;
    let asked = 0;
    // Half a CPU, always.
    harness.runtime.stats = async (ids) => {
      asked++;
      const timestamp = harness.clock.now();
      return ids.map((id) => ({ id, timestamp, cpuNanoseconds: timestamp * 500_000, memoryUsageBytes: 300, memoryWorkingSetBytes: 200 }));
    };

    const first = harness.kubelet.api.usage();
    await settle();
    await harness.clock.advance(1000);
    expect(await first).toMatchObject({ windowMs: 1000, cpuNanoCores: 500e6, memoryBytes: 200 });
    expect((await harness.kubelet.api.usage()).pods.get(uid!)).toMatchObject({ windowMs: 1000, containers: [{ name: 'web', cpuNanoCores: 500e6, memoryBytes: 200 }] });
    expect(asked).toBe(2);

    await harness.clock.advance(15_000);
    expect(await harness.kubelet.api.usage()).toMatchObject({ windowMs: 15_000, cpuNanoCores: 500e6 });
    expect(asked).toBe(3);
    await harness.kubelet.stop();
  });

  it('is told in the words of cAdvisor, as far as the engine keeps it', async () => {
    const h = await new Harness().start();
    await h.create('web', { containers: [{ name: 'web', image: 'web:1', resources: { limits: { cpu: '500m' }, requests: { cpu: '250m' } } }] });
    h.runtime.stats = async (ids) =>
      ids.map((id) => ({
        id,
        timestamp: 1000,
        cpuNanoseconds: 5e9,
        memoryUsageBytes: 300,
        memoryWorkingSetBytes: 200,
        pageFaults: 7,
        details: { cpuUserNanoseconds: 2e9, throttling: { periods: 10, throttledPeriods: 4, throttledNanoseconds: 5e8 }, processes: 3, disks: new Map([['8:0', { readBytes: 100, writtenBytes: 200, reads: 1, writes: 2 }]]) },
      }));
    const { body } = await h.kubelet.api.http('/metrics/cadvisor', new URLSearchParams());
    const { id } = (await h.container('web'))!;
    const labels = body.split('\n').find((line) => line.startsWith('container_processes{'))!.slice('container_processes{'.length, -'} 3 1000'.length);
    expect(labels).toContain(`id="${id}"`);
    for (const line of [
      `container_cpu_user_seconds_total{${labels}} 2 1000`,
      `container_cpu_cfs_throttled_periods_total{${labels}} 4 1000`,
      `container_cpu_cfs_throttled_seconds_total{${labels}} 0.5 1000`,
      `container_fs_writes_bytes_total{${labels},device="8:0"} 200 1000`,
      `container_memory_failures_total{${labels},failure_type="pgfault",scope="hierarchy"} 7 1000`,
      `container_spec_cpu_quota{${labels}} 50000 1000`,
      `container_spec_cpu_shares{${labels}} 256 1000`,
    ])
      expect(body.split('\n')).toContain(line);
    expect(body).not.toContain('container_memory_swap{');
  });

  it('is told by the summary with what is left of the machine', async () => {
    const harness = await new Harness().start();
    await harness.create('web');
    harness.runtime.stats = async (ids) => {
      const timestamp = harness.clock.now();
      return ids.map((id) => ({ id, timestamp, cpuNanoseconds: timestamp * 250_000, memoryUsageBytes: 300, memoryWorkingSetBytes: 200, memoryRssBytes: 100 }));
    };
    const ask = async () => JSON.parse((await harness.kubelet.api.http('/stats/summary', new URLSearchParams())).body);
    const memory = expect.objectContaining({ usageBytes: 300, workingSetBytes: 200, rssBytes: 100 });
    expect((await ask()).pods[0].cpu.usageNanoCores).toBeUndefined();
    await harness.clock.advance(10_000);
    expect(await ask()).toMatchObject({
      node: {
        nodeName: 'node-1',
        memory: { usageBytes: 300, availableBytes: harness.agent.machine.memoryAvailableBytes },
        cpu: { usageNanoCores: 250e6 },
        fs: { capacityBytes: 2 ** 40, availableBytes: 2 ** 39, usedBytes: 2 ** 39 },
        runtime: { imageFs: { capacityBytes: 2 ** 40 }, containerFs: { availableBytes: 2 ** 39 } },
      },
      pods: [{ podRef: { name: 'web' }, memory, cpu: { usageNanoCores: 250e6 }, containers: [{ name: 'web', memory }] }],
    });
    await harness.kubelet.stop();
  });

  it('of the disk is told by the summary, and looked at once a minute', async () => {
    const harness = await new Harness({ runtimeName: 'docker' }).start();
    const { uid } = (await harness.create('web', { volumes: [{ name: 'scratch', emptyDir: {} }] })).metadata!;
    harness.agent.used.set(`pods/${uid}/volumes/kubernetes.io~empty-dir/scratch`, 30);
    let files = 500;
    harness.runtime.diskUsage = async () => ({ files, log: 70 });
    const ask = async () => JSON.parse((await harness.kubelet.api.http('/stats/summary', new URLSearchParams())).body).pods[0];
    const used = (usedBytes: number) => expect.objectContaining({ usedBytes, capacityBytes: 2 ** 40, availableBytes: 2 ** 39 });
    const told = { 'ephemeral-storage': used(600), volume: [expect.objectContaining({ name: 'scratch', usedBytes: 30 })], containers: [{ name: 'web', rootfs: used(500), logs: used(70) }] };
    expect(await ask()).toMatchObject(told);
    files = 900;
    expect(await ask()).toMatchObject(told);
    await harness.clock.advance(60_000);
    expect(await ask()).toMatchObject({ 'ephemeral-storage': used(1000) });
    await harness.kubelet.stop();
  });
});
