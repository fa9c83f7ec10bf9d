import type { BridgeRequest, BridgeResponse, ClusterState, ForwardRequest, PortForward } from '../../preload/contract.ts';
import type { PodFailure } from '../bridge/index.ts';
import type { FromEngine, ToEngine } from '../engineMessages.ts';
import type { Options } from '../options.ts';

/** The part of a worker thread that is used, so that a test can stand in for it. */
export interface EngineWorker {
  postMessage(message: ToEngine): void;
  on(event: 'message', listener: (message: FromEngine) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: (code: number) => void): unknown;
  terminate(): Promise<unknown>;
}

/** The engine on its worker thread, as the main process sees it. An engine that dies is told as a failed cluster. */
export class EngineProxy {
  #worker: EngineWorker | undefined;
  #state: ClusterState = { phase: 'starting', step: '' };
  #forwards: readonly PortForward[] = [];
  #calls = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  #next = 1;
  #stopping: (() => void) | undefined;
  readonly #stateListeners = new Set<() => void>();
  #frameListener: (window: number, frame: string | Uint8Array) => void = () => {};
  #failureListener: (failure: PodFailure) => void = () => {};

  constructor(
    private readonly spawn: () => EngineWorker,
    private options: Options,
    private readonly resources?: string,
  ) {}

  get state(): ClusterState {
    return this.#state;
  }

  get forwards(): readonly PortForward[] {
    return this.#forwards;
  }

  start(): void {
    const worker = this.spawn();
    this.#worker = worker;
    worker.on('message', (message) => this.#receive(message));
    worker.on('error', (error) => this.#lost(worker, error.message));
    worker.on('exit', (code) => this.#lost(worker, `the engine ended with code ${code}`));
    this.#change({ phase: 'starting', step: '' });
    worker.postMessage({ type: 'start', options: this.options, resources: this.resources });
    // What was asked for once is not asked for by a restart.
    this.options = { ...this.options, action: 'start' };
  }

  /** Stops the control plane; pods keep running in Docker. Gives up waiting when the worker is gone. */
  async stop(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    await new Promise<void>((resolve) => {
      this.#stopping = resolve;
      worker.postMessage({ type: 'stop' });
    });
    await worker.terminate();
  }

  async restart(): Promise<void> {
    await this.stop();
    this.start();
  }

  request(request: BridgeRequest): Promise<BridgeResponse> {
    return this.#call((call) => ({ type: 'request', call, request }));
  }

  mergeKubeconfig(action: 'add' | 'remove'): Promise<{ path: string }> {
    return this.#call((call) => ({ type: 'kubeconfig', call, action }));
  }

  forward(request: ForwardRequest): Promise<PortForward> {
    return this.#call((call) => ({ type: 'forward', call, request }));
  }

  stopForward(id: number): Promise<void> {
    return this.#call((call) => ({ type: 'stopForward', call, id }));
  }

  freePort(near: number): Promise<number> {
    return this.#call((call) => ({ type: 'freePort', call, near }));
  }

  frame(window: number, frame: string | Uint8Array): void {
    this.#worker?.postMessage({ type: 'frame', window, frame });
  }

  closeWindow(window: number): void {
    this.#worker?.postMessage({ type: 'closeWindow', window });
  }

  /** Called when `state` or `forwards` are others. */
  onState(listener: () => void): void {
    this.#stateListeners.add(listener);
  }

  onFrame(listener: (window: number, frame: string | Uint8Array) => void): void {
    this.#frameListener = listener;
  }

  onPodFailure(listener: (failure: PodFailure) => void): void {
    this.#failureListener = listener;
  }

  #call<T>(message: (call: number) => ToEngine): Promise<T> {
    const worker = this.#worker;
    if (!worker) return Promise.reject(new Error('the engine is not running'));
    const call = this.#next++;
    return new Promise<T>((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      worker.postMessage(message(call));
    });
  }

  #receive(message: FromEngine): void {
    switch (message.type) {
      case 'state':
        return this.#change(message.state);
      case 'answer':
        this.#calls.get(message.call)?.resolve(message.value as never);
        return void this.#calls.delete(message.call);
      case 'error':
        this.#calls.get(message.call)?.reject(new Error(message.message));
        return void this.#calls.delete(message.call);
      case 'forwards':
        this.#forwards = message.forwards;
        return this.#tell();
      case 'frame':
        return this.#frameListener(message.window, message.frame);
      case 'podFailure':
        return this.#failureListener(message.failure);
      case 'stopped':
        return this.#stopping?.();
    }
  }

  #change(state: ClusterState): void {
    this.#state = state;
    // They end with the engine that holds them.
    if (state.phase !== 'running') this.#forwards = [];
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#stateListeners) listener();
  }

  #lost(worker: EngineWorker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const call of this.#calls.values()) call.reject(new Error(why));
    this.#calls.clear();
    if (this.#stopping) this.#stopping();
    else this.#change({ phase: 'failed', message: why });
    this.#stopping = undefined;
  }
}
