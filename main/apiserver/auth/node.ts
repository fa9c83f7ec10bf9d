import type { PersistentVolume, PersistentVolumeClaim, Pod, PolicyRule, VolumeAttachment } from '../../api/index.ts';
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
  }

  authorize(user: UserInfo, info: RequestInfo): Decision | Promise<Decision> {
    if (!user.groups.includes('system:nodes') || !user.name.startsWith(prefix)) return no('');
    const node = user.name.slice(prefix.length);
    const all = [this.#pods, this.#claims, this.#volumes, this.#attachments];
    if (all.every((objects) => objects.ready)) return this.#decide(node, info);
    return Promise.all(all.map((objects) => objects.load())).then(() => this.#decide(node, info));
  }

  close(): void {
    for (const objects of [this.#pods, this.#claims, this.#volumes, this.#attachments]) objects.close();
  }

  #decide(node: string, info: RequestInfo): Decision {
    if (info.isResourceRequest)
      switch (`${info.group}/${info.resource}`) {
        case '/secrets':
        case '/configmaps':
          return this.#read(node, info, ['get', 'list', 'watch']);
        case '/persistentvolumeclaims':
          return this.#read(node, info, info.subresource === 'status' ? ['get', 'update', 'patch'] : ['get'], 'status');
        case '/persistentvolumes':
        case 'storage.k8s.io/volumeattachments':
        case 'resource.k8s.io/resourceclaims':
          return this.#read(node, info, ['get']);
        case '/serviceaccounts':
          if (info.subresource !== 'token') return this.#read(node, info, ['get']);
          if (info.verb !== 'create') return no('can only create tokens for individual service accounts');
          return this.#read(node, info, ['create'], 'token');
        case 'coordination.k8s.io/leases':
          return own(node, info, 'can only access node lease with the same name as the requesting node', info.namespace === 'kube-node-lease' ? '' : 'can only access leases in the "kube-node-lease" system namespace');
        case 'storage.k8s.io/csinodes':
          return own(node, info, 'can only access CSINode with the same name as the requesting node', '');
        case '/nodes':
          if (info.verb === 'get' && info.name !== node) return no(`node '${node}' cannot read '${info.name}', only its own Node object`);
      }
    return this.rules.some((rule) => ruleAllows(rule, info)) ? yes : no('');
  }

  #read(node: string, info: RequestInfo, verbs: readonly string[], part = ''): Decision {
    if (!verbs.includes(info.verb)) return no(`can only ${verbs.join(', ')} individual resources of this type`);
    if (info.subresource && info.subresource !== part) return no('cannot read subresource');
    if (!info.name) return no(info.verb === 'list' || info.verb === 'watch' ? 'can only list and watch individual resources of this type' : 'No Object name found');
    const key = `${info.resource} ${info.namespace ? `${info.namespace}/` : ''}${info.name}`;
    return this.#needsOf(node).has(key) ? yes : no(`no relationship found between node '${node}' and this object`);
  }

  #needsOf(node: string): Needs {
    const versions = [this.#pods, this.#claims, this.#volumes, this.#attachments].map(({ version }) => version).join();
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
    return needs;
  }

  #addPod(needs: Set<string>, { metadata, spec, status }: Pod): void {
    const namespace = metadata!.namespace!;
    const add = (kind: string, name: string | undefined) => name && needs.add(`${kind} ${namespace}/${name}`);
    // A mirror of what the node runs by itself entitles it to nothing.
    if (metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined) return;
    add('serviceaccounts', spec?.serviceAccountName);
    for (const { name } of spec?.imagePullSecrets ?? []) add('secrets', name);
    for (const container of [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])]) {
      for (const { valueFrom } of container.env ?? []) {
        add('secrets', valueFrom?.secretKeyRef?.name);
        add('configmaps', valueFrom?.configMapKeyRef?.name);
      }
      for (const { secretRef, configMapRef } of container.envFrom ?? []) {
        add('secrets', secretRef?.name);
        add('configmaps', configMapRef?.name);
      }
    }
    for (const volume of spec?.volumes ?? []) {
      add('secrets', volume.secret?.secretName);
      add('configmaps', volume.configMap?.name);
      add('secrets', volume.csi?.nodePublishSecretRef?.name);
      for (const { secret, configMap } of volume.projected?.sources ?? []) {
        add('secrets', secret?.name);
        add('configmaps', configMap?.name);
      }
      const claim = volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral ? `${metadata!.name}-${volume.name}` : undefined);
      add('persistentvolumeclaims', claim);
      const bound = claim && this.#claims.get(namespace, claim)?.spec?.volumeName;
      if (bound) this.#addVolume(needs, bound);
    }
    for (const { resourceClaimName } of status?.resourceClaimStatuses ?? []) add('resourceclaims', resourceClaimName);
    for (const { resourceClaimName } of spec?.resourceClaims ?? []) add('resourceclaims', resourceClaimName);
  }

  #addVolume(needs: Set<string>, name: string): void {
    needs.add(`persistentvolumes ${name}`);
    const { csi, cephfs, rbd, iscsi, flexVolume } = this.#volumes.get('', name)?.spec ?? {};
    for (const ref of [csi?.nodePublishSecretRef, csi?.nodeStageSecretRef, csi?.nodeExpandSecretRef, cephfs?.secretRef, rbd?.secretRef, iscsi?.secretRef, flexVolume?.secretRef])
      if (ref?.name) needs.add(`secrets ${ref.namespace}/${ref.name}`);
  }
}

function own(node: string, info: RequestInfo, why: string, elsewhere: string): Decision {
  if (elsewhere) return no(elsewhere);
  if (!['get', 'create', 'update', 'patch', 'delete'].includes(info.verb)) return no('can only get, create, update, patch, or delete');
  // A creation's name is judged when the object is there: by NodeRestriction.
  return info.verb === 'create' || info.name === node ? yes : no(why);
}
