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
});
