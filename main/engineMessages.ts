import type { BridgeRequest, BridgeResponse, ClusterState, ForwardRequest, PortForward } from '../preload/contract.ts';
import type { PodFailure } from './bridge/index.ts';
import type { Options } from './options.ts';

/** What the main process sends to the engine on its worker thread. */
export type ToEngine =
  | { type: 'start'; options: Options; resources?: string }
  | { type: 'request'; call: number; request: BridgeRequest }
  | { type: 'kubeconfig'; call: number; action: 'add' | 'remove' }
  | { type: 'forward'; call: number; request: ForwardRequest }
  | { type: 'stopForward'; call: number; id: number }
  | { type: 'freePort'; call: number; near: number }
  | { type: 'frame'; window: number; frame: string | Uint8Array }
  | { type: 'closeWindow'; window: number }
  | { type: 'stop' };

/** What the engine sends back. */
export type FromEngine =
  | { type: 'state'; state: ClusterState }
  | { type: 'answer'; call: number; value: BridgeResponse | { path: string } | PortForward | number | undefined }
  | { type: 'forwards'; forwards: readonly PortForward[] }
  | { type: 'error'; call: number; message: string }
  | { type: 'frame'; window: number; frame: string | Uint8Array }
  | { type: 'podFailure'; failure: PodFailure }
  | { type: 'stopped' };
