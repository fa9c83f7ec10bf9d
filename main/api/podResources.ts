import type { Container, ContainerStatus, Pod } from './index.ts';
import { isResizeInfeasible, isSidecar } from './podAmounts.ts';
import { parseQuantity } from './quantity.ts';

/** Amounts of everything a node gives and a pod takes. */
export interface Resources {
  milliCpu: number;
  /** Bytes. */
  memory: number;
  /** Bytes. */
  ephemeralStorage: number;
  /** Extended resources, huge pages and the like. */
  scalar: Map<string, number>;
}

/** What a container that asks for nothing is taken to need when nodes are compared. */
const defaultMilliCpu = 100;
const defaultMemory = 200 * 1024 * 1024;

type List = Record<string, string> | undefined;

export const noResources = (): Resources => ({ milliCpu: 0, memory: 0, ephemeralStorage: 0, scalar: new Map() });

/** `pods` is a number of its own: see NodeInfo. */
export function resourcesOf(list: List): Resources {
  const resources = noResources();
  for (const name in list) {
    const text = list[name]!;
    if (name === 'cpu') resources.milliCpu = parseQuantity(text).milliValue();
    else if (name === 'memory') resources.memory = parseQuantity(text).value();
    else if (name === 'ephemeral-storage') resources.ephemeralStorage = parseQuantity(text).value();
    else if (name !== 'pods') resources.scalar.set(name, parseQuantity(text).value());
  }
  return resources;
}

/** By name: CPU in thousandths, the rest in bytes or pieces. */
export const resourceAmounts = ({ milliCpu, memory, ephemeralStorage, scalar }: Resources): Map<string, number> =>
  new Map([['cpu', milliCpu], ['memory', memory], ['ephemeral-storage', ephemeralStorage], ...scalar]);

/** Adds (`sign` 1) or takes away (-1) in place. */
export function addResources(to: Resources, what: Resources, sign: 1 | -1 = 1): void {
  to.milliCpu += sign * what.milliCpu;
  to.memory += sign * what.memory;
  to.ephemeralStorage += sign * what.ephemeralStorage;
  for (const [name, amount] of what.scalar) to.scalar.set(name, (to.scalar.get(name) ?? 0) + sign * amount);
}

function raiseTo(to: Resources, what: Resources): void {
  to.milliCpu = Math.max(to.milliCpu, what.milliCpu);
  to.memory = Math.max(to.memory, what.memory);
  to.ephemeralStorage = Math.max(to.ephemeralStorage, what.ephemeralStorage);
  for (const [name, amount] of what.scalar) to.scalar.set(name, Math.max(to.scalar.get(name) ?? 0, amount));
}

/**
 * What a pod takes from its node: its containers together, or one of its init containers if that takes more; side cars
 * run beside both. Requests of the whole pod replace the sum. With `nonZero`, containers that ask for no CPU or memory
 * count for a little. With `inUse`, a pod that is being resized counts for the most of what it asks for, has been
 * promised and has. Mirrors k8s.io/component-helpers/resource/helpers.go (PodRequests).
 */
export function podRequests(pod: Pod, { nonZero = false, inUse = false }: { nonZero?: boolean; inUse?: boolean } = {}): Resources {
  const had = inUse ? statesOf(pod) : undefined;
  const sum = total(pod, (container) => {
    const list = container.resources?.requests;
    const own = had?.has(container.name) && mayBeResized(container, pod) ? most(had.get(container.name)!, list, pod) : resourcesOf(list);
    return nonZero ? withDefaults(own, list) : own;
  });
  const whole = pod.spec!.resources?.requests;
  if (whole) {
    const { resources, allocatedResources } = pod.status ?? {};
    replace(sum, inUse && resources ? most({ resources, allocatedResources }, whole, pod) : resourcesOf(whole), whole);
  }
  if (pod.spec!.overhead) addResources(sum, resourcesOf(pod.spec!.overhead));
  return sum;
}

/** The same of limits; what has no limit gets none by the overhead (PodLimits). */
export function podLimits(pod: Pod): Resources {
  const sum = total(pod, (container) => resourcesOf(container.resources?.limits));
  const whole = pod.spec!.resources?.limits;
  if (whole) replace(sum, resourcesOf(whole), whole);
  const overhead = resourcesOf(pod.spec!.overhead);
  if (sum.milliCpu > 0) sum.milliCpu += overhead.milliCpu;
  if (sum.memory > 0) sum.memory += overhead.memory;
  if (sum.ephemeralStorage > 0) sum.ephemeralStorage += overhead.ephemeralStorage;
  for (const [name, amount] of overhead.scalar) if (sum.scalar.get(name)) sum.scalar.set(name, sum.scalar.get(name)! + amount);
  return sum;
}

/** What a container or a pod has, and what it has been promised. */
type State = Pick<ContainerStatus, 'resources' | 'allocatedResources'>;

/** By container; undefined where none says what it has. */
function statesOf({ status }: Pod): Map<string, State> | undefined {
  let states: Map<string, State> | undefined;
  for (const list of [status?.containerStatuses, status?.initContainerStatuses])
    for (const state of list ?? []) if (state.resources) (states ??= new Map()).set(state.name, state);
  return states;
}

const mayBeResized = (container: Container, { spec }: Pod) => isSidecar(container) || !spec!.initContainers?.includes(container);

function most({ resources, allocatedResources }: State, asked: List, { status }: Pod): Resources {
  const result = resourcesOf(isResizeInfeasible(status) ? undefined : asked);
  raiseTo(result, resourcesOf(resources?.requests));
  raiseTo(result, resourcesOf(allocatedResources));
  return result;
}

/** Puts what is given for the whole pod in the place of what its containers come to. */
function replace(sum: Resources, given: Resources, list: Record<string, string>): void {
  if (list.cpu !== undefined) sum.milliCpu = given.milliCpu;
  if (list.memory !== undefined) sum.memory = given.memory;
  for (const [name, amount] of given.scalar) if (name.startsWith('hugepages-')) sum.scalar.set(name, amount);
}

function total(pod: Pod, amounts: (container: Container) => Resources): Resources {
  const sum = noResources();
  for (const container of pod.spec!.containers) addResources(sum, amounts(container));
  if (pod.spec!.initContainers?.length) addInitContainers(sum, pod.spec!.initContainers, amounts);
  return sum;
}

/** `sum` is that of the containers, and becomes that of them all. */
function addInitContainers(sum: Resources, initContainers: readonly Container[], amounts: (container: Container) => Resources): void {
  const sideCars = noResources();
  const peak = noResources();
  for (const container of initContainers) {
    const own = amounts(container);
    if (isSidecar(container)) {
      addResources(sum, own);
      addResources(sideCars, own);
      raiseTo(peak, sideCars);
    } else {
      addResources(own, sideCars);
      raiseTo(peak, own);
    }
  }
  raiseTo(sum, peak);
}

function withDefaults(resources: Resources, list: List): Resources {
  if (list?.cpu === undefined) resources.milliCpu ||= defaultMilliCpu;
  if (list?.memory === undefined) resources.memory ||= defaultMemory;
  return resources;
}

/** As a list of an object's status; what is nothing is left out. */
export function listOf({ milliCpu, memory, ephemeralStorage, scalar }: Resources): Record<string, string> {
  const all: [string, string, number][] = [
    ['cpu', milliCpu % 1000 === 0 ? String(milliCpu / 1000) : `${milliCpu}m`, milliCpu],
    ['memory', bytes(memory), memory],
    ['ephemeral-storage', bytes(ephemeralStorage), ephemeralStorage],
    ...[...scalar].map(([name, amount]): [string, string, number] => [name, String(amount), amount]),
  ];
  return Object.fromEntries(all.filter(([, , amount]) => amount > 0).map(([name, text]) => [name, text]));
}

/** In the largest binary unit that leaves no fraction. */
function bytes(amount: number): string {
  let unit = 0;
  while (unit < 4 && amount > 0 && amount % 1024 === 0) {
    amount /= 1024;
    unit++;
  }
  return `${amount}${['', 'Ki', 'Mi', 'Gi', 'Ti'][unit]}`;
}
