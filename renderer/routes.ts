import type { RouteLocationRaw } from 'vue-router';
import { parseApiVersion, type KubeObject } from '../main/api/meta.ts';
import { resourceId, type Resource } from './client/index.ts';

export function listRoute(resource: Pick<Resource, 'group' | 'resource'>): RouteLocationRaw {
  return { name: 'list', params: { resource: resourceId(resource) } };
}

/** `-` stands for "no namespace". */
export function objectRoute(resource: Pick<Resource, 'group' | 'resource'>, namespace: string | undefined, name: string, tab?: string): RouteLocationRaw {
  return {
    name: 'object',
    params: { resource: resourceId(resource), namespace: namespace || '-', name },
    ...(tab ? { query: { tab } } : {}),
  };
}

/** Where an object is changed in a form. */
export function editRoute(kind: string, object: KubeObject): RouteLocationRaw {
  return { name: 'edit', params: { kind, namespace: object.metadata?.namespace || '-', name: object.metadata?.name ?? '' } };
}

/** Where the object that a reference speaks of is shown, if its kind is served here. */
export function referenceRoute(
  resources: readonly Resource[],
  reference: { apiVersion?: string; kind?: string; namespace?: string; name?: string },
): RouteLocationRaw | undefined {
  const { group } = parseApiVersion(reference.apiVersion ?? 'v1');
  const resource = resources.find((candidate) => candidate.group === group && candidate.kind === reference.kind);
  if (!resource || !reference.name) return undefined;
  return objectRoute(resource, resource.namespaced ? reference.namespace : undefined, reference.name);
}

export function routeOfObject(resource: Resource, object: KubeObject): RouteLocationRaw {
  return objectRoute(resource, object.metadata?.namespace, object.metadata?.name ?? '');
}

/**
 * Where the shell wants the window to go: an address of this window (`/k/pods/default/web`), or the API's path
 * of an object or a collection.
 */
export function routeOfPath(path: string): RouteLocationRaw | undefined {
  const [, root, ...rest] = path.split('?')[0]!.split('/').map(decodeURIComponent);
  if (root !== 'api' && root !== 'apis') return path.startsWith('/') ? path : undefined;
  const group = root === 'apis' ? rest.shift() : '';
  rest.shift();
  const namespaced = rest[0] === 'namespaces' && rest.length > 2;
  const namespace = namespaced ? rest[1] : undefined;
  const [resource, name] = namespaced ? rest.slice(2) : rest;
  if (group === undefined || !resource) return undefined;
  return name ? objectRoute({ group, resource }, namespace, name) : listRoute({ group, resource });
}
