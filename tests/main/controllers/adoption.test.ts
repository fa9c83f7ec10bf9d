import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Pod, ReplicaSet } from '../../../main/api/index.ts';
import { controllerOf } from '../../../main/api/meta.ts';
import { resources } from '../../../main/client/index.ts';
import { ReplicaSetController } from '../../../main/controllers/replicaSet.ts';
import { settle } from '../../support/fakeClock.ts';
import { makePod } from '../../support/objects.ts';
import { Stormy } from './stormy.ts';

/** The same stories every time; `RUNS=300` tells so many others. */
const runs = process.env.RUNS ? { numRuns: Number(process.env.RUNS) } : { numRuns: 15, seed: 2026 };
const patience = { timeout: process.env.RUNS ? 3_600_000 : 120_000 };
const sides = ['a', 'b'] as const;
type Side = (typeof sides)[number];

const sideOf = (pod: Pod) => pod.metadata!.labels?.side as Side | undefined;
const stays = (pod: Pod) => !pod.metadata!.deletionTimestamp;
const setOf = (side: Side, replicas: number): ReplicaSet => ({
  metadata: { name: side, namespace: 'default', generation: 1 },
  spec: { replicas, selector: { matchLabels: { side } }, template: { metadata: { labels: { side } }, spec: { containers: [{ name: 'c', image: 'i' }] } } },
});

it('whatever goes wrong meanwhile, pods that change sides have one set at a time, and no set makes one more than it has lost', patience, async () => {
  const record = fc.record({ seed: fc.nat(), unsent: fc.constantFrom(0, 0.05, 0.2), replicas: fc.integer({ min: 0, max: 4 }), orphans: fc.integer({ min: 0, max: 6 }) });
  await fc.assert(
    fc.asyncProperty(record, async ({ seed, unsent, replicas, orphans }) => {
      const broken: string[] = [];
      const owners = new Map<string, string | undefined>();
      const made = { a: 0, b: 0 };
      const mayMake = { a: Math.max(0, replicas - orphans), b: replicas };
      const storm: Stormy = new Stormy(seed, [ReplicaSetController], ({ type, pod }) => {
        const { uid, name, ownerReferences = [] } = pod.metadata!;
        if (type === 'DELETED') return;
        if (ownerReferences.filter(({ controller }) => controller).length > 1) broken.push(`${name} has several owners`);
        const owner = controllerOf(pod)?.name;
        if (type === 'ADDED' && owner && ++made[owner as Side] > mayMake[owner as Side]) broken.push(`${owner} makes ${made[owner as Side]} pods, ${mayMake[owner as Side]} are missing`);
        const before = owners.get(uid!);
        if (before && owner && before !== owner) broken.push(`${name} goes from ${before} to ${owner} without being let go`);
        owners.set(uid!, owner);
      });
      await storm.start();
      for (let i = 0; i < orphans; i++) storm.server.seed(resources.pods, makePod(`orphan-${i}`, { labels: { side: 'a' } }));
      await settle();
      storm.transport.unsent = unsent;
      for (const side of sides) storm.server.seed(resources.replicaSets, setOf(side, replicas));
      for (let i = 0; i < 50; i++) {
        await storm.storm();
        const pod = storm.pick([...storm.pods.values()].filter(stays));
        const dice = storm.chance.next();
        const side = pod && sideOf(pod);
        if (pod && dice < 0.4) {
          if (side) mayMake[side]++;
          const next = storm.pick(['a', 'b', 'neither'].filter((other) => other !== side))!;
          storm.server.change(resources.pods, 'default', pod.metadata!.name!, (p) => (p.metadata!.labels = { side: next }));
        } else if (pod && dice < 0.5) {
          if (side) mayMake[side]++;
          await storm.server.client().of(resources.pods).delete('default', pod.metadata!.name!);
        } else storm.moveOne();
        await settle();
      }
      for (let i = 0; i < 20; i++) {
        await storm.calm();
        storm.moveOne();
        await settle();
      }
      await storm.calm();
      const pods = [...storm.pods.values()].filter(stays);
      await storm.stop();
      expect(broken).toEqual([]);
      for (const side of sides) {
        expect(pods.filter((pod) => sideOf(pod) === side)).toHaveLength(replicas);
        expect(pods.filter((pod) => controllerOf(pod)?.name === side).map(sideOf)).toEqual(Array(replicas).fill(side));
      }
    }),
    runs,
  );
});
