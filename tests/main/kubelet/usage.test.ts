import { describe, expect, it } from 'vitest';
import { settle } from '../../support/fakeClock.ts';
import { Harness } from './harness.ts';

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
      node: { nodeName: 'node-1', memory, cpu: { usageNanoCores: 250e6 }, fs: { capacityBytes: 2 ** 40, availableBytes: 2 ** 39, usedBytes: 2 ** 39 } },
      pods: [{ podRef: { name: 'web' }, memory, cpu: { usageNanoCores: 250e6 }, containers: [{ name: 'web', memory }] }],
    });
    await harness.kubelet.stop();
  });
});
