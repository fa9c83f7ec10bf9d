/** Electron's entry: makes the engine's worker and the desktop, and joins them. */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import * as electron from 'electron';
import { EngineProxy, startDesktop } from './desktop/index.ts';
import { parseOptions } from './options.ts';
import { outFolder } from './outFolder.ts';
import { realClock } from './util/clock.ts';

// Packaged: the options come from the settings of the app, not from files that were opened with it.
const words = process.argv.slice(electron.app.isPackaged ? 1 : 2).filter((word) => word.startsWith('--') && !word.startsWith('--no-sandbox'));
const options = parseOptions(electron.app.isPackaged ? [] : words);
const resources = electron.app.isPackaged ? process.resourcesPath : undefined;
const engine = new EngineProxy(() => new Worker(path.join(outFolder, 'main', 'engine.mjs')), options, resources);

// Not awaited at the top: Electron becomes ready only after this module has been evaluated.
startDesktop(electron, {
  engine,
  clock: realClock,
  platform: process.platform,
  argv: process.argv,
  out: outFolder,
  icons: resources ? path.join(resources, 'icons') : path.join(outFolder, '..', 'images', 'icons'),
  settingsFile: path.join(options.data, 'settings.json'),
}).catch((error: Error) => {
  electron.dialog.showErrorBox('Skiff', error.message);
  electron.app.exit(1);
});
