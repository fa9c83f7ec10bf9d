import type { CelType } from './types.ts';
import {
  Bytes, CelList, CelMap, Duration, Opaque, Optional, Timestamp, TypeValue, Uint, type Value,
} from './values.ts';

/** One form of a function. */
export interface Overload {
  id: string;
  /** Called as `target.name(…)`: the target's type comes first among `args`. */
  member: boolean;
  args: readonly CelType[];
  result: CelType;
  /** Called with values of these types; absent where the interpreter knows the function itself (`&&`, `?:`, …). */
  call?(...args: Value[]): Value;
}

/** Functions by name, in the order in which overloads are tried. */
export class Functions {
  readonly #byName = new Map<string, Overload[]>();

  constructor(...libraries: ReadonlyArray<(add: Declare) => void>) {
    for (const library of libraries) library(this.#declare);
  }

  readonly #declare: Declare = (name, id, args, result, call, options) => {
    const overloads = this.#byName.get(name) ?? [];
    if (!overloads.length) this.#byName.set(name, overloads);
    overloads.push({ id, member: options?.member ?? false, args, result, ...(call && { call }) });
  };

  get(name: string): readonly Overload[] | undefined {
    return this.#byName.get(name);
  }
}

export type Declare = (
  name: string,
  id: string,
  args: readonly CelType[],
  result: CelType,
  call?: (...args: never[]) => Value,
  options?: { member: true },
) => void;

export const member = { member: true } as const;

/** Whether a value can be what an overload asks for; of elements that are no lists or maps, the first stands for all. */
export function accepts(type: CelType, value: Value): boolean {
  switch (type.kind) {
    case 'bool':
      return typeof value === 'boolean';
    case 'int':
      return typeof value === 'bigint';
    case 'double':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'null':
      return value === null;
    case 'uint':
      return value instanceof Uint;
    case 'bytes':
      return value instanceof Bytes;
    case 'timestamp':
      return value instanceof Timestamp;
    case 'duration':
      return value instanceof Duration;
    case 'list':
      return value instanceof CelList && (!value.size || acceptsElement(type.parameters[0]!, value.at(0)));
    case 'map':
      return value instanceof CelMap && [...value.keys()].slice(0, 1).every((key) => acceptsElement(type.parameters[0]!, key) && acceptsElement(type.parameters[1]!, value.get(key)!));
    case 'type':
      return value instanceof TypeValue;
    case 'opaque':
      return type.name === 'optional_type' ? value instanceof Optional : value instanceof Opaque && value.typeName === type.name;
    case 'object':
      return (value instanceof CelMap || value instanceof Opaque) && value.typeName === type.name;
    default:
      return true;
  }
}

const acceptsElement = (type: CelType, value: Value) => type.kind === 'list' || type.kind === 'map' || accepts(type, value);
