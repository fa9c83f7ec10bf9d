import type { Handler } from '../call.ts';
import { listOptions } from '../listOptions.ts';
import { deleteAll } from '../registry/deletion.ts';
import { list } from '../registry/listing.ts';
import type { Serving } from '../serving.ts';
import { Admit } from './admit.ts';
import { deletionOf } from './delete.ts';

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/delete.go (DeleteCollection). Answers with what was listed. */
export const deleteCollection =
  (serving: Serving): Handler =>
  async (call, registry) => {
    const { context, options } = await deletionOf(call);
    const page = await list(registry, listOptions(call, registry, false));
    await deleteAll(registry, context, page.entries, options, (object) => {
      const { namespace, name } = object.metadata!;
      return new Admit(serving, { ...context, namespace: namespace ?? '' }, registry, '', name!).both('DELETE', undefined, object);
    });
    return { type: 'list', page, registry };
  };
