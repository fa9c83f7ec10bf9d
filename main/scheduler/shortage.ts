import type { Shortage } from '../api/attempt.ts';
import { addResources, listOf, noResources, type Resources } from '../api/podResources.ts';
import type { NodeInfo } from './nodeInfo.ts';
import { amountOf } from './plugins/resourceScores.ts';

/** How many holders are named. */
const maxHolders = 3;

/** What a node lacks for a pod that asks for so much, with numbers, as things are now. */
export function shortagesOf(asked: Resources, node: NodeInfo): Shortage[] {
  const free = noResources();
  addResources(free, node.allocatable);
  addResources(free, node.requested, -1);
  const [left, allocatable] = [listOf(free), listOf(node.allocatable)];
  return Object.entries(listOf(asked))
    .filter(([resource]) => amountOf(asked, resource) > amountOf(free, resource))
    .map(([resource, text]) => ({ resource, asked: text, free: left[resource] ?? '0', allocatable: allocatable[resource] ?? '0', heldBy: holdersOf(resource, node) }));
}

function holdersOf(resource: string, node: NodeInfo): Shortage['heldBy'] {
  const amount = (requests: Resources) => amountOf(requests, resource);
  return [...node.pods.values()]
    .filter(({ requests }) => amount(requests) > 0)
    .sort((a, b) => amount(b.requests) - amount(a.requests))
    .slice(0, maxHolders)
    .map(({ pod, requests }) => ({ namespace: pod.metadata!.namespace!, name: pod.metadata!.name!, amount: listOf(requests)[resource]! }));
}
