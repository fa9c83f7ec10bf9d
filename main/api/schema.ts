import { fromBase64 } from './base64.ts';
import { schemaData } from './generated/schemaData.ts';
import type { Json } from './json.ts';
import { parseApiVersion, type GroupVersionKind } from './meta.ts';

/**
 * What the built-in types of the API are made of, at run time: for strict decoding, defaults of the wire, strategic merge,
 * server-side apply, protobuf, OpenAPI and forms. Read on first use from built data; pure, so a browser can use it too.
 */
export type FieldType =
  | { kind: 'scalar'; scalar: Scalar; /** Go's name, such as `v1.PullPolicy`. */ goType: string; enum?: readonly string[] }
  | { kind: 'special'; special: Special; goType: string }
  | { kind: 'object'; schema: ObjectSchema; goType: string }
  | { kind: 'list'; element: FieldType; goType: string; /** protobuf wraps it in a message of its own. */ message?: boolean }
  | { kind: 'map'; element: FieldType; goType: string };

/** `bytes` are base64 in JSON; `any` is any JSON. */
export type Scalar = 'string' | 'bool' | 'int32' | 'int64' | 'float64' | 'bytes' | 'any';

/** Types whose JSON is not their Go structure. */
export type Special =
  | 'Quantity'
  | 'IntOrString'
  | 'Time'
  | 'MicroTime'
  | 'RawExtension'
  | 'FieldsV1'
  | 'JSON'
  | 'JSONSchemaPropsOrArray'
  | 'JSONSchemaPropsOrBool'
  | 'JSONSchemaPropsOrStringArray';

export interface FieldSchema {
  /** As JSON names it. */
  name: string;
  type: FieldType;
  /** Of protobuf; 0: the field is not in it. */
  number: number;
  /** A pointer in Go: absent and zero are not the same. */
  pointer: boolean;
  /** Go leaves the zero value out of JSON. */
  omitEmpty: boolean;
  /** Go leaves out a zero structure, too. */
  omitZero: boolean;
  required: boolean;
  /** What absence means, where the schema itself says so. */
  default?: Json;
  /** `merge`, `replace`, `retainKeys`. */
  patchStrategy: readonly string[];
  patchMergeKey?: string;
  listType?: 'atomic' | 'set' | 'map';
  listMapKeys?: readonly string[];
  /** Of maps and objects; absent: granular. */
  mapType?: 'atomic' | 'granular';
  /** It says which member of a union is set. */
  discriminator?: boolean;
}

/** A structure that protobuf nests and JSON takes apart (Go embeds it). */
export interface EmbeddedSchema {
  number: number;
  schema: ObjectSchema;
}

export interface ObjectSchema {
  /** `core/v1.PodSpec` */
  id: string;
  /** `PodSpec` */
  name: string;
  /** OpenAPI's name: `io.k8s.api.core.v1.PodSpec`. */
  definition: string;
  /** What has apiVersion and kind of its own. */
  gvk?: GroupVersionKind;
  /** All members by their JSON name, apiVersion and kind of a kind included, in the order of the Go structure. */
  fields: ReadonlyMap<string, FieldSchema>;
  /** The members without those of embedded structures, in the order of their numbers, and the embedded structures. */
  own: readonly (FieldSchema | EmbeddedSchema)[];
  /** Server-side apply takes it as one value wherever it stands. */
  atomic: boolean;
  /** Exactly one of its members is to be set. */
  union: boolean;
}

type FieldFact = [number: number, type: string, flags: string, more?: Partial<FieldSchema> & { patchStrategy?: string }];
interface TypeFact {
  kind?: boolean;
  atomic?: boolean;
  union?: boolean;
  fields?: Record<string, FieldFact>;
  items?: string;
  base?: Scalar;
  enum?: string[];
}
interface Data {
  packages: Record<string, { group: string; version: string; prefix: string }>;
  types: Record<string, TypeFact>;
}

const scalars: ReadonlySet<string> = new Set<Scalar>(['string', 'bool', 'int32', 'int64', 'float64', 'bytes', 'any']);
const specials: Record<Special, string> = {
  Quantity: 'resource.Quantity',
  IntOrString: 'intstr.IntOrString',
  Time: 'v1.Time',
  MicroTime: 'v1.MicroTime',
  RawExtension: 'runtime.RawExtension',
  FieldsV1: 'v1.FieldsV1',
  JSON: 'v1.JSON',
  JSONSchemaPropsOrArray: 'v1.JSONSchemaPropsOrArray',
  JSONSchemaPropsOrBool: 'v1.JSONSchemaPropsOrBool',
  JSONSchemaPropsOrStringArray: 'v1.JSONSchemaPropsOrStringArray',
};

let data: Data | undefined;
const read = (): Data => (data ??= JSON.parse(schemaData) as Data);

const known = new Map<string, ObjectSchema>();

/** A type by its id: `core/v1.PodSpec`. */
export function schemaById(id: string): ObjectSchema | undefined {
  const found = known.get(id);
  if (found) return found;
  const facts = Object.hasOwn(read().types, id) ? read().types[id] : undefined;
  if (!facts?.fields) return undefined;
  const made = new LazySchema(id, facts);
  known.set(id, made);
  return made;
}

let kindIds: Map<string, string> | undefined;
const kindKey = ({ group, version, kind }: GroupVersionKind) => `${group}/${version}/${kind}`;

function kindTable(): Map<string, string> {
  if (kindIds) return kindIds;
  kindIds = new Map();
  const { packages, types } = read();
  for (const id in types) {
    if (!types[id]!.kind) continue;
    const { group, version } = packages[homeOf(id)]!;
    kindIds.set(kindKey({ group, version, kind: nameOf(id) }), id);
  }
  return kindIds;
}

/** Kinds of meta/v1 that every group and version knows as its own. */
const shared: ReadonlySet<string> = new Set([
  'WatchEvent', 'ListOptions', 'DeleteOptions', 'GetOptions', 'CreateOptions', 'UpdateOptions', 'PatchOptions',
  'Status', 'APIVersions', 'APIGroup', 'APIGroupList', 'APIResourceList',
]);

/**
 * Kinds in a version that is not served any more but still read where the same kind of another version is expected, since
 * clients of old post them; the fields are those of that version. Mirrors pkg/apis/policy/install.
 */
const readStill: ReadonlyMap<string, string> = new Map([['policy/v1beta1/Eviction', 'policy/v1.Eviction']]);

/** Whether a body of kind `given` is read where `expected` belongs, though it is of an older version. */
export function isReadAs(given: GroupVersionKind, expected: GroupVersionKind): boolean {
  const id = readStill.get(kindKey(given));
  return id !== undefined && id === kindTable().get(kindKey(expected));
}

/** The schema of a kind; undefined for what is not built in. */
export function schemaOf(gvk: GroupVersionKind): ObjectSchema | undefined {
  const { group, version, kind } = gvk;
  // Asked for several times in each request: no text is made for what was asked for before.
  const asked = askedFor.get(kind);
  if (asked) for (const same of asked) if (same.version === version && same.group === group) return same.schema;
  const schema = findSchema(gvk);
  if (!schema) return undefined;
  if (asked) asked.push({ group, version, schema });
  else askedFor.set(kind, [{ group, version, schema }]);
  return schema;
}

/** By kind. */
const askedFor = new Map<string, { group: string; version: string; schema: ObjectSchema }[]>();

function findSchema(gvk: GroupVersionKind): ObjectSchema | undefined {
  const id = kindTable().get(kindKey(gvk)) ?? readStill.get(kindKey(gvk)) ?? (shared.has(gvk.kind) ? `meta/v1.${gvk.kind}` : undefined);
  return id === undefined ? undefined : schemaById(id);
}

/** The same by `apiVersion` and `kind` as an object carries them. */
export function schemaOfObject({ apiVersion, kind }: { apiVersion?: string; kind?: string }): ObjectSchema | undefined {
  if (!apiVersion || !kind) return undefined;
  const { group, version } = groupVersionOf(apiVersion);
  return schemaOf({ group, version, kind });
}

let lastVersion = { apiVersion: 'v1', ...parseApiVersion('v1') };

/** Most objects are of the version that the one before was of. */
function groupVersionOf(apiVersion: string): { group: string; version: string } {
  if (lastVersion.apiVersion !== apiVersion) lastVersion = { apiVersion, ...parseApiVersion(apiVersion) };
  return lastVersion;
}

/** Every type with fields, by id. */
export function schemaIds(): string[] {
  const { types } = read();
  return Object.keys(types).filter((id) => types[id]!.fields);
}

const homeOf = (id: string) => id.slice(0, id.indexOf('.'));
const nameOf = (id: string) => id.slice(id.indexOf('.') + 1);

class LazySchema implements ObjectSchema {
  readonly name: string;
  readonly definition: string;
  readonly gvk?: GroupVersionKind;
  readonly atomic: boolean;
  readonly union: boolean;
  #fields?: ReadonlyMap<string, FieldSchema>;
  #own?: readonly (FieldSchema | EmbeddedSchema)[];

  constructor(
    readonly id: string,
    private readonly facts: TypeFact,
  ) {
    const home = read().packages[homeOf(id)]!;
    this.name = nameOf(id);
    this.definition = `${home.prefix}.${this.name}`;
    if (facts.kind) this.gvk = { group: home.group, version: home.version, kind: this.name };
    this.atomic = facts.atomic === true;
    this.union = facts.union === true;
  }

  get fields(): ReadonlyMap<string, FieldSchema> {
    if (!this.#fields) this.#build();
    return this.#fields!;
  }

  get own(): readonly (FieldSchema | EmbeddedSchema)[] {
    if (!this.#own) this.#build();
    return this.#own!;
  }

  #build(): void {
    const home = homeOf(this.id);
    const fields = new Map<string, FieldSchema>();
    const own: (FieldSchema | EmbeddedSchema)[] = [];
    if (this.facts.kind) for (const name of ['apiVersion', 'kind']) fields.set(name, typeMetaField(name));
    for (const [name, fact] of Object.entries(this.facts.fields!)) {
      if (name.startsWith('<')) {
        const schema = schemaById(qualified(fact[1], home))!;
        own.push({ number: fact[0], schema });
        for (const field of schema.fields.values()) fields.set(field.name, field);
      } else {
        const field = readField(name, fact, home);
        own.push(field);
        fields.set(name, field);
      }
    }
    this.#fields = fields;
    this.#own = own.sort((a, b) => a.number - b.number);
  }
}

function typeMetaField(name: string): FieldSchema {
  const type: FieldType = { kind: 'scalar', scalar: 'string', goType: 'string' };
  return { name, type, number: 0, pointer: false, omitEmpty: true, omitZero: false, required: false, patchStrategy: [] };
}

function readField(name: string, [number, text, flags, more]: FieldFact, home: string): FieldSchema {
  const { patchStrategy, ...rest } = more ?? {};
  return {
    name,
    type: readType(text.startsWith('*') ? text.slice(1) : text, home),
    number,
    pointer: text.startsWith('*'),
    omitEmpty: flags.includes('e'),
    omitZero: flags.includes('z'),
    required: flags.includes('r'),
    ...rest,
    patchStrategy: patchStrategy?.split(',') ?? [],
  };
}

const qualified = (text: string, home: string) => (text.includes('/') ? text : `${home}.${text}`);

function readType(text: string, home: string): FieldType {
  if (text.startsWith('[]') || text.startsWith('{}')) {
    const element = readType(text.slice(2).replace(/^\*/, ''), home);
    return text.startsWith('[]')
      ? { kind: 'list', element, goType: `[]${element.goType}` }
      : { kind: 'map', element, goType: `map[string]${element.goType}` };
  }
  if (scalars.has(text)) {
    const goType = text === 'bytes' ? '[]uint8' : text === 'any' ? 'interface {}' : text;
    return { kind: 'scalar', scalar: text as Scalar, goType };
  }
  if (Object.hasOwn(specials, text)) return { kind: 'special', special: text as Special, goType: specials[text as Special] };
  const id = qualified(text, home);
  const facts = read().types[id]!;
  const goType = `${homeOf(id).split('/')[1]}.${nameOf(id)}`;
  if (facts.items !== undefined) return { ...(readType(facts.items, homeOf(id)) as FieldType & { kind: 'list' }), goType, message: true };
  if (facts.base !== undefined) return { kind: 'scalar', scalar: facts.base, goType, ...(facts.enum ? { enum: facts.enum } : {}) };
  // The schema is looked up when it is asked for: types may contain themselves.
  return new ObjectType(id, goType);
}

class ObjectType {
  readonly kind = 'object';
  #schema: ObjectSchema | undefined;

  constructor(
    private readonly id: string,
    readonly goType: string,
  ) {}

  get schema(): ObjectSchema {
    return (this.#schema ??= schemaById(this.id)!);
  }
}

/** What the types and their members are for, by id: `[the type's text, {member: its text}]`. */
export type Descriptions = Record<string, [string, Record<string, string>]>;

/** Reads the texts, half a megabyte of them; let go of the result after use. */
export async function loadDescriptions(): Promise<Descriptions> {
  const { descriptionsData } = await import('./generated/descriptionsData.ts');
  const stream = new Blob([fromBase64(descriptionsData)]).stream().pipeThrough(new DecompressionStream('gzip'));
  return (await new Response(stream).json()) as Descriptions;
}
