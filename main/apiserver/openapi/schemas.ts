import type { Json } from '../../api/json.ts';
import type { GroupVersionKind } from '../../api/meta.ts';
import { schemaById, type Descriptions, type FieldSchema, type FieldType, type ObjectSchema, type Special } from '../../api/schema.ts';

export type JsonObject = { [key: string]: Json };

/** OpenAPI's name of a kind's definition. */
const metaPrefix = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const apiextensionsPrefix = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';
export const patchDefinition = `${metaPrefix}.Patch`;

interface SpecialDefinition {
  name: string;
  schema: JsonObject;
  /** Not a structure in Go: its zero value is no empty object. */
  zero?: Json;
}

const specials: Record<Special, SpecialDefinition> = {
  Quantity: { name: 'io.k8s.apimachinery.pkg.api.resource.Quantity', schema: { oneOf: [{ type: 'string' }, { type: 'number' }] } },
  IntOrString: {
    name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    schema: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
  Time: { name: `${metaPrefix}.Time`, schema: { type: 'string', format: 'date-time' } },
  MicroTime: { name: `${metaPrefix}.MicroTime`, schema: { type: 'string', format: 'date-time' } },
  RawExtension: { name: 'io.k8s.apimachinery.pkg.runtime.RawExtension', schema: { type: 'object' } },
  FieldsV1: { name: `${metaPrefix}.FieldsV1`, schema: { type: 'object' } },
  JSON: { name: `${apiextensionsPrefix}.JSON`, schema: {} },
  JSONSchemaPropsOrArray: { name: `${apiextensionsPrefix}.JSONSchemaPropsOrArray`, schema: {} },
  JSONSchemaPropsOrBool: { name: `${apiextensionsPrefix}.JSONSchemaPropsOrBool`, schema: {} },
  JSONSchemaPropsOrStringArray: { name: `${apiextensionsPrefix}.JSONSchemaPropsOrStringArray`, schema: {} },
};

/** Kinds of meta/v1 that belong to every group and version. */
const everywhere = new Set(['DeleteOptions', 'WatchEvent']);

/**
 * Collects the definitions that documents refer to, as OpenAPI v3 writes them. Mirrors what
 * k8s.io/kube-openapi/pkg/generators makes of the Go types.
 */
export class Definitions {
  readonly found = new Map<string, JsonObject>();

  constructor(
    private readonly descriptions: Descriptions,
    /** The groups and versions that the document is about. */
    private readonly versions: readonly { group: string; version: string }[],
  ) {}

  /** Adds a type and all that it refers to. */
  add(schema: ObjectSchema): void {
    if (this.found.has(schema.definition)) return;
    const definition: JsonObject = {};
    this.found.set(schema.definition, definition);
    const [description, texts] = this.descriptions[schema.id] ?? ['', {}];
    if (description) definition['description'] = description;
    const properties: JsonObject = {};
    const required: string[] = [];
    for (const field of schema.fields.values()) {
      properties[field.name] = this.#property(field, texts[field.name]);
      if (field.required) required.push(field.name);
    }
    if (schema.fields.size) definition['properties'] = properties;
    if (required.length) definition['required'] = required;
    definition['type'] = 'object';
    const kinds = this.#kinds(schema);
    if (kinds.length) definition['x-kubernetes-group-version-kind'] = kinds.map(({ group, version, kind }) => ({ group, kind, version }));
    if (schema.atomic) definition['x-kubernetes-map-type'] = 'atomic';
    if (schema.union) definition['x-kubernetes-unions'] = [unionOf(schema)];
  }

  addPatch(): void {
    this.found.set(patchDefinition, { ...this.#special('Patch'), type: 'object' });
  }

  #special(name: string): JsonObject {
    const [description] = this.descriptions[`special.${name}`] ?? [];
    return description ? { description } : {};
  }

  #kinds(schema: ObjectSchema): GroupVersionKind[] {
    if (schema.id.startsWith('meta/v1.')) {
      if (everywhere.has(schema.name)) {
        const core = { group: '', version: 'v1' };
        const others = this.versions.filter(({ group }) => group !== '');
        return [core, ...others].map(({ group, version }) => ({ group, version, kind: schema.name }));
      }
      return schema.gvk ? [{ group: '', version: 'v1', kind: schema.name }] : [];
    }
    return schema.gvk ? [schema.gvk] : [];
  }

  #property(field: FieldSchema, description: string | undefined): Json {
    const { type } = field;
    const extras: JsonObject = {};
    if (description) extras['description'] = description;
    const zero = field.default ?? zeroDefault(field);
    if (zero !== undefined) extras['default'] = zero;
    if (field.listMapKeys) extras['x-kubernetes-list-map-keys'] = [...field.listMapKeys];
    if (field.listType) extras['x-kubernetes-list-type'] = field.listType;
    if (field.mapType) extras['x-kubernetes-map-type'] = field.mapType;
    if (field.patchMergeKey) extras['x-kubernetes-patch-merge-key'] = field.patchMergeKey;
    if (field.patchStrategy.length) extras['x-kubernetes-patch-strategy'] = field.patchStrategy.join(',');
    const schema = this.#type(type);
    // A reference may have no neighbours.
    if (!('$ref' in schema)) return { ...schema, ...extras };
    return Object.keys(extras).length ? { allOf: [schema], ...extras } : schema;
  }

  #type(type: FieldType): JsonObject {
    switch (type.kind) {
      case 'scalar':
        return scalarSchema(type);
      case 'list':
        return { items: this.#type(type.element), type: 'array' };
      case 'map':
        return { additionalProperties: this.#type(type.element), type: 'object' };
      case 'object':
        this.add(type.schema);
        return { $ref: `#/components/schemas/${type.schema.definition}` };
      case 'special': {
        const { name, schema } = specials[type.special];
        if (!this.found.has(name)) {
          this.found.set(name, { ...this.#special(type.special), ...schema });
          if (type.special.startsWith('JSONSchemaProps')) this.add(schemaById('apiextensions/v1.JSONSchemaProps')!);
        }
        return { $ref: `#/components/schemas/${name}` };
      }
    }
  }
}

function scalarSchema({ scalar, enum: values }: FieldType & { kind: 'scalar' }): JsonObject {
  switch (scalar) {
    case 'string':
      return { type: 'string', ...(values ? { enum: [...values] } : {}) };
    case 'bool':
      return { type: 'boolean' };
    case 'int32':
    case 'int64':
      return { type: 'integer', format: scalar };
    case 'float64':
      return { type: 'number', format: 'double' };
    case 'bytes':
      return { type: 'string', format: 'byte' };
    case 'any':
      return { type: 'object' };
  }
}

const zeroOf = (scalar: string): Json => (scalar === 'string' ? '' : scalar === 'bool' ? false : 0);

/** What Go writes where nothing was set. */
function zeroDefault({ type, pointer, omitEmpty, omitZero }: FieldSchema): Json | undefined {
  if (pointer || omitZero) return undefined;
  if (type.kind === 'object') return {};
  if (type.kind !== 'scalar' || omitEmpty || type.scalar === 'bytes' || type.scalar === 'any') return undefined;
  return zeroOf(type.scalar);
}

function unionOf(schema: ObjectSchema): JsonObject {
  const fields = [...schema.fields.values()];
  const discriminator = fields.find((field) => field.discriminator)?.name;
  const members = fields.filter((field) => field.name !== discriminator).map(({ name }) => [name, name[0]!.toUpperCase() + name.slice(1)]);
  return { ...(discriminator ? { discriminator } : {}), 'fields-to-discriminateBy': Object.fromEntries(members.sort()) as JsonObject };
}
