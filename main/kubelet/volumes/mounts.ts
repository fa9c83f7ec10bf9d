import type { VolumeMount } from '../../api/index.ts';
import type { ContainerConfig, Mount, Runtime } from '../../runtime/index.ts';
import { expand } from '../config/expansion.ts';
import type { AnyContainer } from '../spec.ts';
import type { NodeFiles } from './files.ts';
import type { HostFiles } from './hostPath.ts';
import type { ReadyVolume, ReadyVolumes } from './podVolumes.ts';

const propagations: Record<string, Mount['propagation']> = { None: 'private', HostToContainer: 'hostToContainer', Bidirectional: 'bidirectional' };

export interface MountSources {
  runtime: Runtime;
  hostFiles: HostFiles;
  /** Whether the runtime can make all that lies below a mount read-only. */
  recursiveReadOnly: boolean;
  files(): Promise<NodeFiles>;
}

/** A container's mounts of the pod's volumes. Mirrors pkg/kubelet/kubelet_pods.go (makeMounts). */
export async function volumeMounts(container: AnyContainer, env: ReadonlyMap<string, string>, volumes: ReadyVolumes, sources: MountSources): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const mount of container.volumeMounts ?? []) {
    const volume = volumes.get(mount.name);
    if (!volume) throw new Error(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
    const subPath = subPathOf(mount, env);
    const recursive = isRecursiveReadOnly(mount, sources.recursiveReadOnly);
    mounts.push({
      source: subPath ? await below(container, mount, volume, subPath, sources) : volume.source,
      target: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
      readOnly: volume.readOnly || mount.readOnly === true,
      ...(recursive ? { recursiveReadOnly: true } : {}),
      propagation: propagations[mount.mountPropagation ?? 'None'] ?? 'private',
    });
  }
  return mounts;
}

/** The devices that a container gets raw. Mirrors kubelet_pods.go (makeBlockVolumes). */
export function volumeDevices(container: AnyContainer, volumes: ReadyVolumes): ContainerConfig['devices'] {
  return (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    const volume = volumes.get(name);
    if (!volume?.device) throw new Error(`Block volume cannot be satisfied for container "${container.name}", because the volume mapper is missing or the volume is not a device: ${name}`);
    return { host: volume.device, container: devicePath, permissions: volume.readOnly ? 'r' : 'mrw' };
  });
}

/** Mirrors kubelet_pods.go (resolveRecursiveReadOnly). */
function isRecursiveReadOnly(mount: VolumeMount, supported: boolean): boolean {
  const { recursiveReadOnly: wanted = 'Disabled', name, readOnly, mountPropagation = 'None' } = mount;
  if (wanted === 'Disabled') return false;
  const refuse = (problem: string) => new Error(`failed to resolve recursive read-only mode: volume "${name}" requested recursive read-only mode, but it is ${problem}`);
  if (!readOnly) throw refuse('not read-only');
  if (mountPropagation !== 'None') throw refuse(`not compatible with propagation "${mountPropagation}"`);
  if (wanted === 'Enabled' && !supported) throw refuse('not supported by the runtime');
  return supported;
}

function subPathOf(mount: VolumeMount, env: ReadonlyMap<string, string>): string | undefined {
  if (mount.subPath) return checked(mount.subPath);
  if (!mount.subPathExpr) return undefined;
  const missing = new Set<string>();
  const expanded = expand(mount.subPathExpr, (name) => {
    const value = env.get(name);
    if (!value) missing.add(name);
    return value;
  });
  if (missing.size > 0) throw new Error(`missing value for ${[...missing].sort().join(', ')}`);
  return checked(expanded);
}

function checked(path: string): string {
  if (path.startsWith('/')) throw new Error(`error SubPath \`${path}\` must not be an absolute path`);
  if (path.split('/').includes('..')) throw new Error(`unable to provision SubPath \`${path}\`: must not contain '..'`);
  return path;
}

/** Where a sub-path leads: a pod can have put links on the way, and none of them may lead out of the volume. */
async function below(container: AnyContainer, mount: VolumeMount, { source }: ReadyVolume, subPath: string, sources: MountSources): Promise<Mount['source']> {
  try {
    switch (source.kind) {
      case 'node':
        return { ...source, path: await (await sources.files()).subPath(source.path, subPath) };
      case 'host':
        return { ...source, path: await sources.hostFiles.subPath(source.path, subPath) };
      case 'tmpfs':
      case 'volume':
        return { kind: 'volume', name: source.name, subPath: await sources.runtime.volumeSubPath(source.name, subPath) };
      case 'image':
        return { ...source, subPath };
    }
  } catch (error) {
    throw new Error(`failed to prepare subPath for volumeMount "${mount.name}" of container "${container.name}"`, { cause: error });
  }
}
