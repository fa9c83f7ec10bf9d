import type { RouteLocationRaw } from 'vue-router';
import { controllerOf, type KubeObject } from '../../main/api/meta.ts';
import { referenceRoute } from '../routes.ts';
import { useDiscovery } from '../stores/discovery.ts';

/** Where the object that manages this one is shown. */
export function ownerRoute(object: KubeObject): RouteLocationRaw | undefined {
  const owner = controllerOf(object);
  if (!owner) return undefined;
  return referenceRoute(useDiscovery().resources, { ...owner, ...(object.metadata?.namespace ? { namespace: object.metadata.namespace } : {}) });
}
