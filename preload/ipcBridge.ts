import type { IpcRenderer } from 'electron';
import { eventChannel, frameChannel, type Calls } from './channels.ts';
import type { Bridge, ShellEvent } from './contract.ts';
import { FrameClient, type Frame } from './frames.ts';

/** The Bridge over Electron's IPC. Only plain data and functions cross into the window's world, never an Electron object. */
export function createIpcBridge(ipc: Pick<IpcRenderer, 'invoke' | 'send' | 'on'>): Bridge {
  const frames = new FrameClient((frame) => ipc.send(frameChannel, frame));
  const listeners = new Set<(event: ShellEvent) => void>();
  ipc.on(frameChannel, (_event, frame: Frame) => frames.receive(frame));
  ipc.on(eventChannel, (_event, event: ShellEvent) => {
    for (const listener of listeners) listener(event);
  });
  const call = <C extends keyof Calls>(channel: C, ...args: Calls[C]['args']): Promise<Calls[C]['answer']> => ipc.invoke(channel, ...args);
  return {
    state: () => call('skiff:state'),
    request: (request) => call('skiff:request', request),
    watch: (path, onEvent, onEnd, accept) => frames.watch(path, onEvent, onEnd, accept),
    stream: (path, handlers) => frames.stream(path, handlers),
    onEvent(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    mergeKubeconfig: (action) => call('skiff:kubeconfig', action),
    getSettings: () => call('skiff:settings'),
    setSetting: (name, value) => call('skiff:setting', name, value),
    forward: (request) => call('skiff:forward', request),
    stopForward: (id) => call('skiff:stopForward', id),
    freePort: (near) => call('skiff:freePort', near),
    openExternal: (url) => call('skiff:openExternal', url),
  };
}
