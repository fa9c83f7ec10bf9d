import { engineVolumeDriver } from '../../api/engineVolumes.ts';
import type { Node, NodeStatus, PersistentVolume, Pod } from '../../api/index.ts';
import { isVolumeOnNode } from '../../api/persistentVolumes.ts';
import { ephemeralClaimProblem, type PodClaim } from '../../api/podClaims.ts';
import { resources, type Client } from '../../client/index.ts';
import { isNotFound } from '../../api/status.ts';
import { attachedVolumeName, isAttachRequired } from '../../api/volumeAttachments.ts';
import { messageOf, UnattachedVolume, UnresolvedVolume, VolumeStepError } from './errors.ts';

const protection = 'kubernetes.io/pvc-protection';

/**
 * The volume behind a pod's claim; rejects with UnresolvedVolume while there is none.
 * Mirrors desired_state_of_world_populator.go (getPVCExtractPV, getPVSpec).
 */
export async function volumeOfClaim(client: Client, pod: Pod, { claimName, ephemeral }: PodClaim): Promise<PersistentVolume> {
  const namespace = pod.metadata!.namespace!;
  const refuse = (problem: string) => new UnresolvedVolume(`error processing PVC ${namespace}/${claimName}: ${problem}`);
  const claim = await client
    .of(resources.persistentVolumeClaims)
    .get(namespace, claimName)
    .catch((error: unknown) => {
      throw refuse(`failed to fetch PVC from API server: ${messageOf(error)}`);
    });
  const { deletionTimestamp, finalizers, uid } = claim.metadata!;
  if (deletionTimestamp && !finalizers?.includes(protection)) throw refuse('PVC is being deleted');
  if (claim.status?.phase !== 'Bound') throw refuse('PVC is not bound');
  if (!claim.spec?.volumeName) throw refuse('PVC has empty pvc.Spec.VolumeName');
  const foreign = ephemeral && ephemeralClaimProblem(pod, claim);
  if (foreign) throw new UnresolvedVolume(foreign);
  const name = claim.spec.volumeName;
  const volume = await client
    .of(resources.persistentVolumes)
    .get('', name)
    .catch((error: unknown) => {
      throw refuse(`failed to fetch PV ${name} from API server: ${messageOf(error)}`);
    });
  const ref = volume.spec!.claimRef;
  if (!ref) throw refuse(`found PV object ${name} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`);
  if (ref.uid !== uid) throw refuse(`found PV object ${name} but its pv.Spec.ClaimRef.UID ${ref.uid ?? ''} does not point to claim.UID ${uid}`);
  return volume;
}

/** The mode of a claim's volume and the way that containers use it have to fit. */
export function checkVolumeMode(volume: PersistentVolume, name: string, mounted: ReadonlySet<string>, devices: ReadonlySet<string>): void {
  const mode = volume.spec!.volumeMode ?? 'Filesystem';
  if (mounted.has(name) && mode !== 'Filesystem') throw new UnresolvedVolume(`volume ${name} has volumeMode ${mode}, but is specified in volumeMounts`);
  if (devices.has(name) && mode !== 'Block') throw new UnresolvedVolume(`volume ${name} has volumeMode ${mode}, but is specified in volumeDevices`);
}

/** Volumes of drivers that the kubelet does not know itself are somebody else's to attach. */
export async function checkAttached(client: Client, { spec }: PersistentVolume, nodeName: string): Promise<void> {
  const { csi } = spec!;
  if (!csi || csi.driver === engineVolumeDriver) return;
  const driver = await client
    .of(resources.csiDrivers)
    .get('', csi.driver)
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
      return undefined;
    });
  if (!isAttachRequired(driver)) return;
  const { status } = await client.of(resources.nodes).get('', nodeName);
  const attached = (status as NodeStatus | undefined)?.volumesAttached ?? [];
  if (!attached.some(({ name }) => name === attachedVolumeName(csi.driver, csi.volumeHandle))) throw new UnattachedVolume(`the volume ${csi.volumeHandle} is not attached to the node`);
}

export async function checkNodeAffinity(client: Client, volume: PersistentVolume, nodeName: string): Promise<void> {
  if (!volume.spec!.nodeAffinity?.required) return;
  const node: Node = await client.of(resources.nodes).get('', nodeName);
  if (!isVolumeOnNode(volume, node)) throw new VolumeStepError('MountVolume.NodeAffinity check', 'no matching NodeSelectorTerms');
}
