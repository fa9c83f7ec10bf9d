import type { Bridge, BridgeRequest, BridgeResponse, ForwardRequest, PortForward, ShellEvent, ShellState, StreamHandle, StreamHandlers, WatchHandle } from '../../../preload/contract.ts';
import { FakeApi } from './fakeApi.ts';

/** A stream that the window opened, as the other end sees it. */
export interface FakeStream {
  path: string;
  handlers: StreamHandlers;
  sent: { channel: number; text: string }[];
  ended: number[];
  closed: boolean;
}

/** A Bridge to a FakeApi, in memory. */
export class FakeBridge implements Bridge {
  readonly api = new FakeApi();
  readonly streams: FakeStream[] = [];
  readonly settings: Record<string, unknown> = {};
  readonly opened: string[] = [];
  readonly kubeconfigActions: string[] = [];
  shell: ShellState = {
    kind: 'web',
    platform: 'linux',
    version: '0.1.0',
    cluster: { phase: 'running', name: 'skiff', runtime: 'docker', kubeconfig: '/home/user/.local/share/skiff/kubeconfig', server: 'https://127.0.0.1:6443' },
    forwards: [],
  };
  /** Asked in the place of opening a port; what it throws is the answer. */
  refuseForward: (request: ForwardRequest) => void = () => undefined;
  #nextForward = 1;
  #listeners = new Set<(event: ShellEvent) => void>();

  state(): Promise<ShellState> {
    return Promise.resolve(this.shell);
  }

  request(request: BridgeRequest): Promise<BridgeResponse> {
    return Promise.resolve().then(() => this.api.request(request));
  }

  watch(path: string, onEvent: (line: string) => void, onEnd: (error?: string) => void, accept?: string): WatchHandle {
    return { cancel: this.api.watch(path, onEvent, onEnd, accept) };
  }

  stream(path: string, handlers: StreamHandlers): StreamHandle {
    const stream: FakeStream = { path, handlers, sent: [], ended: [], closed: false };
    this.streams.push(stream);
    return {
      send: (channel, data) => stream.sent.push({ channel, text: new TextDecoder().decode(data) }),
      end: (channel) => stream.ended.push(channel),
      close: () => (stream.closed = true),
    };
  }

  onEvent(listener: (event: ShellEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: ShellEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  mergeKubeconfig(action: 'add' | 'remove'): Promise<{ path: string }> {
    this.kubeconfigActions.push(action);
    return Promise.resolve({ path: '/home/user/.kube/config' });
  }

  getSettings(): Promise<Record<string, unknown>> {
    return Promise.resolve({ ...this.settings });
  }

  setSetting(name: string, value: unknown): Promise<void> {
    this.settings[name] = value;
    return Promise.resolve();
  }

  async forward(request: ForwardRequest): Promise<PortForward> {
    this.refuseForward(request);
    const made: PortForward = { ...request, id: this.#nextForward++, localPort: request.localPort ?? (await this.freePort(request.port)), pod: `${request.name}-pod` };
    this.setForwards([...this.shell.forwards, made]);
    return made;
  }

  stopForward(id: number): Promise<void> {
    this.setForwards(this.shell.forwards.filter((each) => each.id !== id));
    return Promise.resolve();
  }

  freePort(near: number): Promise<number> {
    return Promise.resolve(near < 1024 ? near + 8000 : near);
  }

  setForwards(forwards: readonly PortForward[]): void {
    this.shell = { ...this.shell, forwards };
    this.emit({ type: 'state', state: this.shell });
  }

  openExternal(url: string): Promise<void> {
    this.opened.push(url);
    return Promise.resolve();
  }
}
