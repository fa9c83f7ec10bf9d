import type { SandboxConfig } from './index.ts';

/* The two files that say how names are found; pure text. */

export function resolvConf(dns: SandboxConfig['dns']): string {
  const lines = dns.servers.map((server) => `nameserver ${server}\n`);
  if (dns.searches.length > 0) lines.unshift(`search ${dns.searches.join(' ')}\n`);
  if (dns.options.length > 0) lines.push(`options ${dns.options.join(' ')}\n`);
  return lines.join('');
}

/** Mirrors pkg/kubelet/kubelet_pods.go (managedHostsFileContent). */
export function hostsFile(config: Pick<SandboxConfig, 'ip' | 'ipv6' | 'hostname' | 'domainName' | 'hostAliases'>): string {
  let text =
    '# Kubernetes-managed hosts file.\n' +
    '127.0.0.1\tlocalhost\n' +
    '::1\tlocalhost ip6-localhost ip6-loopback\n' +
    'fe00::0\tip6-localnet\n' +
    'fe00::0\tip6-mcastprefix\n' +
    'fe00::1\tip6-allnodes\n' +
    'fe00::2\tip6-allrouters\n';
  for (const ip of [config.ip, config.ipv6]) if (ip) text += `${ip}\t${config.domainName ? `${config.hostname}.${config.domainName}\t` : ''}${config.hostname}\n`;
  if (config.hostAliases.length > 0) {
    text += '\n# Entries added by HostAliases.\n';
    for (const { ip, hostnames } of config.hostAliases) text += `${ip}\t${hostnames.join('\t')}\n`;
  }
  return text;
}
