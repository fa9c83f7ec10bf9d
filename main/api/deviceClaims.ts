import type { DeviceClass, Pod } from './index.ts';
import { isExtended } from './resourceNames.ts';

/** On claims that stand for a pod's extended resources. */
export const extendedClaimAnnotation = 'resource.kubernetes.io/extended-resource-claim';

/** Before the name of a class: the extended resource that every class is without being asked. */
export const implicitResourcePrefix = 'deviceclass.resource.kubernetes.io/';

/** Whether devices may stand behind a resource of this name. */
export const mayBeDevices = (resource: string): boolean => resource.startsWith(implicitResourcePrefix) || isExtended(resource);

/** Keys (`namespace/name`) of the claims for devices that the pod uses, as far as they are known. */
export function deviceClaimKeys({ metadata, spec, status }: Pod): string[] {
  // Most pods have none, and are asked often.
  if (!spec?.resourceClaims && !status?.extendedResourceClaimStatus) return [];
  const named = (spec?.resourceClaims ?? []).map(({ name, resourceClaimName }) => resourceClaimName ?? status?.resourceClaimStatuses?.find((told) => told.name === name)?.resourceClaimName);
  return [...named, status?.extendedResourceClaimStatus?.resourceClaimName].flatMap((name) => (name ? [`${metadata!.namespace}/${name}`] : []));
}

/**
 * The class that stands for each extended resource: of several that name the same one, the newest, then the first by name.
 * Mirrors k8s.io/dynamic-resource-allocation/deviceclass/extendedresourcecache.
 */
export function classesOfResources(classes: readonly DeviceClass[]): Map<string, DeviceClass> {
  const byResource = new Map<string, DeviceClass>();
  const made = ({ metadata }: DeviceClass) => Date.parse(metadata?.creationTimestamp ?? '') || 0;
  const oldestFirst = classes.toSorted((a, b) => made(a) - made(b) || (a.metadata!.name! < b.metadata!.name! ? 1 : -1));
  for (const each of oldestFirst) {
    byResource.set(implicitResourcePrefix + each.metadata!.name, each);
    if (each.spec?.extendedResourceName) byResource.set(each.spec.extendedResourceName, each);
  }
  return byResource;
}
