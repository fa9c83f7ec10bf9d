import type { ElectronApi, Window } from './electron.ts';
import { externalUrl } from '../../preload/links.ts';
import { pageOrigin } from './page.ts';

export interface WindowOptions {
  preload: string;
  bounds?: WindowBounds;
  onBounds(bounds: WindowBounds): void;
}

/** Where the window is when it is not maximized, in pixels of the screen. */
export interface WindowBounds {
  x: number;
  y: number;
  width: number;
  height: number;
  maximized?: boolean;
}

/** The one window: sandboxed, isolated, kept to our own page. */
export function createWindow(electron: ElectronApi, options: WindowOptions): Window {
  const window = new electron.BrowserWindow({
    width: options.bounds?.width ?? 1280,
    height: options.bounds?.height ?? 820,
    ...(options.bounds && isInSight(electron, options.bounds) ? { x: options.bounds.x, y: options.bounds.y } : {}),
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
  window.once('ready-to-show', () => {
    if (options.bounds?.maximized) window.maximize();
    window.show();
  });
  const remember = () => {
    if (!window.isMinimized()) options.onBounds({ ...window.getNormalBounds(), maximized: window.isMaximized() });
  };
  // Linux tells nothing of moves that are through.
  window.on('close', remember);
  window.on('resized', remember);
  window.on('moved', remember);
  void window.loadURL(`${pageOrigin}/index.html`);
  return window;
}

/** How much of the window's head (pixels) must be on a screen, so that it can be taken hold of. */
const enough = 80;

/** Whether a place is on one of the screens that there are now: the one it was on may be gone. */
function isInSight(electron: Pick<ElectronApi, 'screen'>, { x, y, width }: WindowBounds): boolean {
  return electron.screen.getAllDisplays().some(({ workArea: area }) => x + width - enough > area.x && x + enough < area.x + area.width && y >= area.y && y + enough < area.y + area.height);
}
