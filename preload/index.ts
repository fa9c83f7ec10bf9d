/** Runs sandboxed in the window's isolated world: exposes the contract, nothing more. */
import { contextBridge, ipcRenderer } from 'electron';
import { createIpcBridge } from './ipcBridge.ts';

contextBridge.exposeInMainWorld('skiff', createIpcBridge(ipcRenderer));
