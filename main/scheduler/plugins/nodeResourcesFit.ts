import { implicitResourcePrefix } from '../../api/deviceClaims.ts';
import type { Node } from '../../api/index.ts';
import type { PluginArgs, ScoringStrategy } from '../configuration.ts';
import type { ClassOfResource } from '../devices/extendedResources.ts';
import { maxNodeScore, type Plugin } from '../framework.ts';
import { NodeInfo } from '../nodeInfo.ts';
import type { PodInfo } from '../podInfo.ts';
import { podRequests, resourceAmounts, type Resources } from '../../api/podResources.ts';
import { unresolvable, unschedulable } from '../status.ts';
import { amountOf, brokenLine, hasSay, leastAllocated, mostAllocated, type Strategy } from './resourceScores.ts';

const name = 'NodeResourcesFit';

type Args = PluginArgs['NodeResourcesFit'];
type Ignores = ((resource: string) => boolean) | undefined;

/**
 * Keeps pods from nodes without room for their requests, and prefers those that the strategy likes. `classOf`: which
 * resources a node without any may give as devices, which others look after.
 */
export function nodeResourcesFit(args: Args, classOf: ClassOfResource = () => undefined): Plugin {
  const ignores = ignorer(args);
  const missing = (wanted: Resources, node: NodeInfo, others: Ignores = undefined) => shortage(wanted, node, others, classOf);
  /** Whether the node may give something that is asked for as a device: then others know better what has changed. */
  const givesDevices = ({ scalar }: Resources, { allocatable }: NodeInfo) =>
    [...scalar].some(([resource, amount]) => Number(amount) > 0 && amountOf(allocatable, resource) === 0 && classOf(resource) !== undefined);
  const score = scorer(args.scoringStrategy);
  return {
    name,
    filter(_, { requests }, node) {
      const lacking = missing(requests, node, ignores);
      if (!lacking) return undefined;
      return lacking.everEnough ? unschedulable(name, ...lacking.reasons) : unresolvable(name, ...lacking.reasons);
    },
    score: (_, pod, node) => score(pod, node),
    isHelpful(event, { requests }) {
      switch (event.kind) {
        // Whatever it had, it was one of the pods that a node can have.
        case 'AssignedPodDelete':
          return true;
        case 'NodeAdd':
          return missing(requests, emptied(event.node)) === undefined;
        case 'NodeUpdate': {
          const [old, now] = [emptied(event.old), emptied(event.node)];
          return missing(requests, now) === undefined && (now.allowedPods > old.allowedPods || growsFor(requests, old.allocatable, now.allocatable) || givesDevices(requests, now));
        }
        case 'AssignedPodUpdate':
          return growsFor(requests, podRequests(event.pod, { inUse: true }), podRequests(event.old, { inUse: true }));
        case 'PodUpdate': {
          const before = podRequests(event.old, { inUse: true });
          return growsFor(before, requests, before);
        }
        case 'DeviceClassChange': {
          const { old, object } = event;
          const { extendedResourceName } = object.spec;
          if (old && old.spec.extendedResourceName === extendedResourceName) return false;
          return (!old && requests.scalar.has(implicitResourcePrefix + object.metadata!.name)) || (extendedResourceName !== undefined && requests.scalar.has(extendedResourceName));
        }
        default:
          return false;
      }
    },
  };
}

const empty = new WeakMap<Node, NodeInfo>();

/** The node as if nothing ran there; the same for all pods that wait when it changes. */
function emptied(node: Node): NodeInfo {
  let info = empty.get(node);
  if (!info) empty.set(node, (info = new NodeInfo(node)));
  return info;
}

/** Extended resources that somebody else looks after. */
function ignorer({ ignoredResources, ignoredResourceGroups }: Args): Ignores {
  if (ignoredResources.length + ignoredResourceGroups.length === 0) return undefined;
  return (resource) => ignoredResources.includes(resource) || ignoredResourceGroups.includes(resource.split('/')[0]!);
}

function scorer({ type, resources, shape }: ScoringStrategy): (pod: PodInfo, node: NodeInfo) => number {
  const byRatio = type === 'RequestedToCapacityRatio';
  // Points are written with scores up to 10.
  const line = brokenLine(shape.map((point) => ({ ...point, score: point.score * (maxNodeScore / 10) })));
  const ratio: Strategy = (requested, capacity) =>
    line(requested > capacity ? 100 : Math.trunc((requested * 100) / capacity));
  const scoreOf = byRatio ? ratio : type === 'MostAllocated' ? mostAllocated : leastAllocated;
  return (pod, node) => {
    let sum = 0;
    let weights = 0;
    for (const { name: resource, weight } of resources) {
      if (!hasSay(resource, pod, node)) continue;
      // Pods that ask for no CPU or memory count for a little of it.
      const requested = amountOf(node.nonZeroRequested, resource) + amountOf(pod.nonZeroRequests, resource);
      const score = scoreOf(requested, amountOf(node.allocatable, resource));
      if (byRatio && score === 0) continue;
      sum += score * weight;
      weights += weight;
    }
    if (weights === 0) return 0;
    return byRatio ? Math.round(sum / weights) : Math.floor(sum / weights);
  };
}

/** What is missing, and whether an empty node of this size would have it. */
interface Shortage {
  reasons: string[];
  everEnough: boolean;
}

function shortage(wanted: Resources, node: NodeInfo, ignores: Ignores, classOf: ClassOfResource): Shortage | undefined {
  const { allocatable, requested } = node;
  let lacking: Shortage | undefined;
  if (node.pods.size + 1 > node.allowedPods) lacking = lack(lacking, 'Too many pods', 0, 0);
  if (wanted.milliCpu > 0 && wanted.milliCpu > allocatable.milliCpu - requested.milliCpu)
    lacking = lack(lacking, 'Insufficient cpu', wanted.milliCpu, allocatable.milliCpu);
  if (wanted.memory > 0 && wanted.memory > allocatable.memory - requested.memory)
    lacking = lack(lacking, 'Insufficient memory', wanted.memory, allocatable.memory);
  if (wanted.ephemeralStorage > 0 && wanted.ephemeralStorage > allocatable.ephemeralStorage - requested.ephemeralStorage)
    lacking = lack(lacking, 'Insufficient ephemeral-storage', wanted.ephemeralStorage, allocatable.ephemeralStorage);
  for (const [resource, amount] of wanted.scalar) {
    if (ignores?.(resource)) continue;
    const capacity = allocatable.scalar.get(resource) ?? 0;
    if (capacity === 0 && classOf(resource)) continue;
    if (amount > 0 && amount > capacity - (requested.scalar.get(resource) ?? 0)) {
      lacking = lack(lacking, `Insufficient ${resource}`, amount, capacity);
    }
  }
  return lacking;
}

function lack(before: Shortage | undefined, reason: string, amount: number, capacity: number): Shortage {
  const shortage = before ?? { reasons: [], everEnough: true };
  shortage.reasons.push(reason);
  if (amount > capacity) shortage.everEnough = false;
  return shortage;
}

/** Whether there is more `now` than there was of anything that is wanted. */
function growsFor(wanted: Resources, old: Resources, now: Resources): boolean {
  return [...resourceAmounts(wanted).keys()].some((resource) => amountOf(wanted, resource) > 0 && amountOf(now, resource) > amountOf(old, resource));
}
