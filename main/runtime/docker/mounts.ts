import type Docker from 'dockerode';
import type { Mount } from '../index.ts';
import type { Engine } from './engine.ts';

const propagations = { private: 'rprivate', hostToContainer: 'rslave', bidirectional: 'rshared' } as const;

/** The engine's two ways to say a mount. */
export interface EngineMounts {
  mounts: Docker.MountSettings[];
  /** `source:target:options`; unlike `mounts` these make a directory where the source is missing, as hostPath wants. */
  binds: string[];
}

/** Where what is to be mounted lies. */
export interface VolumePlaces {
  /** The name of a node's own volume. */
  nodeVolume(node: string): string;
  /** A copy of an image's files, for an engine that cannot mount the image itself. */
  imageVolume(image: ImageSource): Promise<Mount['source']>;
}

type ImageSource = Extract<Mount['source'], { kind: 'image' }>;

/** The first that mounts images. */
const mountsImages = '1.48';

/** The engine's mounts for ours. Paths of a node lie in the node's own volume, of which a container gets only a part. */
export async function engineMounts(engine: Engine, { nodeVolume, imageVolume }: VolumePlaces, mounts: Mount[]): Promise<EngineMounts> {
  const result: EngineMounts = { mounts: [], binds: [] };
  // From there on `mounts` can make directories as well, and say what becomes of what is mounted below.
  const says = await engine.atLeast('1.44');
  const imagesToo = await engine.atLeast(mountsImages);
  for (const mount of mounts) {
    if (mount.source.kind === 'image' && !imagesToo) {
      // Its paths are there already, and nothing is to be made of them.
      result.mounts.push(await engineMount(engine, nodeVolume, { ...mount, source: await imageVolume(mount.source), readOnly: true }));
      continue;
    }
    const path = says ? undefined : await bindable(engine, mount.source);
    if (path !== undefined && !path.includes(':')) {
      // Of what holds its own directory, or lies in it, the engine takes no private mounts; it chooses well when nothing is said.
      const propagation = mount.propagation === 'private' ? [] : [propagations[mount.propagation]];
      const options = [mount.readOnly ? 'ro' : 'rw', ...propagation].join(',');
      result.binds.push(`${path}:${mount.target}:${options}`);
    } else result.mounts.push(await engineMount(engine, nodeVolume, mount));
  }
  return result;
}

/** The path that a bind would have whose directory the engine is to make. */
async function bindable(engine: Engine, source: Mount['source']): Promise<string | undefined> {
  if (source.kind === 'host') return source.path;
  if (source.kind !== 'volume' || !source.subPath) return undefined;
  return `${await engine.mountpoint(source.name)}/${source.subPath.replace(/^\/+/, '')}`;
}

/** Kubernetes' read-only leaves alone what is mounted below, unless it is asked for. */
function recursion({ readOnly, recursiveReadOnly }: Mount): Record<string, boolean> {
  if (!readOnly) return {};
  return recursiveReadOnly ? { ReadOnlyForceRecursive: true } : { ReadOnlyNonRecursive: true };
}

async function engineMount(engine: Engine, nodeVolume: (node: string) => string, mount: Mount): Promise<Docker.MountSettings> {
  const { source } = mount;
  const common = { Target: mount.target, ReadOnly: mount.readOnly };
  const says = await engine.atLeast('1.44');
  const bind = (path: string, propagation = propagations[mount.propagation]): Docker.MountSettings => ({
    ...common,
    Type: 'bind',
    Source: path,
    BindOptions: {
      // The engine takes a forced recursion for private mounts only.
      Propagation: mount.recursiveReadOnly ? 'rprivate' : propagation,
      ...(says ? { CreateMountpoint: true, ...recursion(mount) } : {}),
    },
  });
  const volume = async (name: string, subPath: string | undefined): Promise<Docker.MountSettings> => {
    const inside = subPath?.replace(/^\/+/, '');
    if (inside && !(await engine.atLeast('1.45'))) {
      // Engines refuse private mounts of what lies below their own root.
      const propagation = mount.propagation === 'bidirectional' ? propagations.bidirectional : propagations.hostToContainer;
      return bind(`${await engine.mountpoint(name)}/${inside}`, propagation);
    }
    // NoCopy: a volume starts empty, it does not take over what the image has at that place.
    const options = { VolumeOptions: { NoCopy: true, ...(inside ? { Subpath: inside } : {}) } };
    return { ...common, Type: 'volume', Source: name, ...options } as Docker.MountSettings;
  };
  switch (source.kind) {
    case 'node':
      return volume(nodeVolume(source.node), source.path);
    case 'volume':
      return volume(source.name, source.subPath);
    case 'tmpfs':
      return volume(source.name, undefined);
    case 'host':
      return bind(source.path);
    case 'image': {
      const options = source.subPath ? { ImageOptions: { Subpath: source.subPath } } : {};
      return { ...common, ReadOnly: true, Type: 'image', Source: source.image, ...options } as unknown as Docker.MountSettings;
    }
  }
}
