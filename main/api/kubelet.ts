import type { Duplex, Readable, Writable } from 'node:stream';

/**
 * What a kubelet serves to the apiserver (upstream: the kubelet's HTTPS server, pkg/kubelet/server/server.go).
 * Here both live in one process, so the door is an interface; errors are StatusErrors.
 */
export interface KubeletApi {
  /** Writes the log as the API promises it (prefix timestamps, tail, since, limit) and ends when it ends, or the signal aborts. */
  containerLogs(target: ContainerTarget, options: PodLogOptions, out: Writable, signal: AbortSignal): Promise<void>;
  /** Rejects when there is no such container that a command could run in, or somebody attach to: asked while the client can still be refused. */
  findContainer(target: ContainerTarget, attach: boolean): Promise<void>;
  /** Runs a command; resolves with how it ended once all output has been written. */
  exec(target: ContainerTarget, command: string[], io: ContainerIO): Promise<ExecResult>;
  /** Joins the container's main process; resolves when it ends or the client goes. How it ended stands in the pod's status alone. */
  attach(target: ContainerTarget, io: ContainerIO): Promise<void>;
  /** One connection to a port inside the pod's network namespace (its loopback included). */
  portForward(target: PodTarget, port: number): Promise<Duplex>;
  /** Pods as this kubelet knows them, stats and metrics: `/pods`, `/stats/summary`, `/metrics/resource`, `/healthz` … */
  http(path: string, query: URLSearchParams): Promise<{ status: number; contentType: string; body: string }>;
  /** What runs on the node uses, measured over a short while that ends about now. */
  usage(): Promise<NodeUsage>;
}

/** CPU in nanocores, memory in bytes of the working set. */
export interface ResourceUsage {
  cpuNanoCores: number;
  memoryBytes: number;
}

export interface NodeUsage extends ResourceUsage {
  /** The end of the measurement (milliseconds since the epoch), and how long it took. */
  timestamp: number;
  windowMs: number;
  /** Running pods, by uid. */
  pods: Map<string, PodUsage>;
}

export interface PodUsage {
  timestamp: number;
  windowMs: number;
  containers: ({ name: string } & ResourceUsage)[];
}

export interface PodTarget {
  namespace: string;
  name: string;
  uid: string;
}

export interface ContainerTarget extends PodTarget {
  container: string;
}

export interface PodLogOptions {
  follow?: boolean;
  previous?: boolean;
  sinceSeconds?: number;
  /** RFC 3339. */
  sinceTime?: string;
  timestamps?: boolean;
  tailLines?: number;
  limitBytes?: number;
  /** `All` (default), `Stdout`, `Stderr`. */
  stream?: string;
}

export interface TerminalSize {
  width: number;
  height: number;
}

export interface ContainerIO {
  stdin?: Readable;
  stdout?: Writable;
  /** Absent with a TTY. */
  stderr?: Writable;
  tty: boolean;
  /** Called with each new size of the client's terminal. */
  onResize?(listener: (size: TerminalSize) => void): void;
  signal: AbortSignal;
}

export interface ExecResult {
  exitCode: number;
}
