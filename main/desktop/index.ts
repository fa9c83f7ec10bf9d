/** The desktop shell: window, tray, notifications, menu, files; the only room that knows Electron. */
import path from 'node:path';
import type { ShellEvent, ShellState } from '../../preload/contract.ts';
import { Settings } from '../bridge/index.ts';
import type { Clock } from '../util/clock.ts';
import type { ElectronApi, Window } from './electron.ts';
import type { EngineProxy } from './engineProxy.ts';
import { serveIpc } from './ipc.ts';
import { manifestArguments, readManifests } from './manifests.ts';
import { setMenu } from './menu.ts';
import { createNotifier } from './notifications.ts';
import { registerPageScheme, servePage } from './page.ts';
import { textsFor } from './texts.ts';
import { createTray } from './tray.ts';
import { createWindow, type WindowBounds } from './window.ts';

export type { ElectronApi } from './electron.ts';
export { EngineProxy, type EngineWorker } from './engineProxy.ts';

export interface DesktopOptions {
  engine: EngineProxy;
  clock: Clock;
  platform: NodeJS.Platform;
  argv: string[];
  /** The folder of the built bundles: `main`, `preload` and `renderer` lie in it. */
  out: string;
  /** The folder of the shell's own icons. */
  icons: string;
  /** The file of the window's settings. */
  settingsFile: string;
}

/** As `electron-builder.yml` has it. */
const appId = 'dev.skiff.app';

/** Runs the desktop until the user quits. A second start hands its files to the first and ends. */
export async function startDesktop(electron: ElectronApi, options: DesktopOptions): Promise<void> {
  const { app } = electron;
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return;
  }
  registerPageScheme(electron);
  const settings = new Settings(options.settingsFile);
  let window: Window | undefined;
  let quitting = false;
  /** The first window has been opened. */
  let started = false;
  // Files may be opened before the window is there to show them.
  const waiting: string[] = manifestArguments(options.argv);

  app.on('open-file', (event, file) => {
    event.preventDefault();
    void openFiles([file]);
  });
  app.on('second-instance', (_event, argv, directory) => {
    void show();
    void openFiles(manifestArguments(argv).map((file) => path.resolve(directory, file)));
  });
  // Windows shows notifications of apps that say who they are; the installer's shortcut says the same.
  app.setAppUserModelId(appId);
  await app.whenReady();

  const texts = textsFor(app.getLocale());
  const state = (): ShellState => ({ kind: 'electron', platform: options.platform, version: app.getVersion(), cluster: options.engine.state, forwards: options.engine.forwards });
  servePage(electron, path.join(options.out, 'renderer'));
  const ipc = serveIpc(electron, { engine: options.engine, settings, state });

  const quit = () => app.quit();
  const restart = () => void options.engine.restart();
  const tray = createTray(electron, { icons: options.icons, platform: options.platform, texts, open: () => void show(), restart, quit });
  const notifier = createNotifier(electron, {
    texts,
    clock: options.clock,
    open: (target) => void show().then(() => tell({ type: 'navigate', path: target })),
  });
  setMenu(electron, {
    platform: options.platform,
    texts,
    quit,
    openDocumentation: () => void electron.shell.openExternal('https://kubernetes.io/docs/'),
    openManifests: () => void pickManifests(),
  });

  options.engine.onState(() => {
    tray.update(options.engine.state);
    ipc.broadcast({ type: 'state', state: state() });
  });
  options.engine.onPodFailure((failure) => notifier.tell(failure));
  tray.update(options.engine.state);
  options.engine.start();

  await reopen();
  started = true;
  await openFiles(waiting.splice(0));

  app.on('activate', () => void show());
  // The cluster goes on in the tray when the window is closed.
  app.on('window-all-closed', () => {});
  app.on('before-quit', (event) => {
    if (quitting) return;
    event.preventDefault();
    quitting = true;
    notifier.close();
    void options.engine.stop().finally(() => {
      tray.destroy();
      app.quit();
    });
  });

  /** Opens the window where it was. */
  async function reopen(): Promise<void> {
    const saved = (await settings.all())['window.bounds'];
    if (!window) open(isBounds(saved) ? saved : undefined);
  }

  function open(bounds?: WindowBounds): void {
    const created = createWindow(electron, {
      preload: path.join(options.out, 'preload', 'index.cjs'),
      bounds,
      onBounds: (value) => void settings.set('window.bounds', value),
    });
    ipc.attach(created.webContents);
    created.on('closed', () => {
      if (window === created) window = undefined;
    });
    window = created;
  }

  async function show(): Promise<void> {
    if (!app.isReady()) return;
    if (!window) return reopen();
    if (window.isMinimized()) window.restore();
    window.show();
    window.focus();
  }

  /** A window that was opened for it hears of it when its page is there. */
  function tell(event: ShellEvent): void {
    const contents = window?.webContents;
    const send = () => ipc.broadcast(event);
    if (contents?.isLoading()) contents.once('did-finish-load', send);
    else send();
  }

  async function openFiles(paths: string[]): Promise<void> {
    if (paths.length === 0) return;
    if (!started) return void waiting.push(...paths);
    const files = await readManifests(paths);
    await show();
    tell({ type: 'manifests', files });
  }

  async function pickManifests(): Promise<void> {
    const picked = await electron.dialog.showOpenDialog({
      properties: ['openFile', 'openDirectory', 'multiSelections'],
      filters: [{ name: texts.manifests, extensions: ['yaml', 'yml', 'json'] }],
    });
    if (!picked.canceled) await openFiles(picked.filePaths);
  }
}

function isBounds(value: unknown): value is WindowBounds {
  if (value === null || typeof value !== 'object') return false;
  const bounds = value as Record<string, unknown>;
  return ['x', 'y', 'width', 'height'].every((key) => Number.isFinite(bounds[key]));
}
