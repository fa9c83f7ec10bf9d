import { engineVolumeDriver } from '../../api/engineVolumes.ts';
import type { PersistentVolume, Pod } from '../../api/index.ts';
import type { Mount, Runtime } from '../../runtime/index.ts';
import { uidOf } from '../spec.ts';
import { messageOf, VolumeStepError } from './errors.ts';
import type { HostFiles } from './hostPath.ts';
import { hostPathSource, type HostPathOptions } from './hostPlaces.ts';
import { networkVolume } from './network.ts';
import type { ReadyVolume } from './podVolumes.ts';

export interface PersistentOptions extends HostPathOptions {
  runtime: Runtime;
}

/** Makes a PersistentVolume ready for one pod of this node. */
export async function readyPersistent(options: PersistentOptions, pod: Pod, volume: PersistentVolume, readOnly: boolean): Promise<ReadyVolume> {
  const { hostPath, local, csi, nfs } = volume.spec!;
  const { runtime, hostFiles } = options;
  if (volume.spec!.volumeMode === 'Block') return device(hostFiles, volume, readOnly);
  if (hostPath) return { source: await hostPathSource(options, hostPath), readOnly };
  if (local) {
    if (options.place(local.path) === 'node') return { source: await hostPathSource(options, { path: local.path, type: 'Directory' }), readOnly };
    const found = await hostFiles.stat(local.path);
    if (found === undefined) throw new VolumeStepError('MountVolume.NewMounter initialization', `path "${local.path}" does not exist`);
    if (found !== 'directory') throw new Error('only directories can be mounted as local volumes on this node');
    return { source: { kind: 'host', path: local.path }, readOnly, takesGroup: true };
  }
  if (nfs) return networkVolume(options, uidOf(pod), volume.metadata!.name!, nfs, volume.spec!.mountOptions, readOnly);
  if (csi?.driver === engineVolumeDriver) {
    // It was made when it was provisioned; one that a user has made an object for may still be missing.
    await runtime.createVolume(csi.volumeHandle, csi.volumeAttributes ?? {});
    return { source: { kind: 'volume', name: csi.volumeHandle }, readOnly: readOnly || (csi.readOnly ?? false), takesGroup: true };
  }
  if (csi) {
    const problem = `driver name ${csi.driver} not found in the list of registered CSI drivers`;
    throw new VolumeStepError('MountVolume.MountDevice', `kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: ${problem}`);
  }
  throw new Error(`the persistent volume "${volume.metadata!.name}" is of a type that is not supported on this node`);
}

/** A block device of the machine, for containers that want it raw. */
async function device(files: HostFiles, volume: PersistentVolume, readOnly: boolean): Promise<ReadyVolume> {
  const { local, hostPath } = volume.spec!;
  const path = local?.path ?? hostPath?.path;
  if (path === undefined) throw new VolumeStepError('MapVolume.SetUpDevice', 'volumes of mode Block have to be local devices on this node');
  const found = await files.stat(path);
  if (found !== 'blockDevice') throw new VolumeStepError('MapVolume.SetUpDevice', found === undefined ? `path "${path}" does not exist` : `path "${path}" is not a block device`);
  return { source: { kind: 'host', path }, readOnly, device: path };
}

/** Gives a volume's files to the pod's group, as its policy says. Mirrors pkg/volume/csi/csi_mounter.go (applyFSGroup). */
export async function giveToGroup(runtime: Runtime, pod: Pod, source: Mount['source']): Promise<void> {
  const { fsGroup, fsGroupChangePolicy } = pod.spec!.securityContext!;
  try {
    await runtime.setVolumeGroup(source, { group: fsGroup!, readOnly: false, onRootMismatch: fsGroupChangePolicy === 'OnRootMismatch' });
  } catch (error) {
    throw new Error(`applyFSGroup failed for vol ${source.kind === 'volume' ? source.name : source.kind === 'host' ? source.path : ''}: ${messageOf(error)}`);
  }
}
