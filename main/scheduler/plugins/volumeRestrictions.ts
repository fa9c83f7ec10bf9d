import type { PersistentVolumeClaim } from '../../api/index.ts';
import { podClaimKeys, podClaims } from '../../api/podClaims.ts';
import type { Informer } from '../../client/index.ts';
import type { SchedulerCache } from '../cache.ts';
import { StateKey, type Plugin } from '../framework.ts';
import { unresolvable, unschedulable } from '../status.ts';

const name = 'VolumeRestrictions';
const inUse = unschedulable(
  name,
  'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
);

interface Exclusive {
  /** `namespace/name` of the pod's claims that only one pod may use. */
  claims: ReadonlySet<string>;
  /** How often pods that have a node use them. */
  uses: number;
}

const exclusiveKey = new StateKey<Exclusive>();

/** Keeps a claim of mode ReadWriteOncePod to one pod. Mirrors pkg/scheduler/framework/plugins/volumerestrictions. */
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
      if (wanted.size === 0) return { skip: true };
      let uses = 0;
      for (const node of cache.nodes)
        for (const info of node.pods.values()) uses += usesOf(wanted, podClaimKeys(info.pod));
      if (uses === 0) return { skip: true };
      state.set(exclusiveKey, { claims: wanted, uses });
      return undefined;
    },
    tryPod(state, _pod, tried, _node, sign) {
      const exclusive = state.get(exclusiveKey);
      if (!exclusive) return;
      const uses = exclusive.uses + sign * usesOf(exclusive.claims, podClaimKeys(tried.pod));
      state.set(exclusiveKey, { ...exclusive, uses });
    },
    filter(state) {
      return (state.get(exclusiveKey)?.uses ?? 0) > 0 ? inUse : undefined;
    },
    isHelpful(event, { pod }) {
      const own = podClaimKeys(pod);
      if (event.kind === 'AssignedPodDelete') return podClaimKeys(event.pod).some((key) => own.includes(key));
      if (event.kind !== 'VolumeChange') return false;
      const { namespace, name: changed } = event.object.metadata!;
      return own.includes(`${namespace}/${changed}`);
    },
  };
}
