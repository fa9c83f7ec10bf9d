import type { StreamHandle, StreamHandlers, WatchHandle } from './contract.ts';

/** A frame to the shell: JSON text, or binary (4 bytes id, big-endian; 1 byte channel; payload). */
export type Frame = string | Uint8Array;

type ServerText = { id: number; type: 'open' } | { id: number; type: 'event'; line: string } | { id: number; type: 'end'; error?: string };

interface Open {
  onOpen?(): void;
  onLine?(line: string): void;
  onData?(channel: number, data: Uint8Array): void;
  onEnd(error?: string): void;
}

/** Watches and streams over one ordered channel of frames, whatever carries it. */
export class FrameClient {
  #next = 1;
  readonly #open = new Map<number, Open>();

  constructor(private readonly post: (frame: Frame) => void) {}

  watch(path: string, onEvent: (line: string) => void, onEnd: (error?: string) => void, accept?: string): WatchHandle {
    const id = this.#start('watch', path, { onLine: onEvent, onEnd }, accept);
    return { cancel: () => this.#cancel(id) };
  }

  stream(path: string, handlers: StreamHandlers): StreamHandle {
    const id = this.#start('stream', path, {
      onOpen: () => handlers.onOpen?.(),
      onData: (channel, data) => handlers.onData(channel, data),
      onEnd: (error) => handlers.onClose(error),
    });
    return {
      send: (channel, data) => {
        if (!this.#open.has(id)) return;
        const frame = new Uint8Array(5 + data.length);
        new DataView(frame.buffer).setUint32(0, id);
        frame[4] = channel;
        frame.set(data, 5);
        this.post(frame);
      },
      end: (channel) => {
        if (this.#open.has(id)) this.post(JSON.stringify({ id, type: 'endChannel', channel }));
      },
      close: () => this.#cancel(id),
    };
  }

  /** Takes a frame from the shell; frames of streams that are closed here are dropped. */
  receive(frame: Frame): void {
    if (typeof frame !== 'string') {
      const id = new DataView(frame.buffer, frame.byteOffset, frame.byteLength).getUint32(0);
      return this.#open.get(id)?.onData?.(frame[4]!, frame.subarray(5));
    }
    const message = JSON.parse(frame) as ServerText;
    const open = this.#open.get(message.id);
    if (!open) return;
    if (message.type === 'open') open.onOpen?.();
    else if (message.type === 'event') open.onLine?.(message.line);
    else {
      this.#open.delete(message.id);
      open.onEnd(message.error);
    }
  }

  /** Ends everything that is open: the channel is gone. */
  lost(error: string): void {
    const all = [...this.#open.values()];
    this.#open.clear();
    for (const open of all) open.onEnd(error);
  }

  #start(type: 'watch' | 'stream', path: string, open: Open, accept?: string): number {
    const id = this.#next++;
    this.#open.set(id, open);
    this.post(JSON.stringify({ id, type, path, accept }));
    return id;
  }

  #cancel(id: number): void {
    if (this.#open.delete(id)) this.post(JSON.stringify({ id, type: 'cancel' }));
  }
}
