import type { KubeObject } from '../../api/meta.ts';
import { badRequest, invalid } from '../../api/status.ts';
import type { Handler } from '../call.ts';
import { decodeObject } from '../content/decode.ts';
import { manageFieldsOnUpdate } from '../managedFields.ts';
import { dedupOwners, settleNamespace } from '../metaChecks.ts';
import type { Registry } from '../registry/generic.ts';
import type { RequestContext, Strategy } from '../registry/strategy.ts';
import type { Serving } from '../serving.ts';
import { writeContext } from '../writeContext.ts';
import { Admit } from './admit.ts';
import { actOnNamed } from './subresource.ts';

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/create.go. */
export const create =
  (serving: Serving): Handler =>
  async (call, registry) => {
    const { strategy, definition } = registry;
    if (strategy.actsOn) return actOnNamed(serving, call, strategy.actsOn);
    const context = writeContext(call, call.info.namespace, 'CreateOptions');
    const object = await decodeObject(call, definition, context, strategy);
    const metadata = object.metadata!;
    const dated = !!metadata.resourceVersion && metadata.resourceVersion !== '0';
    delete metadata.uid;
    delete metadata.creationTimestamp;
    delete metadata.deletionTimestamp;
    delete metadata.deletionGracePeriodSeconds;
    delete metadata.selfLink;
    settleNamespace(object, context.namespace, definition.namespaced);
    dedupOwners(object, context.warnings, false);
    strategy.defaults?.(object);
    const admit = new Admit(serving, context, registry, '', metadata.name ?? '');
    const converted = manageFieldsOnUpdate(registry, context, undefined, object, '');
    if (converted) await converted;
    if (strategy.review) {
      await admit.both('CREATE', object, undefined);
      return { type: 'object', code: 201, object: await answer(strategy, registry, context, object), plainOnly: true };
    }
    await admit.mutate('CREATE', object, undefined);
    settleNamespace(object, context.namespace, definition.namespaced);
    dedupOwners(object, context.warnings, true);
    const entry = await registry.create(context, object, async (final) => {
      const settle = await admit.validate('CREATE', final, undefined);
      if (!dated) return settle;
      settle?.();
      // Upstream's store, which comes last, refuses it with a 500, though the mistake is the client's.
      throw badRequest('resourceVersion should not be set on objects to be created');
    });
    return { type: 'entry', code: 201, entry, registry };
  };

/** A question is validated and answered, and leaves nothing behind. Refused, it has neither kind nor name upstream. */
async function answer(strategy: Strategy, registry: Registry, context: RequestContext, object: KubeObject): Promise<KubeObject> {
  const errors = await strategy.validate(context, object, registry.objects);
  if (errors.length) throw invalid({ group: registry.kindSubject.group, kind: '' }, '', errors);
  const { kind } = registry.definition;
  return { ...(await strategy.review!(context, object)), apiVersion: registry.apiVersion, kind };
}
