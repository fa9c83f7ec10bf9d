import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import { keyOf } from '../../api/meta.ts';
import { claimClass } from '../../api/persistentVolumes.ts';
import { namedClaimKeys } from '../../api/podClaims.ts';
import type { Informer } from '../../client/index.ts';
import { labelsChanged } from '../events.ts';
import { StateKey, type Plugin } from '../framework.ts';
import { unresolvable, type Status } from '../status.ts';

const name = 'VolumeZone';
const conflict = unresolvable(name, 'node(s) had no available volume zone');

/** Labels that say where something is; the older names of a place mean the same as the newer ones. */
const places: Record<string, string> = {
  'topology.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region': 'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
};

interface Place {
  label: string;
  values: string[];
}

const placesKey = new StateKey<Place[]>();

/** A volume that is in several zones names them all; where one of them has no name, it says nothing. */
function placesOfVolume({ metadata }: PersistentVolume): Place[] {
  return Object.keys(places).flatMap((label) => {
    const values = metadata!.labels?.[label]?.split('__');
    return values && !values.includes('') ? [{ label, values }] : [];
  });
}

export interface VolumeZoneDependencies {
  claims: Informer<PersistentVolumeClaim>;
  volumes: Informer<PersistentVolume>;
  classes: Informer<StorageClass>;
}

/** Keeps a pod in the zone of its volumes, where volumes say one. Mirrors pkg/scheduler/framework/plugins/volumezone. */
export function volumeZone({ claims, volumes, classes }: VolumeZoneDependencies): Plugin {
  function placesOf(pod: Pod): Place[] | Status {
    const found: Place[] = [];
    for (const { persistentVolumeClaim: named } of pod.spec!.volumes ?? []) {
      if (!named) continue;
      const claim = claims.get(`${pod.metadata!.namespace}/${named.claimName}`);
      if (!claim) return unresolvable(name, `persistentvolumeclaim "${named.claimName}" not found`);
      const volumeName = claim.spec?.volumeName;
      if (!volumeName) {
        const className = claimClass(claim);
        if (!className) return unresolvable(name, 'PersistentVolumeClaim had no pv name and storageClass name');
        const storageClass = classes.get(className);
        if (!storageClass) return unresolvable(name, `storageclass.storage.k8s.io "${className}" not found`);
        if (storageClass.volumeBindingMode === 'WaitForFirstConsumer') continue;
        return unresolvable(name, 'PersistentVolume had no name');
      }
      const volume = volumes.get(volumeName);
      if (!volume) return unresolvable(name, `persistentvolume "${volumeName}" not found`);
      found.push(...placesOfVolume(volume));
    }
    return found;
  }

  return {
    name,
    preFilter(state, { pod }) {
      const found = placesOf(pod);
      if (!Array.isArray(found)) return { status: found };
      if (found.length === 0) return { skip: true };
      state.set(placesKey, found);
      return undefined;
    },
    filter(state, _, { labels }) {
      // A node that says nothing of where it is belongs to a cluster of one place.
      if (!Object.keys(places).some((label) => labels[label] !== undefined)) return undefined;
      const fits = (state.get(placesKey) ?? []).every(({ label, values }) => {
        const value = labels[label] ?? labels[places[label]!];
        return value !== undefined && values.includes(value);
      });
      return fits ? undefined : conflict;
    },
    isHelpful(event, { pod }) {
      switch (event.kind) {
        case 'NodeAdd':
          return true;
        case 'NodeUpdate':
          return labelsChanged(event.old, event.node);
        case 'StorageClassChange':
          return !event.old && event.object.volumeBindingMode === 'WaitForFirstConsumer';
        case 'VolumeClaimChange':
          return namedClaimKeys(pod).includes(keyOf(event.object));
        case 'VolumeChange':
          return !event.old || !equalJson(placesOfVolume(event.old), placesOfVolume(event.object));
        default:
          return false;
      }
    },
  };
}
