import type { Handler } from '../call.ts';
import { listOptions } from '../listOptions.ts';
import { list as listPage } from '../registry/listing.ts';

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/get.go (ListResource). */
export const list: Handler = async (call, registry) => ({
  type: 'list',
  page: await listPage(registry, listOptions(call, registry, false)),
  registry,
});
