import { cloneJson } from '../../api/json.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Call, Handler } from '../call.ts';
import { decodeObject } from '../content/decode.ts';
import { authorizeCreate } from '../authorize.ts';
import { manageFieldsOnUpdate } from '../managedFields.ts';
import { checkName, dedupOwners, settleNamespace } from '../metaChecks.ts';
import type { ObjectSubresource, Registry } from '../registry/generic.ts';
import type { Strategy } from '../registry/strategy.ts';
import type { Answer } from '../call.ts';
import type { Serving } from '../serving.ts';
import { writeContext } from '../writeContext.ts';
import { Admit } from './admit.ts';

type WithSpec = KubeObject & { spec?: unknown };

/**
 * Whether a component of this process writes the status of a kind of ours. Its spec does not count then, and it is most of
 * the work to read and compare it: the stored one is taken from the start.
 */
const isStatusOfOwn = ({ info, wire, audited }: Call, strategy: Strategy) =>
  info.subresource === 'status' && !wire && !audited && !strategy.complaints && !strategy.storedAs;

/** Members in the order in which they are written. */
function withSpecOf(stored: WithSpec, { apiVersion, kind, metadata, spec: _, ...rest }: WithSpec): KubeObject {
  return { apiVersion, kind, metadata, ...('spec' in stored ? { spec: stored.spec } : {}), ...rest };
}

export const update =
  (serving: Serving): Handler =>
  (call, registry) =>
    put(serving, call, registry, undefined);

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/update.go. */
export async function put(serving: Serving, call: Call, registry: Registry, subresource: ObjectSubresource | undefined): Promise<Answer> {
  const { info } = call;
  const { strategy, definition } = registry;
  const context = writeContext(call, info.namespace, 'UpdateOptions');
  const statusOnly = isStatusOfOwn(call, strategy);
  const object = await decodeObject(call, subresource?.kind ?? definition, context, strategy, statusOnly ? 'spec' : undefined);
  settleNamespace(object, context.namespace, definition.namespaced);
  checkName(object, info.name);
  dedupOwners(object, context.warnings, false);
  if (!statusOnly) strategy.defaults?.(object);
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
      let changed = first ? object : cloneJson(spare);
      first = false;
      if (statusOnly && current) changed = withSpecOf(current, changed);
      await manageFieldsOnUpdate(registry, context, current, changed, info.subresource);
      await admit.mutate(current ? 'UPDATE' : 'CREATE', changed, current);
      settleNamespace(changed, context.namespace, definition.namespaced);
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
