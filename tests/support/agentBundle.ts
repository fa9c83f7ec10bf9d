import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { build } from 'vite';

let bundled: Promise<string> | undefined;

/** Bundles the node agent into a temporary folder, once a process; returns the file. */
export function agentBundle(): Promise<string> {
  bundled ??= (async () => {
    const root = path.resolve(import.meta.dirname, '../..');
    const outDir = await fs.mkdtemp(path.join(os.tmpdir(), 'skiff-agent-'));
    process.on(
      'exit',
      () => void import('node:fs').then(({ rmSync }) => rmSync(outDir, { recursive: true, force: true })),
    );
    await build({
      root,
      configFile: path.join(root, 'vite.node.config.ts'),
      mode: 'agent',
      logLevel: 'error',
      build: { outDir, emptyOutDir: false },
    });
    return path.join(outDir, 'agent.mjs');
  })();
  return bundled;
}
