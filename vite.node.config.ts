import { builtinModules } from 'node:module';
import { defineConfig } from 'vite';

/**
 * What runs in Node: the engine (headless and on the app's worker thread), Electron's main process and the node agent.
 * Everything is bundled, so that the packaged app ships no node_modules; a dynamic import becomes a chunk that is
 * read only when it is needed, which keeps the start short.
 */
const external = ['electron', 'cpu-features', /^node:/, ...builtinModules];

// ssh2, below dockerode, still uses CommonJS' names.
const banner =
  "import{createRequire as __cr}from'node:module';" +
  'const require=__cr(import.meta.url),__filename=import.meta.filename,__dirname=import.meta.dirname;';

const agent: Record<string, string> = { agent: 'main/node/agent/main.ts' };
const engine: Record<string, string> = { headless: 'main/headless.ts', index: 'main/index.ts', engine: 'main/engine.ts' };

export default defineConfig(({ mode }) => ({
  ssr: { noExternal: true, external: ['electron', 'cpu-features'] },
  build: {
    ssr: true,
    target: 'node20',
    outDir: mode === 'agent' ? 'out/node' : 'out/main',
    emptyOutDir: true,
    minify: true,
    sourcemap: false,
    reportCompressedSize: false,
    rolldownOptions: {
      external,
      input: mode === 'agent' ? agent : engine,
      output: {
        format: 'esm',
        entryFileNames: '[name].mjs',
        chunkFileNames: 'chunks/[name]-[hash].mjs',
        banner,
        ...(mode === 'agent' ? { codeSplitting: false } : {}),
      },
    },
  },
}));
