import type { Json } from '../../api/json.ts';
import type { FieldSchema, FieldType, ObjectSchema } from '../../api/schema.ts';

/** What the patches must know of a value's type. Custom resources bring their own; built-in kinds have `patchSchemaOf`. */
export interface PatchSchema {
  /** `any`: nothing is known; maps are taken apart, lists are not. */
  readonly kind: 'struct' | 'map' | 'list' | 'scalar' | 'any';
  /** Go's name of it, for messages. */
  readonly name: string;
  /** Taken as one value: nobody owns a part of it. */
  readonly atomic: boolean;
  /** A structure's members, by JSON name. */
  readonly fields?: ReadonlyMap<string, PatchField>;
  /** Those of them that Go writes even where they are not set. */
  readonly zeros?: readonly (readonly [string, PatchField])[];
  /** What a list or map holds. */
  readonly element?: PatchSchema;
  /** The members that tell a list's items apart; without any, an associative list is a set of its values. */
  readonly keys?: readonly string[];
  /** What a scalar may be. */
  readonly scalar?: 'string' | 'numeric' | 'boolean' | 'any';
}

/** A member of a structure. */
export interface PatchField {
  readonly schema: PatchSchema;
  /** What Go writes where it is not set; undefined: nothing. */
  readonly zero?: Json;
  /** What absence means, for the keys of lists. */
  readonly default?: Json;
  /** `merge`, `replace`, `retainKeys`: for strategic merge patches. */
  readonly strategies: readonly string[];
  readonly mergeKey?: string;
}

/** A value of which nothing is known. */
export const anySchema: PatchSchema = { kind: 'any', name: 'any', atomic: false };

const made = new WeakMap<ObjectSchema, PatchSchema>();

/** What is known of a built-in kind; `anySchema` for none. */
export function patchSchemaOf(schema: ObjectSchema | undefined): PatchSchema {
  return schema ? structOf(schema) : anySchema;
}

function structOf(schema: ObjectSchema): PatchSchema {
  let struct = made.get(schema);
  if (!struct) made.set(schema, (struct = new Struct(schema)));
  return struct;
}

/** Members are looked up when they are asked for: types may contain themselves. */
class Struct implements PatchSchema {
  readonly kind = 'struct';
  readonly name: string;
  readonly atomic: boolean;
  #fields: ReadonlyMap<string, PatchField> | undefined;
  #zeros: readonly (readonly [string, PatchField])[] | undefined;

  constructor(
    private readonly schema: ObjectSchema,
    atomic = schema.atomic,
  ) {
    this.name = schema.name;
    this.atomic = atomic;
  }

  get fields(): ReadonlyMap<string, PatchField> {
    return (this.#fields ??= new Map([...this.schema.fields].map(([name, field]) => [name, fieldOf(field)])));
  }

  get zeros(): readonly (readonly [string, PatchField])[] {
    return (this.#zeros ??= [...this.fields].filter(([, field]) => field.zero !== undefined));
  }
}

function fieldOf(field: FieldSchema): PatchField {
  const zero = zeroOf(field);
  return {
    schema: typeOf(field.type, field),
    strategies: field.patchStrategy,
    ...(zero === undefined ? {} : { zero }),
    ...(field.default === undefined ? {} : { default: field.default }),
    ...(field.patchMergeKey === undefined ? {} : { mergeKey: field.patchMergeKey }),
  };
}

function typeOf(type: FieldType, field: FieldSchema | undefined): PatchSchema {
  switch (type.kind) {
    case 'scalar':
      return type.scalar === 'any' ? anySchema : { kind: 'scalar', name: type.goType, atomic: true, scalar: scalarOf(type.scalar) };
    case 'special':
      return type.special === 'JSON' || type.special.startsWith('JSONSchema')
        ? anySchema
        : { kind: type.special === 'RawExtension' ? 'any' : 'scalar', name: type.goType, atomic: true, scalar: specialOf(type.special) };
    case 'object':
      return field?.mapType && (field.mapType === 'atomic') !== type.schema.atomic ? new Struct(type.schema, field.mapType === 'atomic') : structOf(type.schema);
    case 'map':
      return { kind: 'map', name: type.goType, atomic: field?.mapType === 'atomic', element: typeOf(type.element, undefined) };
    case 'list': {
      const { listType, listMapKeys, patchStrategy, patchMergeKey } = field ?? {};
      // Lists of which only the older strategic merge says how to merge them mean the same (kube-openapi, schemaconv).
      const byStrategy = listType === undefined && patchStrategy?.includes('merge') === true;
      const keys = listType === 'map' ? listMapKeys : byStrategy && patchMergeKey ? [patchMergeKey] : undefined;
      const atomic = !keys && listType !== 'set' && !byStrategy;
      return { kind: 'list', name: type.goType, atomic, element: typeOf(type.element, undefined), ...(keys ? { keys } : {}) };
    }
  }
}

function scalarOf(scalar: string): PatchSchema['scalar'] & string {
  if (scalar === 'bool') return 'boolean';
  return scalar === 'string' || scalar === 'bytes' ? 'string' : 'numeric';
}

function specialOf(special: string): PatchSchema['scalar'] & string {
  return special === 'Time' || special === 'MicroTime' || special === 'Duration' ? 'string' : 'any';
}

function zeroOf({ type, pointer, omitEmpty, omitZero }: FieldSchema): Json | undefined {
  if (pointer) return omitEmpty ? undefined : null;
  switch (type.kind) {
    case 'object':
      return omitZero ? undefined : {};
    case 'special':
      if (type.special === 'Quantity') return '0';
      return type.special === 'IntOrString' ? 0 : omitZero ? undefined : null;
    case 'list':
    case 'map':
      return omitEmpty ? undefined : null;
    case 'scalar':
      if (omitEmpty) return undefined;
      if (type.scalar === 'string') return '';
      if (type.scalar === 'bool') return false;
      return type.scalar === 'bytes' || type.scalar === 'any' ? null : 0;
  }
}

export const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is known of a member of a map or structure. */
export function memberSchema(schema: PatchSchema, name: string): PatchSchema {
  return schema.fields?.get(name)?.schema ?? schema.element ?? anySchema;
}

/** Whether `schema` takes lists apart, and this one is one. */
export function isAssociative(schema: PatchSchema): boolean {
  return schema.kind === 'list' && !schema.atomic;
}
