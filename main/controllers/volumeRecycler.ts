import type { PersistentVolume, Pod } from '../api/index.ts';
import { parseQuantity } from '../api/quantity.ts';

/* Pods that empty released volumes. Mirrors pkg/volume/util/recyclerclient/recycler_client.go and pkg/volume/plugins.go. */

const namespace = 'default';
const prefix = 'recycler-for-';
/** On the pod: the claim whose data it takes away. One that is left of another claim says nothing of this one. */
const claimAnnotation = 'skiff.dev/recycles-claim';
const gibibyte = 2 ** 30;

export const recyclerKey = (volume: string): string => `${namespace}/${prefix}${volume}`;

/** The volume that a pod empties; undefined: it is another pod. */
export function recycledVolume({ metadata }: Pod): string | undefined {
  return metadata!.namespace === namespace && metadata!.name!.startsWith(prefix) && metadata!.annotations?.[claimAnnotation] ? metadata!.name!.slice(prefix.length) : undefined;
}

export const isRecyclable = ({ spec }: PersistentVolume): boolean => Boolean(spec!.hostPath ?? spec!.nfs);

export const recyclesClaimOf = (pod: Pod, volume: PersistentVolume): boolean => pod.metadata!.annotations?.[claimAnnotation] === volume.spec!.claimRef!.uid;

export function recyclerPod({ metadata, spec }: PersistentVolume): Pod {
  const [least, perGibibyte] = spec!.nfs ? [300, 30] : [60, 30];
  const gibibytes = Math.floor(parseQuantity(spec!.capacity!.storage!).value() / gibibyte);
  const script = 'test -e /scrub && find /scrub -mindepth 1 -delete && test -z "$(ls -A /scrub)" || exit 1';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${prefix}${metadata!.name}`, namespace, annotations: { [claimAnnotation]: spec!.claimRef!.uid! } },
    spec: {
      restartPolicy: 'Never',
      activeDeadlineSeconds: Math.max(least, gibibytes * perGibibyte),
      containers: [
        {
          name: 'pv-recycler',
          image: 'registry.k8s.io/build-image/debian-base:bookworm-v1.0.6',
          command: ['/bin/sh'],
          args: ['-c', script],
          volumeMounts: [{ name: 'vol', mountPath: '/scrub' }],
        },
      ],
      volumes: [{ name: 'vol', ...(spec!.nfs ? { nfs: { server: spec!.nfs.server, path: spec!.nfs.path } } : { hostPath: { path: spec!.hostPath!.path } }) }],
    },
  };
}
