import { cloneJson } from '../../api/json.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Call, Handler } from '../call.ts';
import { decodeObject } from '../content/decode.ts';
import { authorizeCreate } from '../authorize.ts';
import { manageFieldsOnUpdate } from '../managedFields.ts';
import { checkName, dedupOwners, settleNamespace } from '../metaChecks.ts';
import type { ObjectSubresource, Registry } from '../registry/generic.ts';
import type { Answer } from '../call.ts';
import type { Serving } from '../serving.ts';
import { writeContext } from '../writeContext.ts';
import { Admit } from './admit.ts';

export const update =
  (serving: Serving): Handler =>
  (call, registry) =>
    put(serving, call, registry, undefined);

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/update.go. */
export async function put(serving: Serving, call: Call, registry: Registry, subresource: ObjectSubresource | undefined): Promise<Answer> {
  const { info } = call;
  const { strategy, definition } = registry;
  const context = writeContext(call, info.namespace, 'UpdateOptions');
  const object = await decodeObject(call, subresource?.kind ?? definition, context, strategy);
  settleNamespace(object, context.namespace, definition.namespaced);
  checkName(object, info.name);
  dedupOwners(object, context.warnings, false);
  strategy.defaults?.(object);
  const admit = new Admit(serving, context, registry, info.subresource, info.name);
  // The first round uses up the decoded body; without a revision, a later one may need it again.
  const spare = object.metadata!.resourceVersion ? object : cloneJson(object);
  let first = true;

  const { entry, created } = await registry.update(context, {
    namespace: context.namespace,
    name: info.name,
    uid: object.metadata!.uid,
    subresource,
    async change(current: KubeObject | undefined) {
      const changed = first ? object : cloneJson(spare);
      first = false;
      await manageFieldsOnUpdate(registry, context, current, changed, info.subresource);
      await admit.mutate(current ? 'UPDATE' : 'CREATE', changed, current);
      dedupOwners(changed, context.warnings, true);
      return changed;
    },
    async allowCreate(final) {
      await authorizeCreate(serving.authorizer, call);
      return admit.validate('CREATE', final, undefined);
    },
    allowUpdate: (final, old) => admit.validate('UPDATE', final, old),
  });
  return { type: 'entry', code: created ? 201 : 200, entry, registry };
}
