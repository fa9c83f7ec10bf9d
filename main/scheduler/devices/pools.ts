import type { CounterSet, Device, Node, NodeSelector, ResourceSlice } from '../../api/index.ts';
import { matchesNodeSelector } from '../../api/nodeSelector.ts';

/** One device that a driver offers. */
export interface Candidate {
  /** `driver/pool/device` */
  id: string;
  driver: string;
  pool: Pool;
  slice: ResourceSlice;
  device: Device;
}

/** Devices of one driver that are managed together, as far as a node can reach them. */
export interface Pool {
  driver: string;
  name: string;
  /** The driver is still writing its slices: nothing may be taken, and nobody can know what "all" devices are. */
  isIncomplete: boolean;
  /** Why the pool cannot be used: its slices contradict one another. */
  fault?: string;
  devices: Candidate[];
  counterSets: ReadonlyMap<string, CounterSet>;
}

export const deviceId = (driver: string, pool: string, device: string): string => `${driver}/${pool}/${device}`;

/** All slices there are, ready to be asked for the pools of one node after the other. Mirrors structured/internal/incubating/pools_incubating.go. */
export class Pools {
  readonly #ofNode = new Map<string, ResourceSlice[]>();
  readonly #shared: ResourceSlice[] = [];
  readonly #ofPool = new Map<string, ResourceSlice[]>();

  constructor(slices: readonly ResourceSlice[]) {
    for (const slice of slices) {
      const { nodeName } = slice.spec;
      if (nodeName) push(this.#ofNode, nodeName, slice);
      else this.#shared.push(slice);
      push(this.#ofPool, poolKey(slice), slice);
    }
  }

  /** By driver and name, so that drivers can say by names what is taken first; pools whose devices need waiting for come last. */
  reachableFrom(node: Node): Pool[] {
    const byPool = new Map<string, ResourceSlice[]>();
    for (const slice of [...(this.#ofNode.get(node.metadata!.name!) ?? []), ...this.#shared])
      if (isRelevant(slice, node)) addNewest(byPool, slice);
    const pools = [...byPool].flatMap(([key, slices]) => this.#pool(slices, this.#ofPool.get(key)!, node) ?? []);
    const waits = (pool: Pool) => pool.devices.some(({ device }) => device.bindingConditions !== undefined);
    return pools.sort((a, b) => Number(waits(a)) - Number(waits(b)) || order(a.driver, b.driver) || order(a.name, b.name));
  }

  /** The counter sets of a pool, and all its devices wherever they are: those of other nodes may use the same counters. */
  devicesOf({ driver, name }: Pool): { slice: ResourceSlice; device: Device }[] {
    const newest = new Map<string, ResourceSlice[]>();
    for (const slice of this.#ofPool.get(`${driver}/${name}`) ?? []) addNewest(newest, slice);
    return [...newest.values()].flat().flatMap((slice) => (slice.spec.devices ?? []).map((device) => ({ slice, device })));
  }

  /** Undefined: the driver is replacing what the node can see of the pool, and the new has nothing for the node. */
  #pool(slices: ResourceSlice[], all: readonly ResourceSlice[], node: Node): Pool | undefined {
    const { driver, pool: about } = slices[0]!.spec;
    const seesAll = slices.length === about.resourceSliceCount;
    if (!seesAll && all.some(({ spec }) => spec.pool.generation > about.generation)) return undefined;
    const current = all.filter(({ spec }) => spec.pool.generation === about.generation);
    const pool: Pool = { driver, name: about.name, isIncomplete: current.length !== about.resourceSliceCount, devices: [], counterSets: new Map() };
    if (pool.isIncomplete) return pool;
    const fault = faultOf(slices, current);
    if (fault) return { ...pool, fault };
    pool.counterSets = countersOf(current);
    for (const slice of slices.sort((a, b) => order(a.metadata!.name!, b.metadata!.name!))) {
      for (const device of slice.spec.devices ?? []) {
        if (slice.spec.perDeviceNodeSelection && !reaches(device, node)) continue;
        pool.devices.push({ id: deviceId(driver, about.name, device.name), driver, pool, slice, device });
      }
    }
    return pool;
  }
}

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

const poolKey = ({ spec }: ResourceSlice) => `${spec.driver}/${spec.pool.name}`;

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function addNewest(pools: Map<string, ResourceSlice[]>, slice: ResourceSlice): void {
  const key = poolKey(slice);
  const generation = pools.get(key)?.[0]?.spec.pool.generation ?? -1;
  if (slice.spec.pool.generation > generation) pools.set(key, [slice]);
  else if (slice.spec.pool.generation === generation) pools.get(key)!.push(slice);
}

/** Slices of counters belong to every node that has devices of their pool. */
function isRelevant({ spec }: ResourceSlice, node: Node): boolean {
  if (spec.sharedCounters?.length) return true;
  if (spec.perDeviceNodeSelection) return (spec.devices ?? []).some((device) => reaches(device, node));
  return reaches(spec, node);
}

function reaches(where: { nodeName?: string; allNodes?: boolean; nodeSelector?: NodeSelector }, node: Node): boolean {
  if (where.nodeName) return where.nodeName === node.metadata!.name;
  return Boolean(where.allNodes) || (where.nodeSelector !== undefined && matchesNodeSelector(where.nodeSelector, node));
}

function countersOf(slices: readonly ResourceSlice[]): Map<string, CounterSet> {
  return new Map(slices.flatMap(({ spec }) => (spec.sharedCounters ?? []).map((set) => [set.name, set] as const)));
}

function faultOf(reachable: readonly ResourceSlice[], all: readonly ResourceSlice[]): string | undefined {
  const names = new Set<string>();
  for (const { name } of reachable.flatMap(({ spec }) => spec.devices ?? [])) {
    if (names.has(name)) return `duplicate device name ${name}`;
    names.add(name);
  }
  const sets = new Map<string, CounterSet>();
  for (const set of all.flatMap(({ spec }) => spec.sharedCounters ?? [])) {
    if (sets.has(set.name)) return `duplicate counter set name ${set.name}`;
    sets.set(set.name, set);
  }
  for (const { counterSet, counters } of all.flatMap(({ spec }) => spec.devices ?? []).flatMap(({ consumesCounters }) => consumesCounters ?? [])) {
    const set = sets.get(counterSet);
    if (!set) return `counter set ${counterSet} not found`;
    const missing = Object.keys(counters).find((counter) => !(counter in set.counters));
    if (missing !== undefined) return `counter ${missing} not found in counter set ${counterSet}`;
  }
  return undefined;
}
