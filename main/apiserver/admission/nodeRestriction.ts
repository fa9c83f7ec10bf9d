import { parseCertificateRequest } from '../../api/certificateRequest.ts';
import type { AuthenticationTokenRequest, CertificateSigningRequest, Node, PersistentVolumeClaim, Pod, ResourceSlice } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import { is, reject, as } from './attributes.ts';
import { notFound } from '../../api/status.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './types.ts';

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
export const nodeRestriction: AdmissionPlugin = {
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
        return restrictToken(node, attributes);
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
};

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
  const verb = operation === 'DELETE' ? 'delete' : operation === 'UPDATE' ? 'update' : 'create';
  const slice = as<ResourceSlice>(operation === 'DELETE' ? attributes.oldObject : attributes.object);
  if (slice?.spec?.nodeName !== node) throw reject(attributes, `can only ${verb} ResourceSlice with the same NodeName as the requesting node`);
}

function sameName(node: string, attributes: AdmissionAttributes, why: string): void {
  const name = attributes.operation === 'CREATE' ? attributes.object?.metadata?.name : attributes.name;
  if (name !== node) throw reject(attributes, why);
}

async function restrictPod(node: string, attributes: AdmissionAttributes): Promise<void> {
  const { operation, subresource, namespace, name, objects } = attributes;
  const shown = JSON.stringify(node);
  if (subresource === 'status') {
    const [pod, old] = [as<Pod>(attributes.object), as<Pod>(attributes.oldObject)];
    if (operation !== 'UPDATE') throw reject(attributes, `unexpected operation ${JSON.stringify(operation)}`);
    if (old.spec?.nodeName !== node) throw reject(attributes, `node ${shown} can only update pod status for pods with spec.nodeName set to itself`);
    if (!equalJson(pod.metadata?.labels ?? {}, old.metadata?.labels ?? {})) throw reject(attributes, `node ${shown} cannot update labels through pod status`);
    return;
  }
  if (subresource && subresource !== 'eviction')
    throw reject(attributes, `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`);
  if (subresource === 'eviction' || operation === 'DELETE') {
    const pod = await objects.get<Pod>({ group: '', version: 'v1', resource: 'pods' }, namespace, name);
    if (!pod) throw notFound({ group: '', kind: 'pods' }, name);
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
}

function restrictNode(node: string, attributes: AdmissionAttributes): void {
  const { operation } = attributes;
  const name = attributes.name || attributes.object?.metadata?.name || '';
  const shown = JSON.stringify(node);
  if (name !== node) throw reject(attributes, `node ${shown} is not allowed to modify node ${JSON.stringify(name)}`);
  if (operation !== 'CREATE' && operation !== 'UPDATE') return;
  const [object, old] = [as<Node>(attributes.object), attributes.oldObject as Node | undefined];
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

async function restrictToken(node: string, attributes: AdmissionAttributes): Promise<void> {
  if (attributes.operation !== 'CREATE' || attributes.subresource !== 'token') return;
  const ref = as<AuthenticationTokenRequest>(attributes.object).spec?.boundObjectRef;
  if (ref?.apiVersion !== 'v1' || ref.kind !== 'Pod' || !ref.name) throw reject(attributes, 'node requested token not bound to a pod');
  if (!ref.uid) throw reject(attributes, 'node requested token with a pod binding without a uid');
  const pod = await attributes.objects.get<Pod>({ group: '', version: 'v1', resource: 'pods' }, attributes.namespace, ref.name);
  if (!pod) throw notFound({ group: '', kind: 'pods' }, ref.name);
  if (pod.metadata!.uid !== ref.uid)
    throw reject(
      attributes,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  if (pod.spec?.nodeName !== node) throw reject(attributes, 'node requested token bound to a pod scheduled on a different node');
}
