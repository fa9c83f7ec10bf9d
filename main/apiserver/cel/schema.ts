import { celLimits } from './cost.ts';
import { escapeField, unescapeField } from './escape.ts';
import type { SizeEstimate } from './estimate.ts';
import { boolType, bytesType, doubleType, durationType, dynType, intType, listType, mapType, objectType, stringType, timestampType, type CelType } from './types.ts';

/** What expressions need to know of an OpenAPI v3 schema; JSONSchemaProps is one. */
export interface CelSchema {
  type?: string;
  format?: string;
  nullable?: boolean;
  properties?: Readonly<Record<string, CelSchema>>;
  additionalProperties?: CelSchema | boolean;
  items?: CelSchema;
  required?: readonly string[];
  enum?: readonly unknown[];
  default?: unknown;
  maxLength?: number;
  maxItems?: number;
  maxProperties?: number;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: readonly string[];
}

/** A schema as expressions see it. Sizes are upper bounds, by what fits into a request. */
export interface DeclaredType {
  type: CelType;
  maxElements: number;
  /** The fewest bytes that a value takes in JSON. */
  minSize: number;
  fields?: ReadonlyMap<string, DeclaredType>;
  element?: DeclaredType;
  key?: DeclaredType;
}

const maxRequest = celLimits.maxRequestBytes;
const string: CelSchema = { type: 'string' };
/** 64-bit numbers have no size of their own; upstream's largest int stands for unbounded. */
const scalar = (type: CelType, minSize: number): DeclaredType => ({ type, maxElements: 0, minSize });

/** The schema of a whole resource: it always has a kind and a name, whether written down or not. */
export function withTypeAndMetadata(schema: CelSchema): CelSchema {
  const { kind, apiVersion, metadata } = schema.properties ?? {};
  if (kind?.type === 'string' && apiVersion?.type === 'string' && metadata?.type === 'object' && metadata.properties) return schema;
  return { ...schema, properties: { ...schema.properties, kind: string, apiVersion: string, metadata: { type: 'object', properties: { name: string, generateName: string } } } };
}

/**
 * A structural schema as a type of CEL; undefined when expressions may not look into it. `isResource` is for the root of
 * a resource. Mirrors k8s.io/apiserver/pkg/cel/common (schemas.go).
 */
export function declaredType(schema: CelSchema, isResource: boolean, name = 'object'): DeclaredType | undefined {
  if (schema['x-kubernetes-int-or-string']) return { type: dynType, maxElements: schema.maxLength === undefined ? maxRequest - 2 : Math.max(0, schema.maxLength) * 4, minSize: 1 };
  const known = isResource ? withTypeAndMetadata(schema) : schema;
  switch (known.type) {
    case 'array': {
      const element = known.items && declaredType(known.items, known.items['x-kubernetes-embedded-resource'] === true, `${name}.@idx`);
      if (!element) return undefined;
      const most = known.maxItems === undefined ? Math.floor((maxRequest - 2) / (element.minSize + 1)) : Math.max(0, known.maxItems);
      return { type: listType(element.type), maxElements: most, minSize: 2, element };
    }
    case 'object':
      return declaredObject(known, name);
    case 'string':
      return declaredString(known);
    case 'boolean':
      return scalar(boolType, 4);
    case 'number':
      return scalar(doubleType, 1);
    case 'integer':
      return scalar(intType, 1);
    default:
      return undefined;
  }
}

function declaredObject(schema: CelSchema, name: string): DeclaredType | undefined {
  const { additionalProperties } = schema;
  if (typeof additionalProperties === 'object') {
    const element = declaredType(additionalProperties, additionalProperties['x-kubernetes-embedded-resource'] === true, `${name}.@elem`);
    if (!element) return undefined;
    const most = schema.maxProperties === undefined ? Math.floor((maxRequest - 2) / (element.minSize + 6)) : Math.max(0, schema.maxProperties);
    const key: DeclaredType = { type: stringType, maxElements: 0, minSize: 2 };
    return { type: mapType(stringType, element.type), maxElements: most, minSize: 2, element, key };
  }
  const fields = new Map<string, DeclaredType>();
  let minSize = 2;
  for (const [property, of] of Object.entries(schema.properties ?? {})) {
    const field = declaredType(of, of['x-kubernetes-embedded-resource'] === true, `${name}.${property}`);
    if (!field) continue;
    const escaped = escapeField(property);
    if (escaped !== undefined) fields.set(escaped, field);
    if (schema.required?.includes(property) && of.default === undefined) minSize += property.length + field.minSize + 4;
  }
  // CEL's own words may be written as they are, too.
  for (const [field, of] of [...fields]) if (field.length > 4 && unescapeField(field) === field.slice(2, -2)) fields.set(field.slice(2, -2), of);
  return { type: objectType(name, new Map([...fields].map(([field, { type }]) => [field, type]))), maxElements: 0, minSize, fields };
}

function declaredString(schema: CelSchema): DeclaredType {
  switch (schema.format) {
    case 'byte':
      return { type: bytesType, maxElements: schema.maxLength === undefined ? maxRequest - 2 : Math.max(0, schema.maxLength), minSize: 2 };
    case 'duration':
      return { type: durationType, maxElements: 32, minSize: 3 };
    case 'date':
      return { type: timestampType, maxElements: 12, minSize: 12 };
    case 'date-time':
      return { type: timestampType, maxElements: 32, minSize: 21 };
  }
  if (schema.maxLength !== undefined) return { type: stringType, maxElements: Math.max(0, schema.maxLength) * 4, minSize: 2 };
  if (!schema.enum?.length) return { type: stringType, maxElements: maxRequest - 2, minSize: 2 };
  return { type: stringType, maxElements: Math.max(0, ...schema.enum.map((value) => (typeof value === 'string' ? Buffer.byteLength(value) : 0))), minSize: 2 };
}

/** How large data of a declared type can be: for {@link Compiled.estimate}. The path's first step is the variable. */
export function sizesOf(root: DeclaredType): (path: readonly string[]) => SizeEstimate | undefined {
  return (path) => {
    let node: DeclaredType | undefined = root;
    for (const step of path.slice(1)) {
      if (step === '@items' || step === '@values') node = node.element;
      else if (step === '@keys') node = node.key;
      else node = node.fields?.get(step);
      if (!node) return undefined;
    }
    return { min: 0, max: node.maxElements };
  };
}

/** The most often that data of this type can be in one object: how many of the smallest fit into a request. */
export const maxCardinality = (declared: DeclaredType): number => Math.floor(maxRequest / (declared.minSize + 1));
