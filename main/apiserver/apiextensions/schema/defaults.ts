import { cloneJson } from '../../../api/json.ts';
import { isJsonObject, memberOf, type JsonSchema } from './types.ts';

/**
 * Fills in the defaults of a structural schema, in place. A null that is not allowed counts as absent; one without a
 * default goes away. Mirrors k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting (algorithm.go, prunenulls.go).
 */
export function applyDefaults(value: unknown, schema: JsonSchema | undefined): void {
  dropNulls(value, schema);
  fillIn(value, schema);
}

const isStrayNull = (value: unknown, schema: JsonSchema | undefined): boolean => value === null && schema !== undefined && schema.nullable !== true;

function dropNulls(value: unknown, schema: JsonSchema | undefined): void {
  if (Array.isArray(value)) return value.forEach((item) => dropNulls(item, schema?.items));
  if (!isJsonObject(value)) return;
  for (const name of Object.keys(value)) {
    const member = memberOf(schema, name);
    if (isStrayNull(value[name], member) && member!.default === undefined) delete value[name];
    else dropNulls(value[name], member);
  }
}

function fillIn(value: unknown, schema: JsonSchema | undefined): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (isStrayNull(value[i], schema.items) && schema.items!.default !== undefined) value[i] = cloneJson(schema.items!.default);
      fillIn(value[i], schema.items);
    }
    return;
  }
  if (!isJsonObject(value)) return;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined) continue;
    if (value[name] === undefined || isStrayNull(value[name], property)) value[name] = cloneJson(property.default);
  }
  for (const name of Object.keys(value)) {
    const member = memberOf(schema, name);
    if (isStrayNull(value[name], member) && member!.default !== undefined) value[name] = cloneJson(member!.default);
    fillIn(value[name], member);
  }
}
