import { crc32 } from 'node:zlib';

/**
 * A frame is what is written at once: a header of its own checksum, a payload, and a last byte that is never zero.
 *
 *     0 magic · 4 payload length · 8 payload CRC · 12 count · 16 revision (f64) · 24 time (f64) · 32 kind · 36 header CRC · 40 payload · end
 */
export const headerSize = 40;
export const frameOverhead = headerSize + 1;

const magic = 0x31666b53;
const magicBytes = Buffer.from('Skf1', 'latin1');
const lastByte = 0xa5;

/** The unit that a disk writes whole or not at all. */
const sector = 512;

export const frameKind = {
  /** The writes of one flush; `revision` is the first one's. */
  events: 1,
  /** Everything up to `revision` was compacted. */
  compaction: 2,
  /** The head of a log file; `revision` is the first that it holds. */
  log: 3,
  /** The head of a snapshot as of `revision`. */
  snapshot: 4,
  /** Live entries of a snapshot. */
  entries: 5,
  /** The end of a snapshot; `count` is the number of its entries. */
  end: 6,
} as const;

export type FrameKind = (typeof frameKind)[keyof typeof frameKind];

export interface FrameHead {
  kind: FrameKind;
  revision: number;
  time: number;
  count: number;
}

export interface Frame extends FrameHead {
  /** Where in the file. */
  offset: number;
  /** A view, not a copy. */
  payload: Buffer;
}

/** Fills in the header and the last byte of a frame whose payload lies at `start + headerSize`. Returns the frame's end. */
export function sealFrame(buffer: Buffer, start: number, payloadLength: number, head: FrameHead): number {
  const payload = start + headerSize;
  buffer.writeUInt32LE(magic, start);
  buffer.writeUInt32LE(payloadLength, start + 4);
  buffer.writeUInt32LE(crc32(buffer.subarray(payload, payload + payloadLength)), start + 8);
  buffer.writeUInt32LE(head.count, start + 12);
  buffer.writeDoubleLE(head.revision, start + 16);
  buffer.writeDoubleLE(head.time, start + 24);
  buffer.writeUInt32LE(head.kind, start + 32);
  buffer.writeUInt32LE(crc32(buffer.subarray(start, start + 36)), start + 36);
  buffer[payload + payloadLength] = lastByte;
  return payload + payloadLength + 1;
}

export function emptyFrame(head: FrameHead): Buffer {
  const buffer = Buffer.alloc(frameOverhead);
  sealFrame(buffer, 0, 0, head);
  return buffer;
}

/** The payload's length, where a whole header is at `start`. */
export function payloadLength(buffer: Buffer, start: number): number | undefined {
  if (start + headerSize > buffer.length || buffer.readUInt32LE(start) !== magic) return undefined;
  if (crc32(buffer.subarray(start, start + 36)) !== buffer.readUInt32LE(start + 36)) return undefined;
  return buffer.readUInt32LE(start + 4);
}

/** The frame at `start`, if it is there, whole and unchanged. */
export function frameAt(buffer: Buffer, start: number, offset = start): Frame | undefined {
  const length = payloadLength(buffer, start);
  if (length === undefined || start + headerSize + length > buffer.length) return undefined;
  const payload = buffer.subarray(start + headerSize, start + headerSize + length);
  if (crc32(payload) !== buffer.readUInt32LE(start + 8)) return undefined;
  return {
    kind: buffer.readUInt32LE(start + 32) as FrameKind,
    revision: buffer.readDoubleLE(start + 16),
    time: buffer.readDoubleLE(start + 24),
    count: buffer.readUInt32LE(start + 12),
    offset,
    payload,
  };
}

export function frameEnd(frame: Frame): number {
  return frame.offset + headerSize + frame.payload.length + 1;
}

/**
 * Whether what lies at `start` (to the end of `buffer`, which is the end of the file) can be what a crash left of the
 * last frame: since a frame is only written when those before it are durable, nothing may follow, and something of it
 * must be missing: its end, or a sector that the disk had not written when the power went. Otherwise bytes have changed
 * that were on the disk.
 */
export function isTorn(buffer: Buffer, start: number): boolean {
  for (let at = buffer.indexOf(magicBytes, start + 1); at >= 0; at = buffer.indexOf(magicBytes, at + 1)) if (frameAt(buffer, at)) return false;
  const length = payloadLength(buffer, start);
  const end = start + headerSize + (length ?? 0) + 1;
  if (end > buffer.length) return true;
  if (buffer[end - 1] === 0 && isZero(buffer, end, buffer.length)) return true;
  // A header that is not whole tells nothing of the payload behind it, so only its own sectors count.
  const known = length === undefined ? start + headerSize : end;
  for (let at = start; at < known; ) {
    const next = Math.min(known, (Math.floor(at / sector) + 1) * sector);
    if (isZero(buffer, at, next)) return true;
    at = next;
  }
  return false;
}

function isZero(buffer: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (buffer[i] !== 0) return false;
  return true;
}
