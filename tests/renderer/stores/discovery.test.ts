import { createPinia, setActivePinia } from 'pinia';
import { expect, it } from 'vitest';
import { startClient } from '../../../renderer/client/index.ts';
import { useDiscovery } from '../../../renderer/stores/discovery.ts';
import { answer } from '../support/fakeApi.ts';
import { FakeBridge } from '../support/fakeBridge.ts';
import { ManualTiming } from '../support/manualTiming.ts';

it('kinds that cannot be read are asked for again until they can be, and no more then', async () => {
  const bridge = new FakeBridge();
  const timing = new ManualTiming();
  startClient(bridge, timing);
  setActivePinia(createPinia());
  const discovery = useDiscovery();
  bridge.api.intercept = () => answer(503, { kind: 'Status', code: 503, message: 'starting' });
  await discovery.load();
  expect([discovery.ready, discovery.error]).toEqual([false, 'starting']);
  await timing.pass(3_000);
  expect(discovery.ready).toBe(false);
  bridge.api.intercept = () => undefined;
  await timing.pass(3_000);
  expect([discovery.ready, discovery.error]).toEqual([true, '']);
  const asked = bridge.api.requests.length;
  await timing.pass(60_000);
  expect(bridge.api.requests.length).toBe(asked);
});
