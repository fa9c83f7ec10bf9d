import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import { client, messageOf, resourceId, type Resource } from '../client/index.ts';

interface AggregatedDiscovery {
  kind?: string;
  items?: {
    metadata?: { name?: string };
    versions?: {
      version: string;
      resources?: {
        resource: string;
        responseKind?: { kind?: string };
        scope?: string;
        shortNames?: string[];
        verbs?: string[];
        subresources?: { subresource: string }[];
      }[];
    }[];
  }[];
}

interface ResourceList {
  resources?: { name: string; kind: string; namespaced: boolean; verbs?: string[]; shortNames?: string[] }[];
}

interface GroupList {
  groups?: { name: string; versions?: { version: string }[] }[];
}

const retryMs = 3_000;

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

/** The kinds that the server serves, one entry a kind in its preferred version. */
export const useDiscovery = defineStore('discovery', () => {
  const resources = shallowRef<readonly Resource[]>([]);
  const error = shallowRef('');
  const ready = computed(() => resources.value.length > 0);
  const byId = computed(() => new Map(resources.value.map((resource) => [resourceId(resource), resource])));
  const byKind = computed(() => {
    const kinds = new Map<string, Resource>();
    for (const resource of resources.value) {
      kinds.set(`${resource.group}/${resource.kind}`, resource);
    }
    return kinds;
  });

  let cancelRetry: (() => void) | undefined;

  /** What cannot be read is asked for again until it can be. */
  async function load(): Promise<void> {
    cancelRetry?.();
    try {
      const [legacy, groups] = await Promise.all([discover('/api'), discover('/apis')]);
      resources.value = [...legacy, ...groups];
      error.value = '';
    } catch (failure) {
      error.value = messageOf(failure);
      cancelRetry = client().timing.after(retryMs, () => void load());
    }
  }

  const find = (id: string): Resource | undefined => byId.value.get(id);
  const findKind = (group: string, kind: string): Resource | undefined => byKind.value.get(`${group}/${kind}`);

  return { resources, ready, error, load, find, findKind };
});

async function discover(root: '/api' | '/apis'): Promise<Resource[]> {
  const { api } = client();
  const answer = await api.get<AggregatedDiscovery & GroupList & { versions?: string[] }>(root, aggregated);
  if (answer.kind === 'APIGroupDiscoveryList') return flatten(answer);
  const versions =
    root === '/api'
      ? (answer.versions ?? []).map((version) => ({ group: '', version }))
      : (answer.groups ?? []).flatMap((group) => (group.versions ?? []).map(({ version }) => ({ group: group.name, version })));
  const lists = await Promise.all(
    versions.map(async ({ group, version }) => {
      const path = group ? `/apis/${group}/${version}` : `/api/${version}`;
      return fromList(group, version, await api.get<ResourceList>(path));
    }),
  );
  return firstOfEach(lists.flat());
}

function flatten(discovery: AggregatedDiscovery): Resource[] {
  const found = (discovery.items ?? []).flatMap((group) =>
    (group.versions ?? []).flatMap((version) =>
      (version.resources ?? []).map((resource) => ({
        group: group.metadata?.name ?? '',
        version: version.version,
        resource: resource.resource,
        kind: resource.responseKind?.kind ?? resource.resource,
        namespaced: resource.scope === 'Namespaced',
        verbs: resource.verbs ?? [],
        shortNames: resource.shortNames ?? [],
        subresources: (resource.subresources ?? []).map(({ subresource }) => subresource),
      })),
    ),
  );
  return firstOfEach(found);
}

function fromList(group: string, version: string, list: ResourceList): Resource[] {
  const all = list.resources ?? [];
  return all
    .filter((resource) => !resource.name.includes('/'))
    .map((resource) => ({
      group,
      version,
      resource: resource.name,
      kind: resource.kind,
      namespaced: resource.namespaced,
      verbs: resource.verbs ?? [],
      shortNames: resource.shortNames ?? [],
      subresources: all
        .filter((other) => other.name.startsWith(`${resource.name}/`))
        .map((other) => other.name.slice(resource.name.length + 1)),
    }));
}

/** Servers name their versions in order of preference. */
function firstOfEach(found: Resource[]): Resource[] {
  const seen = new Set<string>();
  return found.filter((resource) => {
    const id = resourceId(resource);
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}
