import { EventEmitter } from 'node:events';
import type * as electron from 'electron';
import type { Contents, ElectronApi, Window } from '../../main/desktop/electron.ts';

type Listener = (...args: never[]) => void;

/** An Electron object's events: `on` and `once` return what Electron's do, the object itself. */
class Emitter {
  readonly events = new EventEmitter();
  on(event: string, listener: Listener): never {
    this.events.on(event, listener as (...args: unknown[]) => void);
    return this as never;
  }
  once(event: string, listener: Listener): never {
    this.events.once(event, listener as (...args: unknown[]) => void);
    return this as never;
  }
  emit(event: string, ...args: unknown[]): void {
    this.events.emit(event, ...args);
  }
}

export class FakeContents extends Emitter implements Contents {
  static next = 1;
  readonly id = FakeContents.next++;
  readonly sent: { channel: string; args: unknown[] }[] = [];
  openHandler: ((details: electron.HandlerDetails) => electron.WindowOpenHandlerResponse) | null = null;
  loading = false;
  mainFrame = { url: '' };
  send(channel: string, ...args: unknown[]): void {
    this.sent.push({ channel, args });
  }
  isDestroyed(): boolean {
    return false;
  }
  isLoading(): boolean {
    return this.loading;
  }
  setWindowOpenHandler(handler: ((details: electron.HandlerDetails) => electron.WindowOpenHandlerResponse) | null): void {
    this.openHandler = handler;
  }
}

export class FakeWindow extends Emitter implements Window {
  static readonly all: FakeWindow[] = [];
  readonly webContents = new FakeContents();
  shown = 0;
  constructor(readonly options: electron.BrowserWindowConstructorOptions) {
    super();
    FakeWindow.all.push(this);
  }
  show(): void {
    this.shown++;
  }
  focus(): void {}
  restore(): void {}
  isMinimized(): boolean {
    return false;
  }
  maximized = false;
  maximize(): void {
    this.maximized = true;
  }
  isMaximized(): boolean {
    return this.maximized;
  }
  getNormalBounds(): electron.Rectangle {
    return { x: 1, y: 2, width: 900, height: 700 };
  }
  loadURL(url: string): Promise<void> {
    this.webContents.mainFrame.url = url;
    return Promise.resolve();
  }
}

/** A fake Electron, with what the desktop did to it. */
export function fakeElectron(options: { first?: boolean; locale?: string } = {}) {
  FakeWindow.all.length = 0;
  const did = {
    quits: 0,
    opened: [] as string[],
    copied: [] as string[],
    menus: [] as electron.MenuItemConstructorOptions[][],
    trayMenus: [] as electron.MenuItemConstructorOptions[][],
    tooltips: [] as string[],
    notifications: [] as { options: electron.NotificationConstructorOptions; click(): void }[],
    schemes: [] as electron.CustomScheme[],
    handlers: new Map<string, (event: electron.IpcMainInvokeEvent, ...args: unknown[]) => unknown>(),
    page: undefined as ((request: Request) => Response | Promise<Response>) | undefined,
    permission: undefined as ((permission: string) => boolean) | undefined,
    picks: [] as string[],
    appId: '',
    templates: 0,
    displays: [{ x: 0, y: 0, width: 1920, height: 1080 }],
  };

  class FakeApp extends Emitter {
    requestSingleInstanceLock(): boolean {
      return options.first ?? true;
    }
    quit(): void {
      did.quits++;
      this.emit('before-quit', { preventDefault() {} });
    }
    whenReady(): Promise<void> {
      return Promise.resolve();
    }
    isReady(): boolean {
      return true;
    }
    getLocale(): string {
      return options.locale ?? 'en-US';
    }
    setAppUserModelId(id: string): void {
      did.appId = id;
    }
    getVersion(): string {
      return '0.1.0';
    }
  }
  class FakeNotification extends Emitter {
    static isSupported(): boolean {
      return true;
    }
    constructor(private readonly content: electron.NotificationConstructorOptions) {
      super();
    }
    show(): void {
      did.notifications.push({ options: this.content, click: () => this.emit('click') });
    }
  }
  class FakeTray extends Emitter {
    setToolTip(text: string): void {
      did.tooltips.push(text);
    }
    setContextMenu(menu: electron.Menu | null): void {
      did.trayMenus.push((menu as unknown as { template: electron.MenuItemConstructorOptions[] }).template);
    }
    destroy(): void {}
  }
  class FakeIpc extends Emitter {
    handle(channel: string, listener: (event: electron.IpcMainInvokeEvent, ...args: never[]) => unknown): void {
      did.handlers.set(channel, listener as (event: electron.IpcMainInvokeEvent, ...args: unknown[]) => unknown);
    }
  }
  const app = new FakeApp();
  const ipcMain = new FakeIpc();
  const api: ElectronApi = {
    app,
    BrowserWindow: FakeWindow,
    Menu: {
      buildFromTemplate: (template) => ({ template }) as unknown as electron.Menu,
      setApplicationMenu: (menu) => void did.menus.push((menu as unknown as { template: electron.MenuItemConstructorOptions[] }).template),
    },
    Notification: FakeNotification,
    Tray: FakeTray,
    clipboard: {
      writeText: (text) => {
        did.copied.push(text);
        return Promise.resolve();
      },
    },
    dialog: { showOpenDialog: () => Promise.resolve({ canceled: did.picks.length === 0, filePaths: did.picks }) },
    ipcMain,
    nativeImage: { createFromPath: (path) => ({ path, setTemplateImage: () => did.templates++ }) as unknown as electron.NativeImage },
    nativeTheme: { shouldUseDarkColors: false },
    protocol: {
      registerSchemesAsPrivileged: (schemes) => void did.schemes.push(...schemes),
      handle: (_scheme, handler) => void (did.page = handler as unknown as (request: Request) => Response | Promise<Response>),
    },
    screen: { getAllDisplays: () => did.displays.map((workArea) => ({ workArea }) as electron.Display) },
    session: {
      defaultSession: {
        setPermissionRequestHandler: (handler) => {
          did.permission = (permission) => {
            let allowed = false;
            handler?.(null as never, permission as never, (granted) => (allowed = granted), null as never);
            return allowed;
          };
        },
        setPermissionCheckHandler: () => {},
        setDevicePermissionHandler: () => {},
      },
    },
    shell: {
      openExternal: (url) => {
        did.opened.push(url);
        return Promise.resolve();
      },
    },
  };
  /** Calls a channel as a frame of the window. */
  const invoke = (channel: string, sender: FakeContents, frame: { url: string } | null, ...args: unknown[]) =>
    Promise.resolve().then(() => did.handlers.get(channel)!({ sender, senderFrame: frame } as unknown as electron.IpcMainInvokeEvent, ...args));
  return { api, app, ipcMain, did, invoke };
}
