import type { Duplex } from 'node:stream';
import type { DnsZone } from '../dns/records.ts';
import type { PolicyModel } from '../networkPolicy/model.ts';
import type { ProxyModel } from '../proxy/model.ts';
import type { AgentHandlers, MachineState, NodeAgent, ProbeRequest, ProbeResult, VolumeFile } from './index.ts';
import { framedDatagrams } from '../util/datagrams.ts';
import { Mux } from './mux.ts';

/** Cluster addresses that every node answers by itself: the API (tunnelled to the engine) and cluster DNS. */
export interface LocalServices {
  api: { address: string; port: number };
  dns: { address: string; port: number };
  /** The node's own address, at which the API answers as well: what stands behind its Service. */
  node?: { address: string; port: number };
  /** Where the node's kubelet answers, at the same address. */
  kubelet?: { address: string; port: number };
}

/**
 * Speaks to a node agent over a stream of `Machines.connect`. Resolves when the agent answers at the addresses of
 * `local`; rejects when it does not understand us or the stream breaks.
 */
export async function connectAgent(stream: Duplex, handlers: AgentHandlers, local: LocalServices): Promise<NodeAgent> {
  const mux = new Mux(stream, 'engine', {
    async onCall(method, params) {
      if (method !== 'foreignQuestion') throw new Error(`the engine has no method ${method}`);
      const answer = await handlers.onForeignQuestion(Buffer.from((params as { message: string }).message, 'base64'));
      return { message: answer.toString('base64') };
    },
    async onOpen(kind, params) {
      if (kind === 'kubelet' && handlers.onKubeletConnection) return handlers.onKubeletConnection;
      if (kind !== 'api') throw new Error(`the engine has no stream ${kind}`);
      return (connection) => handlers.onApiConnection(connection, params as { address: string; port: number });
    },
  });
  try {
    await mux.call('hello', { local });
  } catch (error) {
    mux.close();
    throw error;
  }
  return new RemoteAgent(mux);
}

class RemoteAgent implements NodeAgent {
  readonly closed: Promise<void>;

  constructor(private readonly mux: Mux) {
    this.closed = mux.closed;
  }

  probe(request: ProbeRequest): Promise<ProbeResult> {
    return this.mux.call('probe', request);
  }

  async httpGet(request: Extract<ProbeRequest, { kind: 'http' }>): Promise<void> {
    await this.mux.call('httpGet', request);
  }

  async writeVolume(path: string, files: VolumeFile[], options: { group?: number }): Promise<void> {
    await this.mux.call('writeVolume', { path, files, options });
  }

  async makeDirectory(
    path: string,
    options: { mode: number; owner?: number; group?: number; recursive?: boolean },
  ): Promise<void> {
    await this.mux.call('makeDirectory', { path, options });
  }

  subPath(directory: string, below: string): Promise<string> {
    return this.mux.call('subPath', { directory, below });
  }

  stat(path: string): Promise<{ kind: 'file' | 'directory' | 'other'; size: number } | undefined> {
    return this.mux.call('stat', { path });
  }

  list(path: string): Promise<string[]> {
    return this.mux.call('list', { path });
  }

  usage(path: string): Promise<number> {
    return this.mux.call('usage', { path });
  }

  async readFile(path: string, maxBytes: number): Promise<Buffer | undefined> {
    const data = await this.mux.call<string | undefined>('readFile', { path, maxBytes });
    return data === undefined ? undefined : Buffer.from(data, 'base64');
  }

  async writeFile(path: string, data: Buffer, mode: number): Promise<void> {
    await this.mux.call('writeFile', { path, data: data.toString('base64'), mode });
  }

  async remove(path: string): Promise<void> {
    await this.mux.call('remove', { path });
  }

  machineState(): Promise<MachineState> {
    return this.mux.call('machineState', {});
  }

  async syncProxy(model: ProxyModel): Promise<void> {
    await this.mux.call('syncProxy', model);
  }

  async syncPolicies(model: PolicyModel): Promise<void> {
    await this.mux.call('syncPolicies', model);
  }

  async syncDns(zone: DnsZone): Promise<void> {
    await this.mux.call('syncDns', zone);
  }

  dial(host: string, port: number): Promise<Duplex> {
    return this.mux.open('dial', { host, port });
  }

  async dialUdp(host: string, port: number): Promise<Duplex> {
    return framedDatagrams(await this.mux.open('dialUdp', { host, port }));
  }

  close(): void {
    this.mux.close();
  }
}
