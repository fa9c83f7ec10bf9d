import type * as api from '../api/index.ts';
import type * as metricsApi from '../api/metrics.ts';
import type { GroupVersionResource, KubeObject } from '../api/meta.ts';

/** One collection of the API, with the type of its objects. */
export interface ResourceDef<T extends KubeObject = KubeObject> extends GroupVersionResource {
  kind: string;
  namespaced: boolean;
  /** Never set: it carries T through type inference. */
  readonly __type?: T;
}

function group(name: string, version: string) {
  return {
    namespaced: <T extends KubeObject>(kind: string, resource: string): ResourceDef<T> => ({
      group: name,
      version,
      resource,
      kind,
      namespaced: true,
    }),
    cluster: <T extends KubeObject>(kind: string, resource: string): ResourceDef<T> => ({
      group: name,
      version,
      resource,
      kind,
      namespaced: false,
    }),
  };
}

const core = group('', 'v1');
const apps = group('apps', 'v1');
const batch = group('batch', 'v1');
const autoscaling = group('autoscaling', 'v2');
const policy = group('policy', 'v1');
const networking = group('networking.k8s.io', 'v1');
const discovery = group('discovery.k8s.io', 'v1');
const rbac = group('rbac.authorization.k8s.io', 'v1');
const storage = group('storage.k8s.io', 'v1');
const scheduling = group('scheduling.k8s.io', 'v1');
const coordination = group('coordination.k8s.io', 'v1');
const node = group('node.k8s.io', 'v1');
const certificates = group('certificates.k8s.io', 'v1');
const admission = group('admissionregistration.k8s.io', 'v1');
const extensions = group('apiextensions.k8s.io', 'v1');
const registration = group('apiregistration.k8s.io', 'v1');
const flowcontrol = group('flowcontrol.apiserver.k8s.io', 'v1');
const devices = group('resource.k8s.io', 'v1');
const events = group('events.k8s.io', 'v1');
const metrics = group('metrics.k8s.io', 'v1beta1');

/** Every stable collection of Kubernetes 1.36 that holds objects, and what is measured. */
export const resources = {
  configMaps: core.namespaced<api.ConfigMap>('ConfigMap', 'configmaps'),
  endpoints: core.namespaced<api.Endpoints>('Endpoints', 'endpoints'),
  events: core.namespaced<api.Event>('Event', 'events'),
  limitRanges: core.namespaced<api.LimitRange>('LimitRange', 'limitranges'),
  namespaces: core.cluster<api.Namespace>('Namespace', 'namespaces'),
  nodes: core.cluster<api.Node>('Node', 'nodes'),
  persistentVolumeClaims: core.namespaced<api.PersistentVolumeClaim>('PersistentVolumeClaim', 'persistentvolumeclaims'),
  persistentVolumes: core.cluster<api.PersistentVolume>('PersistentVolume', 'persistentvolumes'),
  pods: core.namespaced<api.Pod>('Pod', 'pods'),
  podTemplates: core.namespaced<api.PodTemplate>('PodTemplate', 'podtemplates'),
  replicationControllers: core.namespaced<api.ReplicationController>('ReplicationController', 'replicationcontrollers'),
  resourceQuotas: core.namespaced<api.ResourceQuota>('ResourceQuota', 'resourcequotas'),
  secrets: core.namespaced<api.Secret>('Secret', 'secrets'),
  serviceAccounts: core.namespaced<api.ServiceAccount>('ServiceAccount', 'serviceaccounts'),
  services: core.namespaced<api.Service>('Service', 'services'),

  controllerRevisions: apps.namespaced<api.ControllerRevision>('ControllerRevision', 'controllerrevisions'),
  daemonSets: apps.namespaced<api.DaemonSet>('DaemonSet', 'daemonsets'),
  deployments: apps.namespaced<api.Deployment>('Deployment', 'deployments'),
  replicaSets: apps.namespaced<api.ReplicaSet>('ReplicaSet', 'replicasets'),
  statefulSets: apps.namespaced<api.StatefulSet>('StatefulSet', 'statefulsets'),

  cronJobs: batch.namespaced<api.CronJob>('CronJob', 'cronjobs'),
  jobs: batch.namespaced<api.Job>('Job', 'jobs'),
  horizontalPodAutoscalers: autoscaling.namespaced<api.V2HorizontalPodAutoscaler>(
    'HorizontalPodAutoscaler',
    'horizontalpodautoscalers',
  ),
  podDisruptionBudgets: policy.namespaced<api.PodDisruptionBudget>('PodDisruptionBudget', 'poddisruptionbudgets'),

  ingressClasses: networking.cluster<api.IngressClass>('IngressClass', 'ingressclasses'),
  ingresses: networking.namespaced<api.Ingress>('Ingress', 'ingresses'),
  ipAddresses: networking.cluster<api.IPAddress>('IPAddress', 'ipaddresses'),
  networkPolicies: networking.namespaced<api.NetworkPolicy>('NetworkPolicy', 'networkpolicies'),
  serviceCIDRs: networking.cluster<api.ServiceCIDR>('ServiceCIDR', 'servicecidrs'),
  endpointSlices: discovery.namespaced<api.EndpointSlice>('EndpointSlice', 'endpointslices'),

  clusterRoleBindings: rbac.cluster<api.ClusterRoleBinding>('ClusterRoleBinding', 'clusterrolebindings'),
  clusterRoles: rbac.cluster<api.ClusterRole>('ClusterRole', 'clusterroles'),
  roleBindings: rbac.namespaced<api.RoleBinding>('RoleBinding', 'rolebindings'),
  roles: rbac.namespaced<api.Role>('Role', 'roles'),

  csiDrivers: storage.cluster<api.CSIDriver>('CSIDriver', 'csidrivers'),
  csiNodes: storage.cluster<api.CSINode>('CSINode', 'csinodes'),
  csiStorageCapacities: storage.namespaced<api.CSIStorageCapacity>('CSIStorageCapacity', 'csistoragecapacities'),
  storageClasses: storage.cluster<api.StorageClass>('StorageClass', 'storageclasses'),
  volumeAttachments: storage.cluster<api.VolumeAttachment>('VolumeAttachment', 'volumeattachments'),
  volumeAttributesClasses: storage.cluster<api.VolumeAttributesClass>(
    'VolumeAttributesClass',
    'volumeattributesclasses',
  ),

  priorityClasses: scheduling.cluster<api.PriorityClass>('PriorityClass', 'priorityclasses'),
  leases: coordination.namespaced<api.Lease>('Lease', 'leases'),
  runtimeClasses: node.cluster<api.RuntimeClass>('RuntimeClass', 'runtimeclasses'),
  nodeMetrics: metrics.cluster<metricsApi.NodeMetrics>('NodeMetrics', 'nodes'),
  podMetrics: metrics.namespaced<metricsApi.PodMetrics>('PodMetrics', 'pods'),
  certificateSigningRequests: certificates.cluster<api.CertificateSigningRequest>(
    'CertificateSigningRequest',
    'certificatesigningrequests',
  ),

  mutatingAdmissionPolicies: admission.cluster<api.MutatingAdmissionPolicy>(
    'MutatingAdmissionPolicy',
    'mutatingadmissionpolicies',
  ),
  mutatingAdmissionPolicyBindings: admission.cluster<api.MutatingAdmissionPolicyBinding>(
    'MutatingAdmissionPolicyBinding',
    'mutatingadmissionpolicybindings',
  ),
  mutatingWebhookConfigurations: admission.cluster<api.MutatingWebhookConfiguration>(
    'MutatingWebhookConfiguration',
    'mutatingwebhookconfigurations',
  ),
  validatingAdmissionPolicies: admission.cluster<api.ValidatingAdmissionPolicy>(
    'ValidatingAdmissionPolicy',
    'validatingadmissionpolicies',
  ),
  validatingAdmissionPolicyBindings: admission.cluster<api.ValidatingAdmissionPolicyBinding>(
    'ValidatingAdmissionPolicyBinding',
    'validatingadmissionpolicybindings',
  ),
  validatingWebhookConfigurations: admission.cluster<api.ValidatingWebhookConfiguration>(
    'ValidatingWebhookConfiguration',
    'validatingwebhookconfigurations',
  ),

  customResourceDefinitions: extensions.cluster<api.CustomResourceDefinition>(
    'CustomResourceDefinition',
    'customresourcedefinitions',
  ),
  apiServices: registration.cluster<api.APIService>('APIService', 'apiservices'),
  flowSchemas: flowcontrol.cluster<api.FlowSchema>('FlowSchema', 'flowschemas'),
  priorityLevelConfigurations: flowcontrol.cluster<api.PriorityLevelConfiguration>(
    'PriorityLevelConfiguration',
    'prioritylevelconfigurations',
  ),

  deviceClasses: devices.cluster<api.DeviceClass>('DeviceClass', 'deviceclasses'),
  resourceClaims: devices.namespaced<api.ResourceResourceClaim>('ResourceClaim', 'resourceclaims'),
  resourceClaimTemplates: devices.namespaced<api.ResourceClaimTemplate>(
    'ResourceClaimTemplate',
    'resourceclaimtemplates',
  ),
  resourceSlices: devices.cluster<api.ResourceSlice>('ResourceSlice', 'resourceslices'),

  /** The same objects as `events`, in the shape of events.k8s.io. */
  eventsEvents: events.namespaced<api.EventsEvent>('Event', 'events'),
};
