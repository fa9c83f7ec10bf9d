import { builtinModules } from 'node:module';
import { defineConfig, type Plugin } from 'vite';

/**
 * What runs in Node: the engine (headless and on the app's worker thread), Electron's main process and the node agent.
 * Everything is bundled, so that the packaged app ships no node_modules; a dynamic import becomes a chunk that is
 * read only when it is needed, which keeps the start short.
 */
const external = ['electron', 'cpu-features', /^node:/, ...builtinModules];

/** The agent is one ES module. ssh2, below dockerode, still uses CommonJS' names. */
const banner =
  "import{createRequire as __cr}from'node:module';" +
  'const require=__cr(import.meta.url),__filename=import.meta.filename,__dirname=import.meta.dirname;';

const agent = { agent: 'main/node/agent/main.ts' };
const engine = { headless: 'main/headless.ts', index: 'main/index.ts', engine: 'main/engine.ts', loader: 'main/loader.ts' };

/**
 * Each entry becomes a module of a few bytes that has `main/loader.ts` run its bundle. The names of bundles tell their
 * content, so that compiled code is never taken for another one's.
 */
const starters: Plugin = {
  name: 'starters',
  generateBundle(_, bundle) {
    const entries = Object.values(bundle).flatMap((file) => (file.type === 'chunk' && file.isEntry ? file : []));
    const loader = entries.find(({ name }) => name === 'loader')!;
    for (const { name, fileName } of entries)
      if (name !== 'loader')
        this.emitFile({
          type: 'asset',
          fileName: `${name}.mjs`,
          source: `import{createRequire}from'node:module';import path from'node:path';createRequire(import.meta.url)('./${loader.fileName}').load(path.join(import.meta.dirname,'${fileName}'));\n`,
        });
  },
};

/** Text beyond ASCII as escapes: one such character makes V8 keep the whole bundle in twice the memory. */
const ascii: Plugin = {
  name: 'ascii',
  generateBundle(_, bundle) {
    for (const file of Object.values(bundle))
      if (file.type === 'chunk') file.code = file.code.replace(/[\u0080-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  },
};

/** Marks a module that only hands on to one that is rarely wanted. */
const mark = '\0rare:';

/**
 * Parts of dockerode that few have a use for (the way over SSH, sessions of BuildKit with gRPC) run when they are first
 * called: they are most of what it loads.
 */
const rare: Plugin = {
  name: 'rare',
  enforce: 'pre',
  resolveId: {
    filter: { id: /^\.\/(ssh|session)$/ },
    async handler(source, importer = '') {
      const isRare = importer.includes(source === './ssh' ? 'docker-modem' : 'dockerode') && !importer.startsWith(mark);
      const found = isRare ? await this.resolve(source, importer, { skipSelf: true }) : null;
      return found ? `${mark}${found.id}` : undefined;
    },
  },
  load: (id) => (id.startsWith(mark) ? `module.exports = (...words) => require(${JSON.stringify(id.slice(mark.length))})(...words);` : undefined),
};

export default defineConfig(({ mode }) => ({
  plugins: mode === 'agent' ? [] : [rare, starters, ascii],
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
      output:
        mode === 'agent'
          ? { format: 'esm', entryFileNames: '[name].mjs', banner, codeSplitting: false }
          : { format: 'cjs', entryFileNames: 'code/[name]-[hash].cjs', chunkFileNames: 'code/chunk-[name]-[hash].cjs' },
    },
  },
}));
