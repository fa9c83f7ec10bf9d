import type { Json } from '../../api/json.ts';
import { schemaById, schemaOf, type Descriptions } from '../../api/schema.ts';
import { definitionName, deleteOptionsDefinition, groupWord, pathsOf, type Operation, type Parameter, type ServedResource } from './operations.ts';
import { Definitions, patchDefinition, type JsonObject } from './schemas.ts';

const info = { title: 'Kubernetes', version: '1.36' };
const bearerToken = { description: 'Bearer Token authentication', in: 'header', name: 'authorization', type: 'apiKey' };
const bodyTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const logTypes = ['application/json', 'application/vnd.kubernetes.protobuf', 'application/yaml', 'text/plain'];
const watchTypes = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const patchTypes = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json'];
/** Strategic merge needs a kind that is built in: kubectl sends what is written here, and nothing else. */
const patchTypesOf = ({ kind }: Operation): string[] => (schemaOf(kind) ? [...patchTypes, 'application/strategic-merge-patch+json'] : patchTypes);

const versionDefinition = 'io.k8s.apimachinery.pkg.version.Info';

/** What `/version` answers. */
function versionSchema(descriptions: Descriptions): JsonObject {
  const [description = '', texts = {}] = descriptions['version.Info'] ?? [];
  const always = ['major', 'minor', 'gitVersion', 'gitCommit', 'gitTreeState', 'buildDate', 'goVersion', 'compiler', 'platform'];
  const members = [...always, 'emulationMajor', 'emulationMinor', 'minCompatibilityMajor', 'minCompatibilityMinor'].sort();
  const member = (name: string): JsonObject => ({ ...(texts[name] ? { description: texts[name] } : {}), type: 'string', ...(always.includes(name) ? { default: '' } : {}) });
  return { description, type: 'object', required: always, properties: Object.fromEntries(members.map((name) => [name, member(name)])) };
}

function definitionsFor(served: readonly ServedResource[], descriptions: Descriptions, form: 'v2' | 'v3'): Definitions {
  const versions = new Map(served.map(({ definition: { group, version } }) => [`${group}/${version}`, { group, version }]));
  const definitions = new Definitions(descriptions, [...versions.values()]);
  for (const { definition, subresources = {}, openApi } of served) {
    const { group, version, kind, listKind, verbs } = definition;
    const listed = !verbs || verbs.includes('list') ? [{ group, version, kind: listKind }] : [];
    const kinds = [{ group, version, kind }, ...listed, ...Object.values(subresources).map((s) => s.kind)];
    for (const gvk of kinds) {
      const schema = schemaOf(gvk);
      if (schema) definitions.add(schema);
      else if (openApi && (gvk.kind === kind || gvk.kind === listKind)) {
        definitions.found.set(definitionName(gvk), gvk.kind === kind ? openApi[form] : openApi.list);
        for (const id of ['meta/v1.ObjectMeta', 'meta/v1.ListMeta']) definitions.add(schemaById(id)!);
      }
      // A kind that is not built in may hold anything.
      else
        definitions.found.set(definitionName(gvk), {
          type: 'object',
          'x-kubernetes-group-version-kind': [{ group: gvk.group, kind: gvk.kind, version: gvk.version }],
          'x-kubernetes-preserve-unknown-fields': true,
        });
    }
  }
  // Of kinds that are only created nothing else is asked.
  if (served.every(({ definition: { verbs } }) => verbs?.every((verb) => verb === 'create'))) return definitions;
  for (const id of ['meta/v1.Status', 'meta/v1.DeleteOptions', 'meta/v1.WatchEvent']) definitions.add(schemaById(id)!);
  definitions.addPatch();
  return definitions;
}

const isText = (name: string) => name === 'string' || name === 'text';
const sorted = (entries: Iterable<[string, Json]>): JsonObject => Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));

/** What a parameter is for. */
function described({ name, in: place, text, kind }: Parameter, descriptions: Descriptions): JsonObject {
  const description = kind ? `name of the ${kind}` : descriptions['parameters']?.[1][text ?? name];
  return { name, in: place, ...(description ? { description } : {}) };
}

const schemaReference = (name: string) => ({ $ref: `#/components/schemas/${name}` });

/** `string` and `text` stand for themselves, in any type or as lines. */
function v3Content(types: readonly string[], name: string): JsonObject {
  const written = name === 'string' ? ['*/*'] : name === 'text' ? logTypes : types;
  return Object.fromEntries(written.map((type) => [type, { schema: isText(name) ? { type: 'string' } : schemaReference(name) }]));
}

function v3Envelope(paths: Iterable<[string, Json]>, schemas: Iterable<[string, Json]>): JsonObject {
  const written = [...schemas];
  return { openapi: '3.0.0', info, paths: sorted(paths), components: { ...(written.length ? { schemas: sorted(written) } : {}), securitySchemes: { BearerToken: bearerToken } } };
}

/** One group and version, as /openapi/v3 has it. */
export function v3Document(served: readonly ServedResource[], descriptions: Descriptions): JsonObject {
  const parameter = (each: Parameter): JsonObject => ({ ...described(each, descriptions), ...(each.in === 'path' ? { required: true } : {}), schema: { type: each.type, uniqueItems: true } });
  const write = (operation: Operation): JsonObject => ({
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.id,
    ...(operation.parameters.length ? { parameters: operation.parameters.map(parameter) } : {}),
    ...(operation.patch ? { requestBody: { content: v3Content(patchTypesOf(operation), patchDefinition), required: true } } : {}),
    ...(operation.body ? { requestBody: { content: v3Content(['*/*'], operation.body), ...(operation.body === deleteOptionsDefinition ? {} : { required: true }) } } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.responses).map(([code, name]) => [
          code,
          { description: codeText[code]!, content: v3Content(operation.watchable ? [...bodyTypes, ...watchTypes] : bodyTypes, name) },
        ]),
      ),
      401: { description: 'Unauthorized' },
    },
    ...extensions(operation),
  });
  const paths: [string, Json][] = served.flatMap((resource) =>
    pathsOf(resource).map(({ path, parameters, operations }): [string, Json] => [
      path,
      { ...Object.fromEntries(operations.map((operation) => [operation.method, write(operation)])), ...(parameters.length ? { parameters: parameters.map(parameter) } : {}) },
    ]),
  );
  const found = definitionsFor(served, descriptions, 'v3');
  // Kinds that users define are told of by the server of those kinds, which has no page of its own here.
  const builtin = served.filter(({ definition }) => schemaOf(definition));
  const page = discoveryPages(builtin).at(-1);
  if (page) {
    paths.push([page.path, { get: v3Page(page) }]);
    found.add(schemaById(`meta/v1.${page.kind}`)!);
  }
  return v3Envelope(paths, found.found);
}

/** A path that says what there is. */
interface Page {
  path: string;
  description: string;
  id: string;
  tag: string;
  types: readonly string[];
  /** Of meta/v1; undefined: `definition` says what is answered. */
  kind?: string;
  definition: string;
}

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

function discoveryPage(path: string, description: string, kind: string, tag: string, subject = kind): Page {
  const owner = tag === 'apis' ? '' : tag.split('_').map(capital).join('');
  return { path, description, id: `get${owner}${subject}`, tag, types: bodyTypes, kind, definition: `io.k8s.apimachinery.pkg.apis.meta.v1.${kind}` };
}

/** Of the server, of its groups and of their versions. */
function discoveryPages(served: readonly ServedResource[]): Page[] {
  const pages: Page[] = [];
  const done = new Set<string>();
  for (const { definition: { group, version } } of served) {
    const word = groupWord(group);
    if (group && !done.has(group)) pages.push(discoveryPage(`/apis/${group}/`, 'get information of a group', 'APIGroup', word));
    if (!done.has(`${group}/${version}`)) pages.push(discoveryPage(group ? `/apis/${group}/${version}/` : `/api/${version}/`, 'get available resources', 'APIResourceList', `${word}_${version}`, 'APIResources'));
    done.add(group).add(`${group}/${version}`);
  }
  return pages;
}

const serverPages: readonly Page[] = [
  discoveryPage('/api/', 'get available API versions', 'APIVersions', 'core'),
  discoveryPage('/apis/', 'get available API versions', 'APIGroupList', 'apis', 'APIVersions'),
  { path: '/version/', description: 'get the version information for this server', id: 'getCodeVersion', tag: 'version', types: ['application/json'], definition: versionDefinition },
  {
    path: '/.well-known/openid-configuration/',
    description: "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
    id: 'getServiceAccountIssuerOpenIDConfiguration',
    tag: 'WellKnown',
    types: ['application/json'],
    definition: 'string',
  },
  {
    path: '/openid/v1/jwks/',
    description: 'get service account issuer OpenID JSON Web Key Set (contains public token verification keys)',
    id: 'getServiceAccountIssuerOpenIDKeyset',
    tag: 'openid',
    types: ['application/jwk-set+json'],
    definition: 'string',
  },
];

function v3Page({ tag, description, id, types, definition }: Page): JsonObject {
  const schema: JsonObject = isText(definition) ? { type: 'string' } : schemaReference(definition);
  const content = Object.fromEntries(types.map((type) => [type, { schema }]));
  return { tags: [tag], description, operationId: id, responses: { 200: { description: 'OK', content }, 401: { description: 'Unauthorized' } } };
}

function v2Page({ tag, description, id, types, definition }: Page): JsonObject {
  const schema: JsonObject = isText(definition) ? { type: 'string' } : { $ref: `#/definitions/${definition}` };
  const consumes: JsonObject = isText(definition) ? {} : { consumes: types as string[] };
  return { description, ...consumes, produces: types as string[], schemes: ['https'], tags: [tag], operationId: id, responses: { 200: { description: 'OK', schema }, 401: { description: 'Unauthorized' } } };
}

/** What the document of a path of the server itself, or of a group, is called: `api`, `apis/apps`, `version`; and the document. */
export function serverDocuments(served: readonly ServedResource[]): Map<string, (descriptions: Descriptions) => JsonObject> {
  const groups = discoveryPages(served.filter(({ definition }) => schemaOf(definition))).filter(({ kind }) => kind === 'APIGroup');
  return new Map(
    [...serverPages, ...groups].map((page) => [
      page.path.slice(1, -1),
      (descriptions) => v3Envelope([[page.path, { get: v3Page(page) }]], definitionsOfPages([page], descriptions).found),
    ]),
  );
}

function definitionsOfPages(pages: readonly Page[], descriptions: Descriptions, definitions = new Definitions(descriptions, [])): Definitions {
  for (const { kind, definition } of pages) {
    if (kind) definitions.add(schemaById(`meta/v1.${kind}`)!);
    else if (definition === versionDefinition) definitions.found.set(definition, versionSchema(descriptions));
  }
  return definitions;
}

/** Everything in one document, as /openapi/v2 has it. */
export function v2Document(served: readonly ServedResource[], descriptions: Descriptions): JsonObject {
  const reference = (name: string) => ({ $ref: `#/definitions/${name}` });
  const shared = new Map<string, Json>();
  const share = (written: JsonObject): JsonObject => {
    const name = sharedName(written);
    shared.set(name, written);
    return { $ref: `#/parameters/${name}` };
  };
  const parameter = (each: Parameter): JsonObject => {
    const { name, in: place, description } = described(each, descriptions) as Record<string, string>;
    const written = { uniqueItems: true, type: each.type, ...(description ? { description } : {}), name: name!, in: place!, ...(place === 'path' ? { required: true } : {}) };
    // kubectl looks for the first two by name and follows no references; an object's own name is said to be that of its kind.
    return name === 'dryRun' || name === 'fieldValidation' || name === 'name' ? written : share(written);
  };
  const body = (name: string, required: boolean): JsonObject => {
    const written = { name: 'body', in: 'body', ...(required ? { required: true } : {}), schema: reference(name) };
    return name.startsWith('io.k8s.apimachinery') ? share(written) : written;
  };
  const write = (operation: Operation): JsonObject => {
    const bodies = operation.patch ? [body(patchDefinition, true)] : operation.body ? [body(operation.body, operation.body !== deleteOptionsDefinition)] : [];
    const produces = Object.values(operation.responses)[0] === 'string' ? ['*/*'] : Object.values(operation.responses)[0] === 'text' ? ['text/plain', ...bodyTypes] : operation.watchable ? [...bodyTypes, ...watchTypes] : bodyTypes;
    return {
      description: operation.description,
      consumes: operation.patch ? patchTypesOf(operation) : ['*/*'],
      produces,
      schemes: ['https'],
      tags: [operation.tag],
      operationId: operation.id,
      ...(bodies.length + operation.parameters.length ? { parameters: [...bodies, ...operation.parameters.map(parameter)] } : {}),
      responses: {
        ...Object.fromEntries(Object.entries(operation.responses).map(([code, name]) => [code, { description: codeText[code]!, schema: isText(name) ? { type: 'string' } : reference(name) }])),
        401: { description: 'Unauthorized' },
      },
      ...extensions(operation),
    };
  };
  const paths: [string, Json][] = served.flatMap((resource) =>
    pathsOf(resource).map(({ path, parameters, operations }): [string, Json] => [
      path,
      { ...Object.fromEntries(operations.map((operation) => [operation.method, write(operation)])), ...(parameters.length ? { parameters: parameters.map(parameter) } : {}) },
    ]),
  );
  const pages = [...serverPages, ...discoveryPages(served.filter(({ definition }) => schemaOf(definition)))];
  const found = definitionsOfPages(pages, descriptions, definitionsFor(served, descriptions, 'v2'));
  const definitions = [...found.found].map(([name, schema]): [string, Json] => [name, toV2(schema)]);
  return {
    ...v2Head,
    paths: sorted([...paths, ...pages.map((page): [string, Json] => [page.path, { get: v2Page(page) }])]),
    definitions: sorted(definitions),
    parameters: sorted(shared),
  };
}

/** What the document says whatever is served. */
export const v2Head: JsonObject = { swagger: '2.0', info, securityDefinitions: { BearerToken: bearerToken }, security: [{ BearerToken: [] }] };

/** A parameter that many share is called by its name and what it says. Mirrors k8s.io/kube-openapi/pkg/builder/parameters.go. */
function sharedName(parameter: JsonObject): string {
  const written = JSON.stringify(parameter);
  let name = sharedNames.get(written);
  if (name !== undefined) return name;
  // As Go writes JSON.
  const text = written.replace(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(fnv64(Buffer.from(text)));
  name = `${parameter['name'] as string}-${bytes.subarray(0, 6).toString('base64url')}`;
  sharedNames.set(written, name);
  return name;
}

/** There are some fifty parameters, which thousands of operations take. */
const sharedNames = new Map<string, string>();

/** FNV-1 of 64 bits. */
function fnv64(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, hash * 0x100000001b3n) ^ BigInt(byte);
  return hash;
}

const codeText: Record<string, string> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };

const extensions = ({ action, kind: { group, kind, version } }: Operation): JsonObject => ({
  'x-kubernetes-action': action,
  'x-kubernetes-group-version-kind': { group, kind, version },
});

/** A v3 schema as v2 can say it: no oneOf, no defaults, references with neighbours. Mirrors kube-openapi's conversion. */
function toV2(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(toV2);
  if (typeof schema !== 'object' || schema === null) return schema;
  const written: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'allOf') Object.assign(written, toV2((value as Json[])[0]!));
    else if (key === 'oneOf') written['type'] = 'string';
    else if (key === '$ref') written['$ref'] = (value as string).replace('#/components/schemas/', '#/definitions/');
    else if (key === 'properties')
      written[key] = Object.fromEntries(Object.entries(value as JsonObject).map(([name, property]) => [name, toV2(property)]));
    else if (key !== 'default') written[key] = key === 'items' || key === 'additionalProperties' ? toV2(value) : value;
  }
  return written;
}
