import { flushPromises } from '@vue/test-utils';
import { expect, it, vi } from 'vitest';
import { createMemoryHistory } from 'vue-router';
import { makeRouter } from '../../renderer/router.ts';

vi.mock('../../renderer/views/forwards/ForwardsView.vue', () => ({ default: {} }));
vi.mock('../../renderer/views/settings/SettingsView.vue', () => ({ default: {} }));

it('goes where the user went while the first page was loaded', async () => {
  const history = createMemoryHistory();
  history.push('/settings');
  history.push('/forwards');
  const router = makeRouter(history);
  let load = () => {};
  const loaded = new Promise<void>((resolve) => (load = resolve));
  router.beforeResolve((to) => (to.name === 'forwards' ? loaded : undefined));
  const first = router.push(history.location);
  await flushPromises();
  history.go(-1);
  load();
  await first;
  expect(router.currentRoute.value.name).toBe('forwards');
  await new Promise<void>((resolve) => router.afterEach(() => resolve()));
  expect(router.currentRoute.value.name).toBe('settings');
});
