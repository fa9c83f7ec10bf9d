import type { Endpoints, LabelSelector, NodeSelectorTerm, ServiceAccount } from '../../api/index.ts';
import { formatIP, parseCIDR, parseIP } from '../../api/ip.ts';
import { deprecatedNodeLabels, nodeSelectorTermWarnings } from './nodeLabelWarnings.ts';

/* What several kinds warn of. Each is a text of a `Warning` header. */

/** Mirrors k8s.io/apimachinery/pkg/util/validation/ip.go (GetWarningsForIP). */
export function ipWarnings(field: string, value: string): string[] {
  const ip = parseIP(value);
  if (!ip) return [];
  const canonical = formatIP(ip);
  if (ip.leadingZeros || ip.ipv4Mapped) return [`${field}: non-standard IP address ${JSON.stringify(value)} is invalid: use ${JSON.stringify(canonical)}`];
  return canonical === value ? [] : [`${field}: IPv6 address ${JSON.stringify(value)} should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`];
}

/** Of the addresses under which load balancers are reached. Mirrors WarningsOnUpdate of the status of Services and Ingresses. */
export function loadBalancerWarnings({ status }: { status?: { loadBalancer?: { ingress?: { ip?: string }[] } } }): string[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }, i) => (ip ? ipWarnings(`status.loadBalancer.ingress[${i}]`, ip) : []));
}

/** Mirrors the same file's GetWarningsForCIDR. */
export function cidrWarnings(field: string, value: string): string[] {
  const cidr = parseCIDR(value);
  if (!cidr) return [];
  const [shown, network] = [JSON.stringify(value), JSON.stringify(cidr.network)];
  const warnings: string[] = [];
  if (cidr.hostBits) {
    const single = JSON.stringify(`${formatIP(cidr.address)}/${8 * cidr.address.bytes.length}`);
    warnings.push(`${field}: CIDR value ${shown} is ambiguous in this context (should be ${network} or ${single}?)`);
  }
  if (cidr.leadingZeros || cidr.address.ipv4Mapped) warnings.push(`${field}: non-standard CIDR value ${shown} is invalid: use ${network}`);
  if (!warnings.length && cidr.network !== value) warnings.push(`${field}: IPv6 CIDR value ${shown} should be in RFC 5952 canonical format (${network})`);
  return warnings;
}

/** Mirrors pkg/api/node/util.go (GetWarningsForNodeSelector). */
export function nodeLabelSelectorWarnings(field: string, selector: LabelSelector | undefined): string[] {
  const labels = Object.keys(selector?.matchLabels ?? {}).flatMap((key) => (deprecatedNodeLabels[key] ? [`${field}.matchLabels.${key}: ${deprecatedNodeLabels[key]}`] : []));
  return [...nodeSelectorTermWarnings(field, selector as NodeSelectorTerm | undefined, false), ...labels];
}

/** Mirrors pkg/registry/core/endpoint/strategy.go; what the cluster's own controller writes is sound. */
export function endpointsWarnings({ metadata, subsets = [] }: Endpoints): string[] {
  if (metadata?.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller') return [];
  return subsets.flatMap((subset, i) =>
    (['addresses', 'notReadyAddresses'] as const).flatMap((kind) => (subset[kind] ?? []).flatMap(({ ip }, j) => ipWarnings(`subsets[${i}].${kind}[${j}].ip`, ip))),
  );
}

/** Mirrors pkg/registry/core/serviceaccount/strategy.go. */
export function serviceAccountWarnings({ metadata }: ServiceAccount, old: ServiceAccount | undefined): string[] {
  const key = 'kubernetes.io/enforce-mountable-secrets';
  if (old?.metadata?.annotations?.[key] !== undefined || metadata?.annotations?.[key] === undefined) return [];
  return [`metadata.annotations[${key}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`];
}
