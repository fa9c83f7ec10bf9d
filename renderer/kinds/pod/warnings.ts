import type { Event, Pod } from '../../../main/api/index.ts';
import { byLastSeen, lastSeen } from '../event/time.ts';
import { summarize, toneOf } from './status.ts';

/** What the node says in events alone: no field of the pod's status tells it. */
const beforeTheStart = new Set(['FailedMount', 'FailedAttachVolume', 'FailedMapVolume', 'FailedCreatePodSandBox', 'FailedPrepareDynamicResources']);
const whileItRuns = new Set(['Unhealthy', 'FailedPostStartHook', 'FailedPreStopHook', 'FailedKillPod']);
/** Milliseconds. An event that goes on is told again at least every five minutes (client-go's spam filter). */
const staleAfter = 10 * 60_000;

/** Why a pod is not where it should be, as far as its node's events know: of each reason and container the latest, the latest first. */
export function warningsOf(pod: Pod, events: readonly Event[], now: number): Event[] {
  const summary = summarize(pod);
  const tone = toneOf(pod, summary);
  const starts = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].some(({ state }) =>
    ['ContainerCreating', 'PodInitializing'].includes(state?.waiting?.reason ?? ''),
  );
  const unwell = tone === 'warn' || tone === 'bad' || (tone === 'ok' && summary.restarts > 0);
  const found = new Map<string, Event>();
  for (const event of events) {
    const { involvedObject, type, reason = '' } = event;
    if (type !== 'Warning' || involvedObject.uid !== pod.metadata?.uid) continue;
    if (!(beforeTheStart.has(reason) ? starts : whileItRuns.has(reason) && unwell)) continue;
    const seen = Date.parse(lastSeen(event) ?? '');
    if (!(now - seen < staleAfter)) continue;
    // The volume or the probe that a message speaks of stands before its first colon.
    const key = `${reason} ${involvedObject.fieldPath ?? ''} ${event.message?.split(':')[0] ?? ''}`;
    const known = found.get(key);
    if (!known || Date.parse(lastSeen(known) ?? '') < seen) found.set(key, event);
  }
  return [...found.values()].sort(byLastSeen);
}

/** The container that an event speaks of. */
export const containerOf = ({ involvedObject }: Event) => /\{(.+)\}$/.exec(involvedObject.fieldPath ?? '')?.[1];
