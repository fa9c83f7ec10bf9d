import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { languageOf, makeI18n, messages, type Language } from '../../renderer/i18n/index.ts';

type Tree = { [key: string]: string | Tree };

function flatten(tree: Tree, prefix = ''): Map<string, string> {
  const all = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') all.set(prefix + key, value);
    else for (const [deeper, text] of flatten(value, `${prefix}${key}.`)) all.set(deeper, text);
  }
  return all;
}

const root = path.resolve(import.meta.dirname, '../../renderer');
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(vue|ts)$/.test(file) && !file.startsWith('i18n'));
const en = flatten(messages.en);
const zh = flatten(messages.zh);
const placeholders = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

describe('the languages', () => {
  it('hold the same keys', () => {
    expect([...en.keys()].filter((key) => !zh.has(key))).toEqual([]);
    expect([...zh.keys()].filter((key) => !en.has(key))).toEqual([]);
  });

  it('leave no text empty', () => {
    expect([...en, ...zh].filter(([, text]) => text.trim() === '')).toEqual([]);
  });

  it('speak of the same values in each text', () => {
    const differing = [...en].filter(([key, text]) => placeholders(text).join() !== placeholders(zh.get(key) ?? '').join());
    expect(differing).toEqual([]);
  });

  it('have every key that a screen asks for', () => {
    const missing: string[] = [];
    for (const file of sources) {
      const text = readFileSync(path.join(root, file), 'utf8');
      for (const [, key] of text.matchAll(/\bt\(\s*'([\w.]+)'/g)) if (!en.has(key!)) missing.push(`${file}: ${key}`);
      for (const [, key] of text.matchAll(/\btitle: '([a-z]\w*\.\w+)'/g)) if (!en.has(key!)) missing.push(`${file}: ${key}`);
    }
    expect(missing).toEqual([]);
  });

  it.each<Language>(['en', 'zh'])('can be read by the screens: %s', (language) => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { t } = makeI18n(language).global;
    for (const key of en.keys()) t(key, {});
    expect(complaints.mock.calls).toEqual([]);
    complaints.mockRestore();
  });

  it('are chosen by the system’s tag', () => {
    expect(['zh-CN', 'zh-Hans-SG', 'de-DE', 'en'].map(languageOf)).toEqual(['zh', 'zh', 'en', 'en']);
  });
});

describe('the sources', () => {
  it('never put text into the page as HTML', () => {
    const html = sources.filter((file) => /v-html|innerHTML|insertAdjacentHTML|document\.write/.test(readFileSync(path.join(root, file), 'utf8')));
    expect(html).toEqual([]);
  });
});
