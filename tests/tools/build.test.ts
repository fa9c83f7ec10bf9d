import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

/** The files that an entry is made of: its own imports, and theirs. */
function reached(entry: string): string[] {
  const found = new Set([entry]);
  for (const file of found)
    for (const [, source] of fs.readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+\.ts)'/g)) found.add(path.join(path.dirname(file), source!));
  return [...found];
}

test.each([
  ['agent', ['main/node/agent/main.ts']],
  ['node', ['main/headless.ts', 'main/index.ts', 'main/engine.ts', 'main/loader.ts']],
  ['preload', ['preload/index.ts']],
  ['renderer', ['renderer/main.ts']],
])('the bundle %s is stale when any file that it is made of has changed', async (name, entries) => {
  const { bundles } = (await import(path.resolve('tools/build.mjs'))) as { bundles: Record<string, { sources: string[] }> };
  const isWatched = (file: string) => bundles[name]!.sources.some((source) => file === source || file.startsWith(`${source}/`));
  expect(entries.flatMap(reached).filter((file) => !isWatched(file))).toEqual([]);
});
