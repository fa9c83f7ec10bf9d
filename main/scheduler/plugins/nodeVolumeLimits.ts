import type { CSINode, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass, VolumeAttachment } from '../../api/index.ts';
import { claimClass, noProvisioner } from '../../api/persistentVolumes.ts';
import { keyOf } from '../../api/meta.ts';
import { ephemeralClaimProblem, podClaimKeys, podClaims } from '../../api/podClaims.ts';
import type { Informer } from '../../client/index.ts';
import type { Plugin } from '../framework.ts';
import { unresolvable, unschedulable } from '../status.ts';

const name = 'NodeVolumeLimits';
const exceeded = unschedulable(name, 'node(s) exceed max volume count');

export interface NodeVolumeLimitsDependencies {
  claims: Informer<PersistentVolumeClaim>;
  volumes: Informer<PersistentVolume>;
  classes: Informer<StorageClass>;
  csiNodes: Informer<CSINode>;
  attachments: Informer<VolumeAttachment>;
}

/** Keeps to the number of volumes that a driver can have on a node. Mirrors pkg/scheduler/framework/plugins/nodevolumelimits. */
export function nodeVolumeLimits({ claims, volumes, classes, csiNodes, attachments }: NodeVolumeLimitsDependencies): Plugin {
  /** The volume by its driver's name for it; for one that is still to be made any name that no other has. */
  function volumeOf(claim: PersistentVolumeClaim): { driver: string; handle: string } | undefined {
    const volume = claim.spec?.volumeName ? volumes.get(claim.spec.volumeName) : undefined;
    if (volume) return volume.spec!.csi && { driver: volume.spec!.csi.driver, handle: volume.spec!.csi.volumeHandle };
    const driver = classes.get(claimClass(claim))?.provisioner;
    return driver && driver !== noProvisioner ? { driver, handle: `${claim.metadata!.namespace}/${claim.metadata!.name}` } : undefined;
  }

  /** `driver/handle` → driver, of all claims of a pod that are there. */
  function volumesOf(pod: Pod): Map<string, string> {
    const found = new Map<string, string>();
    for (const named of podClaims(pod)) {
      const claim = claims.get(`${pod.metadata!.namespace}/${named.claimName}`);
      if (!claim || (named.ephemeral && ephemeralClaimProblem(pod, claim))) continue;
      const volume = volumeOf(claim);
      if (volume) found.set(`${volume.driver}/${volume.handle}`, volume.driver);
    }
    return found;
  }

  function attachedTo(node: string): Map<string, string> {
    const found = new Map<string, string>();
    for (const { spec } of attachments.list()) {
      if (spec!.nodeName !== node || !spec!.source?.persistentVolumeName) continue;
      const csi = volumes.get(spec!.source.persistentVolumeName)?.spec?.csi;
      if (csi) found.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver);
    }
    return found;
  }

  return {
    name,
    preFilter(_, { pod }) {
      const named = podClaims(pod);
      if (named.length === 0) return { skip: true };
      return undefined;
    },
    filter(_, { pod }, node) {
      const { namespace } = pod.metadata!;
      const missing = podClaims(pod).find(({ claimName }) => !claims.get(`${namespace}/${claimName}`))?.claimName;
      if (missing !== undefined) return unresolvable(name, `looking up PVC ${namespace}/${missing}: persistentvolumeclaim "${missing}" not found`);
      const limits = new Map<string, number>();
      for (const { name: driver, allocatable } of csiNodes.get(node.name)?.spec?.drivers ?? [])
        if (allocatable?.count !== undefined) limits.set(driver, allocatable.count);
      if (limits.size === 0) return undefined;
      const used = new Map<string, string>();
      for (const { pod: other } of node.pods.values()) for (const [key, driver] of volumesOf(other)) used.set(key, driver);
      const counts = new Map<string, number>();
      const count = (driver: string) => counts.set(driver, (counts.get(driver) ?? 0) + 1);
      for (const driver of new Map([...used, ...attachedTo(node.name)]).values()) count(driver);
      // What is attached and nobody uses counts twice, as upstream has it: it may be on its way out.
      const added = [...volumesOf(pod)].filter(([key]) => !used.has(key)).map(([, driver]) => driver);
      for (const driver of added) count(driver);
      return added.some((driver) => (counts.get(driver) ?? 0) > (limits.get(driver) ?? Infinity)) ? exceeded : undefined;
    },
    isHelpful(event, { pod }) {
      switch (event.kind) {
        case 'AssignedPodDelete':
          return podClaims(event.pod).length > 0;
        case 'VolumeClaimChange':
          return !event.old && podClaimKeys(pod).includes(keyOf(event.object));
        case 'AttachmentDelete':
          return pod.spec!.volumes?.some((volume) => volume.persistentVolumeClaim) ?? false;
        case 'CSINodeChange':
          return !event.old || raisesLimit(event.old, event.object);
        default:
          return false;
      }
    },
  };
}

function raisesLimit(old: CSINode, now: CSINode): boolean {
  const limitOf = (node: CSINode, driver: string) => node.spec.drivers.find(({ name }) => name === driver)?.allocatable?.count ?? 0;
  return now.spec.drivers.some(({ name: driver }) => limitOf(now, driver) > limitOf(old, driver));
}
