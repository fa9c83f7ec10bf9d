import type { Event, Pod, PodCondition } from '../../../main/api/index.ts';
import { byLastSeen, lastSeen } from '../event/time.ts';
import { summarize, toneOf } from './status.ts';

/** What the node says in events alone: no field of the pod's status tells it. */
const beforeTheStart = new Set(['FailedMount', 'FailedAttachVolume', 'FailedMapVolume', 'FailedCreatePodSandBox', 'FailedPrepareDynamicResources']);
const whileItRuns = new Set(['Unhealthy', 'FailedPostStartHook']);
const whileItEnds = new Set(['FailedPreStopHook', 'FailedKillPod']);
/** Milliseconds. An event that goes on is mostly told again every five minutes (client-go's spam filter). */
const recent = 10 * 60_000;

export const conditionOf = ({ status }: Pod, type: string): PodCondition | undefined => status?.conditions?.find((condition) => condition.type === type);

const statusesOf = ({ status }: Pod) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];

/** Whether its volumes, devices and network are there. */
function isSetUp(pod: Pod): boolean {
  const waits = statusesOf(pod).some(({ state }) => ['ContainerCreating', 'PodInitializing'].includes(state?.waiting?.reason ?? ''));
  return !waits || conditionOf(pod, 'PodReadyToStartContainers')?.status === 'True';
}

/** Whether what an event, seen last at `seen`, says of a pod goes on as far as the pod itself tells, however long nobody has said it again. */
function goesOn(pod: Pod, event: Event, seen: number): boolean {
  const { reason = '' } = event;
  if (beforeTheStart.has(reason)) return !isSetUp(pod);
  if (whileItEnds.has(reason)) return pod.metadata?.deletionTimestamp !== undefined;
  const name = containerOf(event);
  const container = statusesOf(pod).find((each) => each.name === name);
  const ready = conditionOf(pod, 'Ready');
  if ((container?.ready ?? ready?.status === 'True') || ready?.status === 'True') return false;
  // What was said of an earlier time in which it was not ready is not about this one; a probe fails some times before it counts.
  return seen >= (Date.parse(ready?.lastTransitionTime ?? '') || 0) - recent;
}

/** Why a pod is not where it should be, as far as its node's events know: of each reason and container the latest, the latest first. */
export function warningsOf(pod: Pod, events: readonly Event[], now: number): Event[] {
  const summary = summarize(pod);
  const tone = toneOf(pod, summary);
  const unwell = tone === 'warn' || tone === 'bad';
  const wasUnwell = tone === 'ok' && summary.restarts > 0;
  const found = new Map<string, Event>();
  for (const event of events) {
    const { involvedObject, type, reason = '' } = event;
    if (type !== 'Warning' || involvedObject.uid !== pod.metadata?.uid) continue;
    const isEarly = beforeTheStart.has(reason);
    if (!isEarly && !whileItRuns.has(reason) && !whileItEnds.has(reason)) continue;
    const seen = Date.parse(lastSeen(event) ?? '');
    if (!(unwell && goesOn(pod, event, seen)) && !(!isEarly && (unwell || wasUnwell) && now - seen < recent)) continue;
    // The volume or the probe that a message speaks of stands before its first colon.
    const key = `${reason} ${involvedObject.fieldPath ?? ''} ${event.message?.split(':')[0] ?? ''}`;
    const known = found.get(key);
    if (!known || Date.parse(lastSeen(known) ?? '') < seen) found.set(key, event);
  }
  return [...found.values()].sort(byLastSeen);
}

/** The container that an event speaks of. */
export const containerOf = ({ involvedObject }: Event) => /\{(.+)\}$/.exec(involvedObject.fieldPath ?? '')?.[1];
