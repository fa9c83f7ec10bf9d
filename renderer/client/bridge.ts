import type { Bridge } from '../../preload/contract.ts';
import { WebBridge } from './webBridge.ts';

/** A bridge that can lose its other end, as the one over HTTP and WebSocket can. */
export interface ConnectedBridge extends Bridge {
  /** Tells whether the other end can be reached, now and at each change. */
  onConnection(listener: (connected: boolean) => void): () => void;
}

export function canDisconnect(bridge: Bridge): bridge is ConnectedBridge {
  return 'onConnection' in bridge;
}

/** The way out of this window: Electron's preload script, or HTTP to the server this page came from. */
export function openBridge(): Bridge {
  return window.skiff ?? new WebBridge();
}
