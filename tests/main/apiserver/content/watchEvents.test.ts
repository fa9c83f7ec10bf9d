import { describe, expect, it } from 'vitest';
import { decodeProtobuf } from '../../../../main/api/protobuf.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import { eventEncoder } from '../../../../main/apiserver/content/watchEvents.ts';
import { Query } from '../../../../main/apiserver/query.ts';
import type { Registry } from '../../../../main/apiserver/registry/generic.ts';
import type { Entry } from '../../../../main/store/index.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';
const registry = (apiVersion: string, kind: string) => ({ apiVersion, definition: { kind } }) as Registry;
const encoder = (accept: string, of = registry('v1', 'ConfigMap')) => eventEncoder({ accept, query: Query.empty }, of, () => 0);
const map = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a', resourceVersion: '7' }, data: { x: 'y' } };
const entry: Entry = { key: 'a', value: JSON.stringify(map), createRevision: 7, modRevision: 7, cause: { who: '' } };

/** What a frame holds: the event's type and its object. */
function read(frame: Uint8Array): { type: string; object: KubeObject } {
  const bytes = Buffer.from(frame);
  expect(bytes.readUInt32BE(0)).toBe(bytes.length - 4);
  expect(bytes[4]).toBe(0x0a);
  const end = 6 + bytes[5]!;
  return { type: bytes.toString('utf8', 6, end), object: decodeProtobuf(bytes.subarray(bytes.indexOf('k8s\0'))) };
}

describe('a watch in protobuf', () => {
  it('sends frames with the length in front, each object in its envelope', () => {
    const frames = encoder(`${protobuf},application/json`);
    expect(frames.contentType).toBe(`${protobuf};stream=watch`);
    expect(read(frames.changes([{ type: 'ADDED', entry }]))).toEqual({ type: 'ADDED', object: map });
    expect(frames.changes([{ type: 'ADDED', entry }])).toBe(frames.changes([{ type: 'ADDED', entry }]));
    const status: KubeObject & { code: number } = { kind: 'Status', apiVersion: 'v1', metadata: {}, code: 410 };
    expect(read(frames.other('ERROR', status))).toEqual({ type: 'ERROR', object: status });
  });

  it('shows metadata alone where that is asked for', () => {
    const frames = encoder(`${protobuf};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`);
    expect(read(frames.changes([{ type: 'MODIFIED', entry }])).object).toEqual({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: map.metadata });
  });

  it('is JSON for kinds that are not built in', () => {
    const lines = encoder(`${protobuf},application/json`, registry('example.com/v1', 'Widget'));
    expect(lines.contentType).toBe('application/json');
    expect(JSON.parse(Buffer.from(lines.changes([{ type: 'DELETED', entry }])).toString())).toEqual({ type: 'DELETED', object: map });
  });
});

it('a watch of tables names the columns once, with the first event', () => {
  const strategy = { definition: { group: '', version: 'v1', resource: 'configmaps' }, columns: [{ name: 'Name', type: 'string', format: 'name', description: '', priority: 0 }], row: (object: KubeObject) => [object.metadata!.name] };
  const tables = encoder('application/json;as=Table;g=meta.k8s.io;v=v1', { ...registry('v1', 'ConfigMap'), strategy } as unknown as Registry);
  const next = () => JSON.parse(Buffer.from(tables.changes([{ type: 'ADDED', entry }])).toString()) as { object: { columnDefinitions: { name: string }[] | null; rows: { cells: unknown[] }[] } };
  const first = next().object;
  expect(first.columnDefinitions!.map(({ name }) => name)).toEqual(['Name']);
  expect(first.rows[0]!.cells).toEqual(['a']);
  // Go's clients tell null from an empty list.
  expect(next().object.columnDefinitions).toBeNull();
});
