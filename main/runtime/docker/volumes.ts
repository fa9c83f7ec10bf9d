import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import { RuntimeError, type Mount, type VolumeOptions, type VolumeOwnership, type VolumeUsage } from '../index.ts';
import { engineCall, tolerate } from './errors.ts';
import type { Engine } from './engine.ts';
import type { Helpers, HelpersOptions } from './helpers.ts';
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

const copyScript = `(set -o pipefail) 2>/dev/null && set -o pipefail; tar -C ${inside}/from -cf - . | tar -C ${inside}/to -xpf -`;

/** A line a volume: its number, kilobytes in use; of its file system the size of a block, blocks that are left, inodes, those that are left. */
const usageScript = `cd ${inside}; for number in *; do used=$(du -skx "$number") && echo "$number \${used%%[!0-9]*} $(stat -f -c '%S %a %c %d' "$number")" || exit 1; done`;

/** Named volumes of the engine. Only a container can reach into one: it is made for that, and goes at once. */
export class EngineVolumes {
  constructor(
    private readonly options: HelpersOptions,
    private readonly helpers: Helpers,
    private readonly engine: Pick<Engine, 'reachesMounts'>,
  ) {}

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
    await this.helpers.sweep();
    const volume = this.options.docker.getVolume(name);
    const found = await tolerate([404], () => volume.inspect());
    if (!found) return;
    if (found.Labels?.[label.cluster] !== this.options.cluster)
      throw new RuntimeError('invalid', `the volume ${name} of the container engine does not belong to this cluster`);
    await tolerate([404], () => volume.remove());
  }

  /** Uses a container whose archives are those of the volume that it has. */
  async #reach<T>(bind: string, use: (container: Docker.Container) => Promise<T>): Promise<T> {
    if (await this.engine.reachesMounts()) return this.helpers.with([bind], ['true'], use);
    return this.helpers.with([bind], ['sleep', '2147483647'], async (container) => {
      await engineCall(() => container.start());
      return use(container);
    });
  }

  /** Unpacking a directory over one that is there gives it the mode: no process has to run for it. */
  async #setMode(name: string, mode: number): Promise<void> {
    await this.#reach(`${name}:${inside}`, async (container) => {
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
    if (!(await this.engine.reachesMounts())) return this.#copyInside(from, to);
    await this.helpers.with([`${from}:${inside}:ro`], ['true'], (source) =>
      this.helpers.with([`${to}:${inside}`], ['true'], async (target) => {
        const archive = await engineCall(() => source.getArchive({ path: inside }));
        await engineCall(() => target.putArchive(archive, { path: '/' }));
      }),
    );
  }

  /** Podman's archives forget whose the files are. */
  async #copyInside(from: string, to: string): Promise<void> {
    const { code, output } = await this.helpers.run([`${from}:${inside}/from:ro`, `${to}:${inside}/to`], copyScript, []);
    if (code !== 0) throw new RuntimeError('other', `the volume ${from} could not be copied: ${output.trim()}`);
  }

  /** Unpacks an archive at the volume's root. */
  async fill(name: string, archive: NodeJS.ReadableStream): Promise<void> {
    await this.#reach(`${name}:${inside}`, (container) => engineCall(() => container.putArchive(archive, { path: inside })));
  }

  /** Whether the volume holds a file. */
  has(name: string, path: string): Promise<boolean> {
    return this.#reach(`${name}:${inside}:ro`, async (container) => (await tolerate([404], () => container.infoArchive({ path: `${inside}/${path}` }))) !== undefined);
  }

  /** `existing`: nothing is made. */
  async subPath(name: string, path: string, existing = false): Promise<string> {
    const { code, output } = await this.helpers.run([`${name}:${inside}`], subPathScript, [path, existing ? 'existing' : '']);
    if (code === absent) throw new RuntimeError('notFound', `no such file or directory: ${path}`);
    if (code === outside) throw new RuntimeError('invalid', `subpath ${JSON.stringify(path)} not within volume path`);
    if (code !== 0) throw new RuntimeError('other', `the directory ${path} could not be made in the volume ${name}: ${output.trim()}`);
    return output.replace(/^\/+/, '');
  }

  async usage(names: string[]): Promise<Map<string, VolumeUsage>> {
    // The engine makes an empty one of a volume that it does not know.
    const there = (await Promise.all(names.map(async (name) => ((await this.exists(name)) ? [name] : [])))).flat();
    if (there.length === 0) return new Map();
    const { code, output } = await this.helpers.run(there.map((name, index) => `${name}:${inside}/${index}:ro`), usageScript, []);
    if (code !== 0) throw new RuntimeError('other', `the volumes could not be measured: ${output.trim()}`);
    const usages = output.trim().split('\n').map((line) => line.split(' ').map(Number));
    return new Map(
      usages.map(([index, kilobytes, blockBytes, blocks, inodes, inodesFree]) => [
        there[index!]!,
        { usedBytes: kilobytes! * 1024, availableBytes: blockBytes! * blocks!, inodes: inodes!, inodesFree: inodesFree! },
      ]),
    );
  }

  async setGroup(source: Mount['source'], ownership: VolumeOwnership): Promise<void> {
    const from = source.kind === 'volume' ? source.name : source.kind === 'host' ? source.path : undefined;
    if (from === undefined) throw new RuntimeError('invalid', `a ${source.kind} cannot be given to a group`);
    const { group, readOnly, onRootMismatch } = ownership;
    // Read, write and search for owner and group; directories hand their group on.
    const [bits, rights] = readOnly ? ['2550', 'ug+r'] : ['2770', 'ug+rw'];
    const { code, output } = await this.helpers.run([`${from}:${inside}`], groupScript, [String(group), bits!, rights!, onRootMismatch ? 'OnRootMismatch' : 'Always']);
    if (code !== 0) throw new RuntimeError('other', `the files could not be given to group ${group}: ${output.trim()}`);
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
