import { isJsonObject, memberOf, takesMore, type JsonSchema } from './types.ts';

const metaFields = new Set(['apiVersion', 'kind', 'metadata']);

/**
 * Takes away what a structural schema does not know, in place; returns the paths of what was taken, sorted:
 * `spec.ports[0].foo`. Mirrors k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning.
 */
export function prune(value: unknown, schema: JsonSchema | undefined, isResource: boolean): string[] {
  const unknown: string[] = [];
  const root = isResource ? { ...schema, 'x-kubernetes-embedded-resource': true } : schema;
  visit(value, root, '', unknown);
  return unknown.sort();
}

const child = (path: string, name: string) => (path ? `${path}.${name}` : name);

function visit(value: unknown, schema: JsonSchema | undefined, path: string, unknown: string[]): void {
  if (schema?.['x-kubernetes-preserve-unknown-fields']) return preserve(value, schema, path, unknown);
  if (Array.isArray(value)) return value.forEach((item, i) => visit(item, schema?.items, `${path}[${i}]`, unknown));
  if (!isJsonObject(value)) return;
  for (const name of Object.keys(value)) {
    if (schema && isMeta(schema, name)) continue;
    const known = schema && (takesMore(schema) || hasProperty(schema, name));
    if (known) visit(value[name], memberOf(schema, name), child(path, name), unknown);
    else {
      if (!metaFields.has(name) || path) unknown.push(child(path, name));
      delete value[name];
    }
  }
}

/** What is unknown stays; what is known may hold what prunes again. */
function preserve(value: unknown, schema: JsonSchema | undefined, path: string, unknown: string[]): void {
  if (!schema) return;
  if (Array.isArray(value)) return value.forEach((item, i) => preserve(item, schema.items, `${path}[${i}]`, unknown));
  if (!isJsonObject(value)) return;
  for (const name of Object.keys(value)) {
    if (isMeta(schema, name)) continue;
    if (hasProperty(schema, name) || takesMore(schema)) visit(value[name], memberOf(schema, name) ?? { 'x-kubernetes-preserve-unknown-fields': true }, child(path, name), unknown);
  }
}

const isMeta = (schema: JsonSchema, name: string) => schema['x-kubernetes-embedded-resource'] === true && metaFields.has(name);
export const hasProperty = (schema: JsonSchema, name: string): boolean => schema.properties !== undefined && Object.hasOwn(schema.properties, name);

