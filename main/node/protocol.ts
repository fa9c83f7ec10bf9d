/**
 * What travels between the engine and a node agent: frames over one ordered byte stream, the same in both directions.
 * A frame is its content's length (u32), its type (u8), its exchange (u32), big-endian, then the content.
 * The engine numbers the exchanges that it begins oddly, the agent evenly.
 */
export const FrameType = {
  /** JSON `{method, params}`; answered by Result or Failure. */
  Call: 1,
  /** JSON, the answer to Call; also accepts an Open. */
  Result: 2,
  /** JSON `{message}`: the answer to Call or Open. */
  Failure: 3,
  /** JSON `{kind, params}`: asks for a byte stream; answered by Result or Failure. */
  Open: 4,
  /** Bytes of a stream; at most as many as the receiver has granted. */
  Data: 5,
  /** The sender writes no more to this stream. */
  End: 6,
  /** Text: the stream is over in both directions. */
  Reset: 7,
  /** u32: so many more bytes may be sent. */
  Window: 8,
  /** The sender leaves the connection for another that took its place. */
  Goodbye: 9,
} as const;

export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export interface Frame {
  type: FrameType;
  id: number;
  content: Buffer;
}

export const headerSize = 9;

/** Bytes that may be under way in each direction of a stream before the receiver grants more. */
export const initialWindow = 256 * 1024;

/** Larger writes go as several frames, so that no stream waits long for another. */
export const maxData = 32 * 1024;

/** A frame that claims to be larger is not ours. */
const maxContent = 128 * 1024 * 1024;

export function encodeFrame(type: FrameType, id: number, content?: Uint8Array): Buffer {
  const length = content?.length ?? 0;
  const frame = Buffer.allocUnsafe(headerSize + length);
  frame.writeUInt32BE(length, 0);
  frame.writeUInt8(type, 4);
  frame.writeUInt32BE(id, 5);
  if (content) frame.set(content, headerSize);
  return frame;
}

/** Puts frames together again from whatever chunks arrive. */
export class FrameParser {
  #chunks: Buffer[] = [];
  #size = 0;
  #needed = headerSize;

  constructor(private readonly onFrame: (frame: Frame) => void) {}

  /** Throws when what arrives cannot be a frame. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#needed) return;
    let data = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#size);
    this.#needed = headerSize;
    while (data.length >= headerSize) {
      const length = data.readUInt32BE(0);
      const type = data.readUInt8(4);
      if (length > maxContent || type < FrameType.Call || type > FrameType.Goodbye)
        throw new Error('the other side of the node agent connection does not speak its protocol');
      if (data.length < headerSize + length) {
        this.#needed = headerSize + length;
        break;
      }
      this.onFrame({
        type: type as FrameType,
        id: data.readUInt32BE(5),
        content: data.subarray(headerSize, headerSize + length),
      });
      data = data.subarray(headerSize + length);
    }
    this.#chunks = data.length > 0 ? [data] : [];
    this.#size = data.length;
  }
}
