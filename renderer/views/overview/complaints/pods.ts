import type { Node, Pod } from '../../../../main/api/index.ts';
import { controllerOf } from '../../../../main/api/meta.ts';
import { timesSeen } from '../../../kinds/event/time.ts';
import { explainWord } from '../../../kinds/pod/explain.ts';
import { summarize, toneOf, troubleOf } from '../../../kinds/pod/status.ts';
import { stuckOf } from '../../../kinds/pod/stuck.ts';
import { warningsOf } from '../../../kinds/pod/warnings.ts';
import type { EventsOf } from '../seen.ts';
import type { Complaint } from '../trouble.ts';
import { isDown } from './nodes.ts';

/** What a node has said less often may be the start of a program that is slow, or of a pod that came before its ConfigMap. */
const timesToTell = 3;

export function* ofPods(pods: readonly Pod[], nodes: readonly Node[], eventsOf: EventsOf, now: number): Iterable<Complaint> {
  const down = new Set(nodes.filter(isDown).map(({ metadata }) => metadata?.name));
  for (const pod of pods) {
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
    if (stuck === undefined && !told) continue;
    yield { ...of, why: (told ?? warnings[0])?.message ?? stuck ?? '', hearsay: stuck === undefined };
  }
}

/** How a program ended that left no words of its own. */
function endOf(pod: Pod): string {
  const ended = (pod.status?.containerStatuses ?? []).find(({ state }) => state?.terminated && state.terminated.exitCode !== 0);
  return ended ? `${ended.name}: exit code ${ended.state!.terminated!.exitCode}` : '';
}
