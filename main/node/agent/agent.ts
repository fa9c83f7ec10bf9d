import { randomBytes } from 'node:crypto';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { askServers } from '../../dns/ask.ts';
import { DnsServer } from '../../dns/server.ts';
import type { DnsZone } from '../../dns/records.ts';
import type { PolicyModel } from '../../networkPolicy/model.ts';
import type { ProxyModel } from '../../proxy/model.ts';
import { realClock } from '../../util/clock.ts';
import { framedDatagrams } from '../../util/datagrams.ts';
import { join } from '../../util/join.ts';
import { dialUdp } from '../../util/udp.ts';
import type { LocalServices } from '../connect.ts';
import type { ProbeRequest, VolumeFile } from '../index.ts';
import { Mux } from '../mux.ts';
import { writeAtomically } from './atomicWriter.ts';
import { listenDns } from './dnsListener.ts';
import { askDirectly } from './fallbackResolver.ts';
import { Network } from './network.ts';
import type { NodeVolume, Ownership } from './nodeVolume.ts';
import { httpGet, probe } from './probes.ts';
import { serveProxyStatus } from './proxyStatus.ts';
import type { StateFile } from './state.ts';

const dialTimeoutMs = 30_000;

/** What the engine serves at addresses of the node. */
type Tunnel = 'api' | 'kubelet';

/** What plays the machine inside a node container. */
export class Agent {
  readonly #network = new Network();
  readonly #dns: DnsServer;
  #mux: Mux | undefined;
  #served: Promise<void> | undefined;
  #kubelet: Promise<void> | undefined;

  constructor(
    private readonly volume: NodeVolume,
    private readonly state: StateFile,
  ) {
    this.#dns = new DnsServer({ clock: realClock, foreign: (message) => this.#foreign(message), ask: (servers, message) => askServers(realClock, servers, message) });
  }

  /** Takes up what it was told before it was restarted. */
  async resume(): Promise<void> {
    const { local, model, policies, zone } = this.state.state;
    if (zone) this.#dns.setZone(zone);
    if (local) await this.#serve(local);
    // First who may connect, then where connections go.
    if (policies) await this.#network.syncPolicies(policies);
    if (model) await this.#network.sync(model);
  }

  /** A new connection takes the place of the one before. */
  accept(link: Duplex): void {
    this.#mux?.goodbye();
    const mux = new Mux(link, 'agent', {
      onCall: (method, params) => this.#call(method, params),
      onOpen: (kind, params) => this.#open(kind, params),
    });
    this.#mux = mux;
    void mux.closed.then(() => {
      if (this.#mux === mux) this.#mux = undefined;
    });
  }

  async #call(method: string, params: unknown): Promise<unknown> {
    switch (method) {
      case 'hello': {
        const { local } = params as { local: LocalServices };
        await this.#serve(local);
        this.state.set({ local });
        return { pid: process.pid };
      }
      case 'probe':
        return probe(params as ProbeRequest);
      case 'httpGet':
        return httpGet(params as Extract<ProbeRequest, { kind: 'http' }>);
      case 'writeVolume': {
        const { path, files, options } = params as { path: string; files: VolumeFile[]; options: Pick<Ownership, 'group'> };
        return this.volume.inDirectory(path, true, (directory) =>
          writeAtomically(directory, files, options, new Date(), randomBytes(5).toString('hex')),
        );
      }
      case 'makeDirectory': {
        const { path, options } = params as {
          path: string;
          options: Ownership & { mode: number; recursive?: boolean };
        };
        return this.volume.makeDirectory(path, options);
      }
      case 'subPath': {
        const { directory, below } = params as { directory: string; below: string };
        return this.volume.subPath(directory, below);
      }
      case 'stat':
        return this.volume.stat((params as { path: string }).path);
      case 'list':
        return this.volume.list((params as { path: string }).path);
      case 'usage':
        return this.volume.usage((params as { path: string }).path);
      case 'readFile': {
        const { path, maxBytes } = params as { path: string; maxBytes: number };
        return (await this.volume.readFile(path, maxBytes))?.toString('base64');
      }
      case 'writeFile': {
        const { path, data, mode } = params as { path: string; data: string; mode: number };
        return this.volume.writeFile(path, Buffer.from(data, 'base64'), mode);
      }
      case 'remove':
        return this.volume.remove((params as { path: string }).path);
      case 'machineState':
        return this.volume.machineState();
      case 'syncProxy':
        await this.#network.sync(params as ProxyModel);
        this.state.set({ model: params as ProxyModel });
        return undefined;
      case 'syncPolicies':
        await this.#network.syncPolicies(params as PolicyModel);
        this.state.set({ policies: params as PolicyModel });
        return undefined;
      case 'syncDns':
        this.#dns.setZone(params as DnsZone);
        this.state.set({ zone: params as DnsZone });
        return undefined;
      default:
        throw new Error(`the node agent has no method ${method}`);
    }
  }

  async #open(kind: string, params: unknown): Promise<(channel: Duplex) => void> {
    const { host, port } = params as { host: string; port: number };
    switch (kind) {
      case 'dial': {
        const socket = await connect(host, port);
        return (channel) => join(channel, socket);
      }
      case 'dialUdp': {
        const datagrams = await dialUdp(host, port);
        return (channel) => join(framedDatagrams(channel), datagrams);
      }
      default:
        throw new Error(`the node agent has no stream ${kind}`);
    }
  }

  /** The cluster addresses are fixed for a node's life, so they are set up once; an engine of another version may know more of them. */
  async #serve(local: LocalServices): Promise<void> {
    this.#served ??= this.#listen(local).catch((error: unknown) => {
      this.#served = undefined;
      throw error;
    });
    await this.#served;
    if (local.kubelet) this.#kubelet ??= this.#listenAt('kubelet', local.kubelet).catch((error: Error) => this.#cannot('kubelet', error));
    await this.#kubelet;
  }

  async #listen(local: LocalServices): Promise<void> {
    serveProxyStatus(this.#network.health);
    await this.#network.addLocal(local);
    await Promise.all([
      listenDns(this.#dns, local.dns.address, local.dns.port),
      this.#listenAt('api', local.api),
      local.node && this.#listenAt('api', local.node).catch((error: Error) => this.#cannot('API', error)),
    ]);
  }

  /** A pod in the node's network may have that port: the node does without. */
  #cannot(what: string, error: Error): void {
    console.error(`the ${what} cannot answer at the node`, error.message);
  }

  #listenAt(kind: Tunnel, { address, port }: { address: string; port: number }): Promise<void> {
    return new Promise((resolve, reject) => {
      const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => void this.#tunnel(kind, socket));
      server.once('error', reject);
      server.listen(port, address, resolve);
    });
  }

  async #tunnel(kind: Tunnel, socket: net.Socket): Promise<void> {
    socket.on('error', () => socket.destroy());
    socket.setNoDelay(true);
    try {
      if (!this.#mux) throw new Error('no engine is connected');
      join(await this.#mux.open(kind, { address: socket.remoteAddress, port: socket.remotePort }), socket);
    } catch {
      // As a machine that has no API server: the client may try again at once.
      socket.resetAndDestroy();
    }
  }

  async #foreign(message: Buffer): Promise<Buffer> {
    const mux = this.#mux;
    if (mux) {
      const answer = await mux
        .call<{ message: string }>('foreignQuestion', { message: message.toString('base64') })
        .catch(() => undefined);
      if (answer) return Buffer.from(answer.message, 'base64');
    }
    return askDirectly(message);
  }
}

function connect(host: string, port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, allowHalfOpen: true, noDelay: true });
    const timer = setTimeout(() => socket.destroy(new Error(`dial tcp ${host}:${port}: i/o timeout`)), dialTimeoutMs);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeListener('error', reject);
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}
