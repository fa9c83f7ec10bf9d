import { parseQuantity } from './quantity.ts';
import type { FieldSchema, FieldType, ObjectSchema } from './schema.ts';
import { formatMicroTime, formatTime, parseApiTime } from './time.ts';

/**
 * An object as Go writes it after having read it: members in the order of their structure, nothing where Go leaves out
 * what is empty, the zero value where it does not (`status: {}`), quantities in canonical form, times in UTC. Null
 * stands for absence and is left out. `value` must have passed decodeObject or be typed; it is not changed, but the
 * result may share parts with it that have no schema.
 */
export function normalizeObject(schema: ObjectSchema, value: Record<string, unknown>): Record<string, unknown> {
  const written: Record<string, unknown> = {};
  for (const field of schema.fields.values()) {
    const member = normalizeMember(field, value[field.name]);
    if (member !== undefined) written[field.name] = member;
    else if (isCollection(value[field.name])) rememberEmpty(written, field.name, Array.isArray(value[field.name]));
  }
  return written;
}

const isCollection = (value: unknown) => typeof value === 'object' && value !== null;

/** Members that were `[]` or `{}` in what an object was read from, and are left out of it. */
const empties = new WeakMap<object, Map<string, readonly [] | Readonly<Record<string, never>>>>();

function rememberEmpty(written: object, member: string, list: boolean): void {
  const members = empties.get(written) ?? new Map<string, readonly [] | Readonly<Record<string, never>>>();
  members.set(member, list ? [] : {});
  empties.set(written, members);
}

/**
 * A member as it was given in the request that this very object was read from: `[]` and `{}` are left out of objects, but
 * defaults and messages tell them from absence. Null where there is none.
 */
export function asGiven<T extends object, N extends string & keyof T>(object: T | undefined, member: N): NonNullable<T[N]> | null {
  if (!object) return null;
  return object[member] ?? (empties.get(object)?.get(member) as NonNullable<T[N]> | undefined) ?? null;
}

function normalizeMember(field: FieldSchema, value: unknown): unknown {
  const { type, pointer, omitEmpty } = field;
  if (value === undefined || value === null) {
    if (pointer || field.omitZero) return undefined;
    // Go's omitempty has no effect on structures.
    if (type.kind === 'object') return normalizeObject(type.schema, {});
    return omitEmpty && type.kind !== 'special' ? undefined : zeroValue(type);
  }
  switch (type.kind) {
    case 'scalar':
      return omitEmpty && !pointer && isZero(value) ? undefined : value;
    case 'list':
      return omitEmpty && (value as unknown[]).length === 0 ? undefined : normalizeValue(type, value);
    case 'map':
      for (const _ in value as object) return normalizeValue(type, value);
      return omitEmpty ? undefined : {};
    default:
      return normalizeValue(type, value);
  }
}

const isZero = (value: unknown) => value === '' || value === 0 || value === false;

/** What Go writes for the zero value; undefined stands for null. */
function zeroValue(type: FieldType): unknown {
  if (type.kind === 'special') return type.special === 'Quantity' ? '0' : type.special === 'IntOrString' ? 0 : undefined;
  if (type.kind !== 'scalar') return undefined;
  switch (type.scalar) {
    case 'string':
      return '';
    case 'bool':
      return false;
    case 'bytes':
    case 'any':
      return undefined;
    default:
      return 0;
  }
}

export function normalizeValue(type: FieldType, value: unknown): unknown {
  switch (type.kind) {
    case 'scalar':
      return value;
    case 'object':
      return normalizeObject(type.schema, value as Record<string, unknown>);
    case 'list':
      return (value as unknown[]).map((element) => normalizeElement(type.element, element));
    case 'map': {
      const written: Record<string, unknown> = {};
      for (const key in value as object) {
        const element = normalizeElement(type.element, (value as Record<string, unknown>)[key]);
        if (key === '__proto__') Object.defineProperty(written, key, { value: element, enumerable: true, writable: true, configurable: true });
        else written[key] = element;
      }
      return written;
    }
    case 'special':
      switch (type.special) {
        case 'Quantity':
          return parseQuantity(String(value).trim()).toString();
        case 'Time':
        case 'MicroTime': {
          const time = parseApiTime(value as string, type.special === 'Time' ? 'time' : 'microTime');
          // Go's zero time, which it writes as null.
          if (time.seconds === -62_135_596_800 && time.micros === 0) return undefined;
          return type.special === 'Time' ? formatTime(time) : formatMicroTime(time);
        }
        default:
          return value;
      }
  }
}

/** An element cannot be left out: null is its zero value. */
function normalizeElement(type: FieldType, value: unknown): unknown {
  if (value !== undefined && value !== null) return normalizeValue(type, value);
  return type.kind === 'object' ? normalizeObject(type.schema, {}) : (zeroValue(type) ?? null);
}
