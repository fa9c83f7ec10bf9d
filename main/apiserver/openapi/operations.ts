import { apiVersionOf, resourcePath, type GroupVersionKind } from '../../api/meta.ts';
import { schemaOf, type FieldSchema } from '../../api/schema.ts';
import type { ResourceDefinition } from '../registry/strategy.ts';
import type { JsonObject } from './schemas.ts';
import { streamSubresources } from '../streaming/subresources.ts';

/** A kind that is served; a registry's strategy is one. */
export interface ServedResource {
  definition: ResourceDefinition;
  /** Besides those that stream. */
  subresources?: Readonly<Record<string, { kind: GroupVersionKind; verbs: readonly string[] }>>;
  /** Of a kind that is not built in: its own definition, as each version of OpenAPI can say it, and its list's. */
  openApi?: Readonly<Record<'v3' | 'v2' | 'list', JsonObject>>;
  /** DELETE answers with the object instead of a Status. */
  returnsDeletedObject?: boolean;
}

export interface Parameter {
  name: string;
  in: 'query' | 'path';
  type: 'string' | 'boolean' | 'integer';
  /** Where its description is among those of parameters; undefined: under its own name. */
  text?: string;
  /** Of an object's name: its kind. */
  kind?: string;
}

/** One operation, before it is written as v2 or v3 wants it. */
export interface Operation {
  method: 'get' | 'put' | 'post' | 'patch' | 'delete' | 'head' | 'options';
  /** `post`, `list`, `deletecollection` …: x-kubernetes-action. */
  action: string;
  id: string;
  description: string;
  tag: string;
  kind: GroupVersionKind;
  parameters: Parameter[];
  /** Definition of the request's body. */
  body?: string;
  patch: boolean;
  /** Answers with a list or with events. */
  watchable: boolean;
  /** Definition of the answer's body by code; `string` for what is any text, `text` for lines of a log. */
  responses: Record<string, string>;
}

export interface PathItem {
  path: string;
  parameters: Parameter[];
  operations: Operation[];
}

const string = (name: string): Parameter => ({ name, in: 'query', type: 'string' });
const boolean = (name: string): Parameter => ({ name, in: 'query', type: 'boolean' });
const integer = (name: string): Parameter => ({ name, in: 'query', type: 'integer' });
const inPath = (name: string): Parameter => ({ name, in: 'path', type: 'string' });
const nameOf = (kind: string): Parameter => ({ ...inPath('name'), kind });

const write = [string('dryRun'), string('fieldManager'), string('fieldValidation')];
const patching = write.map((parameter) => (parameter.name === 'fieldManager' ? { ...parameter, text: 'patch.fieldManager' } : parameter)).concat(boolean('force'));
const list = [
  boolean('allowWatchBookmarks'), string('continue'), string('fieldSelector'), string('labelSelector'), integer('limit'),
  string('resourceVersion'), string('resourceVersionMatch'), boolean('sendInitialEvents'), string('shardSelector'), integer('timeoutSeconds'), boolean('watch'),
];
const remove = [
  string('dryRun'), integer('gracePeriodSeconds'), boolean('ignoreStoreReadErrorWithClusterBreakingPotential'),
  boolean('orphanDependents'), string('propagationPolicy'),
];
const removeMany = [
  string('continue'), string('dryRun'), string('fieldSelector'), integer('gracePeriodSeconds'),
  boolean('ignoreStoreReadErrorWithClusterBreakingPotential'), string('labelSelector'), integer('limit'), boolean('orphanDependents'),
  string('propagationPolicy'), string('resourceVersion'), string('resourceVersionMatch'), boolean('sendInitialEvents'), string('shardSelector'), integer('timeoutSeconds'),
];

const pretty = string('pretty');

const statusDefinition = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status';
const eventDefinition = 'io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent';
export const deleteOptionsDefinition = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';

const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

/** `rbac.authorization.k8s.io` → rbacAuthorization; '' → core. */
export function groupWord(group: string): string {
  if (!group) return 'core';
  const words = group.replace(/\.k8s\.io$/, '').split('.');
  return words.map((word, i) => (i ? capital(word) : word)).join('');
}

/** How a kind that is not built in is called: its group backwards (upstream: apiextensions' builder). */
export function definitionName(gvk: GroupVersionKind): string {
  return schemaOf(gvk)?.definition ?? `${gvk.group.split('.').reverse().join('.')}.${gvk.version}.${gvk.kind}`;
}

/** The paths of one kind. Mirrors k8s.io/apiserver/pkg/endpoints/installer.go. */
export function pathsOf({ definition, subresources = {}, returnsDeletedObject }: ServedResource): PathItem[] {
  const { group, version, kind, namespaced } = definition;
  const verbs = new Set(definition.verbs ?? allVerbs);
  const tag = `${groupWord(group)}_${version}`;
  const scope = namespaced ? 'Namespaced' : '';
  const words = (suffix: string) => `${capital(groupWord(group))}${capital(version)}${suffix}`;
  const own = definitionName(definition);
  const deleted = returnsDeletedObject ? own : statusDefinition;
  const listName = definitionName({ group, version, kind: definition.listKind });
  const collection = decodeURIComponent(resourcePath(definition, namespaced ? '{namespace}' : undefined));
  const item = `${collection}/{name}`;
  const where = namespaced ? [inPath('namespace')] : [];

  const operation = (of: Partial<Operation> & Pick<Operation, 'method' | 'action' | 'id' | 'description' | 'responses'>): Operation => ({
    tag,
    kind: { group, version, kind },
    parameters: [],
    patch: false,
    watchable: false,
    ...of,
  });
  const lists = (id: string) =>
    operation({ method: 'get', action: 'list', id, description: `list ${verbs.has('watch') ? 'or watch ' : ''}objects of kind ${kind}`, parameters: list, watchable: true, responses: { 200: listName } });

  const paths: PathItem[] = [];
  const atCollection: Operation[] = [];
  if (verbs.has('list')) atCollection.push(lists(`list${words(`${scope}${kind}`)}`));
  if (verbs.has('create'))
    atCollection.push(
      operation({ method: 'post', action: 'post', id: `create${words(`${scope}${kind}`)}`, description: `create ${withArticle(kind)}`, parameters: write, body: own, responses: { 200: own, 201: own, 202: own } }),
    );
  if (verbs.has('deletecollection'))
    atCollection.push(
      operation({ method: 'delete', action: 'deletecollection', id: `delete${words(`Collection${scope}${kind}`)}`, description: `delete collection of ${kind}`, parameters: removeMany, body: deleteOptionsDefinition, responses: { 200: statusDefinition } }),
    );
  if (atCollection.length) paths.push({ path: collection, parameters: [...where, pretty], operations: atCollection });

  const atItem = itemOperations(verbs, operation, words(`${scope}${kind}`), kind, own);
  if (verbs.has('delete'))
    atItem.push(
      operation({ method: 'delete', action: 'delete', id: `delete${words(`${scope}${kind}`)}`, description: `delete ${withArticle(kind)}`, parameters: remove, body: deleteOptionsDefinition, responses: { 200: deleted, 202: deleted } }),
    );
  if (atItem.length) paths.push({ path: item, parameters: [nameOf(kind), ...where, pretty], operations: atItem });

  for (const [name, subresource] of Object.entries(subresources)) {
    const subKind = subresource.kind;
    const body = definitionName(subKind);
    const subVerbs = new Set(subresource.verbs);
    const suffix = `${scope}${kind}${name.split('/').map(capital).join('')}`;
    const sub = (of: Parameters<typeof operation>[0]) => operation({ kind: subKind, ...of });
    const operations = itemOperations(subVerbs, sub, words(suffix), kind, body, name);
    if (subVerbs.has('create'))
      operations.push(sub({ method: 'post', action: 'post', id: `create${words(suffix)}`, description: `create ${name} of ${withArticle(kind)}`, parameters: write, body, responses: { 200: body, 201: body, 202: body } }));
    if (operations.length) paths.push({ path: `${item}/${name}`, parameters: [nameOf(subKind.kind), ...where, pretty], operations });
  }

  paths.push(...streamPaths(definition, item, where, tag, words));

  const all = decodeURIComponent(resourcePath(definition));
  if (namespaced && verbs.has('list')) paths.push({ path: all, parameters: [pretty], operations: [lists(`list${words(`${kind}ForAllNamespaces`)}`)] });

  // The old way to watch; kinds that users define never had it.
  if (verbs.has('watch') && schemaOf(definition)) {
    const watch = (path: string, action: 'watch' | 'watchlist', suffix: string, parameters: Parameter[]): PathItem => ({
      path: path.replace(`/${version}/`, `/${version}/watch/`),
      parameters: [...parameters, pretty],
      operations: [
        operation({
          method: 'get',
          action,
          id: `watch${words(suffix)}`,
          description:
            action === 'watchlist'
              ? `watch individual changes to a list of ${kind}. deprecated: use the 'watch' parameter with a list operation instead.`
              : `watch changes to an object of kind ${kind}. deprecated: use the 'watch' parameter with a list operation instead, filtered to a single item with the 'fieldSelector' parameter.`,
          parameters: list,
          watchable: true,
          responses: { 200: eventDefinition },
        }),
      ],
    });
    paths.push(watch(collection, 'watchlist', `${scope}${kind}List`, where));
    if (namespaced) paths.push(watch(all, 'watchlist', `${kind}ListForAllNamespaces`, []));
    if (verbs.has('get')) paths.push(watch(item, 'watch', `${scope}${kind}`, [nameOf(kind), ...where]));
  }
  return paths.map(hoisted);
}

/** What all operations of a path take is said once, of the path; everything by name. Mirrors k8s.io/kube-openapi/pkg/builder. */
function hoisted({ path, parameters, operations }: PathItem): PathItem {
  const [first, ...others] = operations;
  const common = new Set(first?.parameters.filter((parameter) => others.every((other) => other.parameters.some((its) => isSame(its, parameter)))));
  const isCommon = (parameter: Parameter) => [...common].some((each) => isSame(each, parameter));
  return {
    path,
    parameters: [...parameters, ...common].sort(byName),
    operations: operations.map((each) => ({ ...each, parameters: each.parameters.filter((parameter) => !isCommon(parameter)).sort(byName) })),
  };
}

const isSame = (a: Parameter, b: Parameter) => a.name === b.name && a.in === b.in && a.text === b.text;
const byName = (a: Parameter, b: Parameter) => (a.name === b.name ? (a.in < b.in ? -1 : 1) : a.name < b.name ? -1 : 1);

const connectMethods = ['get', 'post'] as const;
const proxyMethods = ['delete', 'get', 'head', 'options', 'patch', 'post', 'put'] as const;

/** The paths of subresources that are streams: what they take is in their options, which travel as the query. */
function streamPaths(definition: ResourceDefinition, item: string, where: Parameter[], tag: string, words: (suffix: string) => string): PathItem[] {
  const { group, version, kind, resource, namespaced } = definition;
  return streamSubresources
    .filter((stream) => stream.group === group && stream.resource === resource)
    .flatMap(({ subresource, kind: optionsKind }): PathItem[] => {
      const isLog = subresource === 'log';
      const options = optionsOf({ group, version, kind: isLog ? 'PodLogOptions' : optionsKind });
      const operations = (suffix: string): Operation[] =>
        (isLog ? (['get'] as const) : subresource === 'proxy' ? proxyMethods : connectMethods).map((method) => ({
          method,
          action: isLog ? 'get' : 'connect',
          id: isLog ? `read${words(`${namespaced ? 'Namespaced' : ''}${kind}Log`)}` : `connect${words(`${capital(method)}${namespaced ? 'Namespaced' : ''}${kind}${capital(subresource)}${suffix}`)}`,
          description: isLog ? `read log of the specified ${kind}` : `connect ${method.toUpperCase()} requests to ${subresource} of ${kind}`,
          tag,
          kind: { group, version, kind: optionsKind },
          parameters: [],
          patch: false,
          watchable: false,
          responses: { 200: isLog ? 'text' : 'string' },
        }));
      const parameters = [nameOf(isLog ? kind : optionsKind), ...where, ...options, ...(isLog && !options.some(({ name }) => name === 'pretty') ? [pretty] : [])];
      const path = `${item}/${subresource}`;
      return [
        { path, parameters, operations: operations('') },
        ...(subresource === 'proxy' ? [{ path: `${path}/{path}`, parameters: [...parameters, inPath('path')], operations: operations('WithPath') }] : []),
      ];
    });
}

function optionsOf(kind: GroupVersionKind): Parameter[] {
  const fields = [...(schemaOf(kind)?.fields.values() ?? [])].filter(({ name, type }) => name !== 'apiVersion' && name !== 'kind' && type.kind !== 'special');
  const typeOf = ({ type }: FieldSchema): Parameter['type'] => {
    // Each of a list comes by itself.
    const one = type.kind === 'list' ? type.element : type;
    const scalar = one.kind === 'scalar' ? one.scalar : 'string';
    return scalar === 'bool' ? 'boolean' : scalar === 'int32' || scalar === 'int64' ? 'integer' : 'string';
  };
  return fields.map((field) => ({ name: field.name, in: 'query' as const, type: typeOf(field), text: `${kind.kind}.${field.name}` }));
}

function itemOperations(
  verbs: ReadonlySet<string>,
  operation: (of: Pick<Operation, 'method' | 'action' | 'id' | 'description' | 'responses'> & Partial<Operation>) => Operation,
  words: string,
  kind: string,
  body: string,
  subresource?: string,
): Operation[] {
  const what = subresource ? `${subresource} of the specified ${kind}` : `the specified ${kind}`;
  const found: Operation[] = [];
  if (verbs.has('get')) found.push(operation({ method: 'get', action: 'get', id: `read${words}`, description: `read ${what}`, responses: { 200: body } }));
  if (verbs.has('update'))
    found.push(operation({ method: 'put', action: 'put', id: `replace${words}`, description: `replace ${what}`, parameters: write, body, responses: { 200: body, 201: body } }));
  if (verbs.has('patch'))
    found.push(
      operation({ method: 'patch', action: 'patch', id: `patch${words}`, description: `partially update ${what}`, parameters: patching, patch: true, responses: { 200: body, 201: body } }),
    );
  return found;
}

/** Words for many have no article. */
const withArticle = (word: string) => (/[^s]s$/.test(word) ? word : `${/^[AEIOU]/.test(word) ? 'an' : 'a'} ${word}`);

/** `apis/apps/v1`, `api/v1`: how /openapi/v3 names a group and version. */
export const documentPath = ({ group, version }: { group: string; version: string }) => (group ? `apis/${apiVersionOf({ group, version })}` : `api/${version}`);
