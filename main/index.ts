/** Electron's entry: makes the engine's worker and the desktop, and joins them. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import * as electron from 'electron';
import { EngineProxy, startDesktop } from './desktop/index.ts';
import { parseOptions } from './options.ts';
import { realClock } from './util/clock.ts';

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.dirname(here);
// Packaged: the options come from the settings of the app, not from files that were opened with it.
const words = process.argv.slice(electron.app.isPackaged ? 1 : 2).filter((word) => word.startsWith('--') && !word.startsWith('--no-sandbox'));
const options = parseOptions(electron.app.isPackaged ? [] : words);
const resources = electron.app.isPackaged ? process.resourcesPath : undefined;
const engine = new EngineProxy(() => new Worker(path.join(here, 'engine.mjs')), options, resources);

// Not awaited at the top: Electron becomes ready only after this module has been evaluated.
startDesktop(electron, {
  engine,
  clock: realClock,
  platform: process.platform,
  argv: process.argv,
  out,
  icons: resources ? path.join(resources, 'icons') : path.join(out, '..', 'images', 'icons'),
  settingsFile: path.join(options.data, 'settings.json'),
}).catch((error: Error) => {
  electron.dialog.showErrorBox('Skiff', error.message);
  electron.app.exit(1);
});
