import type Docker from 'dockerode';
import type { Duplex } from 'node:stream';
import { pack } from 'tar-stream';
import { RuntimeError, type Mount, type VolumeOptions, type VolumeOwnership } from '../index.ts';
import { engineCall, tolerate } from './errors.ts';
import { ended, FrameReader } from './frames.ts';
import { label, type Labels } from './labels.ts';

/** Where a container that lives just to reach into a volume has it. */
const inside = '/volume';

/** What a script says when a path leads out of its volume. */
const outside = 3;

/** What it says when the path is not there and is not to be made. */
const absent = 4;

/**
 * Makes what is missing of a path below the volume and prints where it leads, links followed step by step: none of
 * them may leave the volume. A new directory gets the mode of the volume's own.
 * As pkg/volume/util/subpath/subpath_linux.go (doSafeMakeDir, doSafeOpen) asks for.
 */
const subPathScript = [
  `at=${inside}; mode=$(stat -c %a ${inside})`,
  'IFS=/; set -f',
  'for name in $1; do',
  '  [ -n "$name" ] && [ "$name" != . ] || continue',
  '  next=$at/$name',
  `  if [ -e "$next" ] || [ -L "$next" ]; then next=$(readlink -f "$next") || exit ${outside}`,
  `  elif [ "$2" = existing ]; then exit ${absent}`,
  '  else mkdir "$next" && chmod "$mode" "$next" || exit 1; fi',
  `  case "$next/" in ${inside}/*) ;; *) exit ${outside} ;; esac`,
  `  [ -e "$next" ] || exit ${outside}`,
  '  at=$next',
  'done',
  `printf %s "\${at#${inside}}"`,
].join('\n');

/**
 * Gives all that lies in a volume to a group. Mirrors pkg/volume/volume_linux.go: links keep their mode, directories
 * hand the group on, and with `OnRootMismatch` a root that is right already stands for everything below it.
 */
const groupScript = [
  'group=$1; bits=$2; rights=$3',
  'if [ "$4" = OnRootMismatch ]; then',
  `  mode=$(stat -c %a ${inside})`,
  `  [ "$(stat -c %g ${inside})" = "$group" ] && [ $((0$mode & 0$bits)) -eq $((0$bits)) ] && exit 0`,
  'fi',
  `find ${inside} -exec chgrp -h "$group" {} +`,
  `find ${inside} ! -type l -exec chmod "$rights" {} +`,
  `find ${inside} -type d -exec chmod g+sx,u+x {} +`,
].join('\n');

export interface VolumesOptions {
  docker: Docker;
  cluster: string;
  /** An image with a shell and the usual tools for files. */
  image: string;
  create(options: Docker.ContainerCreateOptions): Promise<string>;
  remove(id: string): Promise<void>;
}

/** The kind of the containers that live just to reach into a volume: those that were left behind are swept away. */
export const helperKind = 'volume-helper';

/** Named volumes of the engine. Only a container can reach into one: it is made for that, and goes at once. */
export class EngineVolumes {
  #swept: Promise<void> | undefined;
  #helpers = 0;

  constructor(private readonly options: VolumesOptions) {}

  async create(name: string, labels: Labels, options: VolumeOptions): Promise<void> {
    const { docker, cluster } = this.options;
    const DriverOpts = driverOptions(options);
    await engineCall(() =>
      docker.createVolume({ Name: name, Driver: 'local', Labels: { ...labels, [label.cluster]: cluster }, ...(DriverOpts ? { DriverOpts } : {}) }),
    );
    if (options.mode !== undefined && options.tmpfsBytes === undefined) await this.#setMode(name, options.mode);
  }

  async removeOfPod(podUid: string): Promise<void> {
    const volumes = await this.#list(`${label.podUid}=${podUid}`);
    await Promise.all(volumes.map(({ Name }) => this.remove(Name)));
  }

  async podsOf(node: string): Promise<string[]> {
    const volumes = await this.#list(`${label.node}=${node}`, label.podUid);
    return [...new Set(volumes.map(({ Labels }) => Labels[label.podUid]!))];
  }

  async #list(...labels: string[]): Promise<Docker.VolumeInspectInfo[]> {
    const filters = { label: [`${label.cluster}=${this.options.cluster}`, ...labels] };
    const { Volumes } = await engineCall(() => this.options.docker.listVolumes({ filters }));
    return Volumes ?? [];
  }

  /** Volumes that are not this cluster's stay, whatever an object of the cluster says. */
  async remove(name: string): Promise<void> {
    await this.#sweep();
    const volume = this.options.docker.getVolume(name);
    const found = await tolerate([404], () => volume.inspect());
    if (!found) return;
    if (found.Labels?.[label.cluster] !== this.options.cluster)
      throw new RuntimeError('invalid', `the volume ${name} of the container engine does not belong to this cluster`);
    await tolerate([404], () => volume.remove());
  }

  /** Helpers of a process that was killed hold their volumes until somebody takes them away. */
  #sweep(): Promise<void> {
    this.#swept ??= (async () => {
      const wanted = [`${label.cluster}=${this.options.cluster}`, `${label.kind}=${helperKind}`];
      const left = await engineCall(() => this.options.docker.listContainers({ all: true, filters: { label: wanted } }));
      await Promise.all(left.map(({ Id }) => this.options.remove(Id)));
    })().catch((error: unknown) => {
      this.#swept = undefined;
      throw error;
    });
    return this.#swept;
  }

  /** Unpacking a directory over one that is there gives it the mode: no process has to run for it. */
  async #setMode(name: string, mode: number): Promise<void> {
    await this.#with(this.#reaching([`${name}:${inside}`], ['true']), async (container) => {
      const archive = pack();
      archive.entry({ name: `${inside.slice(1)}/`, type: 'directory', mode });
      archive.finalize();
      await engineCall(() => container.putArchive(archive as unknown as NodeJS.ReadableStream, { path: '/' }));
    });
  }

  /** Whether there is such a volume of this cluster. */
  async exists(name: string): Promise<boolean> {
    const found = await tolerate([404], () => this.options.docker.getVolume(name).inspect());
    return found?.Labels?.[label.cluster] === this.options.cluster;
  }

  /** All of a volume with owners, modes and links, over what the other one holds. */
  async copy(from: string, to: string): Promise<void> {
    // The engine makes an empty one of a volume that it does not know.
    if (!(await this.exists(from))) throw new RuntimeError('notFound', `there is no volume ${from} of this cluster`);
    await this.#with(this.#reaching([`${from}:${inside}:ro`], ['true']), (source) =>
      this.#with(this.#reaching([`${to}:${inside}`], ['true']), async (target) => {
        const archive = await engineCall(() => source.getArchive({ path: inside }));
        await engineCall(() => target.putArchive(archive, { path: '/' }));
      }),
    );
  }

  /** Unpacks an archive at the volume's root. */
  async fill(name: string, archive: NodeJS.ReadableStream): Promise<void> {
    await this.#with(this.#reaching([`${name}:${inside}`], ['true']), (container) => engineCall(() => container.putArchive(archive, { path: inside })));
  }

  /** Whether the volume holds a file. */
  has(name: string, path: string): Promise<boolean> {
    return this.#with(this.#reaching([`${name}:${inside}:ro`], ['true']), async (container) => (await tolerate([404], () => container.infoArchive({ path: `${inside}/${path}` }))) !== undefined);
  }

  /** `existing`: nothing is made. */
  async subPath(name: string, path: string, existing = false): Promise<string> {
    const { code, output } = await this.#run([`${name}:${inside}`], subPathScript, [path, existing ? 'existing' : '']);
    if (code === absent) throw new RuntimeError('notFound', `no such file or directory: ${path}`);
    if (code === outside) throw new RuntimeError('invalid', `subpath ${JSON.stringify(path)} not within volume path`);
    if (code !== 0) throw new RuntimeError('other', `the directory ${path} could not be made in the volume ${name}: ${output.trim()}`);
    return output.replace(/^\/+/, '');
  }

  async setGroup(source: Mount['source'], ownership: VolumeOwnership): Promise<void> {
    const from = source.kind === 'volume' ? source.name : source.kind === 'host' ? source.path : undefined;
    if (from === undefined) throw new RuntimeError('invalid', `a ${source.kind} cannot be given to a group`);
    const { group, readOnly, onRootMismatch } = ownership;
    // Read, write and search for owner and group; directories hand their group on.
    const [bits, rights] = readOnly ? ['2550', 'ug+r'] : ['2770', 'ug+rw'];
    const { code, output } = await this.#run([`${from}:${inside}`], groupScript, [String(group), bits!, rights!, onRootMismatch ? 'OnRootMismatch' : 'Always']);
    if (code !== 0) throw new RuntimeError('other', `the files could not be given to group ${group}: ${output.trim()}`);
  }

  async #run(binds: string[], script: string, args: string[]): Promise<{ code: number; output: string }> {
    return this.#with(this.#reaching(binds, ['sh', '-c', script, 'sh', ...args]), async (container) => {
      const stream = (await engineCall(() => container.attach({ stream: true, stdout: true, stderr: true }))) as unknown as Duplex;
      let output = '';
      const reader = new FrameReader((_, content) => (output += content.toString()));
      stream.on('data', (chunk: Buffer) => reader.push(chunk));
      const said = ended(stream);
      said.catch(() => {});
      await engineCall(() => container.start());
      const { StatusCode: code } = (await engineCall(() => container.wait())) as { StatusCode: number };
      await said.catch(() => {});
      return { code, output };
    });
  }

  #reaching(binds: string[], command: string[]): Docker.ContainerCreateOptions {
    return {
      name: `skiff-${this.options.cluster}.volumes-${++this.#helpers}`,
      Image: this.options.image,
      Entrypoint: command,
      User: '0',
      AttachStdout: true,
      AttachStderr: true,
      Labels: { [label.cluster]: this.options.cluster, [label.kind]: helperKind },
      Healthcheck: { Test: ['NONE'] },
      HostConfig: { NetworkMode: 'none', Binds: binds, LogConfig: { Type: 'none', Config: {} } },
    };
  }

  async #with<T>(options: Docker.ContainerCreateOptions, use: (container: Docker.Container) => Promise<T>): Promise<T> {
    await this.#sweep();
    const id = await this.options.create(options);
    try {
      return await use(this.options.docker.getContainer(id));
    } finally {
      await this.options.remove(id);
    }
  }
}

/** What the engine's own volume driver mounts; without options a volume is a directory of its own. */
function driverOptions({ tmpfsBytes, mode = 0o1777, group, nfs }: VolumeOptions): Record<string, string> | undefined {
  if (tmpfsBytes !== undefined) {
    const rights = group === undefined ? [`mode=${mode.toString(8)}`] : [`mode=${(mode | 0o2000).toString(8)}`, `gid=${group}`];
    return { type: 'tmpfs', device: 'tmpfs', o: [...rights, ...(tmpfsBytes > 0 ? [`size=${tmpfsBytes}`] : [])].join(',') };
  }
  if (nfs) return { type: 'nfs', device: `:${nfs.path}`, o: [`addr=${nfs.server}`, ...nfs.options].join(',') };
  return undefined;
}
