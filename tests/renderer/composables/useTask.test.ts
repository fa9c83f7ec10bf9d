import { createPinia, setActivePinia } from 'pinia';
import { beforeEach, describe, expect, it } from 'vitest';
import { useTask } from '../../../renderer/composables/useTask.ts';
import { useNotices } from '../../../renderer/stores/notices.ts';

describe('what a user waits for', () => {
  beforeEach(() => setActivePinia(createPinia()));

  it('is busy until it is done, and says nothing of itself', async () => {
    const { busy, run } = useTask();
    let end = () => {};
    const done = run(() => new Promise((resolve) => (end = resolve)));
    expect(busy.value).toBe(true);
    end();
    await done;
    expect(busy.value).toBe(false);
    expect(useNotices().notices).toEqual([]);
  });

  it('is over when it fails, and what it failed by is told', async () => {
    const { busy, run } = useTask();
    await run(() => Promise.reject(new Error('pods "web" not found')));
    expect(busy.value).toBe(false);
    expect(useNotices().notices).toMatchObject([{ tone: 'bad', text: 'pods "web" not found' }]);
  });
});
