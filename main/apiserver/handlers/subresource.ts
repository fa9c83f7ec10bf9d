import { cloneJson } from '../../api/json.ts';
import type { GroupVersionResource, KubeObject } from '../../api/meta.ts';
import { badRequest, conflict, invalid } from '../../api/status.ts';
import type { Answer, Call } from '../call.ts';
import { notAllowed, notServed } from '../chain.ts';
import { decodeObject } from '../content/decode.ts';
import { actionWrite, manageFieldsOnUpdate } from '../managedFields.ts';
import { checkName, settleNamespace } from '../metaChecks.ts';
import { updateManagedFields } from '../patch/index.ts';
import { deleteObject } from '../registry/deletion.ts';
import type { Registry } from '../registry/generic.ts';
import type { Actions, RequestContext, Strategy, Subresource } from '../registry/strategy.ts';
import { objectOf } from '../registry/stored.ts';
import type { Serving } from '../serving.ts';
import { writeContext } from '../writeContext.ts';
import { Admit } from './admit.ts';
import { get } from './get.ts';
import { patchObject, patchView } from './patch.ts';
import { put } from './update.ts';

type View = Extract<Subresource<KubeObject>, { type: 'view' }>;
type Action = Extract<Subresource<KubeObject>, { type: 'action' }>;

/** Requests for a part of an object, by what kind of part it is. */
export async function subresource(serving: Serving, call: Call, registry: Registry): Promise<Answer> {
  const { info } = call;
  const part = registry.strategy.subresources?.[info.subresource];
  if (!part || info.parts.length > 3) throw notServed();
  if (!part.verbs.includes(info.verb)) throw notAllowed();
  switch (part.type) {
    case 'object':
      if (info.verb === 'get') return get(call, registry);
      if (info.verb === 'update') return put(serving, call, registry, part);
      if (info.verb === 'patch') return patchObject(serving, call, registry, part);
      throw notAllowed();
    case 'view':
      if (info.verb === 'get') {
        const object = objectOf(await registry.get(info.namespace, info.name));
        part.check?.(object);
        return { type: 'object', code: 200, object: part.get(object) };
      }
      if (info.verb === 'update') return putView(serving, call, registry, part);
      if (info.verb === 'patch') return patchView(serving, call, registry, part);
      throw notAllowed();
    case 'action':
      if (info.verb === 'create') return act(serving, call, registry, part);
      throw notAllowed();
  }
}

async function putView(serving: Serving, call: Call, registry: Registry, part: View): Promise<Answer> {
  const context = writeContext(call, call.info.namespace, 'UpdateOptions');
  const view = await decodeObject(call, part.kind, context);
  settleNamespace(view, context.namespace, registry.definition.namespaced);
  checkName(view, call.info.name);
  return writeView(serving, call, registry, part, context, () => view);
}

/** Writes an object so that its view looks as `change` makes it. Shared by PUT and PATCH. */
export async function writeView(
  serving: Serving,
  call: Call,
  registry: Registry,
  part: View,
  context: RequestContext,
  change: (view: KubeObject) => KubeObject | Promise<KubeObject>,
): Promise<Answer> {
  const { info } = call;
  const admit = new Admit(serving, context, registry, info.subresource, info.name);
  const { entry } = await registry.update(context, {
    namespace: context.namespace,
    name: info.name,
    async change(current) {
      const old = part.get(current!);
      const view = await change(cloneJson(old));
      const revision = view.metadata?.resourceVersion;
      if (revision && revision !== '0' && revision !== current!.metadata!.resourceVersion)
        throw conflict(registry.subject, info.name, 'the object has been modified; please apply your changes to the latest version and try again');
      await admit.mutate('UPDATE', view, old);
      const errors = part.validate(view);
      if (errors.length) throw invalid({ group: part.kind.group, kind: part.kind.kind }, info.name, errors);
      (await admit.validate('UPDATE', view, old))?.();
      const object = cloneJson(current!);
      part.apply(object, view);
      await manageFieldsOnUpdate(registry, context, current, object, info.subresource);
      forgetTimes(object, info.subresource);
      return object;
    },
  });
  return { type: 'object', code: 200, object: part.get(objectOf(entry)) };
}

/** Of who wrote a view upstream keeps no time (managedfields/scalehandler.go, ToParent). */
export function forgetTimes(object: KubeObject, subresource: string): void {
  for (const entry of object.metadata?.managedFields ?? []) if (entry.subresource === subresource) delete entry.time;
}

/** An action on the object that the body names, for kinds that are nothing but that. */
export async function actOnNamed(serving: Serving, call: Call, { resource, subresource }: NonNullable<Strategy['actsOn']>): Promise<Answer> {
  const registry = serving.resources.find(resource.group, resource.version, resource.resource);
  const part = registry?.strategy.subresources?.[subresource];
  if (!registry || part?.type !== 'action') throw notServed();
  return act(serving, call, registry, part, subresource);
}

/** `info.name` is the object's; where the path has none, the body has it. */
async function act(serving: Serving, call: Call, registry: Registry, part: Action, subresource = call.info.subresource): Promise<Answer> {
  const { info } = call;
  const context = writeContext(call, info.namespace, 'CreateOptions');
  const body = await decodeObject(call, part.kind, context);
  settleNamespace(body, context.namespace, registry.definition.namespaced);
  const name = info.name || (body.metadata?.name ?? '');
  if (!name) throw badRequest('name must be provided');
  const admit = new Admit(serving, context, registry, subresource, name);
  // Who is in this process does not look at it.
  if (call.wire) updateManagedFields(undefined, body, actionWrite(part.kind, context, subresource));
  await admit.mutate('CREATE', body, undefined);
  (await admit.validate('CREATE', body, undefined))?.();
  const { code, body: answer } = await part.post(context, name, body, actionsOf(serving, registry, context, name));
  return { type: 'object', code, object: answer };
}

/** A copy down to the members of metadata, spec and status: most of an object is the same before and after an action. */
function withOwnParts(object: KubeObject): KubeObject {
  const copy = { ...object } as Record<string, unknown>;
  for (const name in copy) {
    const part = copy[name];
    if (typeof part === 'object' && part !== null && !Array.isArray(part)) copy[name] = { ...part };
  }
  return copy;
}

function actionsOf(serving: Serving, registry: Registry, context: RequestContext, name: string): Actions<KubeObject> {
  return {
    objects: serving.objects,
    get: async () => objectOf(await registry.get(context.namespace, name)),
    update: async (change) => objectOf(await registry.modify(context, name, change, withOwnParts)),
    async updateOther<O extends KubeObject>({ group, version, resource }: GroupVersionResource, other: string, change: (object: O) => void) {
      const kind = serving.resources.find(group, version, resource);
      if (!kind) throw notServed();
      return objectOf(await kind.modify(context, other, (object) => change(object as O))) as O;
    },
    async delete(options) {
      const deletion = options.dryRun?.length ? { ...context, dryRun: true } : context;
      const admit = new Admit(serving, deletion, registry, '', name);
      const { entry } = await deleteObject(registry, deletion, name, options, (object) => admit.both('DELETE', undefined, object));
      return objectOf(entry);
    },
  };
}
