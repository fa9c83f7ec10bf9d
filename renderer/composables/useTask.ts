import { ref, type Ref } from 'vue';
import { useNotices } from '../stores/notices.ts';

/** What a user asked for and waits for: `busy` as long as it runs; what it fails by is told as the server says it. */
export function useTask(): { busy: Ref<boolean>; run(work: () => Promise<void>): Promise<void> } {
  const notices = useNotices();
  const busy = ref(false);
  async function run(work: () => Promise<void>): Promise<void> {
    busy.value = true;
    try {
      await work();
    } catch (error) {
      notices.fail(error);
    } finally {
      busy.value = false;
    }
  }
  return { busy, run };
}
