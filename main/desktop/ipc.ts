import type { IpcMainEvent, IpcMainInvokeEvent } from 'electron';
import { eventChannel, frameChannel, type Calls } from '../../preload/channels.ts';
import type { BridgeRequest, ShellEvent, ShellState } from '../../preload/contract.ts';
import { externalUrl } from '../../preload/links.ts';
import { forwardRequest, portNumber, type Settings } from '../bridge/index.ts';
import type { Contents, ElectronApi } from './electron.ts';
import type { EngineProxy } from './engineProxy.ts';
import { pageOrigin } from './page.ts';

export interface IpcOptions {
  engine: EngineProxy;
  settings: Settings;
  state(): ShellState;
}

/** Answers the contract's calls, for our own page's main frame only. Returns how to reach the windows. */
export function serveIpc(electron: Pick<ElectronApi, 'ipcMain' | 'shell'>, options: IpcOptions): { attach(contents: Contents): void; broadcast(event: ShellEvent): void } {
  const windows = new Map<number, Contents>();

  const trusted = (event: IpcMainEvent | IpcMainInvokeEvent): boolean =>
    windows.has(event.sender.id) && event.senderFrame !== null && event.senderFrame === event.sender.mainFrame && event.senderFrame.url.startsWith(`${pageOrigin}/`);

  function handle<C extends keyof Calls>(channel: C, answer: (...args: Calls[C]['args']) => Promise<Calls[C]['answer']> | Calls[C]['answer']): void {
    electron.ipcMain.handle(channel, (event, ...args) => {
      if (!trusted(event)) throw new Error('Only the window of Skiff may call this.');
      return answer(...(args as Calls[C]['args']));
    });
  }

  handle('skiff:state', () => options.state());
  handle('skiff:request', (request) => options.engine.request(plainRequest(request)));
  handle('skiff:settings', () => options.settings.all());
  handle('skiff:setting', (name, value) => options.settings.set(String(name), value));
  handle('skiff:kubeconfig', (action) => options.engine.mergeKubeconfig(action === 'remove' ? 'remove' : 'add'));
  handle('skiff:forward', (request) => options.engine.forward(forwardRequest(request)));
  handle('skiff:stopForward', (id) => options.engine.stopForward(Number(id)));
  handle('skiff:freePort', (near) => options.engine.freePort(portNumber(near)));
  handle('skiff:openExternal', async (url) => {
    const target = externalUrl(String(url));
    if (!target) throw new Error('Only https links, and those to this computer, are opened.');
    await electron.shell.openExternal(target);
  });

  electron.ipcMain.on(frameChannel, (event, frame: unknown) => {
    if (!trusted(event)) return;
    if (typeof frame === 'string' || frame instanceof Uint8Array) options.engine.frame(event.sender.id, frame);
  });
  options.engine.onFrame((window, frame) => {
    const contents = windows.get(window);
    if (contents && !contents.isDestroyed()) contents.send(frameChannel, frame);
  });

  return {
    attach(contents) {
      const id = contents.id;
      windows.set(id, contents);
      // A reload starts afresh: what the old page had open is closed.
      contents.on('did-start-navigation', (details) => {
        if (details.isMainFrame && !details.isSameDocument) options.engine.closeWindow(id);
      });
      contents.once('destroyed', () => {
        windows.delete(id);
        options.engine.closeWindow(id);
      });
    },
    broadcast(event) {
      for (const contents of windows.values()) if (!contents.isDestroyed()) contents.send(eventChannel, event);
    },
  };
}

/** Keeps only what the contract names, each of its type. */
function plainRequest(request: BridgeRequest): BridgeRequest {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  if (!['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].includes(request?.method) || typeof request.path !== 'string') throw new Error('not a request');
  return { method: request.method, path: request.path, contentType: text(request.contentType), accept: text(request.accept), body: text(request.body) };
}
