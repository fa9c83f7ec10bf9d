import { fromBase64 } from '../base64.ts';
import { schemaById, type EmbeddedSchema, type FieldSchema, type FieldType, type ObjectSchema, type Special } from '../schema.ts';
import { parseApiTime } from '../time.ts';
import type { Writer } from './writer.ts';
import { WireType } from './writer.ts';

type Fields = Record<string, unknown>;

const encoder = new TextEncoder();

/** How a RawExtension's object is put on the wire: as JSON, or, in events of a watch, as protobuf of its own. */
export type Nest = (object: unknown) => Uint8Array;

export const nestJson: Nest = (object) => encoder.encode(JSON.stringify(object));

/**
 * Writes an object's members, the last first. Like Go, it writes what is not a pointer even when it is zero, and maps in
 * the order of their keys, so that equal objects are equal bytes.
 */
export function writeFields(writer: Writer, schema: ObjectSchema, object: Fields, nest: Nest): void {
  for (let i = schema.own.length - 1; i >= 0; i--) {
    const member = schema.own[i]!;
    if (member.number === 0) continue;
    if (isEmbedded(member)) {
      const before = writer.length;
      writeFields(writer, member.schema, object, nest);
      writer.varint(writer.length - before);
      writer.tag(member.number, WireType.bytes);
    } else writeMember(writer, member, object[member.name], nest);
  }
}

export const isEmbedded = (member: FieldSchema | EmbeddedSchema): member is EmbeddedSchema => 'schema' in member;

function writeMember(writer: Writer, { type, number, pointer }: FieldSchema, value: unknown, nest: Nest): void {
  const absent = value === undefined || value === null;
  if (type.kind === 'list' && !type.message) {
    if (!absent) for (let i = (value as unknown[]).length - 1; i >= 0; i--) writeTagged(writer, number, type.element, (value as unknown[])[i], nest);
  } else if (type.kind === 'map') {
    if (absent) return;
    for (const key of Object.keys(value as Fields).sort().reverse()) {
      const before = writer.length;
      writeTagged(writer, 2, type.element, (value as Fields)[key], nest);
      writeTagged(writer, 1, keyType, key, nest);
      writer.varint(writer.length - before);
      writer.tag(number, WireType.bytes);
    }
  } else if (!absent || !(pointer || isNilWhenAbsent(type))) writeTagged(writer, number, type, value, nest);
}

const keyType: FieldType = { kind: 'scalar', scalar: 'string', goType: 'string' };

const isNilWhenAbsent = (type: FieldType) => type.kind === 'list' || (type.kind === 'scalar' && (type.scalar === 'bytes' || type.scalar === 'any'));

/** One value behind its tag; absence is the zero value. */
function writeTagged(writer: Writer, number: number, type: FieldType, value: unknown, nest: Nest): void {
  if (type.kind === 'scalar') {
    switch (type.scalar) {
      case 'string':
        writer.string((value as string | undefined) ?? '');
        break;
      case 'bytes':
        writer.bytes(fromBase64((value as string | undefined) ?? ''));
        break;
      case 'float64':
        writer.double((value as number | undefined) ?? 0);
        writer.tag(number, WireType.fixed64);
        return;
      default:
        writer.varint(Number(value ?? 0));
        writer.tag(number, WireType.varint);
        return;
    }
    writer.tag(number, WireType.bytes);
    return;
  }
  const before = writer.length;
  if (type.kind === 'object') writeFields(writer, type.schema, (value as Fields | undefined) ?? {}, nest);
  else if (type.kind === 'list') {
    for (const element of [...(value as unknown[])].reverse()) writeTagged(writer, 1, type.element, element, nest);
  } else if (type.kind === 'special') writeSpecial(writer, type.special, value, nest);
  writer.varint(writer.length - before);
  writer.tag(number, WireType.bytes);
}

function writeSpecial(writer: Writer, special: Special, value: unknown, nest: Nest): void {
  const string = (number: number, text: string) => {
    writer.string(text);
    writer.tag(number, WireType.bytes);
  };
  const integer = (number: number, amount: number) => {
    writer.varint(amount);
    writer.tag(number, WireType.varint);
  };
  switch (special) {
    case 'Quantity':
      string(1, String(value ?? '0'));
      return;
    case 'IntOrString':
      string(3, typeof value === 'string' ? value : '');
      integer(2, typeof value === 'number' ? value : 0);
      integer(1, typeof value === 'string' ? 1 : 0);
      return;
    case 'Time':
    case 'MicroTime': {
      if (value === undefined || value === null) return;
      const { seconds, micros } = parseApiTime(value as string, special === 'Time' ? 'time' : 'microTime');
      integer(2, special === 'Time' ? 0 : micros * 1000);
      integer(1, seconds);
      return;
    }
    case 'RawExtension':
    case 'FieldsV1':
    case 'JSON':
      if (value === undefined) return;
      writer.bytes((special === 'RawExtension' ? nest : nestJson)(value));
      writer.tag(1, WireType.bytes);
      return;
    case 'JSONSchemaPropsOrBool':
      if (typeof value === 'object' && value !== null) writeTagged(writer, 2, jsonSchema(), value, nest);
      integer(1, value === false || value === undefined ? 0 : 1);
      return;
    case 'JSONSchemaPropsOrArray':
    case 'JSONSchemaPropsOrStringArray':
      if (Array.isArray(value)) {
        const element = special === 'JSONSchemaPropsOrArray' ? jsonSchema() : keyType;
        for (const item of [...value].reverse()) writeTagged(writer, 2, element, item, nest);
      } else if (value !== undefined) writeTagged(writer, 1, jsonSchema(), value, nest);
  }
}

export const jsonSchema = (): FieldType => ({ kind: 'object', schema: schemaById('apiextensions/v1.JSONSchemaProps')!, goType: 'v1.JSONSchemaProps' });
