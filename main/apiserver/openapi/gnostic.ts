import { WireType, Writer } from '../../api/wire/writer.ts';
import type { Json } from '../../api/json.ts';
import type { JsonObject } from './schemas.ts';

/**
 * Writes an OpenAPI v2 document as `application/com.github.proto-openapi.spec.v2.v1.0+protobuf`, which is all that older
 * kubectl asks for. The numbers are those of github.com/google/gnostic-models/openapiv2/OpenAPIv2.proto.
 */
export function gnosticDocument(document: JsonObject): Uint8Array {
  const writer = new Writer();
  writeMessage(writer, messages.Document, document);
  return writer.finish();
}

type Message = readonly Member[];

/** How one member of a JSON object is written. */
interface Member {
  /** Absent: all members whose names no other entry has. */
  name?: string;
  number: number;
  as: 'string' | 'strings' | 'bool' | 'any' | 'anys' | Shape;
}

type Write = (writer: Writer, value: Json) => void;

/** Structures within. */
interface Shape {
  /** `one`, each of a `list`, or a `map` of names to values in a message of its own (additional_properties = 1). */
  many: 'one' | 'list' | 'map' | 'pairs';
  write: Write;
}

const one = (write: Write): Shape => ({ many: 'one', write });
const list = (write: Write): Shape => ({ many: 'list', write });
const map = (write: Write): Shape => ({ many: 'map', write });
const pairs = (write: Write): Shape => ({ many: 'pairs', write });

const isObject = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

function nested(writer: Writer, number: number, write: () => void): void {
  const before = writer.length;
  write();
  writer.varint(writer.length - before);
  writer.tag(number, WireType.bytes);
}

function text(writer: Writer, number: number, value: string): void {
  writer.string(value);
  writer.tag(number, WireType.bytes);
}

/** Extensions and other values of any shape travel as YAML, of which JSON is a part. */
const any: Write = (writer, value) => text(writer, 2, JSON.stringify(value));

function pair(writer: Writer, number: number, name: string, value: Json, write: Write): void {
  nested(writer, number, () => {
    nested(writer, 2, () => write(writer, value));
    text(writer, 1, name);
  });
}

function writeMessage(writer: Writer, message: Message, object: JsonObject): void {
  const known = new Set(message.map((member) => member.name));
  for (const { name, number, as } of [...message].reverse()) {
    if (name === undefined) {
      const others = Object.entries(object).filter(([key]) => !known.has(key));
      const write = typeof as === 'object' ? as.write : any;
      for (const [key, value] of others.reverse()) pair(writer, number, key, value, write);
    } else if (object[name] !== undefined) writeMember(writer, number, as, object[name]);
  }
}

function writeMember(writer: Writer, number: number, as: Member['as'], value: Json): void {
  const backwards = () => [...(value as Json[])].reverse();
  if (as === 'string') text(writer, number, value as string);
  else if (as === 'strings') for (const item of backwards()) text(writer, number, item as string);
  else if (as === 'bool') {
    writer.varint(value ? 1 : 0);
    writer.tag(number, WireType.varint);
  } else if (as === 'any') nested(writer, number, () => any(writer, value));
  else if (as === 'anys') for (const item of backwards()) nested(writer, number, () => any(writer, item));
  else if (as.many === 'one') nested(writer, number, () => as.write(writer, value));
  else if (as.many === 'list') for (const item of backwards()) nested(writer, number, () => as.write(writer, item));
  else {
    const entries = Object.entries(value as JsonObject).reverse();
    if (as.many === 'pairs') for (const [key, item] of entries) pair(writer, number, key, item, as.write);
    else
      nested(writer, number, () => {
        for (const [key, item] of entries) pair(writer, 1, key, item, as.write);
      });
  }
}

const message =
  (name: keyof typeof messages): Write =>
  (writer, value) =>
    writeMessage(writer, messages[name], value as JsonObject);

const extensions = (number: number): Member => ({ number, as: 'any' });

/** TypeItem. */
const typeItem: Write = (writer, value) => {
  for (const item of [value].flat().reverse()) text(writer, 1, item as string);
};
/** ItemsItem and the schema variants of AdditionalPropertiesItem and SchemaItem. */
const wrappedSchema: Write = (writer, value) => nested(writer, 1, () => message('Schema')(writer, value));
const additionalProperties: Write = (writer, value) => {
  if (isObject(value)) wrappedSchema(writer, value);
  else {
    writer.varint(value ? 1 : 0);
    writer.tag(2, WireType.varint);
  }
};
const parameter: Write = (writer, value) => {
  const { in: place } = value as JsonObject;
  if (place === 'body') nested(writer, 1, () => message('BodyParameter')(writer, value));
  else
    nested(writer, 2, () =>
      nested(writer, place === 'path' ? 4 : 3, () => message(place === 'path' ? 'PathParameter' : 'QueryParameter')(writer, value)),
    );
};
const parametersItem: Write = (writer, value) => {
  if (typeof (value as JsonObject)['$ref'] === 'string') nested(writer, 2, () => text(writer, 1, (value as JsonObject)['$ref'] as string));
  else nested(writer, 1, () => parameter(writer, value));
};
const responseValue: Write = (writer, value) => nested(writer, 1, () => message('Response')(writer, value));
const stringArray: Write = (writer, value) => {
  for (const item of [...(value as Json[])].reverse()) text(writer, 1, item as string);
};
const securityRequirement: Write = (writer, value) => {
  for (const [name, scopes] of Object.entries(value as JsonObject).reverse()) pair(writer, 1, name, scopes, stringArray);
};
const apiKey: Write = (writer, value) => nested(writer, 2, () => message('ApiKey')(writer, value));

const messages = {
  Document: [
    { name: 'swagger', number: 1, as: 'string' },
    { name: 'info', number: 2, as: one((w, v) => message('Info')(w, v)) },
    { name: 'paths', number: 8, as: one((w, v) => message('Paths')(w, v)) },
    { name: 'definitions', number: 9, as: map((w, v) => message('Schema')(w, v)) },
    { name: 'parameters', number: 10, as: map(parameter) },
    { name: 'security', number: 12, as: list(securityRequirement) },
    { name: 'securityDefinitions', number: 13, as: map(apiKey) },
  ],
  Info: [
    { name: 'title', number: 1, as: 'string' },
    { name: 'version', number: 2, as: 'string' },
  ],
  Paths: [{ number: 2, as: pairs((w, v) => message('PathItem')(w, v)) }],
  PathItem: [
    { name: 'get', number: 2, as: one((w, v) => message('Operation')(w, v)) },
    { name: 'put', number: 3, as: one((w, v) => message('Operation')(w, v)) },
    { name: 'post', number: 4, as: one((w, v) => message('Operation')(w, v)) },
    { name: 'delete', number: 5, as: one((w, v) => message('Operation')(w, v)) },
    { name: 'options', number: 6, as: one((w, v) => message('Operation')(w, v)) },
    { name: 'head', number: 7, as: one((w, v) => message('Operation')(w, v)) },
    { name: 'patch', number: 8, as: one((w, v) => message('Operation')(w, v)) },
    { name: 'parameters', number: 9, as: list(parametersItem) },
  ],
  Operation: [
    { name: 'tags', number: 1, as: 'strings' },
    { name: 'description', number: 3, as: 'string' },
    { name: 'operationId', number: 5, as: 'string' },
    { name: 'produces', number: 6, as: 'strings' },
    { name: 'consumes', number: 7, as: 'strings' },
    { name: 'parameters', number: 8, as: list(parametersItem) },
    { name: 'responses', number: 9, as: one((w, v) => message('Responses')(w, v)) },
    { name: 'schemes', number: 10, as: 'strings' },
    extensions(13),
  ],
  Responses: [{ number: 1, as: pairs(responseValue) }],
  Response: [
    { name: 'description', number: 1, as: 'string' },
    { name: 'schema', number: 2, as: one(wrappedSchema) },
  ],
  BodyParameter: [
    { name: 'name', number: 2, as: 'string' },
    { name: 'in', number: 3, as: 'string' },
    { name: 'required', number: 4, as: 'bool' },
    { name: 'schema', number: 5, as: one((w, v) => message('Schema')(w, v)) },
  ],
  PathParameter: [
    { name: 'required', number: 1, as: 'bool' },
    { name: 'in', number: 2, as: 'string' },
    { name: 'name', number: 4, as: 'string' },
    { name: 'type', number: 5, as: 'string' },
    { name: 'uniqueItems', number: 20, as: 'bool' },
  ],
  QueryParameter: [
    { name: 'in', number: 2, as: 'string' },
    { name: 'name', number: 4, as: 'string' },
    { name: 'type', number: 6, as: 'string' },
    { name: 'uniqueItems', number: 20, as: 'bool' },
  ],
  ApiKey: [
    { name: 'type', number: 1, as: 'string' },
    { name: 'name', number: 2, as: 'string' },
    { name: 'in', number: 3, as: 'string' },
    { name: 'description', number: 4, as: 'string' },
  ],
  Schema: [
    { name: '$ref', number: 1, as: 'string' },
    { name: 'format', number: 2, as: 'string' },
    { name: 'description', number: 4, as: 'string' },
    { name: 'required', number: 19, as: 'strings' },
    { name: 'enum', number: 20, as: 'anys' },
    { name: 'additionalProperties', number: 21, as: one(additionalProperties) },
    { name: 'type', number: 22, as: one(typeItem) },
    { name: 'items', number: 23, as: one(wrappedSchema) },
    { name: 'properties', number: 25, as: map((w, v) => message('Schema')(w, v)) },
    extensions(31),
  ],
} satisfies Record<string, Message>;
