import { flushPromises } from '@vue/test-utils';
import { createPinia, setActivePinia } from 'pinia';
import { expect, it } from 'vitest';
import { startClient } from '../../../renderer/client/index.ts';
import { useShell } from '../../../renderer/stores/shell.ts';
import { FakeBridge } from '../support/fakeBridge.ts';

/** A bridge to a server that can go away. */
class LostBridge extends FakeBridge {
  connect: (connected: boolean) => void = () => {};
  away = false;
  override state() {
    return this.away ? Promise.reject(new TypeError('Failed to fetch')) : super.state();
  }
  onConnection(listener: (connected: boolean) => void): () => void {
    this.connect = listener;
    return () => {};
  }
}

it('a window that has lost Skiff says so until it has it back, and no longer', async () => {
  setActivePinia(createPinia());
  const bridge = new LostBridge();
  startClient(bridge);
  const shell = useShell();
  await shell.start();
  bridge.away = true;
  bridge.connect(false);
  await flushPromises();
  expect([shell.connection, shell.failure]).toEqual(['lost', 'Failed to fetch']);
  bridge.connect(true);
  expect([shell.connection, shell.failure]).toEqual(['connected', '']);

  bridge.connect(false);
  bridge.connect(true);
  await flushPromises();
  expect([shell.connection, shell.failure]).toEqual(['connected', '']);
});
