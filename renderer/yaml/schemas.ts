import { parseApiVersion } from '../../main/api/meta.ts';
import { client } from '../client/index.ts';

/** As much of OpenAPI v3 as the API server uses. */
interface Schema {
  $ref?: string;
  allOf?: Schema[];
  type?: string;
  format?: string;
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
  enum?: unknown[];
  required?: string[];
  default?: unknown;
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
}

interface Document {
  components?: { schemas?: Record<string, Schema> };
}

/** A field of a kind, as the server describes it. */
export interface Field {
  name: string;
  /** `string`, `integer`, `Container[]` … */
  type: string;
  description: string;
  required: boolean;
  choices: readonly string[];
}

/** What the fields of a kind are. */
export interface KindSchema {
  /** The field at a path (`[]` for an entry of a list), if there is one. */
  field(path: readonly string[]): Field | undefined;
  /** The fields that may stand below a path. */
  fieldsBelow(path: readonly string[]): Field[];
}

const documents = new Map<string, Promise<Document>>();

/** From the server that is asked, so that kinds that users define are described as well; undefined where it tells of no such kind. */
export async function schemaOf(apiVersion: string, kind: string): Promise<KindSchema | undefined> {
  if (!apiVersion || !kind) return undefined;
  const { group, version } = parseApiVersion(apiVersion);
  const read = async () => {
    const document = await load(group ? `/openapi/v3/apis/${group}/${version}` : `/openapi/v3/api/${version}`);
    const schemas = document.components?.schemas ?? {};
    const found = Object.values(schemas).find((schema) => schema['x-kubernetes-group-version-kind']?.some((each) => each.kind === kind && each.group === group && each.version === version));
    return found && kindSchema(schemas, found);
  };
  try {
    return await read();
  } catch {
    // Help that is missing is no fault of what is being written.
    return undefined;
  }
}

function load(path: string): Promise<Document> {
  const known = documents.get(path);
  if (known) return known;
  const asked = client().api.get<Document>(path);
  documents.set(path, asked);
  // What failed is asked again; kinds that users define come and go, so that nothing is known for good.
  asked.catch(() => documents.delete(path));
  return asked;
}

/** Forgets what the server said: it serves other kinds now. */
export const forgetSchemas = (): void => documents.clear();

function kindSchema(schemas: Record<string, Schema>, root: Schema): KindSchema {
  const resolve = (schema: Schema | undefined): Schema | undefined => {
    const reference = schema?.$ref ?? schema?.allOf?.[0]?.$ref;
    if (!schema || !reference) return schema;
    const target = schemas[reference.replace('#/components/schemas/', '')];
    // What is said of the field is nearer than what is said of its type.
    return target && { ...target, ...(schema.description ? { description: schema.description } : {}) };
  };
  const step = (schema: Schema | undefined, key: string): Schema | undefined => {
    if (key === '[]') return resolve(schema?.items);
    const own = schema?.properties?.[key];
    if (own) return resolve(own);
    return typeof schema?.additionalProperties === 'object' ? resolve(schema.additionalProperties) : undefined;
  };
  const at = (path: readonly string[]) => path.reduce<Schema | undefined>(step, root);
  const nameOf = (schema: Schema | undefined): string => {
    const reference = schema?.$ref ?? schema?.allOf?.[0]?.$ref;
    if (reference) return reference.slice(reference.lastIndexOf('.') + 1);
    if (schema?.type === 'array') return `${nameOf(schema.items)}[]`;
    if (typeof schema?.additionalProperties === 'object') return `map[string]${nameOf(schema.additionalProperties)}`;
    return schema?.format ?? schema?.type ?? 'any';
  };
  const describe = (name: string, schema: Schema, parent: Schema | undefined): Field => {
    const resolved = resolve(schema)!;
    const choices = resolved.enum?.map(String) ?? (resolved.type === 'boolean' ? ['true', 'false'] : []);
    return { name, type: nameOf(schema), description: resolved.description ?? '', required: parent?.required?.includes(name) ?? false, choices };
  };
  return {
    field(path) {
      const name = path.at(-1);
      if (name === undefined || name === '[]') return undefined;
      const parent = at(path.slice(0, -1));
      const own = parent?.properties?.[name] ?? (typeof parent?.additionalProperties === 'object' ? parent.additionalProperties : undefined);
      return own && describe(name, own, parent);
    },
    fieldsBelow(path) {
      const parent = at(path);
      return Object.entries(parent?.properties ?? {}).map(([name, schema]) => describe(name, schema, parent));
    },
  };
}
