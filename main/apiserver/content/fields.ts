import type { GroupVersionKind, KubeObject } from '../../api/meta.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { schemaById, schemaOf, type FieldSchema, type FieldType, type ObjectSchema } from '../../api/schema.ts';

/** What Go says when JSON does not fit a type. */
export class FieldTypeError extends Error {}

/**
 * Makes of what a client sent what Go's decoding and encoding would make of it: unknown members, nulls and
 * empty optional values go, quantities and times take their canonical form. Returns a complaint for each unknown
 * member. Throws FieldTypeError. Kinds without a schema of their own have only their metadata settled.
 */
export function settleFields(object: KubeObject, kind: GroupVersionKind): string[] {
  const settler = new Settler();
  const schema = schemaOf(kind);
  if (schema) settler.object(object as Record<string, unknown>, schema);
  else if (object.metadata) {
    settler.path.push('metadata');
    settler.object(object.metadata as Record<string, unknown>, schemaById('meta/v1.ObjectMeta')!);
  }
  return settler.complaints;
}

class Settler {
  readonly complaints: string[] = [];
  readonly path: (string | number)[] = [];

  object(members: Record<string, unknown>, schema: ObjectSchema): void {
    const { fields } = schema;
    for (const name in members) {
      const field = fields.get(name);
      if (!field) {
        this.#complain(name);
        delete members[name];
        continue;
      }
      const value = members[name];
      if (value === null || value === undefined) {
        delete members[name];
        continue;
      }
      this.path.push(name);
      const settled = this.#value(value, field.type, schema);
      this.path.pop();
      if (field.omitEmpty && !field.pointer && isEmpty(settled, field)) delete members[name];
      else if (settled !== value) members[name] = settled;
    }
  }

  #value(value: unknown, type: FieldType, owner: ObjectSchema): unknown {
    switch (type.kind) {
      case 'scalar':
        if (!scalarFits(value, type.scalar)) throw this.#mismatch(value, type.goType, owner);
        return value;
      case 'object':
        if (typeof value !== 'object' || Array.isArray(value)) throw this.#mismatch(value, type.goType, owner);
        this.object(value as Record<string, unknown>, type.schema);
        return value;
      case 'list':
        if (!Array.isArray(value)) throw this.#mismatch(value, type.goType, owner);
        for (let i = 0; i < value.length; i++) this.#element(value, i, type.element, owner);
        return value;
      case 'map':
        if (typeof value !== 'object' || Array.isArray(value)) throw this.#mismatch(value, type.goType, owner);
        for (const key in value as Record<string, unknown>) this.#element(value as Record<string, unknown>, key, type.element, owner);
        return value;
      case 'special':
        return this.#special(value, type.special, type.goType, owner);
    }
  }

  #element(container: unknown[] | Record<string, unknown>, key: number | string, type: FieldType, owner: ObjectSchema): void {
    const members = container as Record<string | number, unknown>;
    const value = members[key];
    if (value === null) {
      members[key] = zeroOf(type);
      return;
    }
    this.path.push(key);
    const settled = this.#value(value, type, owner);
    this.path.pop();
    if (settled !== value) members[key] = settled;
  }

  #special(value: unknown, special: string, goType: string, owner: ObjectSchema): unknown {
    switch (special) {
      case 'Quantity':
        if (typeof value !== 'string' && typeof value !== 'number') throw this.#mismatch(value, goType, owner);
        return this.#quantity(String(value));
      case 'IntOrString':
        if (typeof value !== 'string' && !Number.isInteger(value)) throw this.#mismatch(value, goType, owner);
        return value;
      case 'Time':
      case 'MicroTime':
        if (typeof value !== 'string') throw this.#mismatch(value, goType, owner);
        return timeOf(value, special === 'MicroTime');
      default:
        return value;
    }
  }

  #quantity(text: string): string {
    try {
      return parseQuantity(text).toString();
    } catch {
      throw new FieldTypeError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
    }
  }

  #complain(name: string): void {
    let text = '';
    for (const step of this.path) text += typeof step === 'number' ? `[${step}]` : text ? `.${step}` : step;
    this.complaints.push(`unknown field ${JSON.stringify(text ? `${text}.${name}` : name)}`);
  }

  #mismatch(value: unknown, goType: string, owner: ObjectSchema): FieldTypeError {
    const fields = this.path.filter((step) => typeof step === 'string').join('.');
    return new FieldTypeError(`json: cannot unmarshal ${jsonKindOf(value)} into Go struct field ${owner.name}.${fields} of type ${goType}`);
  }
}

function scalarFits(value: unknown, scalar: string): boolean {
  switch (scalar) {
    case 'string':
    case 'bytes':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'int32':
      return Number.isInteger(value) && Math.abs(value as number) <= 0x80000000;
    case 'int64':
      return Number.isInteger(value);
    case 'float64':
      return typeof value === 'number';
    default:
      return true;
  }
}

function jsonKindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) <= 0x80000000 ? 'number' : `number ${value}`;
  return typeof value;
}

function isEmpty(value: unknown, { type }: FieldSchema): boolean {
  if (value === '' || value === 0 || value === false) return true;
  if (type.kind === 'list') return (value as unknown[]).length === 0;
  if (type.kind !== 'map') return false;
  for (const _ in value as object) return false;
  return true;
}

function zeroOf(type: FieldType): unknown {
  switch (type.kind) {
    case 'object':
    case 'map':
      return {};
    case 'list':
      return [];
    case 'special':
      return type.special === 'Quantity' ? '0' : null;
    case 'scalar':
      return type.scalar === 'bool' ? false : type.scalar === 'string' || type.scalar === 'bytes' ? '' : type.scalar === 'any' ? null : 0;
  }
}

const canonicalTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const canonicalMicroTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const rfc3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/;

/** RFC 3339 in UTC, to the second or the microsecond. */
function timeOf(text: string, micro: boolean): string {
  if ((micro ? canonicalMicroTime : canonicalTime).test(text)) return text;
  const parts = rfc3339.exec(text);
  const at = parts ? Date.parse(parts[1]! + parts[3]!) : NaN;
  if (Number.isNaN(at)) {
    const layout = micro ? '2006-01-02T15:04:05.000000Z07:00' : '2006-01-02T15:04:05Z07:00';
    throw new FieldTypeError(`parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(text)} as "2006"`);
  }
  const seconds = new Date(at).toISOString().slice(0, 19);
  return micro ? `${seconds}.${(parts![2] ?? '').slice(0, 6).padEnd(6, '0')}Z` : `${seconds}Z`;
}
