import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import { messageOf } from '../client/index.ts';

export interface Notice {
  id: number;
  tone: 'ok' | 'warn' | 'bad';
  /** Already in the user's language, or the server's own words. */
  text: string;
}

const longest = 4;

/** Short messages about what the user just did. */
export const useNotices = defineStore('notices', () => {
  const notices = shallowRef<Notice[]>([]);
  let nextId = 1;

  function say(text: string, tone: Notice['tone'] = 'ok'): void {
    const id = nextId++;
    const others = notices.value.filter((notice) => notice.text !== text);
    notices.value = [...others, { id, tone, text }].slice(-longest);
    if (tone === 'ok') setTimeout(() => dismiss(id), 5_000);
  }

  /** Shows what a server answered, as it is. */
  function fail(error: unknown): void {
    say(messageOf(error), 'bad');
  }

  function dismiss(id: number): void {
    notices.value = notices.value.filter((notice) => notice.id !== id);
  }

  return { notices, say, fail, dismiss };
});
