import { schemaById } from '../../../api/schema.ts';
import { anySchema, patchSchemaOf, type PatchField, type PatchSchema } from '../../patch/index.ts';
import type { Json } from '../../../api/json.ts';
import type { JsonSchema } from '../schema/types.ts';

const scalar = (kind: PatchSchema['scalar'], name: string): PatchSchema => ({ kind: 'scalar', name, atomic: true, scalar: kind });
const text = scalar('string', 'string');
const metadata = () => patchSchemaOf(schemaById('meta/v1.ObjectMeta'));

/**
 * What server-side apply knows of a custom resource: who owns what by the lists and maps of its schema. Mirrors what
 * k8s.io/apimachinery/pkg/util/managedfields makes of a CRD's OpenAPI schema.
 */
export function patchSchemaOfResource(schema: JsonSchema | undefined): PatchSchema {
  if (!schema) return anySchema;
  return resource(schema, 'Resource');
}

function resource(schema: JsonSchema, name: string): PatchSchema {
  const inner = typeOf({ ...schema, type: 'object' }, name);
  const fields = new Map(inner.fields ?? []);
  fields.set('apiVersion', field(text));
  fields.set('kind', field(text));
  fields.set('metadata', field(metadata()));
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true || !inner.fields;
  return { ...inner, kind: open ? 'map' : 'struct', name, fields, ...(open ? { element: inner.element ?? anySchema } : {}) };
}

const field = (schema: PatchSchema, byDefault?: Json): PatchField => ({ schema, strategies: [], ...(byDefault === undefined ? {} : { default: byDefault }) });

function typeOf(schema: JsonSchema, name: string): PatchSchema {
  if (schema['x-kubernetes-int-or-string']) return scalar('any', 'IntOrString');
  switch (schema.type) {
    case 'object': {
      if (schema['x-kubernetes-embedded-resource'] && name !== 'Resource') return resource({ ...schema, 'x-kubernetes-embedded-resource': undefined }, name);
      const atomic = schema['x-kubernetes-map-type'] === 'atomic';
      const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
      if (schema.properties) {
        const fields = new Map(Object.entries(schema.properties).map(([property, of]) => [property, field(typeOf(of, property), of.default as Json | undefined)]));
        return { kind: open ? 'map' : 'struct', name, atomic, fields, ...(open ? { element: anySchema } : {}) };
      }
      if (typeof schema.additionalProperties === 'object') return { kind: 'map', name, atomic, element: typeOf(schema.additionalProperties, name) };
      return atomic ? { kind: 'map', name, atomic, element: anySchema } : anySchema;
    }
    case 'array': {
      const listType = schema['x-kubernetes-list-type'];
      const keys = listType === 'map' ? schema['x-kubernetes-list-map-keys'] : undefined;
      return { kind: 'list', name, atomic: listType !== 'set' && listType !== 'map', element: schema.items ? typeOf(schema.items, name) : anySchema, ...(keys ? { keys } : {}) };
    }
    case 'string':
      return text;
    case 'boolean':
      return scalar('boolean', 'bool');
    case 'integer':
    case 'number':
      return scalar('numeric', schema.type);
    default:
      return anySchema;
  }
}
