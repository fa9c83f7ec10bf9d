import type { Node, Taint } from '../../../main/api/index.ts';
import type { StatusText } from '../../components/grid/types.ts';

/** As `kubectl get nodes` says it. */
export function nodeStatus(node: Node): StatusText {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  const word = ready?.status === 'True' ? 'Ready' : ready?.status === 'False' ? 'NotReady' : 'Unknown';
  const title = ready?.message ? { title: ready.message } : {};
  if (word !== 'Ready') return { text: word, tone: 'bad', ...title };
  if (node.spec?.unschedulable) return { text: 'Ready,SchedulingDisabled', tone: 'warn', ...title };
  return { text: 'Ready', tone: 'ok', ...title };
}

/** A taint as `kubectl taint` takes it. */
export const taintText = ({ key, value, effect }: Taint): string => `${key}${value ? `=${value}` : ''}:${effect}`;

const rolePrefix = 'node-role.kubernetes.io/';

export function rolesOf(node: Node): string[] {
  const labels = node.metadata?.labels ?? {};
  const roles = Object.keys(labels)
    .filter((label) => label.startsWith(rolePrefix))
    .map((label) => label.slice(rolePrefix.length));
  const role = labels['kubernetes.io/role'];
  return role ? [...roles, role] : roles;
}

export function addressOf(node: Node, type: string): string {
  return addressesOf(node, type)[0] ?? '';
}

/** Of each family one, where the cluster has both. */
export function addressesOf(node: Node, type: string): string[] {
  return (node.status?.addresses ?? []).flatMap((each) => (each.type === type ? [each.address] : []));
}
