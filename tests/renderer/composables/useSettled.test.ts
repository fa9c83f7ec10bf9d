import { describe, expect, it } from 'vitest';
import { effectScope, shallowRef } from 'vue';
import { startClient } from '../../../renderer/client/index.ts';
import { useSettled } from '../../../renderer/composables/useSettled.ts';
import { FakeBridge } from '../support/fakeBridge.ts';
import { ManualTiming } from '../support/manualTiming.ts';

describe('a value that settles', () => {
  it('follows at once, and what comes soon after that all together', async () => {
    const timing = new ManualTiming();
    startClient(new FakeBridge(), timing);
    const source = shallowRef(0);
    const scope = effectScope();
    const settled = scope.run(() => useSettled(source, () => 1_000))!;
    source.value = 1;
    expect(settled.value).toBe(1);
    source.value = 2;
    source.value = 3;
    expect(settled.value).toBe(1);
    await timing.pass(1_000);
    expect(settled.value).toBe(3);
    await timing.pass(5_000);
    source.value = 4;
    expect(settled.value).toBe(4);
    source.value = 5;
    scope.stop();
    await timing.pass(5_000);
    expect(settled.value).toBe(4);
  });

  it('follows each time where there is no pause', () => {
    startClient(new FakeBridge(), new ManualTiming());
    const source = shallowRef(0);
    const scope = effectScope();
    const settled = scope.run(() => useSettled(source, () => 0))!;
    for (const value of [1, 2, 3]) {
      source.value = value;
      expect(settled.value).toBe(value);
    }
    scope.stop();
  });
});
