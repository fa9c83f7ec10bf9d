import type { ElectronApi, Window } from './electron.ts';
import { externalUrl } from '../../preload/links.ts';
import { pageOrigin } from './page.ts';

export interface WindowOptions {
  preload: string;
  bounds?: { x?: number; y?: number; width: number; height: number };
  onBounds(bounds: { x: number; y: number; width: number; height: number }): void;
}

/** The one window: sandboxed, isolated, kept to our own page. */
export function createWindow(electron: ElectronApi, options: WindowOptions): Window {
  const window = new electron.BrowserWindow({
    width: options.bounds?.width ?? 1280,
    height: options.bounds?.height ?? 820,
    x: options.bounds?.x,
    y: options.bounds?.y,
    minWidth: 720,
    minHeight: 480,
    show: false,
    title: 'Skiff',
    backgroundColor: electron.nativeTheme.shouldUseDarkColors ? '#121417' : '#fafbfc',
    webPreferences: {
      preload: options.preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webSecurity: true,
      webviewTag: false,
      spellcheck: false,
    },
  });
  const contents = window.webContents;
  contents.on('will-navigate', (event) => {
    if (!event.url.startsWith(`${pageOrigin}/`)) event.preventDefault();
  });
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    const target = externalUrl(url);
    if (target) void electron.shell.openExternal(target);
    return { action: 'deny' };
  });
  window.once('ready-to-show', () => window.show());
  const remember = () => {
    if (!window.isMinimized() && !window.isFullScreen()) options.onBounds(window.getBounds());
  };
  window.on('resized', remember);
  window.on('moved', remember);
  void window.loadURL(`${pageOrigin}/index.html`);
  return window;
}
