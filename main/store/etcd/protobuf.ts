import { writeText } from './text.ts';

/** Numbers of the protobuf wire format. */
const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Bytes kept free for the length of a nested message: a varint may be longer than it must. */
const lengthBytes = 4;

/** Writes one message field by field into a buffer that grows. Fields that have their default value may be left out by the caller. */
export class ProtoWriter {
  #buffer: Buffer;
  #end: number;

  /** `head` bytes stay free before the message. */
  constructor(head = 0, initial = 512) {
    this.#buffer = Buffer.allocUnsafe(initial);
    this.#end = head;
  }

  /** The message behind the free bytes. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#end);
  }

  /** A whole number that is not negative. */
  varint(field: number, value: number): void {
    this.#reserve(20);
    this.#tag(field, wire.varint);
    this.#number(value);
  }

  bytesField(field: number, bytes: Uint8Array): void {
    this.#reserve(20 + bytes.length);
    this.#tag(field, wire.bytes);
    this.#number(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Several texts, one behind the other, as one value. */
  texts(field: number, ...texts: string[]): void {
    this.#nested(field, () => {
      for (const text of texts) {
        this.#reserve(text.length * 3);
        this.#end += writeText(this.#buffer, text, this.#end);
      }
    });
  }

  message(field: number, write: (writer: this) => void): void {
    this.#nested(field, () => write(this));
  }

  #nested(field: number, write: () => void): void {
    this.#reserve(20);
    this.#tag(field, wire.bytes);
    const at = this.#end;
    this.#end += lengthBytes;
    write();
    let length = this.#end - at - lengthBytes;
    for (let i = 0; i < lengthBytes; i++, length >>>= 7) this.#buffer[at + i] = (length & 127) | (i < lengthBytes - 1 ? 128 : 0);
    if (length > 0) throw new RangeError('a field of a message is too long');
  }

  #tag(field: number, type: number): void {
    this.#number(field * 8 + type);
  }

  #number(value: number): void {
    for (; value > 127; value = Math.floor(value / 128)) this.#buffer[this.#end++] = (value % 128) | 128;
    this.#buffer[this.#end++] = value;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#end + bytes, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }
}

/** What a field holds: a number, or the bytes of a text or nested message. */
export interface ProtoField {
  readonly field: number;
  readonly number: number;
  readonly bytes: Buffer;
}

const none = Buffer.alloc(0);

/** The fields of a message, in their order; values are parts of the buffer, not copies. Throws RangeError where it is cut off. */
export function* fieldsOf(buffer: Buffer): Generator<ProtoField> {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      if (at >= buffer.length) throw new RangeError('a message ends within a field');
      const byte = buffer[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < buffer.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    switch (tag % 8) {
      case wire.varint:
        yield { field, number: varint(), bytes: none };
        break;
      case wire.bytes: {
        const length = varint();
        if (at + length > buffer.length) throw new RangeError('a message ends within a field');
        yield { field, number: 0, bytes: buffer.subarray(at, (at += length)) };
        break;
      }
      case wire.fixed64:
        at += 8;
        break;
      case wire.fixed32:
        at += 4;
        break;
      default:
        throw new RangeError(`a message has a field of the unknown wire type ${tag % 8}`);
    }
  }
}
