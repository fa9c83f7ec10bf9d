import type { Pod, Volume } from '../../api/index.ts';
import { allContainersOf, type AnyContainer } from '../spec.ts';

/** The volumes that a container mounts as files or as a device; others are not looked at (desired_state_of_world_populator.go). */
export function usedVolumes(pod: Pod): { mounted: ReadonlySet<string>; devices: ReadonlySet<string>; volumes: Volume[] } {
  const containers = allContainersOf(pod);
  const mounted = new Set(containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name)));
  const devices = new Set(containers.flatMap(({ volumeDevices = [] }) => volumeDevices.map(({ name }) => name)));
  return { mounted, devices, volumes: (pod.spec?.volumes ?? []).filter(({ name }) => mounted.has(name) || devices.has(name)) };
}

export const configMapKey = (namespace: string, name: string) => `configmap/${namespace}/${name}`;
export const secretKey = (namespace: string, name: string) => `secret/${namespace}/${name}`;

/** The ConfigMaps and Secrets whose content is in a pod's volumes. */
export function referencedObjects(pod: Pod): Set<string> {
  const namespace = pod.metadata!.namespace!;
  const keys = new Set<string>();
  for (const { configMap, secret, projected } of usedVolumes(pod).volumes) {
    if (configMap?.name) keys.add(configMapKey(namespace, configMap.name));
    if (secret?.secretName) keys.add(secretKey(namespace, secret.secretName));
    for (const source of projected?.sources ?? []) {
      if (source.configMap?.name) keys.add(configMapKey(namespace, source.configMap.name));
      if (source.secret?.name) keys.add(secretKey(namespace, source.secret.name));
    }
  }
  return keys;
}

/** Whether anything in the pod's volumes can change while it runs. */
export function isLive(pod: Pod): boolean {
  return usedVolumes(pod).volumes.some(({ configMap, secret, downwardAPI, projected }) => configMap || secret || downwardAPI || projected);
}

/** Whether a container mounts a part of a volume of memory: that holds nothing before the sandbox runs, which keeps it. */
export function reachesIntoMemory(pod: Pod, container: AnyContainer): boolean {
  const memory = new Set((pod.spec?.volumes ?? []).filter(({ emptyDir }) => emptyDir?.medium === 'Memory').map(({ name }) => name));
  return (container.volumeMounts ?? []).some(({ name, subPath, subPathExpr }) => (subPath || subPathExpr) && memory.has(name));
}
