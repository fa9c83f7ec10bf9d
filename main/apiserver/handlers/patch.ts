import { cloneJson } from '../../api/json.ts';
import type { KubeObject } from '../../api/meta.ts';
import { badRequest } from '../../api/status.ts';
import { authorizeCreate } from '../authorize.ts';
import type { Answer, Call, Handler } from '../call.ts';
import { isObject } from '../content/body.ts';
import { settleFields } from '../content/fields.ts';
import { unsupportedMediaType } from '../content/negotiate.ts';
import { manageFieldsOnUpdate } from '../managedFields.ts';
import { mergePatch } from '../mergePatch.ts';
import { checkName, dedupOwners, settleNamespace } from '../metaChecks.ts';
import type { ObjectSubresource, Registry } from '../registry/generic.ts';
import type { Subresource } from '../registry/strategy.ts';
import type { Serving } from '../serving.ts';
import { writeContext } from '../writeContext.ts';
import { Admit } from './admit.ts';
import { writeView } from './subresource.ts';

const merge = 'application/merge-patch+json';
const patchTypes = [merge];

export const patch =
  (serving: Serving): Handler =>
  (call, registry) =>
    patchObject(serving, call, registry, undefined);

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/patch.go (PatchResource). */
export async function patchObject(serving: Serving, call: Call, registry: Registry, subresource: ObjectSubresource | undefined): Promise<Answer> {
  const { info } = call;
  const { strategy, definition } = registry;
  const body = await patchBody(call);
  const context = writeContext(call, info.namespace, 'PatchOptions', 'other');
  const admit = new Admit(serving, context, registry, info.subresource, info.name);
  const { entry, created } = await registry.update(context, {
    namespace: context.namespace,
    name: info.name,
    subresource,
    async change(current) {
      const object = mergePatch(cloneJson(current), body) as KubeObject;
      settleFields(object, definition);
      settleNamespace(object, context.namespace, definition.namespaced);
      checkName(object, info.name);
      strategy.defaults?.(object);
      manageFieldsOnUpdate(registry, context, current, object, info.subresource);
      await admit.mutate('UPDATE', object, current);
      dedupOwners(object, context.warnings, true);
      return object;
    },
    async allowCreate(final) {
      await authorizeCreate(serving.authorizer, call);
      await admit.validate('CREATE', final, undefined);
    },
    allowUpdate: (final, old) => admit.validate('UPDATE', final, old),
  });
  return { type: 'entry', code: created ? 201 : 200, entry, registry };
}

export async function patchView(
  serving: Serving,
  call: Call,
  registry: Registry,
  part: Extract<Subresource<KubeObject>, { type: 'view' }>,
): Promise<Answer> {
  const body = await patchBody(call);
  const context = writeContext(call, call.info.namespace, 'PatchOptions', 'other');
  return writeView(serving, call, registry, part, context, (view) => mergePatch(view, body) as KubeObject);
}

async function patchBody(call: Call): Promise<Record<string, unknown>> {
  const type = call.contentType?.split(';')[0]!.trim();
  if (!type || !patchTypes.includes(type)) throw unsupportedMediaType(patchTypes);
  const body = await call.body();
  if (body.type === 'none') throw badRequest('error decoding patch: unexpected end of JSON input');
  const value: unknown = body.type === 'value' ? cloneJson(body.value) : JSON.parse(body.bytes.toString('utf8'));
  if (!isObject(value)) throw badRequest('Invalid JSON Patch');
  return value;
}
