import { DecodeError } from './decodeError.ts';
import type { KubeObject } from './meta.ts';
import { normalizeObject } from './normalize.ts';
import { schemaOfObject } from './schema.ts';
import { parseJson, readFields } from './wire/decode.ts';
import { nestJson, writeFields } from './wire/encode.ts';
import { Reader } from './wire/reader.ts';
import { WireType, Writer } from './wire/writer.ts';

/** Content type `application/vnd.kubernetes.protobuf`: these four bytes, then a runtime.Unknown around the object. */
const prefix = [0x6b, 0x38, 0x73, 0x00];

const hasPrefix = (bytes: Uint8Array) => prefix.every((byte, i) => bytes[i] === byte);

/**
 * Reads an object of a built-in kind; throws a DecodeError for bytes that are none. The object is complete with
 * apiVersion and kind and as Go would write it as JSON. Mirrors k8s.io/apimachinery/pkg/runtime/serializer/protobuf.
 */
export function decodeProtobuf(bytes: Uint8Array): KubeObject {
  if (!hasPrefix(bytes)) throw new DecodeError(`provided data does not appear to be a protobuf message, expected prefix [${prefix.join(' ')}]`);
  if (bytes.length === prefix.length) throw new DecodeError('empty body');
  const { apiVersion, kind, raw, contentType } = readEnvelope(new Reader(bytes, prefix.length));
  if (contentType === 'application/json') return parseJson(raw) as KubeObject;
  const schema = schemaOfObject({ apiVersion, kind });
  if (!schema) throw new DecodeError(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme`);
  const object = normalizeObject(schema, readFields(new Reader(raw), schema, {}, unnest));
  return { apiVersion, kind, ...object };
}

/** Whether encodeProtobuf can write the object. */
export function hasProtobuf(object: { apiVersion?: string; kind?: string }): boolean {
  return schemaOfObject(object) !== undefined;
}

/** Writes an object with apiVersion and kind; throws an Error for a kind that is not built in. */
export function encodeProtobuf(object: KubeObject): Uint8Array {
  const schema = schemaOfObject(object);
  if (!schema) throw new Error(`no kind ${JSON.stringify(object.kind)} is registered for version ${JSON.stringify(object.apiVersion)} in scheme`);
  const message = new Writer();
  // What a watch tells is protobuf all the way down.
  writeFields(message, schema, object as Record<string, unknown>, schema.id === 'meta/v1.WatchEvent' ? nest : nestJson);
  return writeEnvelope(object.apiVersion!, object.kind!, message.finish());
}

/**
 * One event of a watch as its stream has it: its length in four bytes, then the event without an envelope around it, whose
 * object has one. Mirrors apimachinery's NewRawSerializer and its LengthDelimitedFramer.
 */
export function encodeWatchFrame(type: string, object: KubeObject): Uint8Array {
  const writer = new Writer();
  const raw = encodeProtobuf(object);
  writer.bytes(raw);
  writer.tag(1, WireType.bytes);
  writer.varint(writer.length);
  writer.tag(2, WireType.bytes);
  writer.string(type);
  writer.tag(1, WireType.bytes);
  const event = writer.finish();
  const frame = new Uint8Array(4 + event.length);
  new DataView(frame.buffer).setUint32(0, event.length);
  frame.set(event, 4);
  return frame;
}

function nest(object: unknown): Uint8Array {
  return hasProtobuf(object as KubeObject) ? encodeProtobuf(object as KubeObject) : nestJson(object);
}

function unnest(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  return hasPrefix(bytes) ? decodeProtobuf(bytes) : parseJson(bytes);
}

function readEnvelope(reader: Reader) {
  const envelope = { apiVersion: '', kind: '', raw: new Uint8Array(), contentType: '' };
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (wireType !== WireType.bytes) reader.skip(wireType);
    else if (number === 1) {
      const typeMeta = reader.message();
      while (!typeMeta.done) {
        const member = typeMeta.tag();
        if (member.number === 1) envelope.apiVersion = typeMeta.string();
        else if (member.number === 2) envelope.kind = typeMeta.string();
        else typeMeta.skip(member.wireType);
      }
    } else if (number === 2) envelope.raw = reader.bytes() as Uint8Array<ArrayBuffer>;
    else if (number === 4) envelope.contentType = reader.string();
    else reader.skip(wireType);
  }
  return envelope;
}

function writeEnvelope(apiVersion: string, kind: string, raw: Uint8Array): Uint8Array {
  const writer = new Writer();
  // Empty contentType and contentEncoding, as Go writes them.
  for (const number of [4, 3]) {
    writer.string('');
    writer.tag(number, WireType.bytes);
  }
  writer.bytes(raw);
  writer.tag(2, WireType.bytes);
  const before = writer.length;
  writer.string(kind);
  writer.tag(2, WireType.bytes);
  writer.string(apiVersion);
  writer.tag(1, WireType.bytes);
  writer.varint(writer.length - before);
  writer.tag(1, WireType.bytes);
  writer.raw(prefix);
  return writer.finish();
}
