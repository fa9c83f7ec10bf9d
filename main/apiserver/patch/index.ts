/**
 * What PATCH does to an object, and who owns its fields afterwards. All of it is pure: no argument is changed but the
 * `object` of `updateManagedFields`, results are the caller's own.
 *
 * A patch request of a type, in order: `applyJsonPatch`, `applyMergePatch` or `applyStrategicMergePatch` on the stored
 * object in the request's version; decoding checks and defaults; then `updateManagedFields(live, object, write)`. An
 * apply request: `serverSideApply(live, applied, write)`; defaults; nothing more. POST and PUT: `updateManagedFields`
 * after defaults and before admission.
 */
export { applyJsonPatch, carryOutAll, OperationError } from './jsonPatch.ts';
export { applyMergePatch } from './mergePatch.ts';
export { goValue } from './goText.ts';
export { applyStrategicMergePatch } from './strategicMergePatch.ts';
export { updateManagedFields, type FieldWrite } from './ownership.ts';
export { applyConfiguration, serverSideApply, type ApplyWrite } from './apply.ts';
export { anySchema, patchSchemaOf, type PatchField, type PatchSchema } from './schema.ts';
