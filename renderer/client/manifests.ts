import { parseApiVersion, resourcePath, type KubeObject } from '../../main/api/meta.ts';
import { equalJson } from '../../main/api/json.ts';
import { badRequest } from '../../main/api/status.ts';
import { isNotFound, type Api } from './api.ts';
import type { Resource } from './resource.ts';

export type ApplyOutcome = 'created' | 'configured' | 'unchanged';

export interface Applied {
  outcome: ApplyOutcome;
  resource: Resource;
  /** As the server has it afterwards, or would have it. */
  object: KubeObject;
  /** As it was before; undefined for a new one. */
  before: KubeObject | undefined;
}

/** Which collection an object of a manifest belongs to. Throws what kubectl would say where there is none. */
export function resourceOf(resources: readonly Resource[], object: KubeObject): Resource {
  const { group, version } = parseApiVersion(object.apiVersion ?? '');
  const found = resources.find((resource) => resource.group === group && resource.kind === object.kind);
  if (!object.apiVersion || !object.kind) throw badRequest(object.kind ? "Object 'apiVersion' is missing" : "Object 'Kind' is missing");
  if (!found) throw badRequest(`no matches for kind "${object.kind}" in version "${object.apiVersion}"`);
  return { ...found, version };
}

/**
 * Server-side apply of one object, as `kubectl apply --server-side --force-conflicts` does it; with `dryRun` only
 * asked for. An object with `generateName` alone is created. Rejects with the server's Status.
 */
export async function applyManifest(api: Api, resources: readonly Resource[], manifest: KubeObject, options: { dryRun?: boolean; defaultNamespace?: string } = {}): Promise<Applied> {
  const resource = resourceOf(resources, manifest);
  const namespace = resource.namespaced ? manifest.metadata?.namespace || options.defaultNamespace || 'default' : undefined;
  const name = manifest.metadata?.name;
  const write = { strict: true, ...(options.dryRun ? { dryRun: true } : {}) };
  const metadata = { ...manifest.metadata, ...(namespace ? { namespace } : {}) };
  if (!name) {
    const object = await api.create<KubeObject>(resourcePath(resource, namespace), { ...manifest, metadata }, write);
    return { outcome: 'created', resource, object, before: undefined };
  }
  const path = resourcePath(resource, namespace, name);
  const before = await api.get<KubeObject>(path).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  const object = await api.patch<KubeObject>(path, 'apply', { ...manifest, metadata }, { ...write, force: true });
  const outcome = before === undefined ? 'created' : equalJson(essence(before), essence(object)) ? 'unchanged' : 'configured';
  return { outcome, resource, object, before };
}

/** What of an object a user means: without the server's bookkeeping. */
export function essence(object: KubeObject): KubeObject {
  const { managedFields: _managed, resourceVersion: _version, generation: _generation, ...metadata } = object.metadata ?? {};
  return { ...object, metadata };
}
