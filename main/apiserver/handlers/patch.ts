import { decodeObject, DecodeError } from '../../api/decode.ts';
import { apiVersionOf, type KubeObject } from '../../api/meta.ts';
import { schemaOf } from '../../api/schema.ts';
import { badRequest, conflict, failure, invalid, notFound } from '../../api/status.ts';
import { authorizeCreate } from '../authorize.ts';
import type { Answer, Call, Handler } from '../call.ts';
import { isObject } from '../content/body.ts';
import { patchTypeOf, readPatch, type PatchType } from '../content/patch.ts';
import { invalidField } from '../fieldErrors.ts';
import { fieldWrite, manageFieldsOnUpdate } from '../managedFields.ts';
import { checkName, dedupOwners, settleNamespace } from '../metaChecks.ts';
import { applyJsonPatch, applyMergePatch, applyStrategicMergePatch, patchSchemaOf, serverSideApply } from '../patch/index.ts';
import type { ObjectSubresource, Registry } from '../registry/generic.ts';
import type { RequestContext, Subresource } from '../registry/strategy.ts';
import type { Serving } from '../serving.ts';
import { writeContext } from '../writeContext.ts';
import { Admit } from './admit.ts';
import { writeView } from './subresource.ts';

export const patch =
  (serving: Serving): Handler =>
  (call, registry) =>
    patchObject(serving, call, registry, undefined);

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/patch.go (PatchResource). */
export async function patchObject(serving: Serving, call: Call, registry: Registry, subresource: ObjectSubresource | undefined): Promise<Answer> {
  const { info } = call;
  const { strategy, definition } = registry;
  const builtIn = schemaOf(definition) !== undefined;
  const type = patchTypeOf(call, builtIn ? ['json', 'merge', 'strategic', 'apply'] : ['json', 'merge', 'apply']);
  const patch = await readPatch(call, type);
  const context = writeContext(call, info.namespace, 'PatchOptions', type === 'apply' ? 'apply' : 'other');
  const admit = new Admit(serving, context, registry, info.subresource, info.name);

  const { entry, created } = await registry.update(context, {
    namespace: context.namespace,
    name: info.name,
    subresource,
    forceCreate: type === 'apply' && !subresource,
    async change(current) {
      const object =
        type === 'apply' ? applied(call, registry, context, current, patch) : patched(call, registry, context, current, type, patch);
      if (object.metadata!.uid && !current)
        throw conflict(registry.subject, info.name, `uid mismatch: the provided object specified uid ${object.metadata!.uid}, and no existing object was found`);
      settleNamespace(object, context.namespace, definition.namespaced);
      checkName(object, info.name);
      strategy.defaults?.(object);
      if (type !== 'apply') manageFieldsOnUpdate(registry, context, current, object, info.subresource);
      await admit.mutate(current ? 'UPDATE' : 'CREATE', object, current);
      dedupOwners(object, context.warnings, true);
      return object;
    },
    async allowCreate(final) {
      await authorizeCreate(serving.authorizer, call);
      return admit.validate('CREATE', final, undefined);
    },
    allowUpdate: (final, old) => admit.validate('UPDATE', final, old),
  });
  return { type: 'entry', code: created ? 201 : 200, entry, registry };
}

/** Patches another kind's view of an object (scale). */
export async function patchView(
  serving: Serving,
  call: Call,
  registry: Registry,
  part: Extract<Subresource<KubeObject>, { type: 'view' }>,
): Promise<Answer> {
  const type = patchTypeOf(call, ['json', 'merge', 'strategic']);
  const patch = await readPatch(call, type);
  const context = writeContext(call, call.info.namespace, 'PatchOptions', 'other');
  return writeView(serving, call, registry, part, context, (view) => {
    const schema = patchSchemaOf(schemaOf(part.kind));
    return type === 'json' ? applyJsonPatch(view, patch) : type === 'merge' ? applyMergePatch(view, patch) : applyStrategicMergePatch(view, patch, schema);
  });
}

function patched(
  { info }: Call,
  registry: Registry,
  context: RequestContext,
  current: KubeObject | undefined,
  type: Exclude<PatchType, 'apply'>,
  patch: unknown,
): KubeObject {
  if (!current) throw notFound(registry.subject, info.name);
  switch (type) {
    case 'json':
      return settled(registry, context, applyJsonPatch(current, patch));
    case 'merge':
      return settled(registry, context, applyMergePatch(current, patch));
    case 'strategic':
      return settled(registry, context, applyStrategicMergePatch(current, patch, patchSchemaOf(schemaOf(registry.definition))));
  }
}

/** A patched object, its fields checked as `fieldValidation` asks. Throws 422. */
function settled({ definition }: Registry, context: RequestContext, object: KubeObject): KubeObject {
  const refuse = (why: string) => invalid({ group: '', kind: '' }, '', [invalidField('patch', JSON.stringify(object), why)]);
  let decoded: ReturnType<typeof decodeObject>;
  try {
    decoded = decodeObject(definition, object);
  } catch (error) {
    if (error instanceof DecodeError) throw refuse(error.message);
    throw error;
  }
  if (decoded.complaints.length && context.fieldValidation === 'Strict') throw refuse(`strict decoding error: ${decoded.complaints.join(', ')}`);
  if (context.fieldValidation === 'Warn') for (const text of decoded.complaints) if (!context.warnings.includes(text)) context.warnings.push(text);
  decoded.object.metadata ??= {};
  return decoded.object;
}

function applied(call: Call, registry: Registry, context: RequestContext, current: KubeObject | undefined, patch: unknown): KubeObject {
  const { definition } = registry;
  if (!isObject(patch)) throw badRequest('error decoding YAML: the configuration is no object');
  const configuration = patch as KubeObject;
  if (!configuration.kind) throw badRequest("Object 'Kind' is missing");
  if (!configuration.apiVersion) throw badRequest("Object 'apiVersion' is missing");
  const object = serverSideApply(current, configuration, {
    ...fieldWrite(registry, context, call.info.subresource),
    kind: definition.kind,
    force: call.query.flag('force') ?? false,
  });
  object.apiVersion = apiVersionOf(definition);
  object.kind = definition.kind;
  object.metadata ??= {};
  try {
    return decodeObject(definition, object).object;
  } catch (error) {
    if (error instanceof DecodeError) throw failure(500, '', error.message);
    throw error;
  }
}
