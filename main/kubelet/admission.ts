import { hostPortsCollide, hostPortsOf } from '../api/hostPorts.ts';
import type { Node, Pod } from '../api/index.ts';
import { matchesRequiredNodeAffinity } from '../api/nodeSelector.ts';
import { addResources, noResources, podRequests, resourceAmounts, resourcesOf } from '../api/podResources.ts';
import { parseQuantity } from '../api/quantity.ts';
import { untoleratedTaint } from '../api/tolerations.ts';
import { isStatic } from './spec.ts';

/** Why a node does not take a pod. */
export interface Rejection {
  reason: string;
  message: string;
  /** Of which resources there is not enough, if it is for that alone. */
  shortages?: Shortage[];
}

export interface Shortage {
  name: string;
  /** What is missing: CPU in thousandths, the rest in bytes or pieces. */
  amount: number;
}

/**
 * Whether the node can take the pod beside the others; undefined: it can. `node` is undefined until it is registered.
 * Mirrors pkg/kubelet/lifecycle/predicate.go and pkg/kubelet/sysctl/allowlist.go.
 */
export function admit(pod: Pod, others: Pod[], node: Node | undefined): Rejection | undefined {
  return forbiddenSysctl(pod) ?? foreignSystem(pod) ?? strictGroups(pod, node) ?? (node && fit(pod, others, node));
}

function fit(pod: Pod, others: Pod[], node: Node): Rejection | undefined {
  const lacking = lackingResource(pod, others, node);
  const otherwise = unfit(pod, others, node);
  if (!lacking || !otherwise) return lacking ?? otherwise;
  // Room would not help it.
  return { reason: lacking.reason, message: lacking.message };
}

/** Settings of the kernel that a pod has for itself and that do no harm to others, with the namespace that holds them. */
const safeSysctls = new Map<string, 'ipc' | 'net'>([
  ['kernel.shm_rmid_forced', 'ipc'],
  ...[
    'ip_local_port_range', 'tcp_syncookies', 'ping_group_range', 'ip_unprivileged_port_start', 'ip_local_reserved_ports', 'tcp_keepalive_time',
    'tcp_fin_timeout', 'tcp_keepalive_intvl', 'tcp_keepalive_probes', 'tcp_rmem', 'tcp_wmem',
  ].map((name) => [`net.ipv4.${name}`, 'net'] as const),
]);

/** With dots between its parts, whichever way it was written. Mirrors k8s.io/component-helpers/node/util/sysctl (NormalizeName). */
export function sysctlName(name: string): string {
  const separator = name.search(/[./]/);
  if (separator < 0 || name[separator] === '.') return name;
  return name.replace(/[./]/g, (char) => (char === '.' ? '/' : '.'));
}

function forbiddenSysctl(pod: Pod): Rejection | undefined {
  for (const { name } of pod.spec?.securityContext?.sysctls ?? []) {
    const sysctl = sysctlName(name);
    const namespace = safeSysctls.get(sysctl);
    const refuse = (why: string): Rejection => ({ reason: 'SysctlForbidden', message: `forbidden sysctl: ${JSON.stringify(sysctl)} ${why}` });
    if (!namespace) return refuse('not allowlisted');
    if (namespace === 'ipc' ? pod.spec!.hostIPC : pod.spec!.hostNetwork) return refuse(`not allowed with host ${namespace} enabled`);
  }
  return undefined;
}

function foreignSystem({ metadata, spec }: Pod): Rejection | undefined {
  const label = metadata?.labels?.['kubernetes.io/os'];
  if (label !== undefined && label !== 'linux')
    return { reason: 'PodOSSelectorNodeLabelDoesNotMatch', message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label" };
  if (spec?.os && spec.os.name !== 'linux') return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  return undefined;
}

function strictGroups({ spec }: Pod, node: Node | undefined): Rejection | undefined {
  if (spec?.securityContext?.supplementalGroupsPolicy !== 'Strict' || node?.status?.features?.supplementalGroupsPolicy) return undefined;
  return { reason: 'SupplementalGroupsPolicyNotSupported', message: 'SupplementalGroupsPolicy=Strict is not supported in this node' };
}

/** What is to be held to a profile does not run where none counts. Mirrors pkg/security/apparmor/validate.go and lifecycle/handlers.go. */
export function withoutAppArmor({ spec, status }: Pod): Rejection | undefined {
  if (status?.phase !== undefined && status.phase !== 'Pending') return undefined;
  const contexts = [spec, ...[...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])]].map((one) => one?.securityContext);
  const wanted = contexts.some((context) => context?.appArmorProfile && context.appArmorProfile.type !== 'Unconfined');
  return wanted ? { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' } : undefined;
}

function lackingResource(pod: Pod, others: Pod[], node: Node): Rejection | undefined {
  const shortages: Shortage[] = [];
  let first: Rejection | undefined;
  const lacks = (name: string, requested: number, used: number, capacity: number): void => {
    shortages.push({ name, amount: requested - (capacity - used) });
    first ??= { reason: `OutOf${name}`, message: `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`, shortages };
  };
  const allocatable = node.status?.allocatable ?? {};
  const pods = parseQuantity(allocatable.pods ?? '0').value();
  if (others.length + 1 > pods) lacks('pods', 1, others.length, pods);
  const used = noResources();
  for (const other of others) addResources(used, podRequests(other));
  const wanted = resourceAmounts(podRequests(pod));
  const [taken, capacity] = [resourceAmounts(used), resourceAmounts(resourcesOf(allocatable))];
  const devices = new Set(pod.status?.extendedResourceClaimStatus?.requestMappings.map(({ resourceName }) => resourceName));
  for (const [name, amount] of wanted) {
    if (devices.has(name)) continue;
    // What the node does not know of is the cluster's, or was promised by another way.
    if (!capacity.has(name) && isExtended(name)) continue;
    const room = capacity.get(name) ?? 0;
    if (amount > 0 && amount > room - (taken.get(name) ?? 0)) lacks(name, amount, taken.get(name) ?? 0, room);
  }
  return first;
}

const isExtended = (name: string) => name.includes('/') && !name.includes('kubernetes.io/');

function unfit(pod: Pod, others: Pod[], node: Node): Rejection | undefined {
  const fails = (name: string, why: string): Rejection => ({ reason: name, message: `Predicate ${name} failed: ${why}` });
  if (!matchesRequiredNodeAffinity(pod, node)) return fails('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  const ports = hostPortsOf(pod);
  if (ports.length > 0) {
    const taken = others.flatMap(hostPortsOf);
    if (ports.some((port) => taken.some((other) => hostPortsCollide(port, other))))
      return fails('NodePorts', "node(s) didn't have free ports for the requested pod ports");
  }
  if (!isStatic(pod) && untoleratedTaint(node.spec?.taints, pod.spec?.tolerations, ['NoExecute']))
    return fails('TaintToleration', "node(s) had taints that the pod didn't tolerate");
  return undefined;
}
