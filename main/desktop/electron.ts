/**
 * The part of Electron that the desktop uses, cut out of Electron's own types: given to each file, so that tests
 * can give a fake that is checked against the same types.
 */
import type * as electron from 'electron';

export type Contents = Pick<electron.WebContents, 'id' | 'on' | 'once' | 'send' | 'isDestroyed' | 'isLoading' | 'setWindowOpenHandler'>;

export type Window = Pick<
  electron.BrowserWindow,
  'on' | 'once' | 'show' | 'focus' | 'restore' | 'maximize' | 'isMinimized' | 'isMaximized' | 'getNormalBounds' | 'loadURL'
> & { readonly webContents: Contents };

export type NativeNotification = Pick<electron.Notification, 'on' | 'show'>;

export interface ElectronApi {
  app: Pick<electron.App, 'requestSingleInstanceLock' | 'quit' | 'on' | 'whenReady' | 'isReady' | 'getLocale' | 'getVersion' | 'setAppUserModelId'>;
  BrowserWindow: new (options: electron.BrowserWindowConstructorOptions) => Window;
  Menu: {
    buildFromTemplate(template: electron.MenuItemConstructorOptions[]): electron.Menu;
    setApplicationMenu(menu: electron.Menu | null): void;
  };
  Notification: { new (options: electron.NotificationConstructorOptions): NativeNotification; isSupported(): boolean };
  Tray: new (image: electron.NativeImage) => Pick<electron.Tray, 'on' | 'setToolTip' | 'setContextMenu' | 'destroy'>;
  clipboard: Pick<electron.Clipboard, 'writeText'>;
  dialog: { showOpenDialog(options: electron.OpenDialogOptions): Promise<electron.OpenDialogReturnValue> };
  ipcMain: Pick<electron.IpcMain, 'handle' | 'on'>;
  nativeImage: { createFromPath(path: string): electron.NativeImage };
  nativeTheme: Pick<electron.NativeTheme, 'shouldUseDarkColors'>;
  protocol: Pick<electron.Protocol, 'registerSchemesAsPrivileged' | 'handle'>;
  screen: Pick<electron.Screen, 'getAllDisplays'>;
  session: { defaultSession: Pick<electron.Session, 'setPermissionRequestHandler' | 'setPermissionCheckHandler' | 'setDevicePermissionHandler'> };
  shell: Pick<electron.Shell, 'openExternal'>;
}
