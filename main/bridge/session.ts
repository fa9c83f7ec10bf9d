import type { ShellEvent } from '../../preload/contract.ts';
import type { EndpointClient } from './endpoint.ts';

/** What a window sends, besides binary frames (4 bytes id, big-endian; 1 byte channel; payload). */
type ClientFrame =
  | { id: number; type: 'watch'; path: string; accept?: string }
  | { id: number; type: 'stream'; path: string }
  | { id: number; type: 'endChannel'; channel: number }
  | { id: number; type: 'cancel' };

/** What a window is sent, besides binary frames of the same form. */
export type ServerFrame =
  | { id: number; type: 'open' }
  | { id: number; type: 'event'; line: string }
  | { id: number; type: 'end'; error?: string }
  | { type: 'shell'; event: ShellEvent };

/** One way to a window: a WebSocket, or a message port. */
export interface FrameSink {
  send(frame: ServerFrame): void;
  sendBinary(frame: Buffer): void;
}

interface OpenStream {
  cancel(): void;
  send?(channel: number, data: Buffer): void;
  end?(channel: number): void;
}

/** Open watches and streams a window; more are refused. */
const maxStreams = 512;

/** The watches and streams of one window. */
export class BridgeSession {
  readonly #streams = new Map<number, OpenStream>();

  constructor(
    private readonly client: () => EndpointClient | undefined,
    private readonly sink: FrameSink,
  ) {}

  /** Takes a text frame. Malformed ones are ignored: a window that sends them is not ours. */
  receive(text: string): void {
    const frame = parseFrame(text);
    if (!frame) return;
    if (frame.type === 'cancel') this.#streams.get(frame.id)?.cancel();
    else if (frame.type === 'endChannel') this.#streams.get(frame.id)?.end?.(frame.channel);
    else this.#open(frame);
  }

  /** Takes a binary frame. */
  receiveBinary(frame: Buffer): void {
    if (frame.length < 5) return;
    this.#streams.get(frame.readUInt32BE(0))?.send?.(frame[4]!, frame.subarray(5));
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.cancel();
    this.#streams.clear();
  }

  #open(frame: Extract<ClientFrame, { path: string }>): void {
    const client = this.client();
    if (this.#streams.has(frame.id)) return;
    if (!client) return this.#end(frame.id, 'the cluster is not running');
    if (this.#streams.size >= maxStreams) return this.#end(frame.id, `more than ${maxStreams} open streams`);
    const path = frame.path.split('?', 1)[0]!;
    if (frame.type === 'watch') this.#openLines(frame.id, client, frame.path, frame.accept);
    else if (/\/(exec|attach)$/.test(path)) this.#openUpgrade(frame.id, client, frame.path);
    else this.#openBytes(frame.id, client, frame.path);
  }

  #openLines(id: number, client: EndpointClient, path: string, accept = 'application/json'): void {
    let rest = '';
    const decoder = new TextDecoder();
    this.#run(id, client, path, accept, (chunk) => {
      const text = rest + decoder.decode(chunk, { stream: true });
      let from = 0;
      for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
        if (at > from) this.sink.send({ id, type: 'event', line: text.slice(from, at) });
        from = at + 1;
      }
      rest = text.slice(from);
    });
  }

  #openBytes(id: number, client: EndpointClient, path: string): void {
    this.#run(id, client, path, '*/*', (chunk) => this.sink.sendBinary(pack(id, 1, chunk)));
  }

  #run(id: number, client: EndpointClient, path: string, accept: string, onChunk: (chunk: Buffer) => void): void {
    const abort = new AbortController();
    this.#streams.set(id, { cancel: () => abort.abort() });
    client
      .stream(path, accept, abort.signal, () => this.sink.send({ id, type: 'open' }), onChunk)
      .then(
        () => this.#end(id),
        (error: Error) => this.#end(id, abort.signal.aborted ? undefined : error.message),
      );
  }

  #openUpgrade(id: number, client: EndpointClient, path: string): void {
    const socket = client.upgrade(path);
    let failure: string | undefined;
    this.#streams.set(id, {
      cancel: () => socket.terminate(),
      send: (channel, data) => {
        if (socket.readyState === socket.OPEN) socket.send(Buffer.concat([Buffer.from([channel]), data]));
      },
      // v5.channel.k8s.io: a frame of channel 255 names the channel that is closed.
      end: (channel) => {
        if (socket.readyState === socket.OPEN && socket.protocol === 'v5.channel.k8s.io') socket.send(Buffer.from([255, channel]));
      },
    });
    socket.on('open', () => this.sink.send({ id, type: 'open' }));
    socket.on('message', (data: Buffer) => {
      if (data.length > 0) this.sink.sendBinary(pack(id, data[0]!, data.subarray(1)));
    });
    socket.on('error', (error) => (failure = error.message));
    socket.on('close', () => this.#end(id, failure));
  }

  #end(id: number, error?: string): void {
    this.#streams.delete(id);
    this.sink.send({ id, type: 'end', ...(error ? { error } : {}) });
  }
}

function pack(id: number, channel: number, data: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(5 + data.length);
  frame.writeUInt32BE(id, 0);
  frame[4] = channel;
  data.copy(frame, 5);
  return frame;
}

function parseFrame(text: string): ClientFrame | undefined {
  let frame: Partial<ClientFrame> & { path?: unknown; channel?: unknown; accept?: unknown };
  try {
    frame = JSON.parse(text) as typeof frame;
  } catch {
    return undefined;
  }
  if (frame === null || typeof frame !== 'object' || !Number.isInteger(frame.id) || frame.id! < 0 || frame.id! > 0xffffffff) return undefined;
  switch (frame.type) {
    case 'watch':
    case 'stream':
      return typeof frame.path === 'string' && ['string', 'undefined'].includes(typeof frame.accept) ? (frame as ClientFrame) : undefined;
    case 'endChannel':
      return Number.isInteger(frame.channel) ? (frame as ClientFrame) : undefined;
    case 'cancel':
      return frame as ClientFrame;
    default:
      return undefined;
  }
}
