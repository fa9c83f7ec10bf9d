/** Electron's entry: makes the engine's worker and the desktop, and joins them. */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import * as electron from 'electron';
import { EngineProxy, startDesktop } from './desktop/index.ts';
import { desktopOptions, UsageError, type Options } from './options.ts';
import { outFolder } from './outFolder.ts';
import { realClock } from './util/clock.ts';

const options = readOptions();
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

/** Packaged: those of every start, and not what the system adds to files that are opened with the app. Words that are no options end the app with a box that says so. */
function readOptions(): Options {
  try {
    return desktopOptions(electron.app.isPackaged ? [] : process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    electron.dialog.showErrorBox('Skiff', error.message);
    process.exit(2);
  }
}
