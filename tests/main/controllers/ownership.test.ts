import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { OwnerReference, Pod, ReplicaSet } from '../../../main/api/index.ts';
import { controllerOf, type KubeObject } from '../../../main/api/meta.ts';
import { resources, type ResourceDef } from '../../../main/client/index.ts';
import { GarbageCollector } from '../../../main/controllers/garbageCollector.ts';
import { ReplicaSetController } from '../../../main/controllers/replicaSet.ts';
import { settle } from '../../support/fakeClock.ts';
import { makePod, makeReplicaSet } from '../../support/objects.ts';
import { Stormy } from './stormy.ts';

/** The same stories every time; `RUNS=300` tells so many others. */
const runs = process.env.RUNS ? { numRuns: Number(process.env.RUNS) } : { numRuns: 10, seed: 2026 };
const patience = { timeout: process.env.RUNS ? 3_600_000 : 120_000 };
const scenario = { seed: fc.nat(), unsent: fc.constantFrom(0, 0.05, 0.2) };
/** Ownership knows no kinds: two of them, so that one may be seen before the other. */
const kinds: ResourceDef[] = [resources.configMaps, resources.secrets];

it('at every revision, what has an owner is kept, what has lost all goes, and each owner goes as it was asked to', patience, async () => {
  const owners = fc.array(fc.record({ of: fc.nat({ max: 20 }), blocks: fc.constantFrom(true, true, false) }), { minLength: 1, maxLength: 2 });
  const record = fc.record({ ...scenario, family: fc.array(owners, { minLength: 4, maxLength: 14 }), deletions: fc.array(fc.record({ of: fc.nat({ max: 6 }), how: fc.constantFrom('Background', 'Foreground', 'Foreground', 'Orphan') }), { minLength: 1, maxLength: 4 }) });
  await fc.assert(
    fc.asyncProperty(record, async ({ seed, unsent, family, deletions }) => {
      const broken: string[] = [];
      const living = new Map<string, KubeObject>();
      const asked = new Set<string>();
      const storm: Stormy = new Stormy(seed, [GarbageCollector], () => {});
      const dependentsOf = (uid: string) => [...living.values()].filter(({ metadata }) => metadata!.ownerReferences?.some((reference) => reference.uid === uid));
      const isGoing = ({ metadata }: KubeObject) => metadata!.deletionTimestamp !== undefined;
      const has = ({ metadata }: KubeObject, finalizer: string) => metadata!.finalizers?.includes(finalizer) ?? false;
      const stays = ({ uid }: OwnerReference) => {
        const owner = living.get(uid);
        return owner !== undefined && !(isGoing(owner) && has(owner, 'foregroundDeletion'));
      };
      storm.server.onChange = ({ type, def, object }) => {
        if (!kinds.some(({ resource }) => resource === def.resource)) return;
        const { uid, name, ownerReferences = [] } = object.metadata!;
        const before = living.get(uid!);
        if (type === 'DELETED') living.delete(uid!);
        else living.set(uid!, object);
        const begins = before && !isGoing(before) && (type === 'DELETED' || isGoing(object));
        if (begins && !asked.has(name!)) {
          if (ownerReferences.length === 0) broken.push(`${name} goes, which belongs to nobody`);
          if (ownerReferences.some(stays)) broken.push(`${name} goes, though an owner of it stays`);
        }
        if (type !== 'DELETED' || !before) return;
        const left = dependentsOf(uid!).filter(({ metadata }) => metadata!.ownerReferences!.some((reference) => reference.uid === uid && (reference.blockOwnerDeletion || has(before, 'orphan'))));
        const waits = has(before, 'foregroundDeletion') || has(before, 'orphan');
        if (waits && left.length > 0) broken.push(`${name} goes before ${left.map(({ metadata }) => metadata!.name).join()}`);
      };
      const made: { def: ResourceDef; object: KubeObject }[] = [];
      for (const [i, wanted] of family.entries()) {
        const def = kinds[i % 2]!;
        const parents = [...new Set(i < 2 ? [] : wanted.map(({ of }) => of % i))];
        const ownerReferences = parents.map((parent, n) => {
          const { def: owner, object } = made[parent]!;
          return { apiVersion: 'v1', kind: owner.kind, name: object.metadata!.name!, uid: object.metadata!.uid!, blockOwnerDeletion: wanted[n]?.blocks };
        });
        made.push({ def, object: storm.server.seed(def, { metadata: { name: `o${i}`, namespace: 'default', ownerReferences } }) });
      }
      await storm.start();
      storm.transport.unsent = storm.transport.unanswered = unsent;
      for (const { of, how } of deletions) {
        const { def, object } = made[of % made.length]!;
        const name = object.metadata!.name!;
        const now = storm.server.find(def, 'default', name);
        if (now && !isGoing(now)) {
          asked.add(name);
          await storm.server.client().of(def).delete('default', name, { propagationPolicy: how });
        }
        for (let i = 0; i < 4; i++) await storm.storm();
      }
      await storm.calm();
      await storm.calm();
      const lost = [...living.values()].filter(({ metadata }) => metadata!.ownerReferences?.length && !metadata!.ownerReferences.some(({ uid }) => living.has(uid)));
      const stuck = [...living.values()].filter(isGoing);
      await storm.stop();
      expect(broken).toEqual([]);
      expect([...lost, ...stuck].map(({ metadata }) => metadata)).toEqual([]);
    }),
    runs,
  );
});

it('ReplicaSets share out the pods that match them, each to one, and end with as many as they want', patience, async () => {
  const record = fc.record({ ...scenario, wanted: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 2, maxLength: 3 }) });
  await fc.assert(
    fc.asyncProperty(record, async ({ seed, unsent, wanted }) => {
      const broken: string[] = [];
      const names = wanted.map((_, i) => `set-${i}`);
      const known = new Map<string, Pod>();
      const isActive = ({ metadata, status }: Pod) => !metadata!.deletionTimestamp && status?.phase !== 'Failed' && status?.phase !== 'Succeeded';
      const ownedBy = (name: string) => [...storm.pods.values()].filter((pod) => controllerOf(pod)?.name === name);
      const storm: Stormy = new Stormy(seed, [ReplicaSetController], ({ type, pod }) => {
        const before = known.get(pod.metadata!.uid!);
        known.set(pod.metadata!.uid!, pod);
        const owner = controllerOf(pod)?.name;
        const controllers = (pod.metadata!.ownerReferences ?? []).filter(({ controller }) => controller);
        if (controllers.length > 1) broken.push('a pod with two controllers');
        const set = owner === undefined ? undefined : storm.server.find<ReplicaSet>(resources.replicaSets, 'default', owner);
        if (type === 'ADDED' && set && ownedBy(owner!).filter(isActive).length > set.spec!.replicas!) broken.push(`${owner} makes more than it wants`);
        const taken = before && controllerOf(before) && owner !== undefined && controllerOf(before)!.uid !== controllerOf(pod)!.uid;
        if (taken) broken.push(`${owner} takes a pod from another`);
        const going = pod.metadata!.deletionTimestamp && before && !before.metadata!.deletionTimestamp;
        if (going && set && !asked.has(pod.metadata!.name!) && ownedBy(owner!).filter(isActive).length < set.spec!.replicas!) broken.push(`${owner} deletes what it wants`);
      });
      const asked = new Set<string>();
      await storm.start();
      storm.transport.unsent = unsent;
      const labels = (i: number) => ({ app: names[i]! });
      for (const [i, replicas] of wanted.entries()) {
        const template = { metadata: { labels: labels(i) }, spec: { containers: [{ name: 'c', image: 'i' }] } };
        storm.server.seed(resources.replicaSets, makeReplicaSet(names[i]!, replicas, { selector: { matchLabels: labels(i) }, template }));
      }
      for (let i = 0; i < 60; i++) {
        await storm.storm({ lag: false });
        const dice = storm.chance.next();
        const pod = storm.pick([...storm.pods.values()].filter(isActive));
        if (dice < 0.1) storm.server.seed(resources.pods, makePod(`stray-${i}`, { labels: labels(Math.floor(storm.chance.next() * names.length)) }));
        else if (pod && dice < 0.25) storm.server.change(resources.pods, 'default', pod.metadata!.name!, (p) => (p.metadata!.labels = { app: storm.pick([...names, 'nobody'])! }));
        else if (pod && dice < 0.3) storm.end(pod, 'Failed');
        else if (pod && dice < 0.35) {
          asked.add(pod.metadata!.name!);
          await storm.server.client().of(resources.pods).delete('default', pod.metadata!.name!);
        } else storm.moveOne();
        await settle();
      }
      await storm.calm();
      for (let i = 0; i < 40; i++) {
        storm.moveOne();
        await settle();
      }
      await storm.calm();
      const pods = [...storm.pods.values()].filter(isActive);
      await storm.stop();
      expect(broken).toEqual([]);
      expect(names.map((name) => pods.filter((pod) => controllerOf(pod)?.name === name).length)).toEqual(wanted);
      for (const pod of pods) expect(controllerOf(pod)?.name ?? 'nobody').toBe(pod.metadata!.labels!.app);
    }),
    runs,
  );
});
