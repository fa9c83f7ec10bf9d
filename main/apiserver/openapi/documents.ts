import type { Json } from '../../api/json.ts';
import { schemaById, schemaOf, type Descriptions } from '../../api/schema.ts';
import { definitionName, deleteOptionsDefinition, groupWord, pathsOf, type Operation, type Parameter, type ServedResource } from './operations.ts';
import { Definitions, patchDefinition, type JsonObject } from './schemas.ts';

const info = { title: 'Kubernetes', version: 'v1.36.2' };
const bearerToken = { description: 'Bearer Token authentication', in: 'header', name: 'authorization', type: 'apiKey' };
const bodyTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const watchTypes = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const patchTypes = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json'];
/** Strategic merge needs a kind that is built in: kubectl sends what is written here, and nothing else. */
const patchTypesOf = ({ kind }: Operation): string[] => (schemaOf(kind) ? [...patchTypes, 'application/strategic-merge-patch+json'] : patchTypes);

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
  for (const id of ['meta/v1.Status', 'meta/v1.DeleteOptions', 'meta/v1.WatchEvent']) definitions.add(schemaById(id)!);
  definitions.addPatch();
  return definitions;
}

const sorted = (entries: Iterable<[string, Json]>): JsonObject => Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));

/** One group and version, as /openapi/v3 has it. */
export function v3Document(served: readonly ServedResource[], descriptions: Descriptions): JsonObject {
  const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });
  const schema = (name: string): JsonObject => (name === 'string' ? { type: 'string' } : reference(name));
  const content = (types: readonly string[], name: string) => Object.fromEntries((name === 'string' ? ['*/*'] : types).map((type) => [type, { schema: schema(name) }]));
  const parameter = ({ name, in: place, type }: Parameter): JsonObject => ({
    in: place,
    name,
    ...(place === 'path' ? { required: true } : {}),
    schema: { type, uniqueItems: true },
  });
  const write = (operation: Operation): JsonObject => ({
    description: operation.description,
    operationId: operation.id,
    ...(operation.parameters.length ? { parameters: operation.parameters.map(parameter) } : {}),
    ...(operation.patch ? { requestBody: { content: content(patchTypesOf(operation), patchDefinition), required: true } } : {}),
    ...(operation.body ? { requestBody: { content: content(['*/*'], operation.body), ...(operation.body === deleteOptionsDefinition ? {} : { required: true }) } } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.responses).map(([code, name]) => [
          code,
          { content: content(operation.watchable ? [...bodyTypes, ...watchTypes] : bodyTypes, name), description: codeText[code]! },
        ]),
      ),
      401: { description: 'Unauthorized' },
    },
    tags: [operation.tag],
    ...extensions(operation),
  });
  const paths: [string, Json][] = served.flatMap((resource) =>
    pathsOf(resource).map(({ path, parameters, operations }): [string, Json] => [
      path,
      { ...Object.fromEntries(operations.map((operation) => [operation.method, write(operation)])), parameters: parameters.map(parameter) },
    ]),
  );
  return {
    openapi: '3.0.0',
    info,
    paths: sorted(paths),
    components: { schemas: sorted(definitionsFor(served, descriptions, 'v3').found), securitySchemes: { BearerToken: bearerToken } },
  };
}

const listTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

/** The paths that say what there is: of the server, of its groups and of their versions. */
function discoveryPaths(served: readonly ServedResource[], reference: (name: string) => JsonObject): [string, Json][] {
  const path = (text: string, description: string, kind: string, tag: string, subject = kind): [string, Json] => [
    text,
    {
      get: {
        consumes: listTypes,
        description,
        operationId: `get${tag === 'apis' ? '' : tag.split('_').map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}${subject}`,
        produces: listTypes,
        responses: { 200: { description: 'OK', schema: reference(`io.k8s.apimachinery.pkg.apis.meta.v1.${kind}`) }, 401: { description: 'Unauthorized' } },
        schemes: ['https'],
        tags: [tag],
      },
    },
  ];
  const paths = [path('/api/', 'get available API versions', 'APIVersions', 'core'), path('/apis/', 'get available API versions', 'APIGroupList', 'apis', 'APIVersions')];
  const done = new Set<string>();
  for (const { definition: { group, version } } of served) {
    const word = groupWord(group);
    if (group && !done.has(group)) paths.push(path(`/apis/${group}/`, 'get information of a group', 'APIGroup', word));
    if (!done.has(`${group}/${version}`)) paths.push(path(group ? `/apis/${group}/${version}/` : `/api/${version}/`, 'get available resources', 'APIResourceList', `${word}_${version}`, 'APIResources'));
    done.add(group).add(`${group}/${version}`);
  }
  return paths;
}

/** Everything in one document, as /openapi/v2 has it. */
export function v2Document(served: readonly ServedResource[], descriptions: Descriptions): JsonObject {
  const reference = (name: string) => ({ $ref: `#/definitions/${name}` });
  const shared = new Map<string, Json>();
  const parameter = ({ name, in: place, type }: Parameter): JsonObject => {
    const written = { in: place, name, ...(place === 'path' ? { required: true } : {}), type, uniqueItems: true };
    // kubectl looks for these two by name and follows no references.
    if (name === 'dryRun' || name === 'fieldValidation') return written;
    shared.set(name, written);
    return { $ref: `#/parameters/${name}` };
  };
  const body = (name: string, required: boolean): JsonObject => ({ in: 'body', name: 'body', ...(required ? { required: true } : {}), schema: reference(name) });
  const write = (operation: Operation): JsonObject => {
    const bodies = operation.patch ? [body(patchDefinition, true)] : operation.body ? [body(operation.body, operation.body !== deleteOptionsDefinition)] : [];
    return {
      consumes: operation.patch ? patchTypesOf(operation) : ['*/*'],
      description: operation.description,
      operationId: operation.id,
      ...(bodies.length + operation.parameters.length ? { parameters: [...bodies, ...operation.parameters.map(parameter)] } : {}),
      produces: operation.watchable ? [...bodyTypes, ...watchTypes] : bodyTypes,
      responses: {
        ...Object.fromEntries(Object.entries(operation.responses).map(([code, name]) => [code, { description: codeText[code]!, schema: name === 'string' ? { type: 'string' } : reference(name) }])),
        401: { description: 'Unauthorized' },
      },
      schemes: ['https'],
      tags: [operation.tag],
      ...extensions(operation),
    };
  };
  const paths: [string, Json][] = served.flatMap((resource) =>
    pathsOf(resource).map(({ path, parameters, operations }): [string, Json] => [
      path,
      { ...Object.fromEntries(operations.map((operation) => [operation.method, write(operation)])), parameters: parameters.map(parameter) },
    ]),
  );
  const found = definitionsFor(served, descriptions, 'v2');
  for (const kind of ['APIVersions', 'APIGroupList', 'APIGroup', 'APIResourceList']) found.add(schemaById(`meta/v1.${kind}`)!);
  const definitions = [...found.found].map(([name, schema]): [string, Json] => [name, toV2(schema)]);
  return {
    swagger: '2.0',
    info,
    paths: sorted([...paths, ...discoveryPaths(served, reference)]),
    definitions: sorted(definitions),
    parameters: sorted(shared),
    securityDefinitions: { BearerToken: bearerToken },
    security: [{ BearerToken: [] }],
  };
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
