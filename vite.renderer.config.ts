import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

/** The window, for Electron's app:// and for the browser alike. */
export default defineConfig({
  root: 'renderer',
  base: './',
  plugins: [vue()],
  // One style sheet: a part of it that does not come cannot be asked for again without the page.
  // A strict Content-Security-Policy forbids what the inlined polyfill and data: modules would need.
  build: { outDir: '../out/renderer', emptyOutDir: true, cssCodeSplit: false, modulePreload: { polyfill: false }, assetsInlineLimit: 0, reportCompressedSize: false, chunkSizeWarningLimit: 2000 },
});
