import { createI18n } from 'vue-i18n';

export type Language = 'en' | 'zh';

interface Messages {
  [key: string]: string | Messages;
}

// A file a subject in each language's folder; the file's name is the first part of its keys.
const en = import.meta.glob<Messages>('./en/*.ts', { eager: true, import: 'default' });
const zh = import.meta.glob<Messages>('./zh/*.ts', { eager: true, import: 'default' });

const bySubject = (files: Record<string, Messages>): Messages =>
  Object.fromEntries(Object.entries(files).map(([path, messages]) => [path.replace(/^.*\/|\.ts$/g, ''), messages]));

export const messages: Record<Language, Messages> = { en: bySubject(en), zh: bySubject(zh) };

/** Which of our languages suits a BCP 47 tag best. */
export function languageOf(tag: string): Language {
  return tag.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

/** The tag for the document and for the browser's own number and date formats. */
export const tagOf: Record<Language, string> = { en: 'en', zh: 'zh-CN' };

export function makeI18n(language: Language = languageOf(navigator.language)) {
  return createI18n<false>({ legacy: false, locale: language, fallbackLocale: 'en', messages, missingWarn: false, fallbackWarn: false });
}
