import type { Event, Pod } from '../../../../main/api/index.ts';
import { controllerOf } from '../../../../main/api/meta.ts';
import { timesSeen } from '../../../kinds/event/time.ts';
import { explainWord } from '../../../kinds/pod/explain.ts';
import { summarize, toneOf, troubleOf } from '../../../kinds/pod/status.ts';
import { stuckOf } from '../../../kinds/pod/stuck.ts';
import { warningsOf } from '../../../kinds/pod/warnings.ts';
import type { EventsOf, Seen } from '../seen.ts';
import type { Complaint } from '../trouble.ts';
import { isDown } from './nodes.ts';
import { standbys } from './standby.ts';

/** What a node has said less often may be the start of a program that is slow, or of a pod that came before its ConfigMap. */
const timesToTell = 3;

/** Whether an event tells of nothing more than a pod that is not ready. */
const isOfReadiness = ({ reason, message = '' }: Event): boolean => reason === 'Unhealthy' && message.startsWith('Readiness probe ');

export function* ofPods(seen: Seen, eventsOf: EventsOf, now: number): Iterable<Complaint> {
  const down = new Set(seen.nodes.filter(isDown).map(({ metadata }) => metadata?.name));
  const isStandby = standbys(seen, down);
  for (const pod of seen.pods) {
    const summary = summarize(pod);
    // One that has ended and cannot go is on its way as well: a finalizer holds it.
    const isHeld = pod.metadata?.deletionTimestamp !== undefined && toneOf(pod, summary) === 'idle';
    const word = isHeld ? 'Terminating' : summary.word;
    const tone = isHeld ? 'warn' : toneOf(pod, summary);
    if (tone !== 'bad' && tone !== 'warn') continue;
    const { namespace = '', name = '' } = pod.metadata ?? {};
    const of = { namespace, name, kind: 'Pod', word, tone, means: explainWord(word), group: `${namespace}/${controllerOf(pod)?.uid ?? name}/${word}` } as const;
    if (tone === 'bad') {
      yield { ...of, why: troubleOf(pod) ?? endOf(pod) };
      continue;
    }
    // What is on its way on a node that has fallen silent waits for that node, which is told.
    if (down.has(pod.spec?.nodeName)) continue;
    const warnings = warningsOf(pod, eventsOf(pod), now);
    const stuck = stuckOf(pod, now);
    const told = warnings.find((event) => timesSeen(event) >= timesToTell);
    if (warnings.every(isOfReadiness) && isStandby(pod, now)) {
      if (stuck !== undefined) yield { ...of, tone: 'info', why: warnings[0]?.message ?? stuck, means: 'pod.standbyWhy', group: `${of.group}/standby`, standby: true };
      continue;
    }
    if (stuck === undefined && !told) continue;
    yield { ...of, why: (told ?? warnings[0])?.message ?? stuck ?? '', hearsay: stuck === undefined };
  }
}

/** How a program ended that left no words of its own. */
function endOf(pod: Pod): string {
  const ended = (pod.status?.containerStatuses ?? []).find(({ state }) => state?.terminated && state.terminated.exitCode !== 0);
  return ended ? `${ended.name}: exit code ${ended.state!.terminated!.exitCode}` : '';
}
