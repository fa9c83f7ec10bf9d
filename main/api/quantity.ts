/** How a quantity was written, which is how it is shown again: `12Mi`, `12M`, `12e6`. */
export type QuantityFormat = 'BinarySI' | 'DecimalSI' | 'DecimalExponent';

const formatMessage =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const suffixMessage = "unable to parse quantity's suffix";
const numberMessage = 'unable to parse numeric part of quantity';

const decimalSuffixes: Record<string, number> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const binarySuffixes: Record<string, number> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const decimalNames = new Map(Object.entries(decimalSuffixes).map(([name, exponent]) => [exponent, name]));
const binaryNames = new Map(Object.entries(binarySuffixes).map(([name, exponent]) => [exponent, name]));

const maxInt64 = (1n << 63n) - 1n;
/** Beyond any quantity there is; keeps `1e999999999` from filling the memory. */
const maxExponent = 1000;

const pow10 = (exponent: number) => 10n ** BigInt(exponent);

/** Rounds away from zero. */
function divideUp(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  if (quotient * divisor === value) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}

/**
 * An exact amount of a resource: `100m`, `1.5Gi`, `12e6`. Immutable. Mirrors k8s.io/apimachinery/pkg/api/resource
 * (quantity.go), whose canonical form toString gives.
 */
export class Quantity {
  // Worked out once: the same few quantities are asked again and again.
  #value: number | undefined;
  #milliValue: number | undefined;

  /** The amount is `unscaled` times ten to the power of `scale`. */
  constructor(
    private readonly unscaled: bigint,
    private readonly scale: number,
    readonly format: QuantityFormat,
    /** Upstream shows some quantities exactly as they were written. */
    private readonly written?: string,
  ) {}

  /** A whole number, such as bytes. */
  static of(value: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity {
    return new Quantity(BigInt(value), 0, format);
  }

  /** Thousandths, such as those of a CPU. */
  static ofMilli(value: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity {
    return new Quantity(BigInt(value), -3, format);
  }

  static readonly zero = new Quantity(0n, 0, 'DecimalSI');

  isZero(): boolean {
    return this.unscaled === 0n;
  }

  /** -1, 0 or 1. */
  sign(): number {
    return this.unscaled === 0n ? 0 : this.unscaled < 0n ? -1 : 1;
  }

  /** Below zero: smaller than `other`; zero: the same amount, however written. */
  cmp(other: Quantity): number {
    const [a, b] = this.#align(other);
    return a === b ? 0 : a < b ? -1 : 1;
  }

  /** Zero takes over the other's format. */
  add(other: Quantity): Quantity {
    const [a, b, scale] = this.#align(other);
    return new Quantity(a + b, scale, this.isZero() ? other.format : this.format);
  }

  sub(other: Quantity): Quantity {
    return this.add(other.negated());
  }

  multiply(factor: number | bigint): Quantity {
    return new Quantity(this.unscaled * BigInt(factor), this.scale, this.format);
  }

  negated(): Quantity {
    return new Quantity(-this.unscaled, this.scale, this.format);
  }

  as(format: QuantityFormat): Quantity {
    return format === this.format ? this : new Quantity(this.unscaled, this.scale, format);
  }

  /** Whole units, rounded away from zero; exact up to 2^53. */
  value(): number {
    return (this.#value ??= Number(this.scaledUp(0)));
  }

  /** Thousandths, rounded away from zero; exact up to 2^53. */
  milliValue(): number {
    return (this.#milliValue ??= Number(this.scaledUp(-3)));
  }

  /** How many 10^scale it is, rounded away from zero. */
  scaledUp(scale: number): bigint {
    const shift = this.scale - scale;
    return shift >= 0 ? this.unscaled * pow10(shift) : divideUp(this.unscaled, pow10(-shift));
  }

  /** The canonical form: no fraction, the largest suffix that loses nothing. */
  toString(): string {
    if (this.written !== undefined) return this.written;
    if (this.isZero()) return '0';
    if (this.format === 'BinarySI' && this.#isWhole()) {
      let amount = this.scaledUp(0);
      if (amount <= -1024n || amount >= 1024n) {
        let exponent = 0;
        for (; exponent < 60 && amount % 1024n === 0n; exponent += 10) amount /= 1024n;
        return `${amount}${binaryNames.get(exponent) ?? ''}`;
      }
    }
    let amount = this.unscaled;
    let exponent = this.scale;
    for (; amount % 10n === 0n; exponent++) amount /= 10n;
    for (; exponent % 3 !== 0; exponent--) amount *= 10n;
    if (this.format !== 'DecimalExponent') {
      // Past the largest suffix upstream drops the magnitude; an exponent keeps it.
      const name = decimalNames.get(exponent);
      if (name !== undefined) return `${amount}${name}`;
    }
    return exponent === 0 ? `${amount}` : `${amount}e${exponent}`;
  }

  toJSON(): string {
    return this.toString();
  }

  #isWhole(): boolean {
    return this.scale >= 0 || this.unscaled % pow10(-this.scale) === 0n;
  }

  /** Both amounts at one scale. */
  #align(other: Quantity): [bigint, bigint, number] {
    if (this.scale === other.scale) return [this.unscaled, other.unscaled, this.scale];
    const scale = Math.min(this.scale, other.scale);
    return [this.unscaled * pow10(this.scale - scale), other.unscaled * pow10(other.scale - scale), scale];
  }
}

const cache = new Map<string, Quantity>();
const cacheSize = 2048;

/** Reads a quantity; throws an Error with upstream's message for what is none. */
export function parseQuantity(text: string | number): Quantity {
  const written = String(text);
  // The same few amounts are read over and over, by the scheduler above all.
  const known = cache.get(written);
  if (known) return known;
  const quantity = parse(written);
  if (cache.size >= cacheSize) cache.clear();
  cache.set(written, quantity);
  return quantity;
}

/** Undefined for what is no quantity. */
export function quantityOf(text: string | number): Quantity | undefined {
  try {
    return parseQuantity(text);
  } catch {
    return undefined;
  }
}

export const isQuantity = (text: string): boolean => quantityOf(text) !== undefined;

function parse(text: string): Quantity {
  const match = /^([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/.exec(text);
  if (!match || text === '') throw new Error(formatMessage);
  const [, sign, whole = '', fraction = '', suffix = ''] = match;
  const [base, exponent, format] = readSuffix(suffix);
  if (Math.abs(exponent) > maxExponent) throw new Error(suffixMessage);
  const integer = whole || '0';
  const digits = integer + fraction;
  if (digits.length > maxExponent) throw new Error(numberMessage);
  let unscaled = BigInt(digits);
  let scale = -fraction.length;
  const negative = sign === '-';

  if (base === 2) unscaled <<= BigInt(exponent);
  else scale += exponent;

  if (inCanonicalForm(format, integer, fraction, exponent, scale)) return new Quantity(negative ? -unscaled : unscaled, scale, format, text);

  // Less than a billionth counts as a billionth: who asks for a little shall get a little.
  if (scale < -9) {
    unscaled = divideUp(unscaled, pow10(-9 - scale));
    scale = -9;
  }
  let shown = format;
  if (format === 'BinarySI') {
    const limit = scale < 0 ? maxInt64 * pow10(-scale) : maxInt64;
    if (unscaled > limit) [unscaled, scale] = [maxInt64, 0];
    else if (unscaled !== 0n && scale < 0 && unscaled < pow10(-scale)) shown = 'DecimalSI';
  }
  return new Quantity(negative ? -unscaled : unscaled, scale, shown);
}

/** Which spellings upstream's fast path keeps as they are. */
function inCanonicalForm(format: QuantityFormat, whole: string, fraction: string, exponent: number, scale: number): boolean {
  const digits = whole + fraction;
  if (format === 'BinarySI') {
    if (fraction.length || 15 - whole.length - Math.trunc((exponent * 3) / 10) - 1 < 0) return false;
    const value = BigInt(digits);
    return value << BigInt(exponent) <= maxInt64 && (value & 7n) !== 0n;
  }
  return digits.length <= 18 && scale >= -9 && scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0');
}

function readSuffix(suffix: string): [base: number, exponent: number, format: QuantityFormat] {
  if (Object.hasOwn(decimalSuffixes, suffix)) return [10, decimalSuffixes[suffix]!, 'DecimalSI'];
  if (Object.hasOwn(binarySuffixes, suffix)) return [2, binarySuffixes[suffix]!, 'BinarySI'];
  if (/^[eE][+-]?\d+$/.test(suffix)) return [10, Number(suffix.slice(1)), 'DecimalExponent'];
  throw new Error(suffixMessage);
}
