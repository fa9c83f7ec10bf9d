import { badRequest } from '../api/status.ts';

/** The parameters of a request's URL, decoded; a name may come several times (`command=ls&command=-l`). */
export class Query {
  static readonly empty = new Query([]);

  /** Names and values in turn. */
  private constructor(private readonly pairs: string[]) {}

  static parse(text: string): Query {
    if (text === '') return Query.empty;
    const pairs: string[] = [];
    for (const part of text.split('&')) {
      if (part === '') continue;
      const equals = part.indexOf('=');
      const name = decode(equals < 0 ? part : part.slice(0, equals));
      const value = decode(equals < 0 ? '' : part.slice(equals + 1));
      if (name !== undefined && value !== undefined) pairs.push(name, value);
    }
    return new Query(pairs);
  }

  static of(values: Record<string, string | number | boolean | undefined> | undefined): Query {
    if (!values) return Query.empty;
    const pairs: string[] = [];
    for (const name in values) {
      const value = values[name];
      if (value !== undefined) pairs.push(name, String(value));
    }
    return pairs.length ? new Query(pairs) : Query.empty;
  }

  /** The first value, or undefined. */
  get(name: string): string | undefined {
    for (let i = 0; i < this.pairs.length; i += 2) if (this.pairs[i] === name) return this.pairs[i + 1];
    return undefined;
  }

  all(name: string): string[] {
    const values: string[] = [];
    for (let i = 0; i < this.pairs.length; i += 2) if (this.pairs[i] === name) values.push(this.pairs[i + 1]!);
    return values;
  }

  /**
   * As Go's conversion of URL values reads it (runtime.Convert_Slice_string_To_bool): present without a value,
   * and everything but `false` and `0`, is true.
   */
  flag(name: string): boolean | undefined {
    const value = this.get(name);
    return value === undefined ? undefined : value.toLowerCase() !== 'false' && value !== '0';
  }

  /** Throws 400 for what is no integer. */
  integer(name: string): number | undefined {
    const value = this.get(name);
    if (value === undefined || value === '') return undefined;
    if (!/^[+-]?\d+$/.test(value)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
    return Number(value);
  }

  toURLSearchParams(): URLSearchParams {
    const params = new URLSearchParams();
    for (let i = 0; i < this.pairs.length; i += 2) params.append(this.pairs[i]!, this.pairs[i + 1]!);
    return params;
  }
}

/** undefined for what is badly escaped: Go leaves such parameters out. */
function decode(text: string): string | undefined {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
