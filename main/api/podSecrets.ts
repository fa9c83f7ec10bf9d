import type { Pod } from './index.ts';

/** Names of the Secrets that a pod needs, wherever it names them. Mirrors pkg/api/v1/pod/util.go (VisitPodSecretNames). */
export function podSecretNames({ spec }: Pod): Set<string> {
  const names = new Set<string>();
  const add = (name: string | undefined) => name && names.add(name);
  for (const { name } of spec?.imagePullSecrets ?? []) add(name);
  for (const container of [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])]) {
    for (const { valueFrom } of container.env ?? []) add(valueFrom?.secretKeyRef?.name);
    for (const { secretRef } of container.envFrom ?? []) add(secretRef?.name);
  }
  for (const volume of spec?.volumes ?? []) {
    add(volume.secret?.secretName);
    add(volume.azureFile?.secretName);
    add(volume.csi?.nodePublishSecretRef?.name);
    for (const { secret } of volume.projected?.sources ?? []) add(secret?.name);
    for (const source of [volume.cephfs, volume.cinder, volume.flexVolume, volume.iscsi, volume.rbd, volume.scaleIO, volume.storageos]) add(source?.secretRef?.name);
  }
  return names;
}
