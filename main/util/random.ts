import { randomBytes, randomUUID } from 'node:crypto';

/** The only source of chance for the rooms of main; tests give a seeded one. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A version 4 UUID. */
  uuid(): string;
  /**
   * `length` characters that cannot spell words or be mistaken for one another.
   * Mirrors k8s.io/apimachinery/pkg/util/rand/rand.go (String).
   */
  suffix(length: number): string;
}

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** A Random over `bytes`, which returns that many random bytes. */
export function randomFrom(bytes: (size: number) => Uint8Array): Random {
  return {
    next() {
      const b = bytes(6);
      const high = (b[0]! << 16) | (b[1]! << 8) | b[2]!;
      const low = (b[3]! << 16) | (b[4]! << 8) | b[5]!;
      return (high * 2 ** 24 + low) / 2 ** 48;
    },
    uuid() {
      const b = Uint8Array.from(bytes(16));
      b[6] = (b[6]! & 0x0f) | 0x40;
      b[8] = (b[8]! & 0x3f) | 0x80;
      const hex = Buffer.from(b.buffer, b.byteOffset, 16).toString('hex');
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    },
    suffix(length) {
      let text = '';
      for (const byte of bytes(length)) text += alphabet[byte % alphabet.length];
      return text;
    },
  };
}

let pool = randomBytes(4096);
let used = 0;

/** Chance from the operating system, drawn in blocks: one system call serves hundreds of objects. */
export const systemRandom: Random = {
  ...randomFrom((size) => {
    if (used + size > pool.length) {
      pool = randomBytes(4096);
      used = 0;
    }
    return pool.subarray(used, (used += size));
  }),
  // Node's own draws in blocks as well, and makes the text in half the time.
  uuid: () => randomUUID(),
};
