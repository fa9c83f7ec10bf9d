import type { MachineState, NodeAgent, ProbeRequest, ProbeResult, VolumeFile } from '../../../main/node/index.ts';
import type { Duplex } from 'node:stream';

/** A node's agent with its files in memory; probes answer what the test says. */
export class FakeAgent implements NodeAgent {
  readonly files = new Map<string, Buffer>();
  readonly directories = new Map<string, { mode: number; group?: number }>();
  readonly volumes = new Map<string, { files: VolumeFile[]; group?: number }>();
  /** Names of links that lead out of their volumes. */
  readonly links = new Set<string>();
  /** Bytes, by path. */
  readonly used = new Map<string, number>();
  readonly probes: ProbeRequest[] = [];
  answer: (request: ProbeRequest) => ProbeResult | Promise<ProbeResult> = () => ({ result: 'success', output: '' });
  #lose: () => void = () => {};
  readonly closed = new Promise<void>((resolve) => (this.#lose = resolve));

  /** What a volume's file holds, as text. */
  text(volume: string, path: string): string | undefined {
    const file = this.volumes.get(volume)?.files.find((f) => f.path === path);
    return file && Buffer.from(file.data, 'base64').toString();
  }

  async probe(request: ProbeRequest): Promise<ProbeResult> {
    this.probes.push(request);
    return this.answer(request);
  }

  async httpGet(request: ProbeRequest): Promise<void> {
    this.probes.push(request);
    const { result, output } = await this.answer(request);
    if (result !== 'success') throw new Error(output);
  }

  async writeVolume(path: string, files: VolumeFile[], options: { group?: number }): Promise<void> {
    this.volumes.set(path, { files, ...options });
  }

  async makeDirectory(path: string, options: { mode: number; group?: number }): Promise<void> {
    this.directories.set(path, options);
  }

  async stat(path: string): Promise<{ kind: 'file' | 'directory' | 'other'; size: number } | undefined> {
    if (this.directories.has(path)) return { kind: 'directory', size: 0 };
    const file = this.files.get(path);
    return file && { kind: 'file', size: file.length };
  }

  async subPath(directory: string, below: string): Promise<string> {
    if (below.split('/').some((name) => this.links.has(name))) throw new Error(`subpath "${below}" not within volume path`);
    return `${directory}/${below}`;
  }

  async list(path: string): Promise<string[]> {
    const below = [...this.files.keys(), ...this.directories.keys(), ...this.volumes.keys()].filter((key) => key.startsWith(`${path}/`));
    return [...new Set(below.map((key) => key.slice(path.length + 1).split('/')[0]!))];
  }

  async usage(path: string): Promise<number> {
    return this.used.get(path) ?? 0;
  }

  machine: MachineState = { memoryTotalBytes: 2 ** 34, memoryAvailableBytes: 2 ** 33, diskTotalBytes: 2 ** 40, diskAvailableBytes: 2 ** 39, inodes: 1e7, inodesFree: 5e6 };

  async machineState(): Promise<MachineState> {
    return this.machine;
  }

  async readFile(path: string, maxBytes: number): Promise<Buffer | undefined> {
    return this.files.get(path)?.subarray(-maxBytes);
  }

  async writeFile(path: string, data: Buffer): Promise<void> {
    this.files.set(path, data);
  }

  async remove(path: string): Promise<void> {
    for (const map of [this.files, this.directories, this.volumes]) for (const key of [...map.keys()]) if (key === path || key.startsWith(`${path}/`)) map.delete(key);
  }

  async syncProxy(): Promise<void> {}
  async syncPolicies(): Promise<void> {}

  async syncDns(): Promise<void> {}

  dialUdp(): Promise<Duplex> {
    return this.dial();
  }
  async dial(): Promise<Duplex> {
    throw new Error('nothing listens');
  }

  close(): void {
    this.#lose();
  }
}
