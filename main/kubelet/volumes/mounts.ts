import type { Pod, VolumeMount } from '../../api/index.ts';
import type { Mount } from '../../runtime/index.ts';
import { expand } from '../config/expansion.ts';
import type { AnyContainer } from '../spec.ts';
import type { NodeFiles } from './files.ts';
import type { ReadyVolume, ReadyVolumes } from './podVolumes.ts';

const propagations: Record<string, Mount['propagation']> = { None: 'private', HostToContainer: 'hostToContainer', Bidirectional: 'bidirectional' };

/** A container's mounts of the pod's volumes. Mirrors pkg/kubelet/kubelet_pods.go (makeMounts). */
export async function volumeMounts(
  pod: Pod,
  container: AnyContainer,
  env: ReadonlyMap<string, string>,
  volumes: ReadyVolumes,
  files: () => Promise<NodeFiles>,
): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const mount of container.volumeMounts ?? []) {
    const volume = volumes.get(mount.name);
    if (!volume) throw new Error(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
    const subPath = subPathOf(mount, env);
    mounts.push({
      source: subPath ? await below(pod, volume, subPath, files) : volume.source,
      target: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
      readOnly: volume.readOnly || mount.readOnly === true,
      propagation: propagations[mount.mountPropagation ?? 'None'] ?? 'private',
    });
  }
  return mounts;
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

async function below(pod: Pod, volume: ReadyVolume, subPath: string, files: () => Promise<NodeFiles>): Promise<Mount['source']> {
  const { source } = volume;
  switch (source.kind) {
    case 'node': {
      const path = `${source.path}/${subPath}`;
      if (volume.ownsPath) {
        const node = await files();
        const group = pod.spec?.securityContext?.fsGroup;
        if (!(await node.stat(path))) await node.makeDirectory(path, { mode: 0o777, recursive: true, ...(group === undefined ? {} : { group }) });
      }
      return { ...source, path };
    }
    case 'host':
      return { ...source, path: `${source.path.replace(/\/+$/, '')}/${subPath}` };
    case 'tmpfs':
      return { kind: 'volume', name: source.name, subPath };
    case 'volume':
    case 'image':
      return { ...source, subPath };
  }
}
