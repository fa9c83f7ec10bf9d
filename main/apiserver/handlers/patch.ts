import { decodeChanged, decodeObject, DecodeError } from '../../api/decode.ts';
import { jsonKind } from '../../api/jsonError.ts';
import { apiVersionOf, internalNameOf, parseApiVersion, type KubeObject } from '../../api/meta.ts';
import { schemaOf } from '../../api/schema.ts';
import { badRequest, conflict, invalid, notFound } from '../../api/status.ts';
import { authorizeCreate } from '../authorize.ts';
import type { Answer, Call, Handler } from '../call.ts';
import { isObject } from '../content/body.ts';
import { unregistered } from '../content/decode.ts';
import { patchTypeOf, readPatch, type PatchType } from '../content/patch.ts';
import { invalidField } from '../fieldErrors.ts';
import { acrossVersions, fieldWrite, manageFieldsOnUpdate } from '../managedFields.ts';
import { checkName, dedupOwners, settleNamespace } from '../metaChecks.ts';
import { applyJsonPatch, applyMergePatch, applyStrategicMergePatch, goValue, patchSchemaOf, serverSideApply } from '../patch/index.ts';
import type { ObjectSubresource, Registry } from '../registry/generic.ts';
import { objectOf } from '../registry/stored.ts';
import type { RequestContext, Subresource } from '../registry/strategy.ts';
import type { Serving } from '../serving.ts';
import { writeContext } from '../writeContext.ts';
import { Admit } from './admit.ts';
import { forgetTimes, writeView } from './subresource.ts';

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
  const { patch, complaints } = await readPatch(call, type);
  const context = writeContext(call, info.namespace, 'PatchOptions', type === 'apply' ? 'apply' : 'other');
  const admit = new Admit(serving, context, registry, info.subresource, info.name);

  const { entry, created } = await registry.update(context, {
    namespace: context.namespace,
    name: info.name,
    subresource,
    forceCreate: type === 'apply' && !subresource,
    async change(current) {
      const object =
        type === 'apply' ? await applied(call, registry, context, current, patch, complaints) : patched(call, registry, context, current, type, patch, complaints);
      if (object.metadata!.uid && !current)
        throw conflict(registry.subject, info.name, `uid mismatch: the provided object specified uid ${object.metadata!.uid}, and no existing object was found`);
      settleNamespace(object, context.namespace, definition.namespaced);
      checkName(object, info.name);
      strategy.defaults?.(object);
      if (type !== 'apply') await manageFieldsOnUpdate(registry, context, current, object, info.subresource);
      await admit.mutate(current ? 'UPDATE' : 'CREATE', object, current);
      settleNamespace(object, context.namespace, definition.namespaced);
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
  const type = patchTypeOf(call, ['json', 'merge', 'strategic', 'apply']);
  const { patch } = await readPatch(call, type);
  const context = writeContext(call, call.info.namespace, 'PatchOptions', type === 'apply' ? 'apply' : 'other');
  if (type === 'apply') return applyView(serving, call, registry, part, context, patch);
  return writeView(serving, call, registry, part, context, (view) => {
    const schema = patchSchemaOf(schemaOf(part.kind));
    return type === 'json' ? applyJsonPatch(view, patch) : type === 'merge' ? applyMergePatch(view, patch) : applyStrategicMergePatch(view, patch, schema);
  });
}

/** Applies a view: whoever does so owns the fields of the object that the view shows. */
async function applyView(
  serving: Serving,
  call: Call,
  registry: Registry,
  part: Extract<Subresource<KubeObject>, { type: 'view' }>,
  context: RequestContext,
  patch: unknown,
): Promise<Answer> {
  const { definition } = registry;
  const { name, namespace } = call.info;
  const configuration = configurationOf(patch);
  const expected = apiVersionOf(part.kind);
  if (configuration.apiVersion !== expected || configuration.kind !== part.kind.kind)
    throw badRequest(`invalid object type: ${configuration.apiVersion}, Kind=${configuration.kind}`);
  const shown: KubeObject = { apiVersion: registry.apiVersion, kind: definition.kind, metadata: { name, ...(namespace ? { namespace } : {}) } };
  part.apply(shown, configuration);
  const admit = new Admit(serving, context, registry, call.info.subresource, name);
  const { entry } = await registry.update(context, {
    namespace,
    name,
    async change(current) {
      const write = { ...fieldWrite(registry, context, call.info.subresource), kind: definition.kind, force: call.query.flag('force') ?? false };
      const object = await acrossVersions(registry, write, (seen) => serverSideApply(current, shown, seen));
      forgetTimes(object, call.info.subresource);
      const [view, old] = [part.get(object), part.get(current!)];
      await admit.mutate('UPDATE', view, old);
      const errors = part.validate(view);
      if (errors.length) throw invalid({ group: part.kind.group, kind: part.kind.kind }, name, errors);
      (await admit.validate('UPDATE', view, old))?.();
      return object;
    },
  });
  return { type: 'object', code: 200, object: part.get(objectOf(entry)) };
}

/** Throws 400 for what is no object of a kind. */
function configurationOf(patch: unknown): KubeObject {
  const nothing = patch === null || patch === undefined;
  if (!nothing && !isObject(patch)) throw badRequest(`error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`);
  const { apiVersion = '', kind = '' } = (patch ?? {}) as Record<string, unknown>;
  if (nothing) throw badRequest('invalid object type: /, Kind=');
  for (const name of ['apiVersion', 'kind']) if (typeof (patch[name] ?? '') !== 'string') throw badRequest(`error decoding YAML: ${name} is no string`);
  const configuration = patch as KubeObject;
  if (!kind || !apiVersion) throw badRequest(`invalid object type: ${String(apiVersion).includes('/') ? '' : '/'}${String(apiVersion)}, Kind=${String(kind)}`);
  return configuration;
}

function patched(
  { info }: Call,
  registry: Registry,
  context: RequestContext,
  current: KubeObject | undefined,
  type: Exclude<PatchType, 'apply'>,
  patch: unknown,
  complaints: string[],
): KubeObject {
  if (!current) throw notFound(registry.subject, info.name);
  switch (type) {
    case 'json':
      return settled(registry, context, current, applyJsonPatch(current, patch), complaints, undefined);
    case 'merge':
      return settled(registry, context, current, applyMergePatch(current, patch), complaints, undefined);
    case 'strategic':
      return settled(registry, context, current, applyStrategicMergePatch(current, patch, patchSchemaOf(schemaOf(registry.definition))), complaints, patch);
  }
}

/** What strict decoding complains about, as the request wants it heard. Throws 400. */
function heed(context: RequestContext, complaints: string[]): void {
  if (!complaints.length || context.fieldValidation === 'Ignore') return;
  if (context.fieldValidation === 'Strict') throw badRequest(`error decoding YAML: strict decoding error: ${complaints.join(', ')}`);
  for (const text of complaints) if (!context.warnings.includes(text)) context.warnings.push(text);
}

/**
 * A patched object, its fields checked as `fieldValidation` asks. Throws 422. Upstream reads what came of a JSON or merge patch
 * as if it had been sent, and turns what came of a strategic one (given as `strategic`) into the kind that it was.
 */
function settled(
  { definition, strategy }: Registry,
  context: RequestContext,
  current: KubeObject,
  object: KubeObject,
  ofPatch: string[],
  strategic: unknown,
): KubeObject {
  const refuse = (why: string) => invalid({ group: '', kind: '' }, '', [invalidField('patch', strategic === undefined ? JSON.stringify(object) : goValue(strategic), why)]);
  const { kind = definition.kind, apiVersion = apiVersionOf(definition) } = object;
  if (strategic !== undefined) {
    object.kind = definition.kind;
    object.apiVersion = apiVersionOf(definition);
  } else if (schemaOf(definition) && (kind !== definition.kind || apiVersion !== apiVersionOf(definition))) {
    const registered = schemaOf({ ...parseApiVersion(String(apiVersion)), kind });
    throw refuse(registered ? `converting (${definition.version}.${kind}) to (${internalNameOf(definition)}): unknown conversion` : unregistered(String(apiVersion), String(kind)));
  }
  let decoded: ReturnType<typeof decodeChanged>;
  try {
    decoded = decodeChanged(definition, object, current);
    decoded.complaints.push(...(strategy.complaints?.(decoded.object) ?? []));
  } catch (error) {
    if (error instanceof DecodeError) throw refuse(strategic === undefined ? error.message : error.ofMaps);
    throw error;
  }
  const complaints = [...ofPatch, ...decoded.complaints];
  if (complaints.length && context.fieldValidation === 'Strict') throw refuse(`strict decoding error: ${complaints.join(', ')}`);
  if (context.fieldValidation === 'Warn') for (const text of complaints) if (!context.warnings.includes(text)) context.warnings.push(text);
  decoded.object.metadata ??= {};
  return decoded.object;
}

async function applied(call: Call, registry: Registry, context: RequestContext, current: KubeObject | undefined, patch: unknown, complaints: string[]): Promise<KubeObject> {
  const { definition } = registry;
  const configuration = configurationOf(patch);
  const write = { ...fieldWrite(registry, context, call.info.subresource), kind: definition.kind, force: call.query.flag('force') ?? false };
  const object = await acrossVersions(registry, write, (seen) => serverSideApply(current, configuration, seen));
  heed(context, complaints);
  object.apiVersion = apiVersionOf(definition);
  object.kind = definition.kind;
  object.metadata ??= {};
  try {
    const decoded = decodeObject(definition, object);
    registry.strategy.complaints?.(decoded.object);
    return decoded.object;
  } catch (error) {
    if (error instanceof DecodeError) throw badRequest(error.message);
    throw error;
  }
}
