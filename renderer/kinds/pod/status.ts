import type { ContainerStatus, Pod } from '../../../main/api/index.ts';
import type { StatusText, Tone } from '../../components/grid/types.ts';
import { explainWord } from './explain.ts';

export interface PodSummary {
  /** The one word of `kubectl get pods`. */
  word: string;
  ready: number;
  total: number;
  restarts: number;
}

/** Objects of lists do not change, and a screen that follows ten thousand of them looks again at all when one is new. */
const summaries = new WeakMap<Pod, PodSummary>();

/** What `kubectl get pods` says. */
export function summarize(pod: Pod): PodSummary {
  let summary = summaries.get(pod);
  if (!summary) summaries.set(pod, (summary = read(pod)));
  return summary;
}

/** Mirrors printPod of pkg/printers/internalversion/printers.go. */
function read(pod: Pod): PodSummary {
  const status = pod.status ?? {};
  const sidecars = new Set(
    (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  );
  let word = status.reason || status.phase || 'Unknown';
  if (status.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated')) word = 'SchedulingGated';
  let ready = 0;
  let restarts = 0;
  let sidecarRestarts = 0;
  let initializing = false;
  const inits = status.initContainerStatuses ?? [];
  for (const [index, container] of inits.entries()) {
    const sidecar = sidecars.has(container.name);
    restarts += container.restartCount ?? 0;
    if (sidecar) sidecarRestarts += container.restartCount ?? 0;
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (sidecar && container.started) {
      if (container.ready) ready++;
      continue;
    }
    initializing = true;
    if (terminated) word = `Init:${endWord(terminated)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') word = `Init:${waiting.reason}`;
    else word = `Init:${index}/${pod.spec?.initContainers?.length ?? inits.length}`;
    break;
  }
  const initialized = status.conditions?.some(({ type, status: value }) => type === 'Initialized' && value === 'True');
  if (!initializing || initialized) {
    restarts = sidecarRestarts;
    let running = false;
    for (const container of [...(status.containerStatuses ?? [])].reverse()) {
      restarts += container.restartCount ?? 0;
      const { terminated, waiting } = container.state ?? {};
      if (waiting?.reason) word = waiting.reason;
      else if (terminated) word = endWord(terminated);
      else if (container.ready && container.state?.running) {
        running = true;
        ready++;
      }
    }
    if (word === 'Completed' && running) word = isReady(pod) ? 'Running' : 'NotReady';
  }
  if (pod.metadata?.deletionTimestamp) {
    if (status.reason === 'NodeLost') word = 'Unknown';
    else if (status.phase !== 'Succeeded' && status.phase !== 'Failed') word = 'Terminating';
  }
  return { word, ready, total: (pod.spec?.containers.length ?? 0) + sidecars.size, restarts };
}

function endWord({ reason, signal, exitCode }: { reason?: string; signal?: number; exitCode: number }): string {
  return reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

const passing = new Set(['Pending', 'ContainerCreating', 'PodInitializing', 'Terminating', 'SchedulingGated', 'NotReady']);

/** Whether a pod in this state needs somebody to look at it. */
export function toneOf(pod: Pod, { word, ready, total }: PodSummary = summarize(pod)): Tone {
  if (word === 'Running') return ready < total ? 'warn' : 'ok';
  if (word === 'Completed' || word === 'Succeeded') return 'idle';
  if (word === 'Pending' && unschedulable(pod)) return 'bad';
  if (passing.has(word) || /^Init:\d/.test(word)) return 'warn';
  return 'bad';
}

/** Why a pod has no node yet. */
export interface Holdup {
  /** Key of the sentence that says it. */
  key: string;
  values: Record<string, string>;
  tone: Tone;
  /** The scheduler's own words, where it had any. */
  words?: string | undefined;
}

const defaultScheduler = 'default-scheduler';

/** What keeps a pod from a node, as far as the pod itself tells; undefined where it has one or the scheduler has not come to it yet. */
export function holdupOf({ metadata, spec, status }: Pod): Holdup | undefined {
  if (spec?.nodeName || metadata?.deletionTimestamp || (status?.phase ?? 'Pending') !== 'Pending') return undefined;
  const gates = (spec?.schedulingGates ?? []).map(({ name }) => name);
  if (gates.length) return { key: 'pod.gated', values: { gates: gates.join(', ') }, tone: 'warn' };
  if (status?.nominatedNodeName) return { key: 'pod.nominated', values: { node: status.nominatedNodeName }, tone: 'info', words: placed(status.conditions)?.message };
  const said = placed(status?.conditions);
  if (said) return { key: said.reason === 'Unschedulable' ? 'pod.unschedulable' : 'pod.notScheduled', values: { reason: said.reason ?? '' }, tone: 'bad', words: said.message };
  const scheduler = spec?.schedulerName || defaultScheduler;
  return scheduler === defaultScheduler ? undefined : { key: 'pod.otherScheduler', values: { scheduler }, tone: 'warn' };
}

const placed = (conditions: NonNullable<Pod['status']>['conditions']) => conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');

export function unschedulable(pod: Pod): string | undefined {
  const condition = pod.status?.conditions?.find(({ type, status, reason }) => type === 'PodScheduled' && status === 'False' && reason === 'Unschedulable');
  return condition && (condition.message ?? condition.reason);
}

/** The server's own words on what is wrong, if something is. */
export function troubleOf(pod: Pod): string | undefined {
  const waiting = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const words = waiting.map(wordsOf).find(Boolean);
  return words ?? unschedulable(pod) ?? pod.status?.message;
}

function wordsOf(container: ContainerStatus): string | undefined {
  return container.state?.waiting?.message ?? container.state?.terminated?.message;
}

export function podStatus(pod: Pod): StatusText {
  const summary = summarize(pod);
  const title = troubleOf(pod);
  return { text: summary.word, tone: toneOf(pod, summary), means: explainWord(summary.word), ...(title ? { title } : {}) };
}
