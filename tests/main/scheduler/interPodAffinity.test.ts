import { describe, expect, it } from 'vitest';
import type { Affinity, Namespace, Pod, PodAffinityTerm } from '../../../main/api/index.ts';
import type { Informer } from '../../../main/client/index.ts';
import { SchedulerCache } from '../../../main/scheduler/cache.ts';
import { CycleState, type Plugin } from '../../../main/scheduler/framework.ts';
import { PodInfo } from '../../../main/scheduler/podInfo.ts';
import { interPodAffinity } from '../../../main/scheduler/plugins/interPodAffinity.ts';
import type { Random } from '../../../main/util/random.ts';
import { makeNode, makePod, seededRandom } from '../../support/objects.ts';

const hardWeight = 3;
const namespaces: Record<string, Record<string, string>> = { default: { team: 'a' }, other: { team: 'b' }, third: {} };
const keys = ['zone', 'host', 'rack'];
const apps = ['web', 'db', 'cache'];

const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random.next() * from.length)]!;
const some = <T>(random: Random, make: () => T, most = 2): T[] => Array.from({ length: Math.floor(random.next() * (most + 1)) }, make);

function randomTerm(random: Random): PodAffinityTerm {
  const where = random.next();
  return {
    topologyKey: pick(random, keys),
    ...(random.next() < 0.9 ? { labelSelector: random.next() < 0.1 ? {} : { matchLabels: { app: pick(random, apps) } } } : {}),
    ...(where < 0.2 ? { namespaces: [pick(random, Object.keys(namespaces))] } : where < 0.3 ? { namespaceSelector: {} } : where < 0.5 ? { namespaceSelector: { matchLabels: { team: pick(random, ['a', 'b']) } } } : {}),
  };
}

function randomAffinity(random: Random): Affinity | undefined {
  if (random.next() < 0.3) return undefined;
  const terms = () => ({
    requiredDuringSchedulingIgnoredDuringExecution: some(random, () => randomTerm(random)),
    preferredDuringSchedulingIgnoredDuringExecution: some(random, () => ({ weight: 1 + Math.floor(random.next() * 9), podAffinityTerm: randomTerm(random) })),
  });
  return { ...(random.next() < 0.6 ? { podAffinity: terms() } : {}), ...(random.next() < 0.6 ? { podAntiAffinity: terms() } : {}) };
}

/** A few affinities for many pods, as those of controllers are. */
function world(seed: number) {
  const random = seededRandom(seed);
  const cache = new SchedulerCache();
  const nodes = Array.from({ length: 6 }, (_, i) => {
    const labels: Record<string, string> = { host: `n${i}` };
    if (random.next() < 0.8) labels.zone = pick(random, ['east', 'west']);
    if (random.next() < 0.5) labels.rack = pick(random, ['1', '2', '3']);
    return makeNode(`n${i}`, { labels });
  });
  for (const node of nodes) cache.setNode(node);
  const affinities = Array.from({ length: 4 }, () => randomAffinity(random));
  let count = 0;
  const pod = (nodeName?: string): Pod => {
    const name = `p${count++}`;
    const labels: Record<string, string> = random.next() < 0.9 ? { app: pick(random, apps) } : {};
    const made = makePod(name, { namespace: pick(random, Object.keys(namespaces)), labels }, { ...(nodeName ? { nodeName } : {}), affinity: pick(random, affinities) });
    made.metadata!.uid = name;
    return made;
  };
  const placed: Pod[] = [];
  for (let i = 0; i < 25; i++) {
    if (placed.length > 0 && random.next() < 0.25) cache.removePod(placed.splice(Math.floor(random.next() * placed.length), 1)[0]!.metadata!.uid!);
    else {
      placed.push(pod(pick(random, nodes).metadata!.name!));
      cache.setPod(placed.at(-1)!);
    }
  }
  return { random, cache, pod, placed, labelsOf: (node: string) => nodes.find(({ metadata }) => metadata!.name === node)!.metadata!.labels! };
}

/** By the words of the API's documentation, pair by pair. */
function model({ placed, labelsOf }: Pick<ReturnType<typeof world>, 'placed' | 'labelsOf'>, pod: Pod) {
  const about = (term: PodAffinityTerm, owner: Pod, other: Pod): boolean => {
    const { namespace, labels = {} } = other.metadata!;
    const own = !term.namespaces?.length && !term.namespaceSelector && owner.metadata!.namespace === namespace;
    const selected = term.namespaceSelector && Object.entries(term.namespaceSelector.matchLabels ?? {}).every(([key, value]) => namespaces[namespace!]![key] === value);
    if (!own && !term.namespaces?.includes(namespace!) && !selected) return false;
    return term.labelSelector !== undefined && Object.entries(term.labelSelector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  };
  const near = (node: string, other: Pod, key: string) => labelsOf(node)[key] !== undefined && labelsOf(node)[key] === labelsOf(other.spec!.nodeName!)[key];
  const required = (which: 'podAffinity' | 'podAntiAffinity', { spec }: Pod) => spec!.affinity?.[which]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const preferred = (which: 'podAffinity' | 'podAntiAffinity', { spec }: Pod) => spec!.affinity?.[which]?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return {
    objection(node: string): string | undefined {
      const wanted = required('podAffinity', pod);
      const friends = wanted.length > 0 ? placed.filter((other) => wanted.every((term) => about(term, pod, other))) : [];
      const anywhere = wanted.some((term) => friends.some((friend) => labelsOf(friend.spec!.nodeName!)[term.topologyKey] !== undefined));
      const first = !anywhere && wanted.every((term) => about(term, pod, pod)) && wanted.every(({ topologyKey }) => labelsOf(node)[topologyKey] !== undefined);
      if (wanted.length > 0 && !first && !wanted.every(({ topologyKey }) => friends.some((friend) => near(node, friend, topologyKey)))) return "node(s) didn't match pod affinity rules";
      if (required('podAntiAffinity', pod).some((term) => placed.some((other) => about(term, pod, other) && near(node, other, term.topologyKey)))) return "node(s) didn't match pod anti-affinity rules";
      if (placed.some((other) => required('podAntiAffinity', other).some((term) => about(term, other, pod) && near(node, other, term.topologyKey)))) return "node(s) didn't satisfy existing pods anti-affinity rules";
      return undefined;
    },
    score(node: string): number {
      let score = 0;
      for (const other of placed) {
        for (const [which, sign] of [['podAffinity', 1], ['podAntiAffinity', -1]] as const) {
          for (const { weight, podAffinityTerm: term } of preferred(which, pod)) if (about(term, pod, other) && near(node, other, term.topologyKey)) score += sign * weight;
          for (const { weight, podAffinityTerm: term } of preferred(which, other)) if (about(term, other, pod) && near(node, other, term.topologyKey)) score += sign * weight;
        }
        for (const term of required('podAffinity', other)) if (about(term, other, pod) && near(node, other, term.topologyKey)) score += hardWeight;
      }
      return score;
    },
  };
}

const informer = { get: (name: string) => ({ metadata: { name, labels: namespaces[name] } }) } as unknown as Informer<Namespace>;
const pluginOf = (cache: SchedulerCache): Plugin => interPodAffinity(cache, informer, { hardPodAffinityWeight: hardWeight, ignorePreferredTermsOfExistingPods: false });

describe('affinity between pods, worked out for all pods that say the same at once, is what it is pair by pair', () => {
  const worlds = Array.from({ length: 300 }, (_, i) => i + 1);

  it('where a pod may go', () => {
    const said = new Set<string | undefined>();
    for (const seed of worlds) {
      const made = world(seed);
      const { cache, placed, pod } = made;
      const plugin = pluginOf(cache);
      const comer = pod();
      const info = new PodInfo(comer);
      const state = new CycleState();
      const skips = plugin.preFilter!(state, info, cache.nodes) !== undefined;
      const check = (others: Pod[]) => {
        const expected = model({ ...made, placed: others }, comer);
        for (const node of cache.nodes) {
          const objection = expected.objection(node.name);
          said.add(objection);
          expect(skips && others === placed ? undefined : plugin.filter!(state, info, node)?.reasons[0], `seed ${seed}, ${node.name}`).toBe(objection);
        }
      };
      check(placed);
      // One leaves on trial and comes back.
      const tried = placed[0]!;
      const node = cache.node(tried.spec!.nodeName!)!;
      node.removePod(tried.metadata!.uid!);
      plugin.tryPod!(state, info, new PodInfo(tried), node, -1);
      check(placed.slice(1));
      node.addPod(new PodInfo(tried));
      plugin.tryPod!(state, info, new PodInfo(tried), node, 1);
      check(placed);
    }
    expect(said.size).toBe(4);
  });

  it('and where it would rather go', () => {
    let different = 0;
    for (const seed of worlds) {
      const made = world(seed);
      const plugin = pluginOf(made.cache);
      const comer = made.pod();
      const info = new PodInfo(comer);
      const state = new CycleState();
      const skips = plugin.preScore!(state, info, made.cache.nodes) === 'skip';
      const expected = model(made, comer);
      const scores = made.cache.nodes.map((node) => (skips ? 0 : plugin.score!(state, info, node)));
      expect(scores, `seed ${seed}`).toEqual(made.cache.nodes.map((node) => expected.score(node.name)));
      if (new Set(scores).size > 1) different++;
    }
    expect(different).toBeGreaterThan(worlds.length / 3);
  });
});
