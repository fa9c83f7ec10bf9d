import type { Namespace } from '../../../main/api/index.ts';
import type { ConditionLike } from '../../components/conditionTone.ts';
import type { StatusText } from '../../components/grid/types.ts';

export function namespaceStatus({ metadata, status }: Namespace): StatusText {
  if (metadata?.deletionTimestamp || status?.phase === 'Terminating') return { text: 'Terminating', tone: 'warn' };
  return { text: status?.phase ?? 'Active', tone: 'ok' };
}

/** What keeps a namespace that is being deleted: each of its conditions is bad news when it is true. */
export function holdsUp({ metadata, status }: Namespace): ConditionLike[] {
  return metadata?.deletionTimestamp ? (status?.conditions ?? []).filter((condition) => condition.status === 'True').map(plain) : [];
}

const plain = ({ type, status, reason = '', message = '' }: ConditionLike): ConditionLike => ({ type, status, reason, message });

/** Objects of one kind that are still in a namespace. */
export interface Remains {
  /** Group-resource, such as `deployments.apps`. */
  resource: string;
  count: number;
}

/** What the namespace controller counted last, out of its own sentence (updateConditions of upstream's status_condition_utils.go): no field holds it. */
export function remainsOf({ status }: Namespace): Remains[] {
  const said = status?.conditions?.find(({ type, status: value }) => type === 'NamespaceContentRemaining' && value === 'True')?.message ?? '';
  return [...said.matchAll(/([a-z0-9-]+)\.([a-z0-9.-]*) has (\d+) resource instances/g)].map(([, resource = '', group, count]) => ({
    resource: group ? `${resource}.${group}` : resource,
    count: Number(count),
  }));
}
