import { parseFieldSelector } from '../../api/fields.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, PolicyRule, ResourceSlice, VolumeAttachment } from '../../api/index.ts';
import { podReferences } from '../../api/podReferences.ts';
import type { Store } from '../../store/index.ts';
import { LiveObjects } from './liveObjects.ts';
import { ruleAllows } from './rules.ts';
import type { Authorizer, Decision, RequestInfo, UserInfo } from './types.ts';

const prefix = 'system:node:';
const no = (reason: string): Decision => ({ allowed: false, reason });
const yes: Decision = { allowed: true, reason: '' };

/** What the pods of one node need besides themselves, as `kind namespace/name`. */
type Needs = ReadonlySet<string>;

/**
 * Lets a node's kubelet read what the pods on that node refer to, and do what every kubelet may do.
 * Mirrors plugin/pkg/auth/authorizer/node.
 */
export class NodeAuthorizer implements Authorizer {
  readonly #pods: LiveObjects<Pod>;
  readonly #claims: LiveObjects<PersistentVolumeClaim>;
  readonly #volumes: LiveObjects<PersistentVolume>;
  readonly #attachments: LiveObjects<VolumeAttachment>;
  readonly #slices: LiveObjects<ResourceSlice>;
  #needs = new Map<string, Needs>();
  #versions = '';

  /** `rules`: those of the role system:node. */
  constructor(
    store: Store,
    private readonly rules: readonly PolicyRule[],
  ) {
    this.#pods = new LiveObjects(store, { group: '', resource: 'pods' });
    this.#claims = new LiveObjects(store, { group: '', resource: 'persistentvolumeclaims' });
    this.#volumes = new LiveObjects(store, { group: '', resource: 'persistentvolumes' });
    this.#attachments = new LiveObjects(store, { group: 'storage.k8s.io', resource: 'volumeattachments' });
    this.#slices = new LiveObjects(store, { group: 'resource.k8s.io', resource: 'resourceslices' });
  }

  authorize(user: UserInfo, info: RequestInfo): Decision | Promise<Decision> {
    if (!user.groups.includes('system:nodes') || !user.name.startsWith(prefix)) return no('');
    const node = user.name.slice(prefix.length);
    if (!node) return no(`unknown node for user ${JSON.stringify(user.name)}`);
    if (this.#all.every((objects) => objects.ready)) return this.#decide(node, info);
    return Promise.all(this.#all.map((objects) => objects.load())).then(() => this.#decide(node, info));
  }

  close(): void {
    for (const objects of this.#all) objects.close();
  }

  get #all(): LiveObjects<Pod>[] {
    return [this.#pods, this.#claims, this.#volumes, this.#attachments, this.#slices] as LiveObjects<Pod>[];
  }

  #decide(node: string, info: RequestInfo): Decision {
    if (info.isResourceRequest)
      switch (`${info.group}/${info.resource}`) {
        case '/secrets':
        case '/configmaps':
          return this.#readInNamespace(node, info);
        case '/persistentvolumeclaims':
          return this.#read(node, info, info.subresource === 'status' ? ['update', 'patch'] : ['get'], 'status');
        case '/persistentvolumes':
        case 'storage.k8s.io/volumeattachments':
        case 'resource.k8s.io/resourceclaims':
          return this.#read(node, info, ['get']);
        case '/serviceaccounts':
          if (info.verb === 'get' && !info.subresource) return this.#readInNamespace(node, info);
          if (info.verb !== 'create' || !info.name) return no('can only create tokens for individual service accounts');
          return info.subresource === 'token' ? this.#related(node, info) : no('can only create token subresource of serviceaccount');
        case 'coordination.k8s.io/leases':
          return own(node, info, 'a node lease', 'node lease', info.namespace === 'kube-node-lease' ? '' : 'can only access leases in the "kube-node-lease" system namespace');
        case 'storage.k8s.io/csinodes':
          return own(node, info, 'a CSINode', 'CSINode', info.subresource ? 'cannot authorize CSINode subresources' : '');
        case '/nodes':
          return ofNode(node, info);
        case '/pods':
          return this.#pod(node, info);
        case 'resource.k8s.io/resourceslices':
          return this.#slice(node, info);
      }
    return this.rules.some((rule) => ruleAllows(rule, info)) ? yes : no('');
  }

  #readInNamespace(node: string, info: RequestInfo): Decision {
    if (info.namespace || info.subresource) return this.#read(node, info, ['get', 'list', 'watch']);
    return no(['get', 'list', 'watch'].includes(info.verb) ? 'can only read namespaced object of this type' : refusals['get,list,watch']!);
  }

  #read(node: string, info: RequestInfo, verbs: readonly string[], part = ''): Decision {
    if (!verbs.includes(info.verb)) return no(refusals[verbs.join()] ?? '');
    if (info.subresource && info.subresource !== part) return no(verbs.includes('list') ? 'cannot read subresource' : 'cannot get subresource');
    return this.#related(node, info);
  }

  /** Reading needs a selector that leaves the node's own only; what is written is judged by NodeRestriction. */
  #pod(node: string, info: RequestInfo): Decision {
    const { verb, subresource } = info;
    if (subresource === '') {
      if (verb === 'get') return this.#related(node, info);
      if (verb === 'list' || verb === 'watch') {
        if (selectsNode(info, node)) return yes;
        return info.name ? this.#related(node, info) : no('can only list/watch pods with spec.nodeName field selector');
      }
      return verb === 'create' || verb === 'delete' ? yes : no('');
    }
    if (subresource === 'status') return verb === 'update' || verb === 'patch' ? yes : no('');
    return subresource === 'eviction' && verb === 'create' ? yes : no('');
  }

  #slice(node: string, info: RequestInfo): Decision {
    if (info.subresource) return no('cannot authorize ResourceSlice subresources');
    switch (info.verb) {
      case 'create':
        return yes;
      case 'get':
      case 'update':
      case 'patch':
      case 'delete':
        return this.#related(node, info);
      case 'list':
      case 'watch':
      case 'deletecollection':
        return selectsNode(info, node) ? yes : no('can only list/watch/deletecollection resourceslices with nodeName field selector');
      default:
        return no('only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection');
    }
  }

  #related(node: string, info: RequestInfo): Decision {
    if (!info.name) return no('No Object name found');
    const key = `${info.resource} ${info.namespace ? `${info.namespace}/` : ''}${info.name}`;
    return this.#needsOf(node).has(key) ? yes : no(`no relationship found between node '${node}' and this object`);
  }

  #needsOf(node: string): Needs {
    const versions = this.#all.map(({ version }) => version).join();
    if (versions !== this.#versions) this.#needs = new Map();
    this.#versions = versions;
    let needs = this.#needs.get(node);
    if (!needs) this.#needs.set(node, (needs = this.#compute(node)));
    return needs;
  }

  #compute(node: string): Needs {
    const needs = new Set<string>();
    for (const pod of this.#pods.all()) if (pod.spec?.nodeName === node) this.#addPod(needs, pod);
    for (const { metadata, spec } of this.#attachments.all()) if (spec?.nodeName === node) needs.add(`volumeattachments ${metadata!.name}`);
    for (const { metadata, spec } of this.#slices.all()) if (spec?.nodeName === node) needs.add(`resourceslices ${metadata!.name}`);
    return needs;
  }

  #addPod(needs: Set<string>, pod: Pod): void {
    const { metadata, spec, status } = pod;
    const namespace = metadata!.namespace!;
    const add = (kind: string, name: string | undefined) => name && needs.add(`${kind} ${namespace}/${name}`);
    add('pods', metadata!.name);
    // A mirror of what the node runs by itself entitles it to nothing.
    if (metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined) return;
    add('serviceaccounts', spec?.serviceAccountName);
    const { secrets, configMaps } = podReferences(pod);
    for (const name of secrets) add('secrets', name);
    for (const name of configMaps) add('configmaps', name);
    for (const volume of spec?.volumes ?? []) {
      const claim = volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral ? `${metadata!.name}-${volume.name}` : undefined);
      add('persistentvolumeclaims', claim);
      const bound = claim && this.#claims.get(namespace, claim)?.spec?.volumeName;
      if (bound) this.#addVolume(needs, bound);
    }
    for (const { resourceClaimName } of status?.resourceClaimStatuses ?? []) add('resourceclaims', resourceClaimName);
    for (const { resourceClaimName } of spec?.resourceClaims ?? []) add('resourceclaims', resourceClaimName);
    add('resourceclaims', status?.extendedResourceClaimStatus?.resourceClaimName);
  }

  #addVolume(needs: Set<string>, name: string): void {
    needs.add(`persistentvolumes ${name}`);
    const { csi, cephfs, rbd, iscsi, flexVolume } = this.#volumes.get('', name)?.spec ?? {};
    for (const ref of [csi?.nodePublishSecretRef, csi?.nodeStageSecretRef, csi?.nodeExpandSecretRef, cephfs?.secretRef, rbd?.secretRef, iscsi?.secretRef, flexVolume?.secretRef])
      if (ref?.name) needs.add(`secrets ${ref.namespace}/${ref.name}`);
  }
}

/** Why other verbs than these are refused. */
const refusals: Record<string, string> = {
  'get,list,watch': 'can only read resources of this type',
  get: 'can only get individual resources of this type',
  'update,patch': 'can only get/update/patch this type',
};

function ofNode(node: string, { verb, subresource, name }: RequestInfo): Decision {
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? yes : no('');
  if (subresource) return no('');
  switch (verb) {
    case 'create':
    case 'update':
    case 'patch':
      return yes;
    case 'get':
    case 'list':
    case 'watch':
      if (name === node) return yes;
      return no(name ? `node '${node}' cannot read '${name}', only its own Node object` : `node '${node}' cannot read all nodes, only its own Node object`);
    default:
      return no('');
  }
}

/** Whether a request asks for nothing but what is on the node. */
function selectsNode({ fieldSelector }: RequestInfo, node: string): boolean {
  if (!fieldSelector) return false;
  try {
    return parseFieldSelector(fieldSelector).exactValue('spec.nodeName') === node;
  } catch {
    // The request will be refused for its selector.
    return false;
  }
}

function own(node: string, info: RequestInfo, one: string, kind: string, refusal: string): Decision {
  if (!['get', 'create', 'update', 'patch', 'delete'].includes(info.verb)) return no(`can only get, create, update, patch, or delete ${one}`);
  if (refusal) return no(refusal);
  // A creation's name is judged when the object is there: by NodeRestriction.
  return info.verb === 'create' || info.name === node ? yes : no(`can only access ${kind} with the same name as the requesting node`);
}
