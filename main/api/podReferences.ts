import type { Pod } from './index.ts';

/** Names of Secrets and ConfigMaps in the pod's namespace. */
export interface PodReferences {
  secrets: Set<string>;
  configMaps: Set<string>;
}

/** What a pod needs to be there. Mirrors VisitPodSecretNames and VisitPodConfigmapNames of pkg/api/pod/util.go. */
export function podReferences({ spec }: Pod): PodReferences {
  const found: PodReferences = { secrets: new Set(), configMaps: new Set() };
  const secret = (name: string | undefined) => name && found.secrets.add(name);
  const configMap = (name: string | undefined) => name && found.configMaps.add(name);
  for (const { name } of spec?.imagePullSecrets ?? []) secret(name);
  for (const container of [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])]) {
    for (const { valueFrom } of container.env ?? []) {
      secret(valueFrom?.secretKeyRef?.name);
      configMap(valueFrom?.configMapKeyRef?.name);
    }
    for (const { secretRef, configMapRef } of container.envFrom ?? []) {
      secret(secretRef?.name);
      configMap(configMapRef?.name);
    }
  }
  for (const volume of spec?.volumes ?? []) {
    secret(volume.secret?.secretName);
    configMap(volume.configMap?.name);
    secret(volume.azureFile?.secretName);
    for (const source of [volume.cephfs, volume.cinder, volume.flexVolume, volume.rbd, volume.scaleIO, volume.iscsi, volume.storageos]) secret(source?.secretRef?.name);
    secret(volume.csi?.nodePublishSecretRef?.name);
    for (const source of volume.projected?.sources ?? []) {
      secret(source.secret?.name);
      configMap(source.configMap?.name);
    }
  }
  return found;
}
