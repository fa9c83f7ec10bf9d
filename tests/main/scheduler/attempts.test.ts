import { expect, it } from 'vitest';
import type { Outcome } from '../../../main/scheduler/algorithm.ts';
import { AttemptLog } from '../../../main/scheduler/attempts.ts';
import { NodeInfo } from '../../../main/scheduler/nodeInfo.ts';
import { PodInfo } from '../../../main/scheduler/podInfo.ts';
import { makeNode, makePod } from '../../support/objects.ts';

const podOf = (uid: string) => {
  const pod = makePod(uid);
  return new PodInfo({ ...pod, metadata: { ...pod.metadata, uid } });
};

function outcomeOn(count: number): Outcome {
  const feasible = Array.from({ length: count }, (_, i) => new NodeInfo(makeNode(`node-${i}`)));
  const weighted = [feasible.map((_, i) => i), feasible.map(() => 300)];
  const scores = { plugins: ['ImageLocality', 'TaintToleration'], weighted, totals: feasible.map((_, i) => i + 300) };
  return { node: feasible.at(-1), feasible, scores, statuses: new Map(), absent: undefined } as unknown as Outcome;
}

it('keeps what each plugin gave each node, and what that is together', () => {
  const log = new AttemptLog();
  log.record(podOf('a'), 5, 'Scheduled', outcomeOn(3));
  expect(log.last('a', () => undefined)).toEqual({
    at: 5,
    result: 'Scheduled',
    node: 'node-2',
    nodes: [0, 1, 2].map((i) => ({ name: `node-${i}`, scores: { ImageLocality: i, TaintToleration: 300 }, total: 300 + i })),
  });
});

it('keeps scores as they are, however large or odd, and each try its own nodes', () => {
  const log = new AttemptLog();
  const rows = [[0, 255, 7], [256, -1, 4], [0.5, 1, 2], [-3, -3, -3], [0, 0, 0]];
  for (const [n, weighted] of rows.entries()) {
    const outcome = outcomeOn(3);
    const feasible = n % 2 ? outcome.feasible.toReversed() : outcome.feasible;
    log.record(podOf(`p-${n}`), n, 'Scheduled', { ...outcome, feasible, scores: { plugins: ['NodeResourcesFit'], weighted: [weighted], totals: weighted } });
  }
  for (const [n, weighted] of rows.entries())
    expect(log.last(`p-${n}`, () => undefined)!.nodes).toEqual(weighted.map((total, i) => ({ name: `node-${n % 2 ? 2 - i : i}`, scores: { NodeResourcesFit: total }, total })));
});

it('forgets the oldest tries earlier where there are many nodes', () => {
  const log = new AttemptLog();
  const outcome = outcomeOn(5000);
  for (let i = 0; i < 50; i++) log.record(podOf(`p-${i}`), i, 'Scheduled', outcome);
  expect(log.last('p-0', () => undefined)).toBeUndefined();
  expect(log.last('p-49', () => undefined)!.nodes).toHaveLength(5000);
  expect(log.last('p-20', () => undefined)!.nodes).toHaveLength(5000);
});

it('keeps one try of a pod, the last', () => {
  const log = new AttemptLog();
  const outcome = outcomeOn(100);
  for (let i = 0; i < 3000; i++) log.record(podOf('a'), i, 'Scheduled', outcome);
  expect(log.last('a', () => undefined)!.at).toBe(2999);
});
