import { beforeEach, expect, test } from 'vitest';
import type { Node } from '../../main/api/index.ts';
import type { InformerHandlers } from '../../main/client/index.ts';
import { watchNodes } from '../../main/nodesFault.ts';
import { FakeClock } from '../support/fakeClock.ts';

let clock: FakeClock;
let nodes: Map<string, Node>;
let handlers: InformerHandlers<Node>;
let told: (string | undefined)[];
let end: () => void;

beforeEach(() => {
  clock = new FakeClock();
  [nodes, told, handlers] = [new Map(), [], {}];
  end = watchNodes({ list: () => [...nodes.values()], on: (given) => ((handlers = given), () => (handlers = {})) }, clock, (fault) => told.push(fault));
});

function say(name: string, status: string, message: string): void {
  const node: Node = { metadata: { name }, status: { conditions: [{ type: 'Ready', status, message }] } };
  const old = nodes.get(name);
  nodes.set(name, node);
  if (old) handlers.update?.(old, node);
  else handlers.add?.(node);
}

test('nodes that are not ready yet at a start are no fault', async () => {
  say('node-1', 'False', 'the agent cannot be reached');
  await clock.advance(2_900);
  say('node-1', 'True', 'kubelet is ready');
  await clock.advance(60_000);
  expect(told).toEqual([]);
});

test('when no node is ready any more it is told in their words, and when one is again', async () => {
  say('node-1', 'True', 'kubelet is ready');
  say('node-2', 'True', 'kubelet is ready');
  say('node-1', 'False', 'container runtime is down');
  await clock.advance(60_000);
  expect(told).toEqual([]);
  say('node-2', 'False', 'container runtime is down');
  await clock.advance(3_000);
  expect(told).toEqual(['container runtime is down']);
  say('node-1', 'Unknown', 'Kubelet stopped posting node status.');
  expect(told.at(-1)).toBe('Kubelet stopped posting node status.');
  say('node-2', 'True', 'kubelet is ready');
  expect(told.at(-1)).toBeUndefined();
  expect(told).toHaveLength(3);
});

test('without nodes there is nobody who could be ready', async () => {
  say('node-1', 'False', 'container runtime is down');
  const node = nodes.get('node-1')!;
  nodes.clear();
  handlers.delete?.(node);
  await clock.advance(60_000);
  expect(told).toEqual([]);
});

test('nothing is told once it has ended', async () => {
  say('node-1', 'False', 'container runtime is down');
  end();
  await clock.advance(60_000);
  expect(told).toEqual([]);
});
