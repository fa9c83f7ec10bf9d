/** A resource as aggregated discovery shows it (k8s.io/api/apidiscovery/v2, APIResourceDiscovery). */
export interface AggregatedResource {
  resource: string;
  responseKind: { group: string; version: string; kind: string };
  scope: 'Namespaced' | 'Cluster';
  singularResource: string;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  subresources?: { subresource: string; responseKind: { group: string; version: string; kind: string }; verbs: string[] }[];
}

export interface AggregatedGroup {
  group: string;
  versions: { version: string; resources: AggregatedResource[]; freshness: 'Current' | 'Stale' }[];
}

interface ListedResource {
  name: string;
  singularName?: string;
  namespaced?: boolean;
  kind?: string;
  group?: string;
  version?: string;
  verbs?: string[];
  shortNames?: string[];
  categories?: string[];
}

/**
 * What a server says that it serves of a group and version. Rejects where it says nothing of it.
 * Mirrors k8s.io/apiserver/pkg/endpoints/discovery/aggregated (ConvertGroupVersionIntoToDiscovery).
 */
export async function fetchGroups(group: string, version: string, ask: (path: string, accept: string) => Promise<unknown>): Promise<AggregatedResource[]> {
  const list = (await ask(`/apis/${group}/${version}`, 'application/json')) as { resources?: ListedResource[] } | undefined;
  const all = list?.resources ?? [];
  const kindOf = (listed: ListedResource) => ({ group: listed.group || group, version: listed.version || version, kind: listed.kind ?? '' });
  return all
    .filter(({ name }) => !name.includes('/'))
    .map((listed) => {
      const parts = all.filter(({ name }) => name.startsWith(`${listed.name}/`));
      return {
        resource: listed.name,
        responseKind: kindOf(listed),
        scope: listed.namespaced ? ('Namespaced' as const) : ('Cluster' as const),
        singularResource: listed.singularName ?? '',
        verbs: listed.verbs ?? [],
        ...(listed.shortNames?.length ? { shortNames: listed.shortNames } : {}),
        ...(listed.categories?.length ? { categories: listed.categories } : {}),
        ...(parts.length ? { subresources: parts.map((part) => ({ subresource: part.name.slice(listed.name.length + 1), responseKind: kindOf(part), verbs: part.verbs ?? [] })) } : {}),
      };
    });
}
