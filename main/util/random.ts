import { randomFillSync } from 'node:crypto';

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

const digits = Buffer.from('0123456789abcdef');
const hyphen = 0x2d;
const uuidText = Buffer.alloc(36);

/** Written byte for byte: a string that is joined from parts keeps them all, and there are two for each object of the cluster. */
function uuidOf(bytes: Uint8Array): string {
  let at = 0;
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) uuidText[at++] = hyphen;
    const byte = i === 6 ? (bytes[i]! & 0x0f) | 0x40 : i === 8 ? (bytes[i]! & 0x3f) | 0x80 : bytes[i]!;
    uuidText[at++] = digits[byte >> 4]!;
    uuidText[at++] = digits[byte & 0x0f]!;
  }
  return uuidText.toString('latin1');
}

/** A Random over `bytes`, which returns that many random bytes. */
export function randomFrom(bytes: (size: number) => Uint8Array): Random {
  return {
    next() {
      const b = bytes(6);
      const high = (b[0]! << 16) | (b[1]! << 8) | b[2]!;
      const low = (b[3]! << 16) | (b[4]! << 8) | b[5]!;
      return (high * 2 ** 24 + low) / 2 ** 48;
    },
    uuid: () => uuidOf(bytes(16)),
    suffix(length) {
      let text = '';
      for (const byte of bytes(length)) text += alphabet[byte % alphabet.length]!;
      return text;
    },
  };
}

/** Not a Buffer, parts of which take longer to make. */
const pool = new Uint8Array(4096);
let used = pool.length;

/** Chance from the operating system, drawn in blocks: one system call serves hundreds of objects. */
export const systemRandom: Random = randomFrom((size) => {
  if (used + size > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool.subarray(used, (used += size));
});
