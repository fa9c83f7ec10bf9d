import type { KubeObject } from '../../api/meta.ts';
import { equalJson } from '../../api/json.ts';
import { unownedMeta, unownedRoot } from './compare.ts';
import type { FieldSet } from './fieldSet.ts';
import type { FieldWrite } from './ownership.ts';
import type { PatchSchema } from './schema.ts';
import { hasShape, shapeOf, type Shape } from './shape.ts';

/** The object that a manager created last of a kind. */
interface Creation {
  shape: Shape;
  resetFields: FieldWrite['resetFields'];
  fields: FieldSet;
}

/** By the manager's name. */
const creations = new WeakMap<PatchSchema, Map<string, Creation>>();
/** Names are the clients' own; beyond so many, one kind's are forgotten. */
const maxManagers = 16;
const unowned = { root: unownedRoot, metadata: unownedMeta };

/**
 * The fields of an object that is new, in order: those that `find` finds out, where the last one that this manager made of
 * the kind had another shape. Sets are shared between objects.
 */
export function fieldsOfNew(object: KubeObject, { manager, schema, resetFields }: FieldWrite, find: () => FieldSet): FieldSet {
  let managers = creations.get(schema);
  const last = managers?.get(manager);
  if (last && hasShape(object, last.shape, unowned) && equalJson(last.resetFields, resetFields)) return last.fields;
  const fields = find();
  const shape = shapeOf(object, schema, unowned);
  if (!shape) return fields;
  if (!managers) creations.set(schema, (managers = new Map()));
  if (!last && managers.size >= maxManagers) managers.clear();
  managers.set(manager, { shape, resetFields, fields });
  return fields;
}
