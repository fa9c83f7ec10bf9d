import type {
  BridgeRequest,
  BridgeResponse,
  ForwardRequest,
  PortForward,
  ShellEvent,
  ShellState,
  StreamHandle,
  StreamHandlers,
  WatchHandle,
} from '../../preload/contract.ts';
import { externalUrl } from '../../preload/links.ts';
import type { ConnectedBridge } from './bridge.ts';

/** The session cookie of this page is no longer good: the shell was restarted, or the link was opened long ago. */
export class SessionEndedError extends Error {}

/** What a WebBridge needs of a browser; tests give their own. */
export interface Browser {
  fetch(path: string, init?: RequestInit): Promise<Response>;
  socket(): WebSocket;
  setTimer(ms: number, fn: () => void): void;
  random(): number;
  open(url: string): void;
}

const realBrowser: Browser = {
  fetch: (path, init) => fetch(path, init),
  socket: () => new WebSocket(new URL('/bridge/socket', location.href.replace(/^http/, 'ws'))),
  setTimer: (ms, fn) => void setTimeout(fn, ms),
  random: () => Math.random(),
  open: (url) => void window.open(url, '_blank', 'noopener,noreferrer'),
};

type ServerFrame =
  | { id: number; type: 'event'; line: string }
  | { id: number; type: 'end'; error?: string }
  | { id: number; type: 'open' }
  | { type: 'shell'; event: ShellEvent };

interface Channel {
  /** What to say to the server once the socket is open. */
  hello: string;
  sent: boolean;
  /** Frames made before the socket was open. */
  waiting: (string | Uint8Array<ArrayBuffer>)[];
  onOpen?(): void;
  onLine?(line: string): void;
  onData?(channel: number, data: Uint8Array): void;
  onEnd(error?: string): void;
}

const firstRetry = 250;
const longestRetry = 5_000;
/** Milliseconds. */
const askAgainAfter = [100, 500];

/** The Bridge over same-origin HTTP and one WebSocket, for the shell that serves this page on loopback. */
export class WebBridge implements ConnectedBridge {
  #browser: Browser;
  #socket: WebSocket | undefined;
  #connected = true;
  #retries = 0;
  #nextId = 1;
  #channels = new Map<number, Channel>();
  #listeners = new Set<(event: ShellEvent) => void>();
  #connectionListeners = new Set<(connected: boolean) => void>();

  constructor(browser: Browser = realBrowser) {
    this.#browser = browser;
    this.#connect();
  }

  state(): Promise<ShellState> {
    return this.#json('/bridge/state') as Promise<ShellState>;
  }

  async request(request: BridgeRequest): Promise<BridgeResponse> {
    const ask = () => this.#json('/bridge/request', request) as Promise<BridgeResponse>;
    // A browser breaks off what is on its way when an interface of the computer comes or goes, as those of containers do.
    // What only reads may be asked again.
    for (const pause of request.method === 'GET' ? askAgainAfter : []) {
      try {
        return await ask();
      } catch (error) {
        // That is what a fetch without an answer fails by.
        if (!(error instanceof TypeError)) throw error;
        await new Promise<void>((resolve) => this.#browser.setTimer(pause, resolve));
      }
    }
    return ask();
  }

  watch(path: string, onEvent: (line: string) => void, onEnd: (error?: string) => void, accept?: string): WatchHandle {
    const id = this.#open('watch', path, { onLine: onEvent, onEnd }, accept);
    return { cancel: () => this.#cancel(id) };
  }

  stream(path: string, handlers: StreamHandlers): StreamHandle {
    const id = this.#open('stream', path, {
      onOpen: () => handlers.onOpen?.(),
      onData: (channel, data) => handlers.onData(channel, data),
      onEnd: (error) => handlers.onClose(error),
    });
    return {
      send: (channel, data) => {
        const frame = new Uint8Array(5 + data.length);
        new DataView(frame.buffer).setUint32(0, id);
        frame[4] = channel;
        frame.set(data, 5);
        this.#send(id, frame);
      },
      end: (channel) => this.#send(id, JSON.stringify({ id, type: 'endChannel', channel })),
      close: () => this.#cancel(id),
    };
  }

  onEvent(listener: (event: ShellEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    this.#connectionListeners.add(listener);
    listener(this.#connected);
    return () => this.#connectionListeners.delete(listener);
  }

  mergeKubeconfig(action: 'add' | 'remove'): Promise<{ path: string }> {
    return this.#json('/bridge/kubeconfig', { action }) as Promise<{ path: string }>;
  }

  getSettings(): Promise<Record<string, unknown>> {
    return this.#json('/bridge/settings') as Promise<Record<string, unknown>>;
  }

  async setSetting(name: string, value: unknown): Promise<void> {
    await this.#json('/bridge/setting', { name, value });
  }

  forward(request: ForwardRequest): Promise<PortForward> {
    return this.#json('/bridge/forward', request) as Promise<PortForward>;
  }

  async stopForward(id: number): Promise<void> {
    await this.#json('/bridge/stopForward', { id });
  }

  freePort(near: number): Promise<number> {
    return this.#json('/bridge/freePort', { near }) as Promise<number>;
  }

  openExternal(url: string): Promise<void> {
    const target = externalUrl(url);
    if (!target) return Promise.reject(new Error(`not an https link: ${url}`));
    this.#browser.open(target);
    return Promise.resolve();
  }

  async #json(path: string, body?: unknown): Promise<unknown> {
    const init: RequestInit =
      body === undefined
        ? { headers: { 'X-Skiff': '1' } }
        : {
            method: 'POST',
            headers: { 'X-Skiff': '1', 'Content-Type': 'application/json' },
            body: JSON.stringify(body),
          };
    const response = await this.#browser.fetch(path, init);
    if (response.status === 401 || response.status === 403) throw new SessionEndedError(await response.text());
    if (!response.ok) throw new Error((await response.text()) || `HTTP ${response.status}`);
    const text = await response.text();
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  }

  #open(type: 'watch' | 'stream', path: string, handlers: Omit<Channel, 'hello' | 'sent' | 'waiting'>, accept?: string): number {
    const id = this.#nextId++;
    const channel: Channel = { ...handlers, hello: JSON.stringify({ id, type, path, accept }), sent: false, waiting: [] };
    this.#channels.set(id, channel);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#greet(channel);
    return id;
  }

  #greet(channel: Channel): void {
    this.#socket!.send(channel.hello);
    channel.sent = true;
    for (const frame of channel.waiting.splice(0)) this.#socket!.send(frame);
  }

  #send(id: number, frame: string | Uint8Array<ArrayBuffer>): void {
    const channel = this.#channels.get(id);
    if (!channel) return;
    if (channel.sent) this.#socket?.send(frame);
    else channel.waiting.push(frame);
  }

  #cancel(id: number): void {
    const channel = this.#channels.get(id);
    if (!channel) return;
    this.#channels.delete(id);
    if (channel.sent && this.#socket?.readyState === WebSocket.OPEN)
      this.#socket.send(JSON.stringify({ id, type: 'cancel' }));
  }

  #connect(): void {
    const socket = this.#browser.socket();
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.onopen = () => {
      const again = this.#retries > 0;
      this.#retries = 0;
      for (const channel of this.#channels.values()) this.#greet(channel);
      this.#setConnected(true);
      if (again) void this.#announceState();
    };
    socket.onmessage = (message: MessageEvent<string | ArrayBuffer>) => {
      if (typeof message.data === 'string') this.#onFrame(JSON.parse(message.data) as ServerFrame);
      else this.#onBytes(message.data);
    };
    socket.onclose = () => this.#onLost();
  }

  #onFrame(frame: ServerFrame): void {
    if (frame.type === 'shell') {
      for (const listener of this.#listeners) listener(frame.event);
      return;
    }
    const channel = this.#channels.get(frame.id);
    if (!channel) return;
    if (frame.type === 'event') channel.onLine?.(frame.line);
    else if (frame.type === 'open') channel.onOpen?.();
    else {
      this.#channels.delete(frame.id);
      channel.onEnd(frame.error);
    }
  }

  #onBytes(buffer: ArrayBuffer): void {
    const view = new DataView(buffer);
    if (view.byteLength < 5) return;
    this.#channels.get(view.getUint32(0))?.onData?.(view.getUint8(4), new Uint8Array(buffer, 5));
  }

  /** What was open ends; whoever needs it opens it again and waits in `#channels` for the next socket. */
  #onLost(): void {
    this.#setConnected(false);
    for (const [id, channel] of [...this.#channels]) {
      if (!channel.sent) continue;
      this.#channels.delete(id);
      channel.onEnd('the connection was lost');
    }
    const wait = Math.min(longestRetry, firstRetry * 2 ** this.#retries++);
    this.#browser.setTimer(wait * (0.5 + this.#browser.random() / 2), () => this.#connect());
  }

  #setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    for (const listener of this.#connectionListeners) listener(connected);
  }

  async #announceState(): Promise<void> {
    const state = await this.state().catch(() => undefined);
    if (state) for (const listener of this.#listeners) listener({ type: 'state', state });
  }
}

