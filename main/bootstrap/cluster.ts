import { engineVolumeDriver, engineVolumeProvisioner } from '../api/engineVolumes.ts';
import { mandatoryLevels, mandatorySchemas, suggestedLevels, suggestedSchemas } from '../api/flowControl.ts';
import type { RbacSubject, Service, ServiceCIDR } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import type { KubeObject } from '../api/meta.ts';
import { isAlreadyExists } from '../api/status.ts';
import { resources, type Client, type ResourceDef } from '../client/index.ts';
import { clusterInfoReaders, ensureClusterInfo, type ClusterInfo } from './clusterInfo.ts';
import { defaultClusterRoleBindings, defaultClusterRoles, defaultRoleBindings, defaultRoles } from './policy.ts';

export interface BootstrapOptions {
  /** Address of the Service `kubernetes`; the first of the range. */
  serviceIP?: string;
  /** Where Services get their addresses from. */
  serviceCIDR?: string;
  /** Address of the cluster's DNS. */
  dnsIP?: string;
  /** What extension API servers check this one's word and its clients by, PEM. */
  authentication?: { clientCa: string; frontProxyCa: string };
  /** What whoever wants to join finds in kube-public. */
  clusterInfo?: ClusterInfo;
}

const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/**
 * What a cluster holds from its first moment on. Writes only what is missing, all at once; what users changed stays.
 * Mirrors pkg/controlplane (system namespaces, kubernetes service, default service CIDR) and the post-start hooks of RBAC,
 * scheduling and flow control.
 */
export async function bootstrapCluster(client: Client, options: BootstrapOptions = {}): Promise<void> {
  await Promise.all([
    ensure(client, resources.namespaces, systemNamespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }))),
    // Services get their addresses from it.
    ensure(client, resources.serviceCIDRs, [serviceCIDR(options)]),
  ]);
  await Promise.all([
    sayRangeReady(client, serviceCIDR(options)),
    ensure(client, resources.clusterRoles, defaultClusterRoles(), (role, wanted) => (role.aggregationRule ? role : { ...role, rules: together(role.rules, wanted.rules) })),
    ensure(client, resources.clusterRoleBindings, defaultClusterRoleBindings(), withSubjects),
    ensure(client, resources.roles, [...defaultRoles(), clusterInfoReaders.role], (role, wanted) => ({ ...role, rules: together(role.rules, wanted.rules) })),
    ensure(client, resources.roleBindings, [...defaultRoleBindings(), clusterInfoReaders.binding], withSubjects),
    ensure(client, resources.services, services(options)),
    ensure(client, resources.priorityClasses, priorityClasses),
    ensure(client, resources.storageClasses, [standardClass]),
    ensure(client, resources.priorityLevelConfigurations, [...mandatoryLevels, ...suggestedLevels]),
    ensure(client, resources.flowSchemas, [...mandatorySchemas, ...suggestedSchemas]),
    ensure(client, resources.csiDrivers, [engineVolumesDriver]),
    ...(options.authentication ? [ensureAuthentication(client, options.authentication)] : []),
    ...(options.clusterInfo ? [ensureClusterInfo(client, options.clusterInfo)] : []),
    ensure(client, resources.ingressClasses, [ingressClass]),
  ]);
}

function serviceCIDR({ serviceCIDR: range = '10.96.0.0/16' }: BootstrapOptions): ServiceCIDR {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: 'kubernetes' }, spec: { cidrs: range.split(',') } };
}

/** Where nobody has said anything yet, and it is as it was asked for. Mirrors pkg/controlplane/controller/defaultservicecidr (syncStatus). */
async function sayRangeReady(client: Client, { apiVersion, kind, metadata, spec }: ServiceCIDR): Promise<void> {
  const ranges = client.of(resources.serviceCIDRs);
  const { items } = await ranges.list();
  const now = items.find((range) => range.metadata!.name === metadata!.name);
  const known = now?.status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'Unknown';
  if (!now || now.metadata!.deletionTimestamp || known !== 'Unknown' || !equalJson(now.spec?.cidrs, spec?.cidrs)) return;
  const lastTransitionTime = now.metadata!.creationTimestamp;
  const conditions = [{ type: 'Ready', status: 'True', message: 'Kubernetes default Service CIDR is ready', lastTransitionTime }];
  const applied = { apiVersion, kind, metadata: { name: metadata!.name }, status: { conditions } };
  await ranges.patch('', metadata!.name!, 'apply', applied, { subresource: 'status', fieldManager: 'kubernetes-service-cidr-controller', force: true });
}

function services({ serviceIP = '10.96.0.1', dnsIP = '10.96.0.10' }: BootstrapOptions): Service[] {
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: { clusterIP: serviceIP, ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }], type: 'ClusterIP' },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: 'kube-dns',
        namespace: 'kube-system',
        labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' },
      },
      // No selector: the node agents answer, there are no pods behind it.
      spec: {
        clusterIP: dnsIP,
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
          { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
        ],
        type: 'ClusterIP',
      },
    },
  ];
}

const priorityClass = (name: string, value: number, description: string) => ({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name },
  value,
  description,
});

const priorityClasses = [
  priorityClass('system-cluster-critical', 2_000_000_000, 'For system pods that must run in the cluster but may move to another node.'),
  priorityClass('system-node-critical', 2_000_001_000, 'For system pods that must not be moved from their node.'),
];

const standardClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: engineVolumeProvisioner,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
};

/** Volumes of the engine need no attaching, and any node reaches them. */
const engineVolumesDriver = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  metadata: { name: engineVolumeDriver },
  spec: { attachRequired: false, podInfoOnMount: false, fsGroupPolicy: 'File', volumeLifecycleModes: ['Persistent'] },
};

/** Served by main/gateway, at this computer's own ports. */
const ingressClass = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IngressClass',
  metadata: { name: 'skiff', annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
  spec: { controller: 'skiff.dev/ingress' },
};

const autoupdate = 'rbac.authorization.kubernetes.io/autoupdate';

/** What is there, and what is wanted besides (upstream: pkg/registry/rbac/reconciliation). */
function together<T>(present: readonly T[] | undefined, wanted: readonly T[] | undefined): T[] {
  const missing = (wanted ?? []).filter((one) => !present?.some((other) => equalJson(one, other)));
  return [...(present ?? []), ...missing];
}

const withSubjects = <T extends { subjects?: RbacSubject[] }>(binding: T, wanted: T): T => {
  const subjects = together(binding.subjects, wanted.subjects);
  return subjects.length ? { ...binding, subjects } : binding;
};

/**
 * Creates the objects that are not there; another starter of the same cluster may have been faster. Those that are there
 * get what `reconcile` adds to them, unless somebody has said that they are to stay as they are.
 */
async function ensure<T extends KubeObject>(client: Client, def: ResourceDef<T>, wanted: readonly KubeObject[], reconcile?: (present: T, wanted: T) => T): Promise<void> {
  const api = client.of(def);
  const { items } = await api.list();
  const key = ({ metadata }: KubeObject) => `${metadata?.namespace ?? ''}/${metadata!.name}`;
  const present = new Map(items.map((item) => [key(item), item]));
  const updated = wanted.flatMap((object) => {
    const old = present.get(key(object));
    if (!old || !reconcile || old.metadata?.annotations?.[autoupdate] !== 'true') return [];
    const next = reconcile(old, object as T);
    return equalJson(next, old) ? [] : next;
  });
  await Promise.all(updated.map((object) => api.update(object)));
  await Promise.all(
    wanted
      .filter((object) => !present.has(key(object)))
      .map((object) =>
        api.create(object as T).catch((error: unknown) => {
          if (!isAlreadyExists(error)) throw error;
        }),
      ),
  );
}

/** Where extension API servers read whom to believe. Mirrors pkg/controlplane/controller/clusterauthenticationtrust. */
async function ensureAuthentication(client: Client, { clientCa, frontProxyCa }: NonNullable<BootstrapOptions['authentication']>): Promise<void> {
  const configMaps = client.of(resources.configMaps);
  const metadata = { name: 'extension-apiserver-authentication', namespace: 'kube-system' };
  const data = {
    'client-ca-file': clientCa,
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-client-ca-file': frontProxyCa,
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
    'requestheader-username-headers': '["X-Remote-User"]',
  };
  const { items } = await configMaps.list(metadata.namespace, { fieldSelector: `metadata.name=${metadata.name}` });
  const [current] = items;
  if (!current) await configMaps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
  else if (current.data?.['client-ca-file'] !== clientCa || current.data['requestheader-client-ca-file'] !== frontProxyCa) await configMaps.update({ ...current, data: { ...current.data, ...data } });
}

/** The endpoints of `kubernetes` are the API servers' own business; those that have changed replace the old ones. All have one port. */
export async function ensureEndpoints(client: Client, addresses: readonly { ip: string; port: number }[]): Promise<void> {
  const metadata = { name: 'kubernetes', namespace: 'default', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } };
  const ips = addresses.map(({ ip }) => ip).sort();
  const { port } = addresses[0]!;
  const ports = [{ name: 'https', port, protocol: 'TCP' as const }];
  const subsets = [{ addresses: ips.map((ip) => ({ ip })), ports }];
  const endpoints = client.of(resources.endpoints);
  const slices = client.of(resources.endpointSlices);
  const [{ items: existing }, { items: existingSlices }] = await Promise.all([
    endpoints.list('default', { fieldSelector: 'metadata.name=kubernetes' }),
    slices.list('default', { fieldSelector: 'metadata.name=kubernetes' }),
  ]);
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
    ports,
  };
  const current = existing[0];
  const currentSlice = existingSlices[0];
  const subset = current?.subsets?.[0];
  await Promise.all([
    !current
      ? endpoints.create({ apiVersion: 'v1', kind: 'Endpoints', metadata, subsets })
      : !equalJson(subset?.addresses?.map(({ ip }) => ip), ips) || subset?.ports?.[0]?.port !== port
        ? endpoints.update({ ...current, subsets })
        : undefined,
    !currentSlice
      ? slices.create(slice)
      : !equalJson(currentSlice.endpoints?.map((endpoint) => endpoint.addresses[0]), ips) || currentSlice.ports?.[0]?.port !== port
        ? slices.update({ ...currentSlice, endpoints: slice.endpoints, ports: slice.ports })
        : undefined,
  ]);
}
