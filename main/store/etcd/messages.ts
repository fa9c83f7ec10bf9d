import { fieldsOf, ProtoWriter } from './protobuf.ts';

/*
 * What is used of etcd's gRPC API, with its field numbers (etcd: api/etcdserverpb/rpc.proto, api/mvccpb/kv.proto).
 * Requests are written with room for the frame of gRPC before them; responses are views of the bytes that came.
 */

/** Bytes of the frame before a message: whether it is compressed, and its length. */
export const frameHead = 5;

/** A range of keys: from `key` on, up to `end` if that is given. */
export interface KeyRange {
  key: Buffer;
  end?: Buffer;
}

export interface ResponseHeader {
  /** As a text: it needs 64 bits. */
  clusterId: string;
  revision: number;
}

export interface KeyValue {
  key: Buffer;
  value: Buffer;
  createRevision: number;
  modRevision: number;
  /** How often the key was written since it exists; 0: it does not. */
  version: number;
}

export interface RangeResponse {
  header: ResponseHeader;
  kvs: KeyValue[];
  more: boolean;
}

export interface TxnResponse {
  header: ResponseHeader;
  succeeded: boolean;
  /** What the first operation read, where that was a range. */
  range: RangeResponse | undefined;
}

export interface WatchEvent {
  deletes: boolean;
  kv: KeyValue;
  previous: KeyValue | undefined;
}

export interface WatchResponse {
  header: ResponseHeader;
  created: boolean;
  canceled: boolean;
  /** Not 0: the watch is over, since it began before this revision. */
  compactRevision: number;
  cancelReason: string;
  events: WatchEvent[];
}

export const methods = {
  range: '/etcdserverpb.KV/Range',
  txn: '/etcdserverpb.KV/Txn',
  compact: '/etcdserverpb.KV/Compact',
  watch: '/etcdserverpb.Watch/Watch',
  status: '/etcdserverpb.Maintenance/Status',
} as const;

const operation = { range: 1, put: 2, deleteRange: 3 } as const;

export interface RangeOptions {
  limit?: number;
  /** As of which revision; 0: now. */
  revision?: number;
}

function writeRange(writer: ProtoWriter, { key, end }: KeyRange, { limit = 0, revision = 0 }: RangeOptions): void {
  writer.bytesField(1, key);
  if (end) writer.bytesField(2, end);
  if (limit) writer.varint(3, limit);
  if (revision) writer.varint(4, revision);
}

export function rangeRequest(range: KeyRange, options: RangeOptions = {}): Buffer {
  const writer = new ProtoWriter(frameHead, 128);
  writeRange(writer, range, options);
  return writer.bytes;
}

/** A transaction that does what is written to it if `key` has been written `version` times, and otherwise reads `key`. */
export class TxnRequest {
  readonly #writer = new ProtoWriter(frameHead, 4096);

  constructor(
    private readonly key: Buffer,
    version: number,
  ) {
    // Compare: EQUAL (0) and VERSION (0) are the defaults.
    this.#writer.message(1, (writer) => {
      writer.bytesField(3, key);
      writer.varint(4, version);
    });
  }

  /** The value is the texts together. */
  put(key: Buffer, ...texts: string[]): void {
    this.#writer.message(2, (op) =>
      op.message(operation.put, (put) => {
        put.bytesField(1, key);
        put.texts(2, ...texts);
      }),
    );
  }

  delete(key: Buffer): void {
    this.#writer.message(2, (op) => op.message(operation.deleteRange, (range) => range.bytesField(1, key)));
  }

  end(): Buffer {
    this.#writer.message(3, (op) => op.message(operation.range, (range) => writeRange(range, { key: this.key }, {})));
    return this.#writer.bytes;
  }
}

export function compactRequest(revision: number): Buffer {
  const writer = new ProtoWriter(frameHead, 32);
  writer.varint(1, revision);
  return writer.bytes;
}

export function watchRequest({ key, end }: KeyRange, { start, previous }: { start: number; previous?: boolean }): Buffer {
  const writer = new ProtoWriter(frameHead, 128);
  writer.message(1, (create) => {
    create.bytesField(1, key);
    if (end) create.bytesField(2, end);
    create.varint(3, start);
    if (previous) create.varint(6, 1);
  });
  return writer.bytes;
}

/** Asks a member how it is; it takes nothing. */
export function statusRequest(): Buffer {
  return new ProtoWriter(frameHead, 8).bytes;
}

/** Bytes of the file in which a member keeps its database. */
export function databaseSize(buffer: Buffer): number {
  for (const { field, number } of fieldsOf(buffer)) if (field === 3) return number;
  return 0;
}

function headerOf(buffer: Buffer): ResponseHeader {
  const header: ResponseHeader = { clusterId: '', revision: 0 };
  for (const { field, number } of fieldsOf(buffer)) {
    // 64 bits are more than a number holds exactly. It is the first field, and its bytes tell clusters apart.
    if (field === 1) header.clusterId = buffer.toString('hex', 1, endOfVarint(buffer, 1));
    else if (field === 3) header.revision = number;
  }
  return header;
}

function endOfVarint(buffer: Buffer, from: number): number {
  let at = from;
  while (buffer[at]! > 127) at++;
  return at + 1;
}

function keyValueOf(buffer: Buffer): KeyValue {
  const kv: KeyValue = { key: Buffer.alloc(0), value: Buffer.alloc(0), createRevision: 0, modRevision: 0, version: 0 };
  for (const { field, number, bytes } of fieldsOf(buffer)) {
    if (field === 1) kv.key = bytes;
    else if (field === 2) kv.createRevision = number;
    else if (field === 3) kv.modRevision = number;
    else if (field === 4) kv.version = number;
    else if (field === 5) kv.value = bytes;
  }
  return kv;
}

const noHeader: ResponseHeader = { clusterId: '', revision: 0 };

/** The header of any response: its first field. */
export function responseHeader(buffer: Buffer): ResponseHeader {
  for (const { field, bytes } of fieldsOf(buffer)) if (field === 1) return headerOf(bytes);
  return noHeader;
}

export function rangeResponse(buffer: Buffer): RangeResponse {
  const response: RangeResponse = { header: noHeader, kvs: [], more: false };
  for (const { field, number, bytes } of fieldsOf(buffer)) {
    if (field === 1) response.header = headerOf(bytes);
    else if (field === 2) response.kvs.push(keyValueOf(bytes));
    else if (field === 3) response.more = number !== 0;
  }
  return response;
}

export function txnResponse(buffer: Buffer): TxnResponse {
  const response: TxnResponse = { header: noHeader, succeeded: false, range: undefined };
  for (const { field, number, bytes } of fieldsOf(buffer)) {
    if (field === 1) response.header = headerOf(bytes);
    else if (field === 2) response.succeeded = number !== 0;
    else if (field === 3 && !response.range) for (const op of fieldsOf(bytes)) if (op.field === operation.range) response.range = rangeResponse(op.bytes);
  }
  return response;
}

export function watchResponse(buffer: Buffer): WatchResponse {
  const response: WatchResponse = { header: noHeader, created: false, canceled: false, compactRevision: 0, cancelReason: '', events: [] };
  for (const { field, number, bytes } of fieldsOf(buffer)) {
    if (field === 1) response.header = headerOf(bytes);
    else if (field === 3) response.created = number !== 0;
    else if (field === 4) response.canceled = number !== 0;
    else if (field === 5) response.compactRevision = number;
    else if (field === 6) response.cancelReason = bytes.toString('utf8');
    else if (field === 11) response.events.push(eventOf(bytes));
  }
  return response;
}

function eventOf(buffer: Buffer): WatchEvent {
  let deletes = false;
  let kv: KeyValue | undefined;
  let previous: KeyValue | undefined;
  for (const { field, number, bytes } of fieldsOf(buffer)) {
    if (field === 1) deletes = number === 1;
    else if (field === 2) kv = keyValueOf(bytes);
    else if (field === 3) previous = keyValueOf(bytes);
  }
  return { deletes, kv: kv ?? keyValueOf(Buffer.alloc(0)), previous };
}
