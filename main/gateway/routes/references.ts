import type { ConfigMap, Namespace, Secret, Service } from '../../api/index.ts';
import type { ServiceBackend } from '../model.ts';
import { no, type Finding } from './conditions.ts';
import type { BackendTlsPolicies } from './backendTls.ts';
import { group, type BackendRef, type BackendTlsPolicy, type GatewayObject, type AnyRoute, type GatewayClass, type ReferenceGrant } from './kinds.ts';

/** What the cluster holds that decides about routes. */
export interface ClusterView {
  classes: GatewayClass[];
  gateways: GatewayObject[];
  routes: AnyRoute[];
  grants: ReferenceGrant[];
  backendTlsPolicies: BackendTlsPolicy[];
  namespace(name: string): Namespace | undefined;
  service(key: string): Service | undefined;
  secret(key: string): Secret | undefined;
  configMap(key: string): ConfigMap | undefined;
}

interface Target {
  group: string;
  kind: string;
  namespace: string;
  name: string;
}

/** Whether a reference is allowed: it stays in its namespace, or a grant of the target's namespace says so. */
export function isPermitted(grants: ReferenceGrant[], from: { kind: string; namespace: string }, to: Target): boolean {
  if (from.namespace === to.namespace) return true;
  return grants.some(
    ({ metadata, spec }) =>
      metadata!.namespace === to.namespace &&
      spec.from.some((source) => source.group === group && source.kind === from.kind && source.namespace === from.namespace) &&
      spec.to.some((target) => target.group === to.group && target.kind === to.kind && (!target.name || target.name === to.name)),
  );
}

/** The Service that a route's reference means, or why there is none. */
export function resolveReference(view: ClusterView, tls: BackendTlsPolicies, route: AnyRoute, ref: BackendRef): { backend: ServiceBackend } | { problem: Finding } {
  const from = { kind: route.kind, namespace: route.metadata!.namespace! };
  const { group: refGroup = '', kind = 'Service', namespace = from.namespace, name, port } = ref;
  if (refGroup !== '' || kind !== 'Service') return { problem: no('ResolvedRefs', 'InvalidKind', `a backend of kind ${refGroup ? `${refGroup}/` : ''}${kind} is not supported`) };
  if (!isPermitted(view.grants, from, { group: '', kind, namespace, name }))
    return { problem: no('ResolvedRefs', 'RefNotPermitted', `no ReferenceGrant permits the reference to Service ${namespace}/${name}`) };
  const service = view.service(`${namespace}/${name}`);
  if (!service) return { problem: no('ResolvedRefs', 'BackendNotFound', `Service ${namespace}/${name} does not exist`) };
  if (!service.spec?.ports?.some((each) => each.port === port)) return { problem: no('ResolvedRefs', 'BackendNotFound', `Service ${namespace}/${name} has no port ${port}`) };
  const spoken = tls.tlsOf(namespace, name, port!);
  return { backend: { namespace, service: name, port: port!, ...(spoken ? { tls: spoken } : {}) } };
}
