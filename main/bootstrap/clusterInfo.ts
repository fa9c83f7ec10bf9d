import { stringify } from 'yaml';
import type { Role, RoleBinding } from '../api/index.ts';
import { resources, type Client } from '../client/index.ts';

/** Where the cluster is and whom to believe there. */
export interface ClusterInfo {
  /** `https://127.0.0.1:6443` */
  server: string;
  /** PEM. */
  ca: string;
}

const metadata = { name: 'cluster-info', namespace: 'kube-public' };
const reader = 'kubeadm:bootstrap-signer-clusterinfo';

/** It says nothing secret: also those without a name may read it, and hold it against the signature of their token. */
export const clusterInfoReaders: { role: Role; binding: RoleBinding } = {
  role: {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: reader, namespace: metadata.namespace },
    rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [metadata.name], verbs: ['get'] }],
  },
  binding: {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: reader, namespace: metadata.namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: reader },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:anonymous' }],
  },
};

/**
 * A kubeconfig without a user for everybody to read; the bootstrap signer puts its signatures beside it.
 * Mirrors cmd/kubeadm/app/phases/bootstraptoken/clusterinfo.
 */
export async function ensureClusterInfo(client: Client, { server, ca }: ClusterInfo): Promise<void> {
  const kubeconfig = stringify({
    apiVersion: 'v1',
    clusters: [{ cluster: { 'certificate-authority-data': Buffer.from(ca).toString('base64'), server }, name: '' }],
    contexts: null,
    'current-context': '',
    kind: 'Config',
    users: null,
  });
  const configMaps = client.of(resources.configMaps);
  const { items } = await configMaps.list(metadata.namespace, { fieldSelector: `metadata.name=${metadata.name}` });
  const [current] = items;
  if (!current) await configMaps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { kubeconfig } });
  else if (current.data?.kubeconfig !== kubeconfig) await configMaps.update({ ...current, data: { ...current.data, kubeconfig } });
}
