import { decodeWith } from '../../../api/decode.ts';
import type { FieldSchema, FieldType, ObjectSchema } from '../../../api/schema.ts';
import { parseYamlWithDuplicates } from '../../../api/yaml.ts';
import { goQuote } from '../../../util/goQuote.ts';
import type { FieldErrors } from '../../validation/field.ts';

// Files that only this server reads, by types that are in no API. Mirrors k8s.io/apimachinery/pkg/runtime/serializer/json with strict decoding.

export const text: FieldType = { kind: 'scalar', scalar: 'string', goType: 'string' };
export const any: FieldType = { kind: 'scalar', scalar: 'any', goType: 'interface {}' };
export const listOf = (element: FieldType): FieldType => ({ kind: 'list', element, goType: `[]${element.goType}` });
export const objectOf = (schema: ObjectSchema): FieldType => ({ kind: 'object', schema, goType: `v1.${schema.name}` });

/** A structure by its members; absent ones stay absent. */
export function structure(name: string, members: Record<string, FieldType>): ObjectSchema {
  const fields = Object.entries(members).map(([field, type]): FieldSchema => ({ name: field, type, number: 0, pointer: true, omitEmpty: true, omitZero: false, required: false, patchStrategy: [] }));
  return { id: name, name, definition: name, fields: new Map(fields.map((field) => [field.name, field])), own: fields, atomic: false, union: false };
}

/** A kind of file. */
export interface FileKind {
  /** `apiVersion kind` of all under which it may go. */
  names: readonly string[];
  schema: ObjectSchema;
  /** Where upstream keeps the register of these kinds, which its messages name. */
  scheme: string;
}

/** A kind's structure with what every file carries. */
export const fileKind = (names: readonly string[], scheme: string, name: string, members: Record<string, FieldType>): FileKind => ({
  names,
  scheme,
  schema: structure(name, { kind: text, apiVersion: text, ...members }),
});

/** Reads YAML or JSON. Throws an Error in upstream's words where it is another kind, or has members that the kind has not. */
export function readFileOf(kind: FileKind, content: string): Record<string, unknown> {
  const { value, duplicates } = parseYamlWithDuplicates(content);
  const { kind: name, apiVersion } = (typeof value === 'object' && value ? value : {}) as { kind?: unknown; apiVersion?: unknown };
  if (!name) throw new Error(`Object 'Kind' is missing in '${content}'`);
  if (!apiVersion) throw new Error(`Object 'apiVersion' is missing in '${content}'`);
  if (!kind.names.includes(`${String(apiVersion)} ${String(name)}`))
    throw new Error(`no kind ${goQuote(String(name))} is registered for version ${goQuote(String(apiVersion))} in scheme ${goQuote(kind.scheme)}`);
  const { object, complaints } = decodeWith(kind.schema, value);
  const all = [...duplicates(), ...complaints];
  if (all.length > 0) throw new Error(`strict decoding error: ${all.join(', ')}`);
  return object;
}

/** Several messages as one. Mirrors k8s.io/apimachinery/pkg/util/errors (Aggregate). */
export function aggregate(messages: readonly string[]): string {
  const different = [...new Set(messages)];
  return different.length === 1 ? different[0]! : `[${different.join(', ')}]`;
}

/** All that was found. */
export const messageOf = (errors: FieldErrors): string => aggregate(errors.all.map(({ field, message }) => `${field}: ${message}`));
