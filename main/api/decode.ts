import { DecodeError } from './decodeError.ts';
import { equalJson } from './json.ts';
import { apiVersionOf, type GroupVersionKind, type KubeObject } from './meta.ts';
import { absentElement, Members, normalizeTime } from './normalize.ts';
import { NumberText } from './numberText.ts';
import { parseQuantity } from './quantity.ts';
import { schemaById, schemaOf, type FieldType, type ObjectSchema, type Special } from './schema.ts';

export { DecodeError };

export interface Decoded {
  /** As Go would write it again: see normalizeObject. */
  object: KubeObject;
  /** What strict decoding complains about, in upstream's words: `unknown field "spec.foo"`. */
  complaints: string[];
}

/** Upstream stops complaining here. */
const maxComplaints = 100;
/** Only schemas within schemas get anywhere near it. */
const maxDepth = 500;

/**
 * Turns a parsed body into an object of its kind, as Go's decoder does: names are case-sensitive, null is absence,
 * a value of the wrong type throws a DecodeError, unknown members are dropped and complained about. Of a kind that is
 * not built in, only metadata is looked at. `value` is not changed. Mirrors sigs.k8s.io/json.
 */
export function decodeObject(gvk: GroupVersionKind, value: unknown): Decoded {
  const schema = schemaOf(gvk);
  const decoder = new Decoder();
  if (schema) {
    return { object: decoder.top(schema, value), complaints: decoder.complaints };
  }
  const meta = schemaById('meta/v1.PartialObjectMetadata')!;
  const { apiVersion, kind, metadata, ...rest } = isRecord(value) ? value : decoder.top(meta, value);
  const head = { ...decoder.top(meta, { apiVersion, kind }), ...(metadata === undefined || metadata === null ? {} : { metadata: decoder.metadata(metadata) }) };
  return { object: { apiVersion: apiVersionOf(gvk), kind: gvk.kind, ...head, ...rest }, complaints: decoder.complaints };
}

/** The same for a type that is no kind of its own, such as the options of a request. */
export function decodeAs(schema: ObjectSchema, value: unknown): Record<string, unknown> {
  return new Decoder().top(schema, value);
}

/** The same for a structure that is in no API, such as a file's. */
export function decodeWith(schema: ObjectSchema, value: unknown): { object: Record<string, unknown>; complaints: string[] } {
  const decoder = new Decoder();
  return { object: decoder.top(schema, value), complaints: decoder.complaints };
}

/**
 * The same for a `value` that a decoded object was changed into: parts that are as they were have been decoded before, and
 * are taken as they are.
 */
export function decodeChanged(gvk: GroupVersionKind, value: object, before: KubeObject): Decoded {
  const schema = schemaOf(gvk);
  if (!schema || !isRecord(value)) return decodeObject(gvk, value);
  const known = before as Record<string, unknown>;
  // Without a prototype, so that `__proto__` is only a name.
  const changed = Object.create(null) as Record<string, unknown>;
  const same = Object.create(null) as Record<string, unknown>;
  for (const name in value) (Object.hasOwn(known, name) && equalJson(value[name], known[name]) ? same : changed)[name] = value[name];
  const { object, complaints } = decodeObject(gvk, changed);
  const decoded: Record<string, unknown> = {};
  for (const name of schema.fields.keys()) {
    const member = same[name] ?? (object as Record<string, unknown>)[name];
    if (member !== undefined) decoded[name] = member;
  }
  return { object: decoded, complaints };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberText);

/** What Go's decoder calls a JSON value. */
function named(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value instanceof NumberText) return 'number';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** What Go calls the kind of a value that JSON was read into. */
function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'slice';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'object' ? 'map' : typeof value === 'boolean' ? 'bool' : 'string';
}

/** Checks and normalizes in one walk: everything it returns is as normalizeObject leaves it. */
class Decoder {
  readonly complaints: string[] = [];
  /** The JSON names on the way here, without indices: what Go's type errors show. */
  readonly #fields: string[] = [];
  /** The way here with indices (numbers) and map keys: what complaints show. */
  readonly #path: (string | number)[] = [];
  #struct = '';
  /** Above zero: inside a type that decodes itself, where upstream complains about nothing. */
  #silent = 0;

  top(schema: ObjectSchema, value: unknown): Record<string, unknown> {
    return this.#object(schema, value, `${schema.gvk?.version ?? 'v1'}.${schema.name}`);
  }

  /** Upstream reads the metadata of such an object by itself. */
  metadata(value: unknown): Record<string, unknown> {
    this.#path.push('metadata');
    const decoded = this.top(schemaById('meta/v1.ObjectMeta')!, value);
    this.#path.pop();
    return decoded;
  }

  #wrongType(value: unknown, goType: string, ofMaps?: string, shown = named(value)): DecodeError {
    const target = this.#struct ? `Go struct field ${this.#struct}.${this.#fields.join('.')}` : 'Go value';
    return new DecodeError(`json: cannot unmarshal ${shown} into ${target} of type ${goType}`, ofMaps ?? `json: cannot unmarshal ${shown} into Go value of type ${goType}`);
  }

  #object(schema: ObjectSchema, value: unknown, goType: string): Record<string, unknown> {
    if (!isRecord(value)) throw this.#wrongType(value, goType, `cannot restore struct from: ${goKind(value)}`);
    if (this.#path.length > maxDepth) throw new DecodeError('exceeded max depth');
    const members = new Members(schema);
    const outer = this.#struct;
    for (const name of Object.keys(value)) {
      const slot = members.slot(name);
      if (!slot) {
        if (value[name] !== undefined) this.#complain(name);
        continue;
      }
      this.#fields.push(name);
      this.#path.push(name);
      this.#struct = schema.name;
      members.add(slot, this.#value(slot.field.type, value[name]));
      this.#path.pop();
      this.#fields.pop();
    }
    this.#struct = outer;
    return members.written();
  }

  #complain(name: string): void {
    if (this.#silent || this.complaints.length >= maxComplaints) return;
    let path = '';
    for (const step of [...this.#path, name]) path += typeof step === 'number' ? `[${step}]` : path ? `.${step}` : step;
    this.complaints.push(`unknown field ${JSON.stringify(path)}`);
  }

  #value(type: FieldType, value: unknown): unknown {
    if (value === null || value === undefined) return undefined;
    switch (type.kind) {
      case 'scalar':
        return this.#scalar(type, value);
      case 'object':
        return this.#object(type.schema, value, type.goType);
      case 'list': {
        if (!Array.isArray(value)) throw this.#wrongType(value, type.goType, `cannot restore slice from ${goKind(value)}`);
        return value.map((element, i) => this.#element(type.element, element, i));
      }
      case 'map': {
        if (!isRecord(value)) throw this.#wrongType(value, type.goType, `cannot restore map from ${goKind(value)}`);
        const decoded: Record<string, unknown> = {};
        for (const key of Object.keys(value)) {
          const element = this.#element(type.element, value[key], key);
          if (key === '__proto__') Object.defineProperty(decoded, key, { value: element, enumerable: true, writable: true, configurable: true });
          else decoded[key] = element;
        }
        return decoded;
      }
      case 'special':
        return this.#special(type.special, value);
    }
  }

  #element(type: FieldType, value: unknown, step: string | number): unknown {
    this.#path.push(step);
    const decoded = this.#value(type, value);
    this.#path.pop();
    return decoded ?? absentElement(type);
  }

  #scalar(type: FieldType & { kind: 'scalar' }, value: unknown): unknown {
    switch (type.scalar) {
      case 'any':
        return value;
      case 'string':
        if (typeof value !== 'string')
          throw this.#wrongType(value, type.goType, Number.isInteger(value) ? `cannot convert int64 to ${type.goType}` : 'unrecognized type: string');
        return value;
      case 'bool':
        if (typeof value !== 'boolean') throw this.#wrongType(value, type.goType, 'unrecognized type: bool');
        return value;
      case 'bytes':
        if (typeof value !== 'string') throw this.#wrongType(value, type.goType, `cannot restore slice from ${goKind(value)}`);
        return checkedBase64(value);
      case 'float64':
        if (typeof value !== 'number' && !(value instanceof NumberText)) throw this.#wrongType(value, type.goType, `unrecognized type: ${type.scalar}`);
        return value;
      default:
        return this.#integer(value, type.scalar, type.goType, typeof value === 'number' ? `cannot convert ${goKind(value)} to ${type.goType}` : `unrecognized type: ${type.scalar}`);
    }
  }

  #integer(value: unknown, size: 'int32' | 'int64', goType: string, ofMaps?: string): number {
    if (value instanceof NumberText) throw this.#wrongType(value, goType, ofMaps, `number ${value.text}`);
    if (typeof value !== 'number') throw this.#wrongType(value, goType, ofMaps);
    const limit = size === 'int32' ? 2 ** 31 : 2 ** 63;
    if (!Number.isInteger(value) || value < -limit || (size === 'int32' ? value >= limit : value > limit))
      throw this.#wrongType(value, goType, ofMaps, `number ${goNumber(value)}`);
    return value;
  }

  #special(special: Special, value: unknown): unknown {
    switch (special) {
      case 'Quantity': {
        const text = typeof value === 'string' ? value : JSON.stringify(value);
        try {
          return parseQuantity(text.trim()).toString();
        } catch (error) {
          throw new DecodeError((error as Error).message);
        }
      }
      case 'IntOrString':
        return typeof value === 'string' ? value : this.#integer(value, 'int32', 'int32');
      case 'Time':
      case 'MicroTime':
        if (typeof value !== 'string') throw this.#wrongType(value, 'string');
        try {
          return normalizeTime(special, value);
        } catch (error) {
          throw new DecodeError((error as Error).message);
        }
      case 'JSONSchemaPropsOrBool':
        if (typeof value === 'boolean') return value;
        if (!isRecord(value)) throw new DecodeError('boolean or JSON schema expected');
        return this.#jsonSchema(value);
      case 'JSONSchemaPropsOrArray':
        if (Array.isArray(value)) return value.map((element) => this.#jsonSchema(element));
        // Upstream reads anything else as nothing.
        return isRecord(value) ? this.#jsonSchema(value) : undefined;
      case 'JSONSchemaPropsOrStringArray':
        if (Array.isArray(value)) return value.map((element) => this.#scalar({ kind: 'scalar', scalar: 'string', goType: 'string' }, element));
        return isRecord(value) ? this.#jsonSchema(value) : undefined;
      default:
        return value;
    }
  }

  #jsonSchema(value: unknown): Record<string, unknown> {
    const schema = schemaById('apiextensions/v1.JSONSchemaProps')!;
    this.#silent++;
    const decoded = this.#object(schema, value, 'v1.JSONSchemaProps');
    this.#silent--;
    return decoded;
  }
}

/** Large and small numbers as JSON writes them. */
const goNumber = (value: number) => JSON.stringify(value).replace('e+', 'e');

/** Base64 as Go reads it: with padding, line breaks ignored. Throws a DecodeError. */
export function checkedBase64(text: string): string {
  const compact = /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, '') : text;
  if (compact.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return compact;
  const bad = /^[A-Za-z0-9+/]*/.exec(compact)![0].length;
  throw new DecodeError(`illegal base64 data at input byte ${Math.min(bad, compact.length - (bad === compact.length ? compact.length % 4 : 0))}`);
}
