import type { Pod } from '../api/index.ts';
import { hostsFile, resolvConf, type Mount } from '../runtime/index.ts';
import { dnsOf } from './config/dns.ts';
import type { KubeletContext } from './context.ts';
import { uidOf } from './spec.ts';
import { podDirectory } from './volumes/files.ts';

/**
 * A pod on its node's network has the node's /etc/resolv.conf and /etc/hosts, unless it asks for others: those it gets
 * as files of its own. `mounts`: what the container has already.
 */
export async function nodeNetworkMounts(context: KubeletContext, pod: Pod, mounts: Mount[]): Promise<Mount[]> {
  const spec = pod.spec!;
  if (!spec.hostNetwork || context.machine.runtimeName === 'simulated') return [];
  const hostAliases = (spec.hostAliases ?? []).map(({ ip, hostnames }) => ({ ip, hostnames: hostnames ?? [] }));
  const ownNames = spec.dnsConfig || spec.dnsPolicy === 'None' || spec.dnsPolicy === 'ClusterFirstWithHostNet';
  const files: [string, string][] = [
    ...(ownNames ? [['/etc/resolv.conf', resolvConf(dnsOf(pod, context.dns))] as [string, string]] : []),
    ...(hostAliases.length > 0 ? [['/etc/hosts', hostsFile({ ip: context.nodeIP, hostname: context.nodeName, hostAliases })] as [string, string]] : []),
  ];
  const wanted = files.filter(([target]) => !mounts.some((mount) => mount.target === target));
  return Promise.all(
    wanted.map(async ([target, text]): Promise<Mount> => {
      const path = `${podDirectory(uidOf(pod))}${target}`;
      await (await context.files()).writeFile(path, Buffer.from(text), 0o644);
      return { source: { kind: 'node', node: context.nodeName, path }, target, readOnly: false, propagation: 'private' };
    }),
  );
}
