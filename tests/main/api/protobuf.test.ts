import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { fromBase64, toBase64 } from '../../../main/api/base64.ts';
import { DecodeError } from '../../../main/api/decodeError.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { decodeProtobuf, encodeProtobuf, hasProtobuf } from '../../../main/api/protobuf.ts';
import { schemaById } from '../../../main/api/schema.ts';
import { readFields } from '../../../main/api/wire/decode.ts';
import { Reader } from '../../../main/api/wire/reader.ts';
import { WireType, Writer } from '../../../main/api/wire/writer.ts';

// Field numbers as Kubernetes' generated.proto files have them, for an independent reader and writer.
const { root } = protobuf.parse(
  `syntax = "proto2";
  message TypeMeta { optional string apiVersion = 1; optional string kind = 2; }
  message Unknown { optional TypeMeta typeMeta = 1; optional bytes raw = 2; optional string contentEncoding = 3; optional string contentType = 4; }
  message Time { optional int64 seconds = 1; optional int32 nanos = 2; }
  message ObjectMeta {
    optional string name = 1; optional string namespace = 3; optional int64 generation = 7; optional Time creationTimestamp = 8;
    map<string, string> labels = 11;
  }
  message Quantity { optional string string = 1; }
  message IntOrString { optional int64 type = 1; optional int32 intVal = 2; optional string strVal = 3; }
  message ResourceRequirements { map<string, Quantity> limits = 1; }
  message Container { optional string name = 1; optional string image = 2; optional ResourceRequirements resources = 8; }
  message EmptyDir { optional string medium = 1; }
  message VolumeSource { optional EmptyDir emptyDir = 2; }
  message Volume { optional string name = 1; optional VolumeSource volumeSource = 2; }
  message PodSpec { repeated Volume volumes = 1; repeated Container containers = 2; optional int64 terminationGracePeriodSeconds = 4; optional int32 priority = 25; }
  message Pod { optional ObjectMeta metadata = 1; optional PodSpec spec = 2; }
  message ServicePort { optional string name = 1; optional int32 port = 3; optional IntOrString targetPort = 4; }
  message ServiceSpec { repeated ServicePort ports = 1; }
  message Service { optional ObjectMeta metadata = 1; optional ServiceSpec spec = 2; }
  message Secret { optional ObjectMeta metadata = 1; map<string, bytes> data = 2; }`,
  { keepCase: true },
);

function wrap(apiVersion: string, kind: string, message: object, contentType = ''): Uint8Array {
  const raw = root.lookupType(kind).encode(message).finish();
  const unknown = root.lookupType('Unknown').encode({ typeMeta: { apiVersion, kind }, raw, contentType }).finish();
  return new Uint8Array([0x6b, 0x38, 0x73, 0, ...unknown]);
}

function unwrap(bytes: Uint8Array, kind: string): unknown {
  const unknown = root.lookupType('Unknown').decode(bytes.subarray(4)) as unknown as { raw: Uint8Array };
  return root.lookupType(kind).toObject(root.lookupType(kind).decode(unknown.raw), { longs: Number });
}

const pod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', creationTimestamp: '2024-01-02T03:04:05Z', labels: { b: '2', a: 'é' } },
  spec: {
    volumes: [{ name: 'tmp', emptyDir: { medium: 'Memory' } }],
    containers: [{ name: 'a', image: 'nginx', resources: { limits: { cpu: '100m' } } }],
    terminationGracePeriodSeconds: 30,
    priority: -5,
  },
} as KubeObject;

describe('Kubernetes protobuf', () => {
  it('says of a pod what another implementation says', () => {
    expect(unwrap(encodeProtobuf(pod), 'Pod')).toMatchObject({
      metadata: { name: 'web', namespace: 'default', creationTimestamp: { seconds: 1704164645 }, labels: { a: 'é', b: '2' } },
      spec: {
        volumes: [{ name: 'tmp', volumeSource: { emptyDir: { medium: 'Memory' } } }],
        containers: [{ name: 'a', image: 'nginx', resources: { limits: { cpu: { string: '100m' } } } }],
        terminationGracePeriodSeconds: 30,
        priority: -5,
      },
    });
  });

  it('is read into what Go would write as JSON', () => {
    const bytes = wrap('v1', 'Pod', {
      metadata: { name: 'web', creationTimestamp: { seconds: 1704164645 }, labels: { a: 'é' }, generation: 2 ** 40 },
      spec: { volumes: [{ name: 'tmp', volumeSource: { emptyDir: {} } }], containers: [{ name: 'a', image: '' }], priority: -1 },
    });
    expect(decodeProtobuf(bytes)).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', creationTimestamp: '2024-01-02T03:04:05Z', labels: { a: 'é' }, generation: 2 ** 40 },
      spec: { volumes: [{ name: 'tmp', emptyDir: {} }], containers: [{ name: 'a', resources: {} }], priority: -1 },
      status: {},
    });
  });

  it('carries ports by number and by name, and secrets as bytes', () => {
    const service = wrap('v1', 'Service', {
      metadata: {},
      spec: { ports: [{ port: 80, targetPort: { type: 0, intVal: 8080 } }, { port: 81, targetPort: { type: 1, strVal: 'http' } }] },
    });
    expect(decodeProtobuf(service)).toMatchObject({ spec: { ports: [{ port: 80, targetPort: 8080 }, { port: 81, targetPort: 'http' }] } });
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: {}, data: { key: toBase64(new Uint8Array([0, 1, 254, 255])) } } as KubeObject;
    expect(unwrap(encodeProtobuf(secret), 'Secret')).toMatchObject({ data: { key: new Uint8Array([0, 1, 254, 255]) } });
    expect(decodeProtobuf(encodeProtobuf(secret))).toEqual(secret);
  });

  it('wraps what a watch tells in protobuf, or in JSON for kinds of others', () => {
    const event = (object: object) => ({ apiVersion: 'v1', kind: 'WatchEvent', type: 'ADDED', object }) as KubeObject;
    const decoded = decodeProtobuf(encodeProtobuf(event(pod)));
    expect(decoded).toMatchObject({ type: 'ADDED', object: { kind: 'Pod', metadata: { name: 'web' } } });
    const widget = { apiVersion: 'example.com/v1', kind: 'Widget', spec: { any: [1, null] } };
    expect(decodeProtobuf(encodeProtobuf(event(widget)))).toEqual(event(widget));
    expect(hasProtobuf(widget)).toBe(false);
    expect(() => encodeProtobuf(widget)).toThrow('no kind "Widget" is registered');
  });

  it('carries options of any group, lists and Status', () => {
    const options = { apiVersion: 'apps/v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid: 'u' }, propagationPolicy: 'Orphan' } as KubeObject;
    expect(decodeProtobuf(encodeProtobuf(options))).toEqual(options);
    const list = { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion: '7' }, items: [{ metadata: { name: 'a' }, spec: { containers: [] }, status: {} }] } as KubeObject;
    // Nothing tells an empty list from none on the wire.
    expect(decodeProtobuf(encodeProtobuf(list))).toEqual({ ...list, items: [{ metadata: { name: 'a' }, spec: {}, status: {} }] });
    const status = { apiVersion: 'v1', kind: 'Status', metadata: {}, status: 'Failure', message: 'no', reason: 'NotFound', details: { name: 'a', retryAfterSeconds: 1 }, code: 404 } as KubeObject;
    expect(decodeProtobuf(encodeProtobuf(status))).toEqual(status);
  });

  it('takes JSON within its envelope', () => {
    const raw = Buffer.from('{"kind":"Widget"}');
    const unknown = root.lookupType('Unknown').encode({ raw, contentType: 'application/json' }).finish();
    expect(decodeProtobuf(new Uint8Array([0x6b, 0x38, 0x73, 0, ...unknown]))).toEqual({ kind: 'Widget' });
    const deep = root.lookupType('Unknown').encode({ raw: Buffer.from('['.repeat(2000) + ']'.repeat(2000)), contentType: 'application/json' }).finish();
    expect(() => decodeProtobuf(new Uint8Array([0x6b, 0x38, 0x73, 0, ...deep]))).toThrow('exceeded max depth');
  });

  it('that is broken is an error, wherever it breaks', () => {
    expect(() => decodeProtobuf(new Uint8Array([1, 2, 3]))).toThrow(
      new DecodeError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]'),
    );
    const whole = encodeProtobuf(pod);
    for (let length = 4; length < whole.length; length++) {
      try {
        decodeProtobuf(whole.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }
    expect(() => decodeProtobuf(wrap('v1', 'Pod', { metadata: {} }).subarray(0, 12))).toThrow('unexpected EOF');
    expect(() => decodeProtobuf(wrap('v2', 'Pod', {}))).toThrow('no kind "Pod" is registered for version "v2" in scheme');
  });

  it('cannot be nested without end', () => {
    const schema = schemaById('apiextensions/v1.JSONSchemaProps')!;
    const { number } = schema.fields.get('not')!;
    const writer = new Writer();
    for (let depth = 0; depth < 5000; depth++) {
      writer.varint(writer.length);
      writer.tag(number, WireType.bytes);
    }
    expect(() => readFields(new Reader(writer.finish()), schema, {}, () => undefined)).toThrow('exceeded max depth');
  });
});

describe('base64', () => {
  it('is what Node makes of it', () => {
    for (const bytes of [[], [1], [1, 2], [1, 2, 3], [255, 254, 253, 252]]) {
      expect(toBase64(new Uint8Array(bytes))).toBe(Buffer.from(bytes).toString('base64'));
      expect([...fromBase64(Buffer.from(bytes).toString('base64'))]).toEqual(bytes);
    }
  });
});
