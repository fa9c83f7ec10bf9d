const encoder = new TextEncoder();

/**
 * Writes a protobuf message from its end to its start, so that a nested message's length is known when it is written:
 * the last field first, of each field the value before its tag.
 */
export class Writer {
  #bytes = new Uint8Array(1024);
  /** Where the written part starts. */
  #start = 1024;

  /** How much has been written; the difference of two is the length of what lies between. */
  get length(): number {
    return this.#bytes.length - this.#start;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(this.#start);
  }

  #reserve(count: number): void {
    if (this.#start >= count) return;
    const { length } = this;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, length + count));
    larger.set(this.#bytes.subarray(this.#start), larger.length - length);
    this.#start = larger.length - length;
    this.#bytes = larger;
  }

  varint(value: number): void {
    if (value >= 0 && value < 0x80) {
      this.#reserve(1);
      this.#bytes[--this.#start] = value;
      return;
    }
    // Negative numbers are written as 64 bits of two's complement.
    let rest = BigInt.asUintN(64, BigInt(value));
    const septets: number[] = [];
    for (; rest >= 0x80n; rest >>= 7n) septets.push(Number(rest & 0x7fn) | 0x80);
    septets.push(Number(rest));
    this.raw(septets);
  }

  double(value: number): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.raw(bytes);
  }

  raw(bytes: ArrayLike<number>): void {
    this.#reserve(bytes.length);
    this.#start -= bytes.length;
    this.#bytes.set(bytes, this.#start);
  }

  /** With its length in front. */
  bytes(bytes: ArrayLike<number>): void {
    this.raw(bytes);
    this.varint(bytes.length);
  }

  /** With its length in front. */
  string(text: string): void {
    const { length } = text;
    this.#reserve(length);
    const start = this.#start - length;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.bytes(encoder.encode(text));
        return;
      }
      this.#bytes[start + i] = code;
    }
    this.#start = start;
    this.varint(length);
  }

  tag(number: number, wireType: WireType): void {
    this.varint(number * 8 + wireType);
  }
}

export const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
export type WireType = (typeof WireType)[keyof typeof WireType];
