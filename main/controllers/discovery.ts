import type { APIGroupList, APIResourceList } from '../api/index.ts';
import { parseApiVersion, type GroupVersionResource } from '../api/meta.ts';
import type { Client } from '../client/index.ts';

/** A collection that the server serves. */
export interface DiscoveredResource extends GroupVersionResource {
  kind: string;
  namespaced: boolean;
  verbs: string[];
}

export interface Discovery {
  resources: DiscoveredResource[];
  /** Every `group/version` that is served, preferred or not. */
  served: Set<string>;
  /** Groups that could not be asked: what is in them is unknown. */
  failures: { groupVersion: string; error: Error }[];
}

/** Every collection of the server, each group in the version that the server prefers. */
export async function discover(client: Client): Promise<Discovery> {
  const groups = await client.request<APIGroupList>({ method: 'GET', path: '/apis' });
  const versions = groups.groups.map((group) => group.preferredVersion ?? group.versions[0]!);
  const served = new Set(['v1', ...groups.groups.flatMap((group) => group.versions.map((version) => version.groupVersion))]);
  const found: Discovery = { resources: [], served, failures: [] };
  const paths = ['/api/v1', ...versions.map((version) => `/apis/${version.groupVersion}`)];
  const lists = await Promise.allSettled(paths.map((path) => client.request<APIResourceList>({ method: 'GET', path })));
  for (const [i, list] of lists.entries()) {
    if (list.status === 'fulfilled') found.resources.push(...resourcesOf(list.value));
    else found.failures.push({ groupVersion: paths[i]!.replace(/^\/apis?\//, ''), error: list.reason as Error });
  }
  return found;
}

/**
 * Whether a collection is served no more. One of a group that could not be asked may well be there: what is known of it
 * holds on (upstream: garbagecollector.go, Sync).
 */
export function isGone({ group, version, resource }: GroupVersionResource, { resources, failures }: Discovery): boolean {
  if (failures.some(({ groupVersion }) => parseApiVersion(groupVersion).group === group)) return false;
  return !resources.some((served) => served.group === group && served.version === version && served.resource === resource);
}

function resourcesOf(list: APIResourceList): DiscoveredResource[] {
  const { group, version } = parseApiVersion(list.groupVersion);
  return list.resources
    .filter((resource) => !resource.name.includes('/'))
    .map(({ name, kind, namespaced, verbs }) => ({ group, version, resource: name, kind, namespaced, verbs }));
}
