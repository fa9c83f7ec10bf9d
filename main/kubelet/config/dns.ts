import type { Pod } from '../../api/index.ts';
import type { SandboxConfig } from '../../runtime/index.ts';

export interface DnsSettings {
  clusterDNS: string[];
  clusterDomain: string;
}

const limits = { servers: 3, searches: 32, searchLength: 2048, domain: 253 };

/** `onOmitted` hears what of a pod's wishes no resolver would take. Mirrors pkg/kubelet/network/dns/dns.go (GetPodDNS). */
export function dnsOf(pod: Pod, { clusterDNS, clusterDomain }: DnsSettings, onOmitted: (message: string) => void = () => {}): SandboxConfig['dns'] {
  const spec = pod.spec!;
  const policy = spec.dnsPolicy ?? 'ClusterFirst';
  let dns: SandboxConfig['dns'];
  if (policy === 'None') dns = { servers: [], searches: [], options: [] };
  else if (policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !spec.hostNetwork))
    dns = {
      servers: clusterDNS,
      searches: [`${pod.metadata!.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain],
      options: ['ndots:5'],
    };
  // The node's own resolver: it asks the machine's, which the cluster's DNS passes on to as well.
  else dns = { servers: clusterDNS, searches: [], options: [] };

  const given = spec.dnsConfig;
  const options = new Map(dns.options.map((option) => [option.split(':')[0]!, option]));
  for (const { name, value } of given?.options ?? []) if (name) options.set(name, value ? `${name}:${value}` : name);
  const servers = unique([...dns.servers, ...(given?.nameservers ?? [])]);
  const searches = unique([...dns.searches, ...(given?.searches ?? [])]);
  const fitting = { servers: servers.slice(0, limits.servers), searches: fittingSearches(searches) };
  if (fitting.servers.length < servers.length)
    onOmitted(`Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${fitting.servers.join(' ')}`);
  if (fitting.searches.length < searches.length)
    onOmitted(`Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${fitting.searches.join(' ')}`);
  return { ...fitting, options: [...options.values()] };
}

function fittingSearches(searches: string[]): string[] {
  const result = searches.slice(0, limits.searches).filter((search) => search.length <= limits.domain);
  while (result.join(' ').length > limits.searchLength) result.pop();
  return result;
}

const unique = (texts: string[]) => [...new Set(texts)];

const hostnameLength = 63;
/** What the kernel takes as a hostname. */
const kernelLength = 64;

/** Throws for a full name that is too long to be a hostname. Mirrors pkg/kubelet/kubelet_pods.go (GeneratePodHostNameAndDomain) and pkg/kubelet/util/util.go (GetNodenameForKernel). */
export function hostnameOf(pod: Pod, clusterDomain: string): Pick<SandboxConfig, 'hostname' | 'domainName' | 'hostnameAsFQDN'> {
  const spec = pod.spec!;
  const hostname = (spec.hostnameOverride ?? (spec.hostname || pod.metadata!.name!)).slice(0, hostnameLength).replace(/[-.]+$/, '');
  if (spec.hostnameOverride || !spec.subdomain) return { hostname };
  const domainName = `${spec.subdomain}.${pod.metadata!.namespace}.svc.${clusterDomain}`;
  if (!spec.setHostnameAsFQDN) return { hostname, domainName };
  const full = `${hostname}.${domainName}`;
  if (full.length > kernelLength)
    throw new Error(`failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (${kernelLength} is the max, ${full.length} characters requested)`);
  return { hostname, domainName, hostnameAsFQDN: true };
}
