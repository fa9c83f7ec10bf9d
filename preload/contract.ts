/**
 * All that the window may ask of its shell. The same in Electron (IPC) and in the browser (HTTP and WebSocket).
 * It carries requests, watches and streams of the Kubernetes API, and not a method a feature: keep it short. Beside
 * them stands only what no API server can do, such as to open a port of this computer.
 */

export interface BridgeRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query below the API server's root. */
  path: string;
  contentType?: string;
  accept?: string;
  body?: string;
}

export interface BridgeResponse {
  status: number;
  contentType: string;
  body: string;
  warnings: string[];
}

export interface WatchHandle {
  cancel(): void;
}

/** A two-way byte stream on a subresource that upgrades (exec, attach) or streams (log with follow). */
export interface StreamHandle {
  /** Channel 0 is stdin, 4 the terminal's size as JSON `{"Width": w, "Height": h}`: the v5.channel.k8s.io channels. */
  send(channel: number, data: Uint8Array): void;
  /** Half-closes a channel (v5: stdin). */
  end(channel: number): void;
  close(): void;
}

export interface StreamHandlers {
  onOpen?(): void;
  /** Channel 1 is stdout (and the bytes of a log), 2 stderr, 3 the final Status as JSON. */
  onData(channel: number, data: Uint8Array): void;
  onClose(error?: string): void;
}

/** What a port of this computer is to lead to. */
export interface ForwardRequest {
  /** `pods`, `services`, `deployments.apps`: the kind as the window's addresses name it. */
  resource: string;
  namespace: string;
  name: string;
  /** The port inside the pod; of a Service its own, which leads to one of a pod. */
  port: number;
  /** The port of 127.0.0.1; absent: a free one. */
  localPort?: number;
}

/** A port of this computer that leads into a pod, until it is stopped or the app ends. */
export interface PortForward extends Required<ForwardRequest> {
  id: number;
  /** The pod that the next connection goes to; absent while there is none. */
  pod?: string;
  /** Why the last connection did not come through, or why the next one will not. */
  problem?: ForwardProblem;
}

export interface ForwardProblem {
  /**
   * `missing`: the object is not there; `noPod`: none of its pods runs; `noPort`: the Service or the pod has no such
   * port; `refused`: nothing listens on the port inside the pod; `failed`: anything else.
   */
  reason: 'missing' | 'noPod' | 'noPort' | 'refused' | 'failed';
  /** As the cluster says it. */
  message: string;
}

/** What the shell knows about the cluster before and while the API answers. */
export interface ShellState {
  kind: 'electron' | 'web';
  platform: string;
  version: string;
  cluster: ClusterState;
  forwards: readonly PortForward[];
}

export type ClusterState =
  | { phase: 'starting'; step: string }
  | {
      phase: 'running';
      name: string;
      runtime: 'docker' | 'simulated';
      kubeconfig: string;
      server: string;
      /** One line on what is missing and how to get it, such as a Docker engine. */
      notice?: string;
      /** Why no pod is looked after now, in the words of a node: the engine has been stopped, say. */
      fault?: string;
    }
  | { phase: 'failed'; message: string };

/** Something outside the window asks it to show something. */
export type ShellEvent =
  | { type: 'state'; state: ShellState }
  /** A notification was clicked, or a link opened: show this object. */
  | { type: 'navigate'; path: string }
  /** Files were opened with the app: show what they will change. */
  | { type: 'manifests'; files: { name: string; text: string }[] }
  /** A menu entry was chosen. */
  | { type: 'command'; command: string };

export interface Bridge {
  state(): Promise<ShellState>;
  request(request: BridgeRequest): Promise<BridgeResponse>;
  /** One JSON watch event a call, as the API sends them; `accept` asks for its objects in another form, such as their metadata alone. */
  watch(path: string, onEvent: (line: string) => void, onEnd: (error?: string) => void, accept?: string): WatchHandle;
  stream(path: string, handlers: StreamHandlers): StreamHandle;
  onEvent(listener: (event: ShellEvent) => void): () => void;
  /** Adds (or removes) the `skiff` context in the user's own kubeconfig; changes nothing else there. */
  mergeKubeconfig(action: 'add' | 'remove'): Promise<{ path: string }>;
  /** Small values that outlive the window (theme, language, columns), by name. */
  getSettings(): Promise<Record<string, unknown>>;
  setSetting(name: string, value: unknown): Promise<void>;
  /** Opens a port of 127.0.0.1 that leads into a pod. All that are open stand in the shell's state, whichever window opened them. */
  forward(request: ForwardRequest): Promise<PortForward>;
  stopForward(id: number): Promise<void>;
  /** A port of 127.0.0.1 that is free now: the same one, or the first that can be remembered by it. */
  freePort(near: number): Promise<number>;
  /** https links only; asks the user's browser. */
  openExternal(url: string): Promise<void>;
}

declare global {
  interface Window {
    /** Set by the preload script in Electron; absent in a browser, where renderer/client makes its own over HTTP. */
    skiff?: Bridge;
  }
}
