import type Docker from 'dockerode';
import { RuntimeError } from '../index.ts';
import { engineCall, runtimeError, tolerate } from './errors.ts';
import { label, type Labels } from './labels.ts';

/** The engine's network of one cluster: a /16 that nodes and pods share. */
export interface MachineNetwork {
  id: string;
  /** `10.244.0.0/16` */
  subnet: string;
  /** `fd00:10:244::/64`, where nodes and pods have IPv6 addresses too. */
  subnetIPv6?: string;
  labels: Labels;
}

export const defaultPodCIDR = '10.244.0.0/16';

/** The most nodes that fit: each has a /24, the first of which is the nodes' own. */
export const maxMachines = 253;

function toNumber(ip: string): number {
  return ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

function range(cidr: string): { first: number; last: number } | undefined {
  const match = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(cidr);
  if (!match) return undefined;
  const size = 2 ** (32 - Number(match[2]));
  const first = Math.floor(toNumber(match[1]!) / size) * size;
  return { first, last: first + size - 1 };
}

/** Whether two IPv4 ranges share an address; what is not an IPv4 range shares nothing. */
export function overlaps(a: string, b: string): boolean {
  const [x, y] = [range(a), range(b)];
  return x !== undefined && y !== undefined && x.first <= y.last && y.first <= x.last;
}

/** /16 ranges to try, best first: the preferred one, those behind it, then those before it in 10.0.0.0/8. */
export function candidates(preferred: string, taken: string[]): string[] {
  const second = Number(/^10\.(\d+)\.0\.0\/16$/.exec(preferred)?.[1] ?? 244);
  const following = Array.from({ length: 256 }, (_, step) => `10.${(second + step) % 256}.0.0/16`);
  const all = [preferred, ...following.filter((cidr) => cidr !== preferred)];
  // 10.96.0.0/12 holds the clusters' Services.
  return all.filter((cidr) => !overlaps(cidr, '10.96.0.0/12') && !taken.some((other) => overlaps(cidr, other)));
}

/** Where the nth node is found: node 1 at .0.2. */
export function addressOf(network: MachineNetwork, index: number): string {
  if (index < 1 || index > maxMachines) throw new RuntimeError('invalid', `a cluster has at most ${maxMachines} nodes`);
  return toAddress(range(network.subnet)!.first + 1 + index);
}

/** The nth node's share of the range: node 1 has .1.0/24. The range is known by any of its addresses. */
export function podCIDROf(network: MachineNetwork | string, index: number): string {
  const base = typeof network === 'string' ? network : network.subnet.split('/')[0]!;
  if (base === '') return '';
  return `${toAddress(Math.floor(toNumber(base) / 65_536) * 65_536 + index * 256)}/24`;
}

/** The /64 beside an IPv4 range, by the same numbers: nobody has to remember a second choice. */
export function rangeBeside(subnet: string): string {
  const [first, second] = subnet.split('.');
  return `fd00:${first}:${second}::/64`;
}

const groupsOf = (network: MachineNetwork): string => network.subnetIPv6!.split('::')[0]!;

/** Where the nth node is found, and its share of the range: node 1 is at ::2 and has :0:1::/80. */
export function placeIPv6(network: MachineNetwork, index: number): { ipv6?: string; podCIDRv6?: string } {
  if (!network.subnetIPv6) return {};
  const groups = groupsOf(network);
  return { ipv6: `${groups}::${(index + 1).toString(16)}`, podCIDRv6: `${groups}:0:${index.toString(16)}::/80` };
}

export interface NetworkOptions {
  docker: Docker;
  name: string;
  labels: Labels;
  preferred?: string;
  taken: string[];
  /** Nodes and pods get IPv6 addresses too. */
  dualStack?: boolean;
}

/**
 * The cluster's network, where it has one, and the ranges that networks of the engine have; rejects where the name is
 * another's. Two starts that an engine heard of at once may have made one each: the first counts, and the others go.
 */
export async function findNetwork(docker: Docker, name: string, labels: Labels): Promise<{ network?: MachineNetwork; used: string[] }> {
  const all = (await engineCall(() => docker.listNetworks())) as Docker.NetworkInspectInfo[];
  const isOurs = (network: Docker.NetworkInspectInfo) => [label.cluster, label.kind].every((key) => network.Labels?.[key] === labels[key]);
  const [there, ...more] = all.filter((network) => network.Name === name).sort((a, b) => (a.Created ?? '').localeCompare(b.Created ?? ''));
  const used = all.flatMap((network) => network.IPAM?.Config?.map((config) => config.Subnet ?? '') ?? []);
  if (!there) return { used };
  const ranges = (there.IPAM?.Config ?? []).map((config) => config.Subnet ?? '');
  const subnet = ranges.find((cidr) => range(cidr));
  const subnetIPv6 = ranges.find((cidr) => cidr.includes(':'));
  if (!subnet || !isOurs(there)) throw new RuntimeError('conflict', `the container engine has a network ${name} that is not Skiff's`);
  // 403: something is in it.
  for (const { Id } of more.filter(isOurs)) await tolerate([403, 404], () => docker.getNetwork(Id).remove());
  return { network: { id: there.Id, subnet, ...(subnetIPv6 ? { subnetIPv6 } : {}), labels: there.Labels ?? {} }, used };
}

/** Makes the cluster's network, in the first range that nothing else uses. */
export async function createNetwork({
  docker,
  name,
  labels,
  preferred = defaultPodCIDR,
  taken,
  dualStack,
}: NetworkOptions): Promise<MachineNetwork> {
  let failure: unknown = new RuntimeError('other', 'every range of 10.0.0.0/8 is taken');
  for (const subnet of candidates(preferred, taken)) {
    try {
      const gateway = toAddress(range(subnet)!.first + 1);
      const subnetIPv6 = dualStack ? rangeBeside(subnet) : undefined;
      const made = await docker.createNetwork({
        Name: name,
        Driver: 'bridge',
        CheckDuplicate: true,
        Labels: labels,
        EnableIPv6: dualStack ?? false,
        IPAM: { Driver: 'default', Config: [{ Subnet: subnet, Gateway: gateway }, ...(subnetIPv6 ? [{ Subnet: subnetIPv6, Gateway: subnetIPv6.replace('/64', '1') }] : [])] },
      });
      return { id: made.id, subnet, ...(subnetIPv6 ? { subnetIPv6 } : {}), labels };
    } catch (error) {
      failure = error;
      // Something that the engine does not list may use the range.
      if (!/overlap|conflicts with network|already (in use|used)|no available/i.test(runtimeError(error).message))
        break;
    }
  }
  throw runtimeError(failure);
}
