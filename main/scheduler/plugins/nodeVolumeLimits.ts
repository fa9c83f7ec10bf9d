import { inlineHandle, migratedDrivers, migratedPlugin, persistentHandle, scheduledAsMigrated } from '../../api/csiMigration.ts';
import type { CSINode, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass, Volume, VolumeAttachment } from '../../api/index.ts';
import { claimClass } from '../../api/persistentVolumes.ts';
import { keyOf } from '../../api/meta.ts';
import { ephemeralClaimProblem, podClaim, podClaimKeys } from '../../api/podClaims.ts';
import type { Informer } from '../../client/index.ts';
import { StateKey, type Plugin } from '../framework.ts';
import { failed, unresolvable, unschedulable, type Status } from '../status.ts';

const name = 'NodeVolumeLimits';
const exceeded = unschedulable(name, 'node(s) exceed max volume count');
const byNode = 'nodeName';

/** `driver/handle` → driver. */
type Volumes = Map<string, string>;

/** A pod's volumes, or why it goes nowhere: worked out for the first node, and the same for all that have a CSINode or have none. */
interface Wanted {
  withCsi?: Volumes | Status;
  withoutCsi?: Volumes | Status;
}

const wantedKey = new StateKey<Wanted>();

export interface NodeVolumeLimitsDependencies {
  claims: Informer<PersistentVolumeClaim>;
  volumes: Informer<PersistentVolume>;
  classes: Informer<StorageClass>;
  csiNodes: Informer<CSINode>;
  attachments: Informer<VolumeAttachment>;
}

/** Keeps to the number of volumes that a driver can have on a node. Mirrors pkg/scheduler/framework/plugins/nodevolumelimits. */
export function nodeVolumeLimits({ claims, volumes, classes, csiNodes, attachments }: NodeVolumeLimitsDependencies): Plugin {
  attachments.addIndex(byNode, ({ spec }) => [spec!.nodeName]);

  /** The volume by its driver's name for it; for one that is still to be made any name that no other has. */
  function claimed(claim: PersistentVolumeClaim, hasCsi: boolean): { driver: string; handle: string } | undefined {
    const volume = claim.spec?.volumeName ? volumes.get(claim.spec.volumeName) : undefined;
    if (volume) {
      const { csi } = volume.spec!;
      if (csi) return { driver: csi.driver, handle: csi.volumeHandle };
      const plugin = migratedPlugin(volume.spec!);
      if (!plugin || !hasCsi || !scheduledAsMigrated.has(plugin)) return undefined;
      try {
        return { driver: migratedDrivers[plugin]!, handle: persistentHandle(volume) };
      } catch {
        return undefined;
      }
    }
    const provisioner = classes.get(claimClass(claim))?.provisioner;
    if (!provisioner) return undefined;
    const handle = `${claim.metadata!.namespace}/${claim.metadata!.name}`;
    if (!Object.hasOwn(migratedDrivers, provisioner)) return { driver: provisioner, handle };
    return hasCsi && scheduledAsMigrated.has(provisioner) ? { driver: migratedDrivers[provisioner]!, handle } : undefined;
  }

  /** Adds a pod's volumes to `found`, or says what is wrong. Of a pod that has a node a claim may be gone. */
  function collect(pod: Pod, hasCsi: boolean, isNew: boolean, found: Volumes): Status | undefined {
    for (const volume of pod.spec!.volumes ?? []) {
      const named = podClaim(pod, volume);
      if (!named) {
        const status = collectInline(volume, hasCsi, found);
        if (status) return status;
        continue;
      }
      const key = `${pod.metadata!.namespace}/${named.claimName}`;
      const claim = claims.get(key);
      if (!claim && isNew) return unresolvable(name, `looking up PVC ${key}: persistentvolumeclaim "${named.claimName}" not found`);
      if (!claim) continue;
      const problem = named.ephemeral ? ephemeralClaimProblem(pod, claim) : undefined;
      if (problem) return failed(name, problem);
      const used = claimed(claim, hasCsi);
      if (used) found.set(`${used.driver}/${used.handle}`, used.driver);
    }
    return undefined;
  }

  function volumesOf(pod: Pod, hasCsi: boolean): Volumes | Status {
    const found: Volumes = new Map();
    return collect(pod, hasCsi, true, found) ?? found;
  }

  /** What is attached to a node, whoever uses it. */
  function attachedTo(node: string): Volumes {
    const found: Volumes = new Map();
    for (const { spec } of attachments.byIndex(byNode, node)) {
      const csi = volumes.get(spec!.source?.persistentVolumeName ?? '')?.spec?.csi;
      if (csi) found.set(`${spec!.attacher}/${csi.volumeHandle}`, spec!.attacher);
    }
    return found;
  }

  return {
    name,
    preFilter(state, { pod }) {
      if (!pod.spec!.volumes?.some(mayCount)) return { skip: true };
      state.set(wantedKey, {});
      return undefined;
    },
    filter(state, { pod }, node) {
      const csiNode = csiNodes.get(node.name);
      const found = state.get(wantedKey)!;
      const wanted = csiNode ? (found.withCsi ??= volumesOf(pod, true)) : (found.withoutCsi ??= volumesOf(pod, false));
      if (!(wanted instanceof Map)) return wanted;
      const limits = limitsOf(csiNode);
      if (wanted.size === 0 || limits.size === 0) return undefined;
      const used: Volumes = new Map();
      for (const other of node.pods.values()) {
        const status = collect(other.pod, true, false, used);
        if (status) return status;
      }
      const counts = new Map<string, number>();
      const count = (driver: string) => counts.set(driver, (counts.get(driver) ?? 0) + 1);
      for (const driver of used.values()) count(driver);
      for (const [key, driver] of attachedTo(node.name)) if (!used.has(key)) count(driver);
      // What is attached and nobody uses counts twice, as upstream has it: it may be on its way out.
      const added = [...wanted].filter(([key]) => !used.has(key)).map(([, driver]) => driver);
      for (const driver of added) count(driver);
      return added.some((driver) => (counts.get(driver) ?? 0) > (limits.get(driver) ?? Infinity)) ? exceeded : undefined;
    },
    isHelpful(event, { pod }) {
      switch (event.kind) {
        case 'AssignedPodDelete':
          return event.pod.spec!.volumes?.some(mayCount) ?? false;
        case 'VolumeClaimChange':
          return !event.old && podClaimKeys(pod).includes(keyOf(event.object));
        case 'AttachmentDelete':
          return pod.spec!.volumes?.some((volume) => volume.persistentVolumeClaim || isOfDriver(volume, event.attachment.spec!.attacher)) ?? false;
        case 'CSINodeChange':
          return !event.old || raisesLimit(event.old, event.object);
        default:
          return false;
      }
    },
  };
}

const mayCount = (volume: Volume) => Boolean(volume.persistentVolumeClaim ?? volume.ephemeral ?? migratedPlugin(volume));

/** A pod's volume that a driver of Kubernetes' own had once, where the nodes' CSI driver can take it. */
function collectInline(volume: Volume, hasCsi: boolean, found: Volumes): Status | undefined {
  const plugin = migratedPlugin(volume);
  if (!plugin || !hasCsi || !scheduledAsMigrated.has(plugin)) return undefined;
  const driver = migratedDrivers[plugin]!;
  try {
    found.set(`${driver}/${inlineHandle(volume)}`, driver);
    return undefined;
  } catch (error) {
    return failed(name, `converting volume(${volume.name}) from inline to csi: ${(error as Error).message}`);
  }
}

/** Also of one that no driver could take: the next try says so. */
function isOfDriver(volume: Volume, driver: string): boolean {
  const plugin = migratedPlugin(volume);
  if (!plugin) return false;
  try {
    inlineHandle(volume);
  } catch {
    return true;
  }
  return migratedDrivers[plugin] === driver;
}

function limitsOf(node: CSINode | undefined): Map<string, number> {
  const limits = new Map<string, number>();
  for (const { name: driver, allocatable } of node?.spec.drivers ?? []) if (allocatable?.count !== undefined) limits.set(driver, allocatable.count);
  return limits;
}

function raisesLimit(old: CSINode, now: CSINode): boolean {
  const limitOf = (node: CSINode, driver: string) => node.spec.drivers.find(({ name }) => name === driver)?.allocatable?.count ?? 0;
  return now.spec.drivers.some(({ name: driver }) => limitOf(now, driver) > limitOf(old, driver));
}
