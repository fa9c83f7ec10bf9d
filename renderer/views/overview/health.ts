import type { Deployment, Event, Job, Namespace, Node, Pod } from '../../../main/api/index.ts';
import { controllerOf } from '../../../main/api/meta.ts';
import { deploymentStatus } from '../../kinds/deployment/status.ts';
import { lastSeen, timesSeen } from '../../kinds/event/time.ts';
import type { Tone } from '../../components/grid/types.ts';
import { hasEnded, jobStatus } from '../../kinds/job/status.ts';
import { holdsUp, namespaceStatus } from '../../kinds/namespace/status.ts';
import { nodeStatus } from '../../kinds/node/status.ts';
import { explainWord } from '../../kinds/pod/explain.ts';
import { summarize, toneOf, troubleOf } from '../../kinds/pod/status.ts';
import { warningsOf } from '../../kinds/pod/warnings.ts';
import { refusalOf } from '../../kinds/workload/refusal.ts';
import { courts, type AccusedKind, type Case } from './accused.ts';

export interface Tally {
  healthy: number;
  moving: number;
  unhealthy: number;
}

/** Something that is not well, and why in the server's words. */
export interface Trouble {
  namespace: string;
  name: string;
  kind: 'Node' | 'Pod' | 'Deployment' | 'Job' | 'Namespace' | AccusedKind;
  word: string;
  tone: Tone;
  why: string;
  /** Key of what the word means. */
  means?: string | undefined;
  /** Pods of one owner that fail for one reason are one trouble, and so are nodes, and the jobs of one owner. */
  others: number;
}

/** What runs on a node that has fallen silent may run or not: nobody can call it healthy. */
export function podTally(pods: readonly Pod[], nodes: readonly Node[]): Tally {
  const tally: Tally = { healthy: 0, moving: 0, unhealthy: 0 };
  const down = new Set(nodes.filter(isDown).map((node) => node.metadata?.name));
  for (const pod of pods) {
    const tone = toneOf(pod);
    if (tone === 'bad' || (tone === 'ok' && down.has(pod.spec?.nodeName))) tally.unhealthy++;
    else if (tone === 'warn') tally.moving++;
    else tally.healthy++;
  }
  return tally;
}

export function deploymentTally(deployments: readonly Deployment[]): Tally {
  const tally: Tally = { healthy: 0, moving: 0, unhealthy: 0 };
  for (const deployment of deployments) {
    const { tone } = deploymentStatus(deployment);
    if (tone === 'bad') tally.unhealthy++;
    else if (tone === 'warn' || tone === 'info') tally.moving++;
    else tally.healthy++;
  }
  return tally;
}

/** What a node has said less often may be the start of a program that is slow, or of a pod that came before its ConfigMap. */
const timesToTell = 3;

const isDown = (node: Node) => nodeStatus(node).tone === 'bad';

/** A namespace takes a moment to go; after so many milliseconds something is in its way. */
const patience = 60_000;

/** What is looked at for troubles. */
export interface Seen {
  nodes: readonly Node[];
  pods: readonly Pod[];
  deployments: readonly Deployment[];
  jobs: readonly Job[];
  namespaces: readonly Namespace[];
  events: readonly Event[];
  /** Objects of other kinds that events accuse. */
  cases: readonly Case[];
}

/** Events and `now`, in milliseconds, tell of what is on its way and cannot go on. */
export function troubles({ nodes, pods, deployments, jobs, namespaces, events, cases }: Seen, now: number): Trouble[] {
  const found = new Map<string, Trouble>();
  for (const node of nodes) {
    if (!isDown(node)) continue;
    const { text, tone, title = '' } = nodeStatus(node);
    const known = found.get(`node/${title}`);
    if (known) known.others++;
    else found.set(`node/${title}`, { namespace: '', name: node.metadata?.name ?? '', kind: 'Node', word: text, tone, why: title, others: 0 });
  }
  const eventsOf = new Map<string | undefined, Event[]>();
  for (const event of events) {
    const { uid } = event.involvedObject;
    const known = eventsOf.get(uid);
    if (known) known.push(event);
    else eventsOf.set(uid, [event]);
  }
  for (const pod of pods) {
    const summary = summarize(pod);
    const tone = toneOf(pod, summary);
    const warning = tone === 'warn' ? warningsOf(pod, eventsOf.get(pod.metadata?.uid) ?? [], now).find((event) => timesSeen(event) >= timesToTell) : undefined;
    if (tone !== 'bad' && !warning) continue;
    const namespace = pod.metadata?.namespace ?? '';
    const key = `${namespace}/${controllerOf(pod)?.uid ?? pod.metadata?.name}/${summary.word}`;
    const known = found.get(key);
    if (known) known.others++;
    else found.set(key, { namespace, name: pod.metadata?.name ?? '', kind: 'Pod', word: summary.word, tone, means: explainWord(summary.word), why: warning?.message ?? troubleOf(pod) ?? endOf(pod), others: 0 });
  }
  for (const deployment of deployments) {
    const status = deploymentStatus(deployment);
    if (status.tone !== 'bad') continue;
    const { namespace = '', name = '' } = deployment.metadata ?? {};
    found.set(`${namespace}/${name}/deployment`, { namespace, name, kind: 'Deployment', word: status.text, tone: status.tone, why: status.title ?? '', means: status.means, others: 0 });
  }
  for (const job of jobs) {
    const status = jobStatus(job);
    const refusal = hasEnded(job) || job.spec?.suspend || job.metadata?.deletionTimestamp ? undefined : refusalOf(eventsOf.get(job.metadata?.uid) ?? [], now);
    if (status.tone !== 'bad' && !refusal) continue;
    const { namespace = '', name = '' } = job.metadata ?? {};
    const key = `${namespace}/${controllerOf(job)?.uid ?? name}/job`;
    const known = found.get(key);
    if (known) known.others++;
    else found.set(key, { namespace, name, kind: 'Job', word: refusal ? 'FailedCreate' : status.text, tone: 'bad', means: refusal && 'workload.refusedWhy', why: refusal ? (refusal.message ?? '') : (status.title ?? ''), others: 0 });
  }
  for (const { accusation, object } of cases) {
    const { key, kind, namespace, name } = accusation;
    const verdict = object.metadata?.deletionTimestamp ? undefined : courts[kind].judge(object, accusation.events, now);
    if (verdict) found.set(key, { namespace, name, kind, word: verdict.text, tone: verdict.tone, why: verdict.title ?? '', means: verdict.means, others: 0 });
  }
  for (const namespace of namespaces) {
    const { name = '', deletionTimestamp = '' } = namespace.metadata ?? {};
    const [first] = holdsUp(namespace);
    if (!first || now - Date.parse(deletionTimestamp) < patience) continue;
    const { text, tone } = namespaceStatus(namespace);
    found.set(`namespace/${name}`, { namespace: '', name, kind: 'Namespace', word: text, tone, why: first.message ?? '', others: 0 });
  }
  return [...found.values()];
}

/** How a program ended that left no words of its own. */
function endOf(pod: Pod): string {
  const ended = (pod.status?.containerStatuses ?? []).find(({ state }) => state?.terminated && state.terminated.exitCode !== 0);
  return ended ? `${ended.name}: exit code ${ended.state!.terminated!.exitCode}` : '';
}

/** Warnings of one reason with much the same message, about however many objects. */
export interface WarningGroup {
  reason: string;
  message: string;
  objects: readonly { kind: string; name: string; namespace: string; apiVersion: string }[];
  times: number;
  last: string;
}

/** Names, addresses and numbers differ from object to object; the cause does not. */
const shape = (text: string, name: string) => text.replaceAll(name || '\0', '#').replace(/"[^"]*"|\([^)]*\)|\b[0-9a-f-]{8,}\b|\d+/g, '#');

export function warningGroups(events: readonly Event[], since: number): WarningGroup[] {
  const groups = new Map<string, WarningGroup & { objects: { kind: string; name: string; namespace: string; apiVersion: string }[] }>();
  for (const event of events) {
    const last = lastSeen(event) ?? '';
    if (event.type !== 'Warning' || Date.parse(last) < since) continue;
    const { kind = '', name = '', namespace = '', apiVersion = 'v1' } = event.involvedObject;
    const key = `${event.reason} ${shape(event.message ?? '', name)}`;
    const group = groups.get(key) ?? { reason: event.reason ?? '', message: event.message ?? '', objects: [], times: 0, last: '' };
    groups.set(key, group);
    // One has seconds and another microseconds: as texts they are not in order.
    if (!group.last || Date.parse(last) > Date.parse(group.last)) {
      group.last = last;
      group.message = event.message ?? '';
    }
    group.times += timesSeen(event);
    if (!group.objects.some((each) => each.kind === kind && each.name === name && each.namespace === namespace)) group.objects.push({ kind, name, namespace, apiVersion });
  }
  return [...groups.values()].sort((a, b) => Date.parse(b.last) - Date.parse(a.last));
}
