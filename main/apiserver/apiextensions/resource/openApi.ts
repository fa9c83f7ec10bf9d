import type { GroupVersionKind } from '../../../api/meta.ts';
import type { JsonObject } from '../../openapi/schemas.ts';
import type { JsonSchema } from '../schema/types.ts';

const metaPrefix = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const reference = (name: string): JsonObject => ({ $ref: `#/components/schemas/${metaPrefix}.${name}` });
const metadata: JsonObject = {
  allOf: [reference('ObjectMeta')],
  description: "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
};
const listMetadata: JsonObject = {
  allOf: [reference('ListMeta')],
  description: 'Standard list metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds',
};
const apiVersion: JsonObject = {
  type: 'string',
  description:
    'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources',
};
const kind: JsonObject = {
  type: 'string',
  description:
    'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds',
};

/** What a custom resource publishes of itself, by OpenAPI's version. Mirrors apiextensions' pkg/controller/openapi/builder. */
export interface PublishedSchemas {
  v3: JsonObject;
  v2: JsonObject;
  list: JsonObject;
}

export interface Published extends GroupVersionKind {
  listKind: string;
  plural: string;
  /** The definition's own name, which lists refer to. */
  definition: string;
  selectableFields: readonly string[];
}

export function publishedSchemas(schema: JsonSchema | undefined, of: Published): PublishedSchemas {
  const { group, version } = of;
  const extensions: JsonObject = {
    'x-kubernetes-group-version-kind': [{ group, kind: of.kind, version }],
    ...(of.selectableFields.length ? { 'x-kubernetes-selectable-fields': of.selectableFields.map((fieldPath) => ({ fieldPath })) } : {}),
  };
  const opaque: JsonObject = { type: 'object', ...extensions };
  const list: JsonObject = {
    description: `${of.listKind} is a list of ${of.kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion,
      items: {
        description: `List of ${of.plural}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
        type: 'array',
        items: { $ref: `#/components/schemas/${of.definition}` },
      },
      kind,
      metadata: listMetadata,
    },
    'x-kubernetes-group-version-kind': [{ group, kind: of.listKind, version }],
  };
  if (!schema) return { v3: opaque, v2: opaque, list };
  const published = (version2: boolean): JsonObject => {
    const written = (version2 ? simplified(schema) : schema) as JsonSchema;
    const whole = withEmbedded(written, version2);
    return { ...whole, properties: { ...(whole['properties'] as JsonObject | undefined), apiVersion, kind, metadata }, ...extensions };
  };
  return { v3: published(false), v2: schema['x-kubernetes-preserve-unknown-fields'] ? opaque : published(true), list };
}

/** Embedded resources have the members that every resource has. */
function withEmbedded(schema: JsonSchema, version2: boolean): JsonObject {
  const written: Record<string, unknown> = { ...schema };
  if (schema.properties) written.properties = Object.fromEntries(Object.entries(schema.properties).map(([name, property]) => [name, withEmbedded(property, version2)]));
  if (schema.items) written.items = withEmbedded(schema.items, version2);
  if (typeof schema.additionalProperties === 'object') written.additionalProperties = withEmbedded(schema.additionalProperties, version2);
  if (!schema['x-kubernetes-embedded-resource'] || (version2 && schema['x-kubernetes-preserve-unknown-fields'])) return written as JsonObject;
  written.properties = {
    ...(written.properties as object | undefined),
    apiVersion: { ...apiVersion, description: 'apiVersion defines the versioned schema of this representation of an object. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources' },
    kind: { ...kind, description: 'kind is a string value representing the type of this object. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds' },
    metadata,
  };
  written.required = [...new Set([...(schema.required ?? []), 'kind', 'apiVersion'])];
  return written as JsonObject;
}

/** A schema as OpenAPI v2, and kubectl with it, can take it. Mirrors pkg/controller/openapi/v2/conversion.go. */
function simplified(schema: JsonSchema): JsonSchema {
  const { allOf: _allOf, anyOf: _anyOf, oneOf: _oneOf, not: _not, nullable, default: _default, ...kept } = schema;
  const written: { -readonly [K in keyof JsonSchema]: JsonSchema[K] } & { [key: string]: unknown } = { ...kept };
  const preserves = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (nullable) delete written.type;
  if (nullable || preserves) {
    delete written.items;
    delete written.properties;
  }
  if (written.type === 'array' && !written.items) delete written.type;
  if (preserves && written.type === 'object') delete written.type;
  const required = schema.required?.filter((name) => !schema.properties?.[name]?.nullable);
  if (required?.length) written.required = required;
  else delete written.required;
  if (typeof schema.additionalProperties === 'object') {
    if (schema.additionalProperties.nullable) delete written.required;
    written.additionalProperties = simplified(schema.additionalProperties);
  }
  if (written.items) written.items = simplified(written.items);
  if (written.properties) written.properties = Object.fromEntries(Object.entries(written.properties).map(([name, property]) => [name, simplified(property)]));
  return written as JsonSchema;
}

