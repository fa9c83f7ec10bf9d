import type { Event, Pod } from '../../../main/api/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { lastSeen } from '../event/time.ts';

/** One step of how a pod came to be and how it went on: who did what, and when. */
export interface Step {
  /** Key of the sentence below `life.`. */
  key: string;
  values: Record<string, string>;
  /** RFC 3339. */
  at: string;
  /** The component that did it. */
  who: string;
}

const managerOf = (object: KubeObject): string => {
  const entries = (object.metadata as { managedFields?: { manager?: string; time?: string; subresource?: string }[] } | undefined)?.managedFields ?? [];
  return entries.filter(({ subresource }) => !subresource).sort((a, b) => ((a.time ?? '') < (b.time ?? '') ? -1 : 1))[0]?.manager ?? '';
};

/** Who makes objects of a kind for its owners. */
const makers: Record<string, string> = {
  Deployment: 'Deployment controller',
  ReplicaSet: 'ReplicaSet controller',
  StatefulSet: 'StatefulSet controller',
  DaemonSet: 'DaemonSet controller',
  Job: 'Job controller',
  CronJob: 'CronJob controller',
};

/**
 * The steps that its owners (the outermost first), its conditions, its events and its containers tell of, in their order
 * in time. What the API keeps to the second and happened within one stays in the order of cause and effect.
 */
export function lifeOf(pod: Pod, owners: readonly KubeObject[], events: readonly Event[]): Step[] {
  const steps: Step[] = [];
  const add = (key: string, at: string | undefined, who: string, values: Record<string, string> = {}) => {
    if (at) steps.push({ key, at, who, values });
  };
  const chain = [...owners, pod as KubeObject];
  for (const [index, object] of chain.entries()) {
    const owner = chain[index - 1];
    const who = owner ? (makers[owner.kind ?? ''] ?? owner.kind ?? '') : managerOf(object);
    add(owner ? 'owned' : 'made', object.metadata?.creationTimestamp, who, { kind: object.kind ?? '', name: object.metadata?.name ?? '', owner: owner?.kind ?? '' });
  }
  const node = pod.spec?.nodeName ?? '';
  const kubelet = node ? `Kubelet · ${node}` : 'Kubelet';
  const since = (type: string) => pod.status?.conditions?.find((condition) => condition.type === type && condition.status === 'True')?.lastTransitionTime;
  add('scheduled', since('PodScheduled'), pod.spec?.schedulerName ?? 'Scheduler', { node });
  const pulls = events.filter(({ reason }) => reason === 'Pulled');
  // Its condition is reported when the status next is; images are pulled only after it.
  const [sandbox] = [since('PodReadyToStartContainers'), ...pulls.map(lastSeen)].filter((time) => time !== undefined).sort();
  add('sandbox', since('PodReadyToStartContainers') && sandbox, kubelet);
  for (const event of pulls) add('pulled', lastSeen(event), kubelet, { message: event.message ?? '' });
  if (pod.spec?.initContainers?.length) add('initialized', since('Initialized'), kubelet);
  for (const status of pod.status?.containerStatuses ?? []) {
    const { running, terminated } = status.state ?? {};
    add('started', running?.startedAt ?? terminated?.startedAt, kubelet, { name: status.name });
    add('ended', terminated?.finishedAt, kubelet, { name: status.name, code: String(terminated?.exitCode ?? '') });
  }
  add('ready', since('Ready'), kubelet);
  add('deleting', pod.metadata?.deletionTimestamp, '', {});
  return steps.map((step, index) => ({ step, index })).sort((a, b) => Math.floor(Date.parse(a.step.at) / 1_000) - Math.floor(Date.parse(b.step.at) / 1_000) || a.index - b.index).map(({ step }) => step);
}
