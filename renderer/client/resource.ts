import { resourcePath, type GroupVersionResource, type KubeObject } from '../../main/api/meta.ts';

/** A kind of the API as discovery tells it. */
export interface Resource extends GroupVersionResource {
  kind: string;
  namespaced: boolean;
  verbs: readonly string[];
  shortNames: readonly string[];
  /** `log`, `scale`, `status` … */
  subresources: readonly string[];
}

/** `pods`, `deployments.apps`: what kubectl calls the group-resource, and this window's addresses use. */
export function resourceId(resource: Pick<GroupVersionResource, 'group' | 'resource'>): string {
  return resource.group ? `${resource.resource}.${resource.group}` : resource.resource;
}

export function objectPath(resource: GroupVersionResource, object: KubeObject, subresource?: string): string {
  return resourcePath(resource, object.metadata?.namespace, object.metadata?.name, subresource);
}

/** `apps/v1` for apps; `v1` for the core group. */
export const apiVersion = (resource: GroupVersionResource): string =>
  resource.group ? `${resource.group}/${resource.version}` : resource.version;

const known = (group: string, version: string, resource: string, kind: string, namespaced = true): Resource => ({
  group,
  version,
  resource,
  kind,
  namespaced,
  verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  shortNames: [],
  subresources: [],
});

/** The kinds that this window speaks of by name. */
export const core = {
  pods: known('', 'v1', 'pods', 'Pod'),
  services: known('', 'v1', 'services', 'Service'),
  configMaps: known('', 'v1', 'configmaps', 'ConfigMap'),
  secrets: known('', 'v1', 'secrets', 'Secret'),
  events: known('', 'v1', 'events', 'Event'),
  nodes: known('', 'v1', 'nodes', 'Node', false),
  namespaces: known('', 'v1', 'namespaces', 'Namespace', false),
  persistentVolumes: known('', 'v1', 'persistentvolumes', 'PersistentVolume', false),
  persistentVolumeClaims: known('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim'),
  serviceAccounts: known('', 'v1', 'serviceaccounts', 'ServiceAccount'),
  deployments: known('apps', 'v1', 'deployments', 'Deployment'),
  statefulSets: known('apps', 'v1', 'statefulsets', 'StatefulSet'),
  daemonSets: known('apps', 'v1', 'daemonsets', 'DaemonSet'),
  jobs: known('batch', 'v1', 'jobs', 'Job'),
  horizontalPodAutoscalers: known('autoscaling', 'v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler'),
  podDisruptionBudgets: known('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget'),
  cronJobs: known('batch', 'v1', 'cronjobs', 'CronJob'),
  ingresses: known('networking.k8s.io', 'v1', 'ingresses', 'Ingress'),
  ingressClasses: known('networking.k8s.io', 'v1', 'ingressclasses', 'IngressClass', false),
  controllerRevisions: known('apps', 'v1', 'controllerrevisions', 'ControllerRevision'),
  replicationControllers: known('', 'v1', 'replicationcontrollers', 'ReplicationController'),
  replicaSets: known('apps', 'v1', 'replicasets', 'ReplicaSet'),
  endpointSlices: known('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice'),
  storageClasses: known('storage.k8s.io', 'v1', 'storageclasses', 'StorageClass', false),
  customResourceDefinitions: known('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition', false),
} as const;
