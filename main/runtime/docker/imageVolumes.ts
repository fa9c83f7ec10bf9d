import type Docker from 'dockerode';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Header } from 'tar-stream';
import { podVolumeLabels, type Mount } from '../index.ts';
import { engineCall } from './errors.ts';
import { helperKind, type Helpers } from './helpers.ts';
import { label, type Labels } from './labels.ts';
import type { EngineVolumes } from './volumes.ts';

export type ImageSource = Extract<Mount['source'], { kind: 'image' }>;

/** Where in its volume the image lies, and what says that all of it is there. */
const root = 'rootfs';
const complete = 'complete';

export interface ImageVolumesOptions {
  docker: Docker;
  cluster: string;
  volumes: EngineVolumes;
  helpers: Helpers;
}

/**
 * Images as volumes on engines that cannot mount them (before API 1.48): a copy of the image's files in a volume of the
 * pod, which goes with it.
 */
export class ImageVolumes {
  /** By name; those that are being filled, or are full. */
  readonly #made = new Map<string, Promise<void>>();

  constructor(private readonly options: ImageVolumesOptions) {}

  /** Sees to it that the volume is there; the sub-path that the container mounts of it is in the answer. Rejects with `notFound` when the image has none such. */
  async source({ image, subPath }: ImageSource, sandbox: Labels): Promise<Mount['source']> {
    const { docker, cluster } = this.options;
    const { Id } = await engineCall(() => docker.getImage(image).inspect());
    const [node, uid] = [sandbox[label.node]!, sandbox[label.podUid]!];
    const name = `skiff-${cluster}.image_${Id.replace(/^sha256:/, '').slice(0, 24)}_${uid}`;
    let made = this.#made.get(name);
    if (!made) {
      made = this.#make(name, Id, podVolumeLabels(node, uid)).finally(() => this.#made.delete(name));
      this.#made.set(name, made);
    }
    await made;
    // A link in the image must lead to no other place of the machine.
    return { kind: 'volume', name, subPath: subPath ? await this.options.volumes.subPath(name, `${root}/${subPath}`, true) : root };
  }

  async #make(name: string, image: string, labels: Labels): Promise<void> {
    const { volumes, helpers, docker, cluster } = this.options;
    await volumes.create(name, labels, {});
    if (await volumes.has(name, complete)) return;
    // It never runs, so it does not matter what.
    const source = { name: `${name}.source`, Image: image, Entrypoint: ['/'], Labels: { [label.cluster]: cluster, [label.kind]: helperKind }, HostConfig: { NetworkMode: 'none' } };
    await helpers.made(source, async (id) => {
      const content = (await engineCall(() => docker.getContainer(id).export())) as Readable;
      await volumes.fill(name, below(root, content));
    });
    const mark = pack();
    mark.entry({ name: complete, mode: 0o444 }, '');
    mark.finalize();
    await volumes.fill(name, mark as unknown as NodeJS.ReadableStream);
  }
}

/** What the engine puts into every container, whatever its image holds. */
function isOfEngine({ name, type, size }: Header): boolean {
  const path = name.replace(/^(\.?\/)+/, '').replace(/\/$/, '');
  if (path === '.dockerenv' || path.startsWith('dev/')) return true;
  if (path === 'etc/mtab') return type === 'symlink';
  return ['etc/hosts', 'etc/hostname', 'etc/resolv.conf'].includes(path) && type === 'file' && size === 0;
}

/** The same archive with all that is in it one directory deeper. */
function below(directory: string, archive: Readable): NodeJS.ReadableStream {
  const inside = (name: string) => `${directory}/${name.replace(/^(\.?\/)+/, '')}`;
  const source = extract();
  const target = pack();
  target.entry({ name: `${directory}/`, type: 'directory', mode: 0o755 });
  source.on('entry', (header, content, next) => {
    const moved = { ...header, name: inside(header.name), ...(header.type === 'link' && header.linkname ? { linkname: inside(header.linkname) } : {}) };
    // The names of long paths are in here as well.
    delete (moved as { pax?: unknown }).pax;
    if (isOfEngine(header) || moved.name === `${directory}/`) {
      content.resume();
      content.once('end', next);
      return;
    }
    const entry = target.entry(moved, (error) => (error ? source.destroy(error) : next()));
    content.pipe(entry);
  });
  source.once('finish', () => target.finalize());
  pipeline(archive, source).catch((error: Error) => target.destroy(error));
  return target as unknown as NodeJS.ReadableStream;
}
