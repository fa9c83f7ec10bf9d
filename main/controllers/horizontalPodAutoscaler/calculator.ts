import type { Pod } from '../../api/index.ts';
import { isSidecar, podResources } from '../../api/podAmounts.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { findCondition } from '../conditions.ts';
import { isPodReady } from '../pods.ts';
import type { PodMetrics } from './metrics.ts';

// How many pods a measurement asks for. Mirrors pkg/controller/podautoscaler/replica_calculator.go.

/** How far usage may be off its target, as a share of it, before anything is done. */
export interface Tolerances {
  up: number;
  down: number;
}

/** What is known when a metric is judged. Values are thousandths. */
export interface Situation {
  /** The pods that the target selects. */
  pods: Pod[];
  currentReplicas: number;
  tolerances: Tolerances;
  /** Milliseconds since the epoch. */
  now: number;
}

export interface Proposal {
  replicas: number;
  /** The average of a pod, or the whole, in thousandths. */
  usage: number;
  /** Percent of what was requested. */
  utilization?: number;
}

/** A pod that has just started uses more than it will: its CPU does not count for so long. */
const cpuInitialization = 5 * 60_000;
/** A pod that has not been ready within this time after its start has never been ready. */
const initialReadiness = 30_000;
const most = 0x7fffffff;

const isWithin = ({ up, down }: Tolerances, ratio: number) => 1 - down <= ratio && ratio <= 1 + up;

const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, number) => total + number, 0);

interface Usage {
  ratio: number;
  average: number;
  utilization?: number;
}

/** By usage as a share of what the pods request. `target`: percent. */
export function byUtilization(
  situation: Situation,
  metrics: PodMetrics,
  { resource, container, target }: { resource: string; container: string; target: number },
): Proposal {
  // What pods request is looked at only where there is something to compare it with.
  let known: Map<string, number> | undefined;
  const requested = () => (known ??= requestsOf(situation.pods, container, resource));
  const measure = (values: Map<string, number>): Usage => {
    const requests = requested();
    const names = [...values.keys()].filter((name) => requests.has(name));
    const whole = sum(names.map((name) => requests.get(name)!));
    if (whole === 0) throw new Error('no metrics returned matched known pods');
    const used = sum(names.map((name) => values.get(name)!));
    const utilization = Math.trunc((used * 100) / whole);
    return { ratio: utilization / target, average: Math.trunc(used / names.length), utilization };
  };
  const assumed = (name: string) => Math.trunc((requested().get(name)! * Math.max(100, target)) / 100);
  return propose(situation, metrics, resource, measure, assumed);
}

/** By an average a pod. `target`: thousandths; `resource`: '' for what is none. */
export function byAverage(situation: Situation, metrics: PodMetrics, resource: string, target: number): Proposal {
  const measure = (values: Map<string, number>): Usage => {
    const average = Math.trunc(sum(values.values()) / values.size);
    return { ratio: average / target, average };
  };
  return propose(situation, metrics, resource, measure, () => target);
}

/** `assumed`: what a pod that says nothing is taken to use when others ask for fewer pods. */
function propose(
  situation: Situation,
  metrics: PodMetrics,
  resource: string,
  measure: (values: Map<string, number>) => Usage,
  assumed: (name: string) => number,
): Proposal {
  const { currentReplicas, tolerances } = situation;
  if (situation.pods.length === 0) throw new Error('no pods returned by selector while calculating replica count');
  const groups = groupPods(situation, metrics, resource);
  const values = new Map([...metrics].map(([name, metric]) => [name, metric.value]));
  for (const name of [...groups.ignored, ...groups.unready]) values.delete(name);
  if (values.size === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  const { ratio, average: usage, utilization } = measure(values);
  const stay = { replicas: currentReplicas, usage, utilization };
  const upWithUnready = groups.unready.length > 0 && ratio > 1;
  if (!upWithUnready && groups.missing.length === 0)
    return isWithin(tolerances, ratio) ? stay : { ...stay, replicas: Math.ceil(ratio * groups.ready) };
  // Pods that are not known count against a change: with much where there would be fewer, with nothing where more.
  if (ratio !== 1) for (const name of groups.missing) values.set(name, ratio < 1 ? assumed(name) : 0);
  if (upWithUnready) for (const name of groups.unready) values.set(name, 0);
  const { ratio: careful } = measure(values);
  const turned = (ratio < 1 && careful > 1) || (ratio > 1 && careful < 1);
  if (isWithin(tolerances, careful) || turned) return stay;
  const replicas = Math.ceil(careful * values.size);
  const against = (careful < 1 && replicas > currentReplicas) || (careful > 1 && replicas < currentReplicas);
  return against ? stay : { ...stay, replicas };
}

/** By one value for all pods together, such as the length of a queue. */
export function byValue(situation: Situation, usage: number, target: number): Proposal {
  const { currentReplicas, tolerances, pods } = situation;
  const ratio = usage / target;
  if (currentReplicas === 0) return { replicas: Math.ceil(ratio), usage };
  if (isWithin(tolerances, ratio)) return { replicas: currentReplicas, usage };
  if (pods.length === 0)
    throw new Error('unable to calculate ready pods: no pods returned by selector while calculating replica count');
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod)).length;
  return { replicas: Math.min(most, Math.ceil(ratio * ready)), usage };
}

/** By one value that the pods share out among them. `replicas`: how many there are. */
export function byShare(tolerances: Tolerances, replicas: number, usage: number, target: number): Proposal {
  const within = isWithin(tolerances, usage / (target * replicas));
  return {
    replicas: within ? replicas : Math.min(most, Math.ceil(usage / target)),
    usage: Math.ceil(usage / replicas),
  };
}

interface Groups {
  ready: number;
  unready: string[];
  missing: string[];
  ignored: string[];
}

function groupPods({ pods, now }: Situation, metrics: PodMetrics, resource: string): Groups {
  const groups: Groups = { ready: 0, unready: [], missing: [], ignored: [] };
  for (const pod of pods) {
    const name = pod.metadata!.name!;
    const metric = metrics.get(name);
    if (pod.metadata!.deletionTimestamp || pod.status?.phase === 'Failed') groups.ignored.push(name);
    else if (pod.status?.phase === 'Pending') groups.unready.push(name);
    else if (!metric) groups.missing.push(name);
    else if (resource === 'cpu' && isStarting(pod, metric.timestamp - metric.window, now)) groups.unready.push(name);
    else groups.ready++;
  }
  return groups;
}

/** Whether the CPU that the pod used since `measuredFrom` says nothing of what it will use. */
function isStarting({ status }: Pod, measuredFrom: number, now: number): boolean {
  const ready = findCondition(status?.conditions, 'Ready');
  if (!ready || !status?.startTime) return true;
  const start = Date.parse(status.startTime);
  const transition = Date.parse(ready.lastTransitionTime ?? status.startTime);
  if (start + cpuInitialization > now) return ready.status === 'False' || measuredFrom < transition;
  return ready.status === 'False' && start + initialReadiness > transition;
}

/** By pod name, in thousandths. */
function requestsOf(pods: Pod[], container: string, resource: string): Map<string, number> {
  return new Map(pods.map((pod) => [pod.metadata!.name!, requestOf(pod, container, resource)]));
}

function requestOf({ metadata, spec }: Pod, container: string, resource: string): number {
  const { name } = metadata!;
  if (!container && Object.keys(spec!.resources?.requests ?? {}).length > 0) {
    const whole = podResources(spec!, 'requests')[resource];
    if (!whole) throw new Error(`missing pod-level request for ${resource} in Pod ${name}`);
    return whole.milliValue();
  }
  const all = [...spec!.containers, ...(spec!.initContainers ?? []).filter(isSidecar)];
  const counted = container ? all.filter((each) => each.name === container) : all;
  if (container && counted.length === 0) throw new Error(`container ${container} not found in Pod ${name}`);
  return sum(
    counted.map((each) => {
      const request = each.resources?.requests?.[resource];
      if (request === undefined)
        throw new Error(`missing request for ${resource} in container ${each.name} of Pod ${name}`);
      return parseQuantity(request).milliValue();
    }),
  );
}
