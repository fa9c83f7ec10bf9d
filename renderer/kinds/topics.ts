import type { Resource } from '../client/index.ts';
import { resourceId } from '../client/index.ts';

export interface Topic {
  id: 'workloads' | 'config' | 'storage' | 'network' | 'access' | 'cluster' | 'custom';
  resources: Resource[];
}

/** What people look for together, in the order they look for it. */
const order: Record<Exclude<Topic['id'], 'custom'>, readonly string[]> = {
  workloads: ['pods', 'deployments.apps', 'replicasets.apps', 'statefulsets.apps', 'daemonsets.apps', 'jobs.batch', 'cronjobs.batch', 'replicationcontrollers', 'horizontalpodautoscalers.autoscaling', 'poddisruptionbudgets.policy', 'controllerrevisions.apps', 'podtemplates'],
  config: ['configmaps', 'secrets', 'resourcequotas', 'limitranges', 'priorityclasses.scheduling.k8s.io', 'runtimeclasses.node.k8s.io'],
  storage: ['persistentvolumeclaims', 'persistentvolumes', 'storageclasses.storage.k8s.io', 'volumeattributesclasses.storage.k8s.io', 'volumeattachments.storage.k8s.io', 'csidrivers.storage.k8s.io', 'csinodes.storage.k8s.io', 'csistoragecapacities.storage.k8s.io'],
  network: ['services', 'endpointslices.discovery.k8s.io', 'endpoints', 'ingresses.networking.k8s.io', 'ingressclasses.networking.k8s.io', 'networkpolicies.networking.k8s.io', 'servicecidrs.networking.k8s.io', 'ipaddresses.networking.k8s.io'],
  access: ['serviceaccounts', 'roles.rbac.authorization.k8s.io', 'rolebindings.rbac.authorization.k8s.io', 'clusterroles.rbac.authorization.k8s.io', 'clusterrolebindings.rbac.authorization.k8s.io', 'certificatesigningrequests.certificates.k8s.io'],
  cluster: ['nodes', 'namespaces', 'events', 'leases.coordination.k8s.io', 'customresourcedefinitions.apiextensions.k8s.io', 'apiservices.apiregistration.k8s.io'],
};

/** Kinds that few people look at, and those seldom. */
const seldom = new Set([
  'replicationcontrollers', 'horizontalpodautoscalers.autoscaling', 'poddisruptionbudgets.policy', 'controllerrevisions.apps', 'podtemplates',
  'limitranges', 'priorityclasses.scheduling.k8s.io', 'runtimeclasses.node.k8s.io', 'endpoints', 'ingressclasses.networking.k8s.io',
  'servicecidrs.networking.k8s.io', 'ipaddresses.networking.k8s.io', 'volumeattributesclasses.storage.k8s.io', 'volumeattachments.storage.k8s.io',
  'csidrivers.storage.k8s.io', 'csinodes.storage.k8s.io', 'csistoragecapacities.storage.k8s.io', 'certificatesigningrequests.certificates.k8s.io',
  'leases.coordination.k8s.io', 'apiservices.apiregistration.k8s.io',
]);

/** Whether a kind is listed only when more are asked for. */
export const isSeldom = (resource: Resource): boolean => seldom.has(resourceId(resource)) || (!placedAnywhere.has(resourceId(resource)) && !isCustom(resource));

const placedAnywhere = new Set(Object.values(order).flat());
const builtIn = new Set(['', 'apps', 'batch', 'autoscaling', 'policy', 'events.k8s.io']);

/** A group whose kinds somebody added with a CustomResourceDefinition. */
const isCustom = ({ group }: Resource) => !builtIn.has(group) && !/(^|\.)k8s\.io$/.test(group);

/** The kinds that can be listed, each under its topic; topics without any are left out. */
export function topicsOf(resources: readonly Resource[]): Topic[] {
  const listable = resources.filter(({ verbs, group, resource }) => verbs.includes('list') && !(group === 'events.k8s.io' && resource === 'events'));
  const byId = new Map(listable.map((resource) => [resourceId(resource), resource]));
  const topics: Topic[] = Object.entries(order).map(([id, ids]) => ({
    id: id as Topic['id'],
    resources: ids.flatMap((each) => byId.get(each) ?? []),
  }));
  const others = listable.filter((resource) => !placedAnywhere.has(resourceId(resource)));
  topics.find(({ id }) => id === 'cluster')!.resources.push(...others.filter((resource) => !isCustom(resource)));
  topics.push({ id: 'custom', resources: others.filter(isCustom).sort((a, b) => (a.group + a.kind < b.group + b.kind ? -1 : 1)) });
  return topics.filter((topic) => topic.resources.length > 0);
}
