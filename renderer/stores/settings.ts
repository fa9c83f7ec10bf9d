import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import { client } from '../client/index.ts';

export type ThemeChoice = 'system' | 'light' | 'dark';
export type LanguageChoice = 'system' | 'en' | 'zh';

/** Small values that outlive the window. A value is shown at once and saved behind. */
export const useSettings = defineStore('settings', () => {
  const values = shallowRef<Record<string, unknown>>({});

  async function load(): Promise<void> {
    values.value = { ...(await client().bridge.getSettings()), ...values.value };
  }

  function read<T>(name: string, fallback: T): T {
    return (values.value[name] as T | undefined) ?? fallback;
  }

  async function write(name: string, value: unknown): Promise<void> {
    values.value = { ...values.value, [name]: value };
    await client().bridge.setSetting(name, value);
  }

  const setting = <T>(name: string, fallback: T) =>
    computed({ get: () => read(name, fallback), set: (value: T) => void write(name, value) });

  return {
    load,
    read,
    write,
    setting,
    theme: setting<ThemeChoice>('theme', 'system'),
    language: setting<LanguageChoice>('language', 'system'),
    /** The namespace that lists show; empty for all. */
    namespace: setting('namespace', ''),
    /** Whether screens say what their subject is, for those who learn. */
    explanations: setting('explanations', true),
  };
});
