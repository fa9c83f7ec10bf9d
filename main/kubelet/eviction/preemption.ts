import type { Pod } from '../../api/index.ts';
import { podRequests, resourceAmounts } from '../../api/podResources.ts';
import type { Shortage } from '../admission.ts';
import { qosClassOf, type QOSClass } from '../qos.ts';
import { isCritical } from '../spec.ts';

/**
 * Which pods have to make room for a critical one: as few as will do, those without requests first. Throws when all of
 * them together have not enough. Mirrors pkg/kubelet/preemption/preemption.go (getPodsToPreempt).
 */
export function podsToPreempt(critical: Pod, pods: Pod[], shortages: readonly Shortage[]): Pod[] {
  const weaker = pods.filter((pod) => yields(critical, pod));
  const of = (qos: QOSClass) => weaker.filter((pod) => qosClassOf(pod) === qos);
  const [bestEffort, burstable, guaranteed] = [of('BestEffort'), of('Burstable'), of('Guaranteed')];
  const unmet = without(shortages, weaker);
  if (unmet.length > 0) throw new Error(`no set of running pods found to reclaim resources: ${describe(unmet)}`);
  // Of each class only what the classes below it cannot give.
  const guaranteedToGo = nearest(guaranteed, without(shortages, [...bestEffort, ...burstable]));
  const burstableToGo = nearest(burstable, without(shortages, [...bestEffort, ...guaranteedToGo]));
  const bestEffortToGo = nearest(bestEffort, without(shortages, [...burstableToGo, ...guaranteedToGo]));
  return [...bestEffortToGo, ...burstableToGo, ...guaranteedToGo];
}

/** Mirrors Preemptable. */
function yields(critical: Pod, pod: Pod): boolean {
  if (isCritical(critical) && !isCritical(pod)) return true;
  const [own, other] = [critical.spec?.priority, pod.spec?.priority];
  return own !== undefined && other !== undefined && own > other;
}

/** One after the other the pod that comes nearest to what is still missing; of equals the one that asks for less. */
function nearest(pods: Pod[], shortages: readonly Shortage[]): Pod[] {
  const chosen: Pod[] = [];
  let left = shortages;
  const rest = [...pods];
  while (left.length > 0) {
    const missing = left;
    rest.sort((a, b) => distance(missing, a) - distance(missing, b) || size(a) - size(b));
    const best = rest.shift();
    if (!best) throw new Error(`no set of running pods found to reclaim resources: ${describe(left)}`);
    chosen.push(best);
    left = without(left, [best]);
  }
  return chosen;
}

function requested(pod: Pod, name: string): number {
  return name === 'pods' ? 1 : (resourceAmounts(podRequests(pod)).get(name) ?? 0);
}

const size = (pod: Pod) => requested(pod, 'memory') * 1e6 + requested(pod, 'cpu');

/** Each shortage counts by the share of it that stays, so that large numbers count no more than small ones. */
const distance = (shortages: readonly Shortage[], pod: Pod) =>
  shortages.reduce((sum, { name, amount }) => sum + Math.max(0, (amount - requested(pod, name)) / amount) ** 2, 0);

function without(shortages: readonly Shortage[], pods: Pod[]): Shortage[] {
  return shortages
    .map(({ name, amount }) => ({ name, amount: pods.reduce((left, pod) => left - requested(pod, name), amount) }))
    .filter(({ amount }) => amount > 0);
}

const describe = (shortages: readonly Shortage[]) => `[${shortages.map(({ name, amount }) => `(res: ${name}, q: ${amount}), `).join('')}]`;
