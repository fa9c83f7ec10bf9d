import type { Shortage } from '../api/attempt.ts';
import { Quantity } from '../api/quantity.ts';
import type { Resources } from '../api/podResources.ts';
import type { NodeInfo } from './nodeInfo.ts';

/** How many holders are named. */
const maxHolders = 3;

interface Measure {
  resource: string;
  of(resources: Resources): number;
  text(amount: number): string;
}

const bytes = (amount: number) => Quantity.of(amount, 'BinarySI').toString();
const usual: readonly Measure[] = [
  { resource: 'cpu', of: (resources) => resources.milliCpu, text: (amount) => Quantity.ofMilli(amount).toString() },
  { resource: 'memory', of: (resources) => resources.memory, text: bytes },
  { resource: 'ephemeral-storage', of: (resources) => resources.ephemeralStorage, text: bytes },
];
const scalar = (resource: string): Measure => ({ resource, of: (resources) => resources.scalar.get(resource) ?? 0, text: String });

/** What a node lacks for a pod that asks for so much, with numbers, as things are now. */
export function shortagesOf(asked: Resources, node: NodeInfo): Shortage[] {
  const measures = [...usual, ...[...asked.scalar.keys()].map(scalar)];
  return measures.flatMap((measure) => {
    const { resource, of, text } = measure;
    const free = of(node.allocatable) - of(node.requested);
    if (of(asked) === 0 || of(asked) <= free) return [];
    return { resource, asked: text(of(asked)), free: text(Math.max(free, 0)), allocatable: text(of(node.allocatable)), heldBy: holdersOf(measure, node) };
  });
}

function holdersOf({ of, text }: Measure, node: NodeInfo): Shortage['heldBy'] {
  return [...node.pods.values()]
    .filter(({ requests }) => of(requests) > 0)
    .sort((a, b) => of(b.requests) - of(a.requests))
    .slice(0, maxHolders)
    .map(({ pod, requests }) => ({ namespace: pod.metadata!.namespace!, name: pod.metadata!.name!, amount: text(of(requests)) }));
}
