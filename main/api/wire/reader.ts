import { DecodeError } from '../decodeError.ts';
import { WireType } from './writer.ts';

const decoder = new TextDecoder();
const unexpectedEnd = () => new DecodeError('unexpected EOF');

/** Reads one protobuf message, from `at` to `end`. Throws a DecodeError where the bytes are none. */
export class Reader {
  constructor(
    private readonly source: Uint8Array,
    private at = 0,
    private readonly end = source.length,
  ) {}

  get done(): boolean {
    return this.at >= this.end;
  }

  tag(): { number: number; wireType: number } {
    const tag = this.varint();
    const number = Math.floor(tag / 8);
    if (number <= 0 || number > 0x1fffffff) throw new DecodeError(`proto: illegal tag ${number} (wire type ${tag & 7})`);
    return { number, wireType: tag & 7 };
  }

  /** Signed 64 bits; exact up to 2^53. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 7; i++) {
      if (this.at >= this.end) throw unexpectedEnd();
      const byte = this.source[this.at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    let large = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      if (this.at >= this.end) throw unexpectedEnd();
      const byte = this.source[this.at++]!;
      large |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, large));
    }
    throw new DecodeError('proto: integer overflow');
  }

  double(): number {
    const start = this.#take(8);
    return new DataView(this.source.buffer, this.source.byteOffset + start, 8).getFloat64(0, true);
  }

  bytes(): Uint8Array {
    const length = this.varint();
    const start = this.#take(length);
    return this.source.subarray(start, start + length);
  }

  string(): string {
    const length = this.varint();
    const start = this.#take(length);
    if (length > 24) return decoder.decode(this.source.subarray(start, start + length));
    let text = '';
    for (let i = start; i < start + length; i++) {
      const code = this.source[i]!;
      if (code > 0x7f) return decoder.decode(this.source.subarray(start, start + length));
      text += String.fromCharCode(code);
    }
    return text;
  }

  /** A nested message. */
  message(): Reader {
    const length = this.varint();
    const start = this.#take(length);
    return new Reader(this.source, start, start + length);
  }

  skip(wireType: number): void {
    switch (wireType) {
      case WireType.varint:
        this.varint();
        return;
      case WireType.fixed64:
        this.#take(8);
        return;
      case WireType.bytes:
        this.#take(this.varint());
        return;
      case WireType.fixed32:
        this.#take(4);
        return;
      default:
        throw new DecodeError(`proto: illegal wireType ${wireType}`);
    }
  }

  #take(length: number): number {
    const start = this.at;
    if (length < 0 || start + length > this.end) throw unexpectedEnd();
    this.at = start + length;
    return start;
  }
}
