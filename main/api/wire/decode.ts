import { toBase64 } from '../base64.ts';
import { DecodeError } from '../decodeError.ts';
import { nestedTooDeep } from '../jsonError.ts';
import type { EmbeddedSchema, FieldSchema, FieldType, ObjectSchema, Special } from '../schema.ts';
import { formatMicroTime, formatTime } from '../time.ts';
import { isEmbedded, jsonSchema } from './encode.ts';
import type { Reader } from './reader.ts';
import { WireType } from './writer.ts';

type Fields = Record<string, unknown>;

/** Reads what a RawExtension carries. */
export type Unnest = (bytes: Uint8Array) => unknown;

/** Schemas within schemas; nothing else nests as deep. */
const maxDepth = 500;

const numbers = new WeakMap<ObjectSchema, Map<number, FieldSchema | EmbeddedSchema>>();

function byNumber(schema: ObjectSchema): Map<number, FieldSchema | EmbeddedSchema> {
  let table = numbers.get(schema);
  if (!table) numbers.set(schema, (table = new Map(schema.own.map((member) => [member.number, member]))));
  return table;
}

/** Reads a message's members into `object`; what it does not know it passes over. */
export function readFields(reader: Reader, schema: ObjectSchema, object: Fields, unnest: Unnest, depth = 0): Fields {
  if (depth > maxDepth) throw new DecodeError('exceeded max depth');
  const members = byNumber(schema);
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    const member = members.get(number);
    if (!member) reader.skip(wireType);
    else if (isEmbedded(member)) {
      expect(wireType, WireType.bytes, schema.name);
      readFields(reader.message(), member.schema, object, unnest, depth + 1);
    } else readMember(reader, wireType, member, schema, object, unnest, depth);
  }
  return object;
}

function expect(found: number, wanted: number, where: string): void {
  if (found !== wanted) throw new DecodeError(`proto: wrong wireType = ${found} for field ${where}`);
}

function readMember(
  reader: Reader,
  wireType: number,
  { name, type }: FieldSchema,
  schema: ObjectSchema,
  object: Fields,
  unnest: Unnest,
  depth: number,
): void {
  const read = (from: Reader, of: FieldType, wire: number) => {
    expect(wire, wireTypeOf(of), `${schema.name}.${name}`);
    return readValue(from, of, unnest, depth);
  };
  if (type.kind === 'list' && !type.message) {
    const list = (object[name] ??= []) as unknown[];
    list.push(read(reader, type.element, wireType));
  } else if (type.kind === 'map') {
    expect(wireType, WireType.bytes, `${schema.name}.${name}`);
    const map = (object[name] ??= {}) as Fields;
    const entry = reader.message();
    let key = '';
    let value: unknown;
    while (!entry.done) {
      const { number, wireType: wire } = entry.tag();
      if (number === 1) key = entry.string();
      else if (number === 2) value = read(entry, type.element, wire);
      else entry.skip(wire);
    }
    Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
  } else {
    const value = read(reader, type, wireType);
    if (value !== undefined) object[name] = value;
  }
}

function wireTypeOf(type: FieldType): WireType {
  if (type.kind !== 'scalar') return WireType.bytes;
  switch (type.scalar) {
    case 'string':
    case 'bytes':
    case 'any':
      return WireType.bytes;
    case 'float64':
      return WireType.fixed64;
    default:
      return WireType.varint;
  }
}

function readValue(reader: Reader, type: FieldType, unnest: Unnest, depth: number): unknown {
  switch (type.kind) {
    case 'scalar':
      switch (type.scalar) {
        case 'string':
          return reader.string();
        case 'bytes':
        case 'any':
          return toBase64(reader.bytes());
        case 'float64':
          return reader.double();
        case 'bool':
          return reader.varint() !== 0;
        case 'int32':
          return reader.varint() | 0;
        default:
          return reader.varint();
      }
    case 'object':
      return readFields(reader.message(), type.schema, {}, unnest, depth + 1);
    case 'special':
      return readSpecial(reader.message(), type.special, unnest, depth + 1);
    case 'list': {
      const list: unknown[] = [];
      const message = reader.message();
      while (!message.done) {
        const { number, wireType } = message.tag();
        if (number === 1) list.push(readValue(message, type.element, unnest, depth + 1));
        else message.skip(wireType);
      }
      return list;
    }
    case 'map':
      throw new DecodeError('proto: a map within a map');
  }
}

function readSpecial(reader: Reader, special: Special, unnest: Unnest, depth: number): unknown {
  const found = new Map<number, unknown>();
  const all: unknown[] = [];
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (wireType === WireType.varint) found.set(number, reader.varint());
    else if (wireType !== WireType.bytes) reader.skip(wireType);
    else if (special === 'Quantity' || special === 'IntOrString') found.set(number, reader.string());
    else if (special === 'RawExtension') found.set(number, unnest(reader.bytes()));
    else if (special === 'JSONSchemaPropsOrStringArray' && number === 2) all.push(reader.string());
    else if (special.startsWith('JSONSchemaPropsOr')) {
      const value = readValue(reader, jsonSchema(), unnest, depth);
      found.set(number, value);
      all.push(value);
    } else found.set(number, parseJson(reader.bytes()));
  }
  switch (special) {
    case 'Quantity':
      return found.get(1) || '0';
    case 'IntOrString':
      return found.get(1) ? (found.get(3) ?? '') : Number(found.get(2) ?? 0) | 0;
    case 'Time':
      return found.size ? formatTime({ seconds: Number(found.get(1) ?? 0), micros: 0 }) : undefined;
    case 'MicroTime':
      return found.size ? formatMicroTime({ seconds: Number(found.get(1) ?? 0), micros: Math.trunc(Number(found.get(2) ?? 0) / 1000) }) : undefined;
    case 'JSONSchemaPropsOrBool':
      return found.get(2) ?? Boolean(found.get(1));
    case 'JSONSchemaPropsOrArray':
    case 'JSONSchemaPropsOrStringArray':
      return found.get(1) ?? (all.length ? all : undefined);
    default:
      return found.get(1);
  }
}

const decoder = new TextDecoder();

export function parseJson(bytes: Uint8Array): unknown {
  const text = decoder.decode(bytes);
  if (nestedTooDeep(text)) throw new DecodeError('exceeded max depth');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new DecodeError((error as Error).message);
  }
}
