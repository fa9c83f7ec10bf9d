import { parseCertificateRequest } from '../../api/certificateRequest.ts';
import type { AuthenticationTokenRequest, CertificateSigningRequest, CSIDriver, Node, PersistentVolume, PersistentVolumeClaim, Pod, ResourceSlice, Volume } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import { podReferences } from '../../api/podReferences.ts';
import type { KubeObject } from '../../api/meta.ts';
import { is, reject, as } from './attributes.ts';
import { notFound, StatusError } from '../../api/status.ts';
import type { Authorizer } from '../auth/types.ts';
import type { AdmissionAttributes, AdmissionPlugin, AdmissionServices } from './types.ts';

const prefix = 'system:node:';
const kubeletSigners = ['kubernetes.io/kubelet-serving', 'kubernetes.io/kube-apiserver-client-kubelet'];
const mirror = 'kubernetes.io/config.mirror';
const ownLabels = new Set([
  'kubernetes.io/hostname', 'topology.kubernetes.io/zone', 'topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region', 'node.kubernetes.io/instance-type', 'beta.kubernetes.io/instance-type',
  'kubernetes.io/os', 'kubernetes.io/arch', 'beta.kubernetes.io/os', 'beta.kubernetes.io/arch',
]);
const ownPrefixes = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

/** A node's credentials are good for that node and its pods only. Mirrors plugin/pkg/admission/noderestriction. */
export const nodeRestriction = ({ authorizer }: Pick<AdmissionServices, 'authorizer'>): AdmissionPlugin => ({
  name: 'NodeRestriction',
  handles: (_operation, resource) =>
    ['pods', 'nodes', 'persistentvolumeclaims', 'serviceaccounts'].some((name) => is(resource, '', name)) ||
    is(resource, 'coordination.k8s.io', 'leases') ||
    is(resource, 'certificates.k8s.io', 'certificatesigningrequests') ||
    is(resource, 'resource.k8s.io', 'resourceslices') ||
    is(resource, 'storage.k8s.io', 'csinodes'),
  async admit(attributes) {
    const { user } = attributes.context;
    if (!user.groups.includes('system:nodes') || !user.name.startsWith(prefix)) return;
    const node = user.name.slice(prefix.length);
    switch (attributes.resource.resource) {
      case 'pods':
        return restrictPod(node, attributes);
      case 'nodes':
        return restrictNode(node, attributes);
      case 'persistentvolumeclaims':
        return restrictClaim(node, attributes);
      case 'serviceaccounts':
        return restrictToken(node, attributes, authorizer);
      case 'certificatesigningrequests':
        return restrictRequest(node, attributes);
      case 'resourceslices':
        return restrictSlice(node, attributes);
      case 'leases':
        if (attributes.namespace !== 'kube-node-lease') throw reject(attributes, 'can only access leases in the "kube-node-lease" system namespace');
        return sameName(node, attributes, 'can only access node lease with the same name as the requesting node');
      default:
        return sameName(node, attributes, 'can only access CSINode with the same name as the requesting node');
    }
  },
});

/** A kubelet asks for its own certificates only; what else is in the request is for the signer to judge. */
async function restrictRequest(node: string, attributes: AdmissionAttributes): Promise<void> {
  if (attributes.operation !== 'CREATE' || attributes.subresource) return;
  const { spec } = as<CertificateSigningRequest>(attributes.object);
  if (!kubeletSigners.includes(spec.signerName)) return;
  const request = await parseCertificateRequest(spec.request ?? '').catch((error: Error) => {
    throw reject(attributes, `unable to parse csr: ${error.message}`);
  });
  if (request.commonName !== prefix + node) throw reject(attributes, `can only create a node CSR with CN=${prefix}${node}`);
}

function restrictSlice(node: string, attributes: AdmissionAttributes): void {
  const { operation } = attributes;
  // Whose slice is changed the authorizer has seen; that it stays theirs is for validation to say.
  if (operation === 'UPDATE') return;
  const verb = operation === 'DELETE' ? 'delete' : 'create';
  const slice = as<ResourceSlice>(operation === 'DELETE' ? attributes.oldObject : attributes.object);
  if (slice?.spec?.nodeName !== node) throw reject(attributes, `can only ${verb} ResourceSlice with the same NodeName as the requesting node`);
}

function sameName(node: string, attributes: AdmissionAttributes, why: string): void {
  const name = attributes.operation === 'CREATE' ? attributes.object?.metadata?.name : attributes.name;
  if (name !== node) throw reject(attributes, why);
}

async function restrictPod(node: string, attributes: AdmissionAttributes): Promise<void> {
  const { operation, subresource, namespace, name } = attributes;
  const shown = JSON.stringify(node);
  if (subresource === 'status') {
    const [pod, old] = [as<Pod>(attributes.object), as<Pod>(attributes.oldObject)];
    if (operation !== 'UPDATE') throw reject(attributes, `unexpected operation ${JSON.stringify(operation)}`);
    if (old.spec?.nodeName !== node) throw reject(attributes, `node ${shown} can only update pod status for pods with spec.nodeName set to itself`);
    if (!equalJson(pod.metadata?.labels ?? {}, old.metadata?.labels ?? {})) throw reject(attributes, `node ${shown} cannot update labels through pod status`);
    const [claims, before] = [pod, old].map(({ status }) => [...(status?.resourceClaimStatuses ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1)));
    if (!equalJson(claims, before)) throw reject(attributes, `node ${shown} cannot update resource claim statues`);
    if (!equalJson(pod.status?.extendedResourceClaimStatus ?? null, old.status?.extendedResourceClaimStatus ?? null)) throw reject(attributes, `node ${shown} cannot update extended resource claim status`);
    return;
  }
  if (subresource && subresource !== 'eviction')
    throw reject(attributes, `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`);
  if (subresource === 'eviction' || operation === 'DELETE') {
    const pod = await found<Pod>(attributes, '', 'pod', 'pods', namespace, name);
    if (pod.spec?.nodeName === node) return;
    throw reject(
      attributes,
      subresource ? `node ${node} can only evict pods with spec.nodeName set to itself` : `node ${shown} can only delete pods with spec.nodeName set to itself`,
    );
  }
  if (operation !== 'CREATE')
    throw reject(attributes, `unexpected operation ${JSON.stringify(operation)}, node ${shown} can only create and delete mirror pods`);
  const pod = as<Pod>(attributes.object);
  if (pod.metadata?.annotations?.[mirror] === undefined)
    throw reject(attributes, `pod does not have ${JSON.stringify(mirror)} annotation, node ${shown} can only create mirror pods`);
  if (pod.spec?.nodeName !== node) throw reject(attributes, `node ${shown} can only create pods with spec.nodeName set to itself`);
  const owners = pod.metadata.ownerReferences ?? [];
  const owner = owners[0];
  if (owners.length > 1) throw reject(attributes, `node ${shown} can only create pods with a single owner reference set to itself`);
  if (!owner || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node)
    throw reject(attributes, `node ${shown} can only create pods with an owner reference set to itself`);
  if (!owner.controller) throw reject(attributes, `node ${shown} can only create pods with a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion) throw reject(attributes, `node ${shown} must not set blockOwnerDeletion on an owner reference`);
  const { metadata } = await found<Node>(attributes, '', 'node', 'nodes', '', node);
  if (owner.uid !== metadata!.uid) throw reject(attributes, `node ${node} UID mismatch: expected ${owner.uid} got ${metadata!.uid}`);
  const referred = referredBy(pod);
  if (referred) throw reject(attributes, `node ${shown} can not create pods that reference ${referred}`);
}

/** What of the API a pod refers to; undefined: nothing. Mirrors HasAPIObjectReference of pkg/api/pod/util.go. */
function referredBy(pod: Pod): string | undefined {
  const { spec } = pod;
  const { secrets, configMaps } = podReferences(pod);
  if (spec?.serviceAccountName) return 'serviceaccounts';
  if (secrets.size) return 'secrets';
  if (configMaps.size) return 'configmaps';
  if (spec?.resourceClaims?.length) return 'resourceclaims';
  for (const volume of spec?.volumes ?? []) {
    if (volume.configMap) return 'configmaps (via configmap volumes)';
    if (volume.secret) return 'secrets (via secret volumes)';
    if (volume.csi) return 'csidrivers (via CSI volumes)';
    if (volume.glusterfs) return 'endpoints (via glusterFS volumes)';
    if (volume.persistentVolumeClaim) return 'persistentvolumeclaims';
    if (volume.ephemeral) return 'persistentvolumeclaims (via ephemeral volumes)';
    if (volume.azureFile) return 'secrets (via azureFile volumes)';
    for (const source of volume.projected?.sources ?? []) {
      if (source.configMap) return 'configmaps (via projected volumes)';
      if (source.secret) return 'secrets (via projected volumes)';
      if (source.serviceAccountToken) return 'serviceaccounts (via projected volumes)';
      if (source.clusterTrustBundle) return 'clustertrustbundles';
      if (source.podCertificate) return 'podcertificates';
    }
  }
  return undefined;
}

/** An object that has to be there. Throws 404, which names one of its kind. */
async function found<T extends KubeObject>({ objects }: AdmissionAttributes, group: string, one: string, resource: string, namespace: string, name: string): Promise<T> {
  const object = await objects.get<T>({ group, version: 'v1', resource }, namespace, name);
  if (!object) throw notFound({ group, kind: one }, name);
  return object;
}

function restrictNode(node: string, attributes: AdmissionAttributes): void {
  const { operation } = attributes;
  const name = attributes.name || attributes.object?.metadata?.name || '';
  const shown = JSON.stringify(node);
  if (name !== node) throw reject(attributes, `node ${shown} is not allowed to modify node ${JSON.stringify(name)}`);
  if (operation !== 'CREATE' && operation !== 'UPDATE') return;
  const [object, old] = [as<Node>(attributes.object), attributes.oldObject as Node | undefined];
  const config = object.spec?.configSource;
  if (config && !old) throw reject(attributes, `node ${shown} is not allowed to create pods with a non-nil configSource`);
  if (config && !equalJson(config, old?.spec?.configSource)) throw reject(attributes, `node ${shown} is not allowed to update configSource to a new non-nil configSource`);
  if (old && !equalJson(object.spec?.taints ?? [], old.spec?.taints ?? [])) throw reject(attributes, `node ${shown} is not allowed to modify taints`);
  if (old && !equalJson(object.metadata?.ownerReferences ?? [], old.metadata?.ownerReferences ?? []))
    throw reject(attributes, `node ${shown} is not allowed to modify ownerReferences`);
  const [after, before] = [object.metadata?.labels ?? {}, old?.metadata?.labels ?? {}];
  const modified = Object.keys({ ...after, ...before }).filter((key) => after[key] !== before[key] && isForbidden(key));
  if (!modified.length) return;
  const list = modified.sort().join(', ');
  throw reject(attributes, old ? `is not allowed to modify labels: ${list}` : `node ${shown} is not allowed to set the following labels: ${list}`);
}

/** Labels by which pods are kept to nodes that others vouch for. */
function isForbidden(label: string): boolean {
  const space = label.includes('/') ? label.slice(0, label.indexOf('/')) : '';
  const within = (domain: string) => space === domain || space.endsWith(`.${domain}`);
  if (within('node-restriction.kubernetes.io')) return true;
  if (!within('kubernetes.io') && !within('k8s.io')) return false;
  return !ownLabels.has(label) && !ownPrefixes.some(within);
}

function restrictClaim(node: string, attributes: AdmissionAttributes): void {
  if (attributes.subresource !== 'status') throw reject(attributes, 'may only update PVC status');
  if (attributes.operation !== 'UPDATE') throw reject(attributes, `unexpected operation ${JSON.stringify(attributes.operation)}`);
  const bare = ({ metadata, status, ...rest }: PersistentVolumeClaim) => {
    const { capacity: _1, conditions: _2, allocatedResources: _3, allocatedResourceStatuses: _4, ...kept } = status ?? {};
    return { ...rest, metadata: { ...metadata, resourceVersion: '', managedFields: [] }, status: kept };
  };
  if (!equalJson(bare(as<PersistentVolumeClaim>(attributes.object)), bare(as<PersistentVolumeClaim>(attributes.oldObject))))
    throw reject(attributes, `node ${JSON.stringify(node)} is not allowed to update fields other than status.quantity and status.conditions`);
}

async function restrictToken(node: string, attributes: AdmissionAttributes, authorizer: Authorizer): Promise<void> {
  if (attributes.operation !== 'CREATE' || attributes.subresource !== 'token') return;
  const { boundObjectRef: ref, audiences = [] } = as<AuthenticationTokenRequest>(attributes.object).spec ?? {};
  if (ref?.apiVersion !== 'v1' || ref.kind !== 'Pod' || !ref.name) throw reject(attributes, 'node requested token not bound to a pod');
  if (!ref.uid) throw reject(attributes, 'node requested token with a pod binding without a uid');
  const pod = await found<Pod>(attributes, '', 'pod', 'pods', attributes.namespace, ref.name);
  if (pod.metadata!.uid !== ref.uid)
    throw reject(
      attributes,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  if (pod.spec?.nodeName !== node) throw reject(attributes, 'node requested token bound to a pod scheduled on a different node');
  if (audiences.length > 1) throw reject(attributes, 'node may only request 0 or 1 audiences');
  await restrictAudience(attributes, pod, audiences[0] ?? '', authorizer);
}

/** A token is for whom the pod means it, or for whom somebody has allowed the node to ask (upstream: ServiceAccountNodeAudienceRestriction). */
async function restrictAudience(attributes: AdmissionAttributes, pod: Pod, audience: string, authorizer: Authorizer): Promise<void> {
  const errors: string[] = [];
  for (const volume of pod.spec?.volumes ?? []) {
    if (volume.projected?.sources?.some(({ serviceAccountToken }) => serviceAccountToken && (serviceAccountToken.audience ?? '') === audience)) return;
    try {
      const driver = await driverOf(attributes, pod, volume);
      if (!driver) continue;
      const { spec } = await found<CSIDriver>(attributes, 'storage.k8s.io', 'csidriver', 'csidrivers', '', driver);
      if (spec.tokenRequests?.some((request) => request.audience === audience)) return;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      errors.push(error.message);
    }
  }
  const shown = JSON.stringify(audience);
  if (errors.length) throw reject(attributes, `error validating audience ${shown}: ${errors.length > 1 ? `[${[...new Set(errors)].join(', ')}]` : errors[0]}`);
  const { user } = attributes.context;
  const { allowed } = await authorizer.authorize(user, {
    isResourceRequest: true, path: '', verb: 'request-serviceaccounts-token-audience', apiPrefix: '', group: '', version: 'v1', namespace: attributes.namespace, resource: audience, subresource: '', name: attributes.name, parts: [],
  });
  if (!allowed) throw reject(attributes, `audience ${shown} not found in pod spec volume, ${user.name} is not authorized to request tokens for this audience`);
}

/** The driver that serves a volume, if one does; of claims, it is that of what they are bound to. */
async function driverOf(attributes: AdmissionAttributes, { metadata }: Pod, { name, csi, ephemeral, persistentVolumeClaim }: Volume): Promise<string | undefined> {
  const claimName = ephemeral ? `${metadata!.name}-${name}` : persistentVolumeClaim?.claimName;
  if (claimName === undefined) return csi?.driver;
  const claim = await found<PersistentVolumeClaim>(attributes, '', 'persistentvolumeclaim', 'persistentvolumeclaims', attributes.namespace, claimName);
  const volume = await found<PersistentVolume>(attributes, '', 'persistentvolume', 'persistentvolumes', '', claim.spec?.volumeName ?? '');
  return volume.spec?.csi?.driver;
}
