/**
 * The engine's side of the node agent: the one bundled program inside each node container that plays the machine
 * (kube-proxy's rules, DNS, probes, files of volumes, tunnels). One multiplexed stream joins the two (protocol.ts).
 */
import type { Duplex } from 'node:stream';
import type { DnsZone } from '../dns/records.ts';
import type { PolicyModel } from '../networkPolicy/model.ts';
import type { ProxyModel } from '../proxy/model.ts';

export { connectAgent, type LocalServices } from './connect.ts';

/** A file of a volume as the agent writes it. */
export interface VolumeFile {
  /** Relative to the volume, never leaving it. */
  path: string;
  /** Base64. */
  data: string;
  /** Permission bits, such as 0o644. */
  mode: number;
  /** Whose it is alone, whoever the volume belongs to. */
  owner?: number;
}

export type ProbeRequest =
  | {
      kind: 'http';
      scheme: 'http' | 'https';
      host: string;
      port: number;
      path: string;
      headers: { name: string; value: string }[];
      timeoutMs: number;
    }
  | { kind: 'tcp'; host: string; port: number; timeoutMs: number }
  | { kind: 'grpc'; host: string; port: number; service: string; timeoutMs: number };

export interface ProbeResult {
  result: 'success' | 'failure' | 'warning' | 'unknown';
  /** As kubelet's events say it: `HTTP probe failed with statuscode: 500`. */
  output: string;
}

/** In bytes and numbers of files; the disk is the one that holds the node's volume. */
export interface MachineState {
  memoryTotalBytes: number;
  memoryAvailableBytes: number;
  diskTotalBytes: number;
  diskAvailableBytes: number;
  inodes: number;
  inodesFree: number;
}

/** One node's agent. Calls reject when the connection is lost; the owner connects anew and syncs again. */
export interface NodeAgent {
  probe(request: ProbeRequest): Promise<ProbeResult>;
  /** httpGet lifecycle hooks: rejects unless an answer comes; whatever its status, as in pkg/kubelet/lifecycle. */
  httpGet(request: Extract<ProbeRequest, { kind: 'http' }>): Promise<void>;
  /** Atomically makes the volume hold just these files, by Kubernetes' symlink swap (pkg/volume/util/atomic_writer.go). */
  writeVolume(path: string, files: VolumeFile[], options: { group?: number }): Promise<void>;
  /**
   * Makes a directory of the node's volume (emptyDir, subPath), and those above it unless `recursive` is false. What a
   * directory holds that is there already stays. Idempotent.
   */
  makeDirectory(
    path: string,
    options: { mode: number; owner?: number; group?: number; recursive?: boolean },
  ): Promise<void>;
  /**
   * Where a path below a directory of the node's volume leads, links followed, as a path of the volume; what is missing
   * of it is made, as directories of the same mode. Rejects when a link leads out of the directory.
   */
  subPath(directory: string, below: string): Promise<string>;
  /** What lies at a path of the node's volume. */
  stat(path: string): Promise<{ kind: 'file' | 'directory' | 'other'; size: number } | undefined>;
  /** The names in a directory of the node's volume; none when it is not there. */
  list(path: string): Promise<string[]>;
  /** Bytes used below a path. */
  usage(path: string): Promise<number>;
  readFile(path: string, maxBytes: number): Promise<Buffer | undefined>;
  writeFile(path: string, data: Buffer, mode: number): Promise<void>;
  remove(path: string): Promise<void>;
  /** What is left of the machine on which containers run. */
  machineState(): Promise<MachineState>;
  syncProxy(model: ProxyModel): Promise<void>;
  syncPolicies(model: PolicyModel): Promise<void>;
  syncDns(zone: DnsZone): Promise<void>;
  /** A TCP connection from the node: to a pod, a Service, a node port. */
  dial(host: string, port: number): Promise<Duplex>;
  /** The same for datagrams: a stream in object mode, a chunk a datagram. */
  dialUdp(host: string, port: number): Promise<Duplex>;
  close(): void;
  readonly closed: Promise<void>;
}

export interface AgentHandlers {
  /** A pod's connection to the API's cluster IP: the agent has tunnelled it here. */
  onApiConnection(connection: Duplex, from: { address: string; port: number }): void;
  /** A connection to the node's kubelet. */
  onKubeletConnection?(connection: Duplex): void;
  /** A DNS question outside the cluster's zone, for the host's own resolvers; a raw DNS message each way. */
  onForeignQuestion(message: Buffer): Promise<Buffer>;
}
