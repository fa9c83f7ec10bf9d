import type { Handler } from '../call.ts';
import { parseResourceVersion, reach, tooLarge } from '../registry/listing.ts';

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/get.go (GetResource). */
export const get: Handler = async ({ info, query }, registry) => {
  const resourceVersion = query.get('resourceVersion');
  const atLeast = parseResourceVersion(resourceVersion);
  if (!registry.strategy.computed) await reach(registry, resourceVersion);
  if (atLeast > registry.store.revision) throw tooLarge(atLeast, registry.store.revision);
  return { type: 'entry', code: 200, entry: await registry.get(info.namespace, info.name), registry };
};
