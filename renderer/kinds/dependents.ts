import type { Job, Pod, PodSpec, ReplicaSet } from '../../main/api/index.ts';
import { resourcePath, type GroupVersionResource, type KubeObject } from '../../main/api/meta.ts';
import { client, core, type Resource } from '../client/index.ts';

export interface Dependent {
  kind: string;
  name: string;
  /** It stays, but needs what is being deleted. */
  uses?: boolean;
}

const most = 50;

/** What goes along when an object is deleted, or what needs it. Empty where that cannot be found out. */
export async function dependentsOf(resource: Resource, object: KubeObject): Promise<Dependent[]> {
  const find = finders[resource.group ? `${resource.resource}.${resource.group}` : resource.resource];
  const found = find ? await find(object).catch(() => []) : [];
  return found.slice(0, most);
}

const named = (kind: string, objects: readonly KubeObject[], uses = false): Dependent[] =>
  objects.map(({ metadata }) => ({ kind, name: metadata?.name ?? '', ...(uses ? { uses } : {}) }));

async function itemsOf<T extends KubeObject>(resource: GroupVersionResource, namespace?: string, query = ''): Promise<T[]> {
  return (await client().api.get<{ items?: T[] }>(resourcePath(resource, namespace) + query)).items ?? [];
}

const owned = <T extends KubeObject>(objects: readonly T[], owners: readonly KubeObject[]): T[] => {
  const uids = new Set(owners.map(({ metadata }) => metadata?.uid));
  return objects.filter(({ metadata }) => metadata?.ownerReferences?.some(({ uid }) => uids.has(uid)));
};

const podsUsing = async (namespace: string | undefined, uses: (spec: PodSpec) => boolean): Promise<Dependent[]> =>
  named('Pod', (await itemsOf<Pod>(core.pods, namespace)).filter(({ spec }) => spec !== undefined && uses(spec)), true);

async function ownPods(object: KubeObject): Promise<Dependent[]> {
  return named('Pod', owned(await itemsOf<Pod>(core.pods, object.metadata?.namespace), [object]));
}

const finders: Record<string, (object: KubeObject) => Promise<Dependent[]>> = {
  async 'deployments.apps'(object) {
    const namespace = object.metadata?.namespace;
    const [sets, pods] = await Promise.all([itemsOf<ReplicaSet>(core.replicaSets, namespace), itemsOf<Pod>(core.pods, namespace)]);
    const ownSets = owned(sets, [object]);
    return [...named('ReplicaSet', ownSets), ...named('Pod', owned(pods, ownSets))];
  },
  'replicasets.apps': ownPods,
  'statefulsets.apps': ownPods,
  'daemonsets.apps': ownPods,
  'jobs.batch': ownPods,
  async 'cronjobs.batch'(object) {
    const namespace = object.metadata?.namespace;
    const [jobs, pods] = await Promise.all([itemsOf<Job>(core.jobs, namespace), itemsOf<Pod>(core.pods, namespace)]);
    const ownJobs = owned(jobs, [object]);
    return [...named('Job', ownJobs), ...named('Pod', owned(pods, ownJobs))];
  },
  async namespaces(object) {
    const kinds = [core.deployments, core.statefulSets, core.daemonSets, core.cronJobs, core.jobs, core.pods, core.services, core.configMaps, core.secrets, core.persistentVolumeClaims];
    const lists = await Promise.all(kinds.map(async (kind) => named(kind.kind, await itemsOf(kind, object.metadata?.name))));
    return lists.flat();
  },
  async nodes(object) {
    const query = `?${new URLSearchParams({ fieldSelector: `spec.nodeName=${object.metadata?.name ?? ''}` })}`;
    return named('Pod', await itemsOf<Pod>(core.pods, undefined, query), true);
  },
  configmaps: (object) =>
    podsUsing(object.metadata?.namespace, (spec) => {
      const name = object.metadata?.name;
      return (
        (spec.volumes ?? []).some(({ configMap, projected }) => configMap?.name === name || projected?.sources?.some((source) => source.configMap?.name === name)) ||
        containersOf(spec).some(({ env, envFrom }) => env?.some(({ valueFrom }) => valueFrom?.configMapKeyRef?.name === name) || envFrom?.some(({ configMapRef }) => configMapRef?.name === name))
      );
    }),
  secrets: (object) =>
    podsUsing(object.metadata?.namespace, (spec) => {
      const name = object.metadata?.name;
      return (
        (spec.imagePullSecrets ?? []).some((secret) => secret.name === name) ||
        (spec.volumes ?? []).some(({ secret, projected }) => secret?.secretName === name || projected?.sources?.some((source) => source.secret?.name === name)) ||
        containersOf(spec).some(({ env, envFrom }) => env?.some(({ valueFrom }) => valueFrom?.secretKeyRef?.name === name) || envFrom?.some(({ secretRef }) => secretRef?.name === name))
      );
    }),
  persistentvolumeclaims: (object) =>
    podsUsing(object.metadata?.namespace, ({ volumes }) => (volumes ?? []).some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === object.metadata?.name)),
};

const containersOf = (spec: PodSpec) => [...(spec.initContainers ?? []), ...spec.containers];
