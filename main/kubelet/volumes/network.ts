import type { NFSVolumeSource } from '../../api/index.ts';
import { podVolumeLabels, type Runtime } from '../../runtime/index.ts';
import { messageOf } from './errors.ts';
import { engineVolume } from './files.ts';
import type { ReadyVolume } from './podVolumes.ts';

/**
 * A share of a file server, as a volume of the engine that goes with the pod: mounted by the engine when the first container wants it; it is tried now, so that a server
 * that does not answer is a matter of the volume. Mirrors pkg/volume/nfs/nfs.go.
 */
export async function networkVolume(
  { runtime, nodeName }: { runtime: Runtime; nodeName: string },
  podUid: string,
  name: string,
  source: NFSVolumeSource,
  mountOptions: string[] | undefined,
  readOnly: boolean,
): Promise<ReadyVolume> {
  const volume = engineVolume(podUid, name);
  const nfs = { server: source.server, path: source.path, options: mountOptions ?? [] };
  await runtime.createVolume(volume, podVolumeLabels(nodeName, podUid), { nfs });
  try {
    await runtime.volumeSubPath(volume, '');
  } catch (error) {
    // The next try may find other options or another server.
    await runtime.removeVolume(volume).catch(() => {});
    throw new Error(`mount failed: ${messageOf(error)}\nMounting arguments: -t nfs ${source.server}:${source.path}`);
  }
  return { source: { kind: 'volume', name: volume }, readOnly: readOnly || (source.readOnly ?? false) };
}
