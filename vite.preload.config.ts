import { defineConfig } from 'vite';

/** A sandboxed preload script must be one CommonJS file. */
export default defineConfig({
  build: {
    target: 'node20',
    outDir: 'out/preload',
    emptyOutDir: true,
    minify: false,
    lib: { entry: 'preload/index.ts', formats: ['cjs'], fileName: () => 'index.cjs' },
    rolldownOptions: { external: ['electron'] },
    reportCompressedSize: false,
  },
});
