import path from 'node:path';
import { build } from 'vite';

let bundled: Promise<string> | undefined;

/** Bundles the node agent as it is now, once a process; returns the file. */
export function agentBundle(): Promise<string> {
  bundled ??= (async () => {
    const root = path.resolve(import.meta.dirname, '../..');
    const outDir = path.join(root, 'node_modules/.cache/skiff-tests/agent');
    await build({
      root,
      configFile: path.join(root, 'vite.node.config.ts'),
      mode: 'agent',
      logLevel: 'error',
      build: { outDir, emptyOutDir: true },
    });
    return path.join(outDir, 'agent.mjs');
  })();
  return bundled;
}
