import type { PersistentVolumeClaim, Pod, Volume } from '../../api/index.ts';
import { namedClaimKeys, podClaimKeys, podClaims } from '../../api/podClaims.ts';
import { keyOf } from '../../api/meta.ts';
import type { Informer } from '../../client/index.ts';
import type { SchedulerCache } from '../cache.ts';
import { StateKey, type Plugin } from '../framework.ts';
import { unresolvable, unschedulable } from '../status.ts';

const name = 'VolumeRestrictions';
const inUse = unschedulable(
  name,
  'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
);

const noDisk = unschedulable(name, 'node(s) had no available disk');

interface Exclusive {
  /** `namespace/name` of the pod's claims that only one pod may use. */
  claims: ReadonlySet<string>;
  /** How often pods that have a node use them. */
  uses: number;
}

const exclusiveKey = new StateKey<Exclusive>();

/** Keeps a claim of mode ReadWriteOncePod to one pod, and a disk that only one may write to one pod of a node. Mirrors pkg/scheduler/framework/plugins/volumerestrictions. */
export function volumeRestrictions(cache: SchedulerCache, claims: Informer<PersistentVolumeClaim>): Plugin {
  const usesOf = (wanted: ReadonlySet<string>, used: string[]) => used.filter((key) => wanted.has(key)).length;
  return {
    name,
    preFilter(state, { pod }) {
      const wanted = new Set<string>();
      for (const { claimName, ephemeral } of podClaims(pod)) {
        if (ephemeral) continue;
        const key = `${pod.metadata!.namespace}/${claimName}`;
        const claim = claims.get(key);
        if (!claim) return { status: unresolvable(name, `persistentvolumeclaim "${claimName}" not found`) };
        if (claim.spec?.accessModes?.includes('ReadWriteOncePod')) wanted.add(key);
      }
      let uses = 0;
      for (const node of wanted.size > 0 ? cache.nodes : [])
        for (const info of node.pods.values()) uses += usesOf(wanted, podClaimKeys(info.pod));
      if (uses === 0 && disksOf(pod).length === 0) return { skip: true };
      state.set(exclusiveKey, { claims: wanted, uses });
      return undefined;
    },
    tryPod(state, _pod, tried, _node, sign) {
      const exclusive = state.get(exclusiveKey);
      if (!exclusive) return;
      const uses = exclusive.uses + sign * usesOf(exclusive.claims, podClaimKeys(tried.pod));
      state.set(exclusiveKey, { ...exclusive, uses });
    },
    filter(state, { pod }, node) {
      if (disksOf(pod).length > 0) for (const other of node.pods.values()) if (disksConflict(pod, other.pod)) return noDisk;
      return (state.get(exclusiveKey)?.uses ?? 0) > 0 ? inUse : undefined;
    },
    isHelpful(event, { pod }) {
      switch (event.kind) {
        case 'NodeAdd':
          return true;
        case 'VolumeClaimChange':
          return !event.old && namedClaimKeys(pod).includes(keyOf(event.object));
        case 'AssignedPodDelete': {
          const own = namedClaimKeys(pod);
          return disksConflict(pod, event.pod) || namedClaimKeys(event.pod).some((key) => own.includes(key));
        }
        default:
          return false;
      }
    },
  };
}

/** Whether both pods want a disk that only one may write. Mirrors isVolumeConflict. */
function disksConflict(pod: Pod, other: Pod): boolean {
  return disksOf(pod).some((volume) => disksOf(other).some((there) => isSameDisk(volume, there)));
}

const disksOf = ({ spec }: Pod) => spec!.volumes?.filter((volume) => volume.gcePersistentDisk ?? volume.awsElasticBlockStore ?? volume.iscsi ?? volume.rbd) ?? [];

function isSameDisk(a: Volume, b: Volume): boolean {
  const written = (one: { readOnly?: boolean }, other: { readOnly?: boolean }) => !one.readOnly || !other.readOnly;
  const [gceA, gceB] = [a.gcePersistentDisk, b.gcePersistentDisk];
  if (gceA && gceB && gceA.pdName === gceB.pdName && written(gceA, gceB)) return true;
  if (a.awsElasticBlockStore && a.awsElasticBlockStore.volumeID === b.awsElasticBlockStore?.volumeID) return true;
  if (a.iscsi && b.iscsi && a.iscsi.iqn === b.iscsi.iqn && written(a.iscsi, b.iscsi)) return true;
  if (!a.rbd || !b.rbd || a.rbd.pool !== b.rbd.pool || a.rbd.image !== b.rbd.image) return false;
  const monitors = b.rbd.monitors;
  return a.rbd.monitors.some((monitor) => monitors.includes(monitor)) && written(a.rbd, b.rbd);
}
