import type { Handler } from '../call.ts';
import { parseResourceVersion, tooLarge } from '../registry/listing.ts';

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/get.go (GetResource). */
export const get: Handler = async ({ info, query }, registry) => {
  const atLeast = parseResourceVersion(query.get('resourceVersion'));
  if (atLeast > registry.store.revision) throw tooLarge(atLeast, registry.store.revision);
  return { type: 'entry', code: 200, entry: await registry.get(info.namespace, info.name), registry };
};
