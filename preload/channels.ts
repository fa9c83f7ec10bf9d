import type { BridgeRequest, BridgeResponse, ForwardRequest, PortForward, ShellEvent, ShellState } from './contract.ts';
import type { Frame } from './frames.ts';

/** Every call of the window to Electron's main process: name → arguments and answer. */
export interface Calls {
  'skiff:state': { args: []; answer: ShellState };
  'skiff:request': { args: [BridgeRequest]; answer: BridgeResponse };
  'skiff:settings': { args: []; answer: Record<string, unknown> };
  'skiff:setting': { args: [string, unknown]; answer: void };
  'skiff:kubeconfig': { args: ['add' | 'remove']; answer: { path: string } };
  'skiff:forward': { args: [ForwardRequest]; answer: PortForward };
  'skiff:stopForward': { args: [number]; answer: void };
  'skiff:freePort': { args: [number]; answer: number };
  'skiff:openExternal': { args: [string]; answer: void };
}

/** Frames of watches and streams, both ways. */
export const frameChannel = 'skiff:frame';
/** Shell events, to the window. */
export const eventChannel = 'skiff:event';

export type FrameMessage = Frame;
export type EventMessage = ShellEvent;
