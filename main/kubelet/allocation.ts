import type { Node, Pod, PodSpec, ResourceRequirements } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { podResources } from '../api/podAmounts.ts';
import { podRequests } from '../api/podResources.ts';
import { parseQuantity } from '../api/quantity.ts';
import { admit, withoutAppArmor, type Rejection } from './admission.ts';
import { isTerminalPhase, uidOf, type AnyContainer } from './spec.ts';

/** What a pod's containers, and the pod as a whole, are given. */
export interface Allocation {
  containers: Map<string, ResourceRequirements>;
  pod?: ResourceRequirements;
}

/**
 * Which resources the pods of a node have been given, which is not what their specs ask for while the node has no room
 * for a change. A restarted kubelet takes up what it had told the API. Mirrors pkg/kubelet/allocation/allocation_manager.go.
 */
export class AllocationManager {
  readonly #allocated = new Map<string, Allocation>();

  constructor(
    private readonly node: () => Node | undefined,
    /** All pods that have not ended. */
    private readonly activePods: () => Pod[],
    private readonly hasAppArmor: () => boolean = () => true,
  ) {}

  /** Whether the node takes a pod that is new to it; from then on it has what it asks for. */
  add(pod: Pod): Rejection | undefined {
    const known = allocationOfStatus(pod);
    if (known) {
      this.#allocated.set(uidOf(pod), known);
      return undefined;
    }
    const rejection = admit(pod, this.#others(pod), this.node()) ?? (this.hasAppArmor() ? undefined : withoutAppArmor(pod));
    if (!rejection) this.adopt(pod);
    return rejection;
  }

  /** A pod that runs already is not judged again. */
  adopt(pod: Pod): void {
    this.#allocated.set(uidOf(pod), allocationOfStatus(pod) ?? allocationOf(pod.spec!));
  }

  remove(uid: string): void {
    this.#allocated.delete(uid);
  }

  /** The pod with what it has been given in place of what it asks for; the same object where there is no difference. */
  allocatedPod(pod: Pod): Pod {
    const allocation = this.#allocated.get(uidOf(pod));
    const spec = pod.spec!;
    if (!allocation || isAllocated(spec, allocation)) return pod;
    const given = (containers: AnyContainer[] | undefined) =>
      containers?.map((container) => {
        const resources = allocation.containers.get(container.name);
        return resources ? { ...container, resources } : container;
      });
    const { resources: _, ...rest } = spec;
    return {
      ...pod,
      spec: {
        ...rest,
        containers: given(spec.containers)!,
        ...(spec.initContainers ? { initContainers: given(spec.initContainers)! } : {}),
        ...(allocation.pod ? { resources: allocation.pod } : {}),
      },
    };
  }

  /** Whether it asks for more than it has been given. */
  asksForMore(pod: Pod): boolean {
    const [wanted, given] = [podRequests(pod), podRequests(this.allocatedPod(pod))];
    return wanted.milliCpu > given.milliCpu || wanted.memory > given.memory;
  }

  /**
   * Gives the pod what it asks for now, if that is something else than it has. Resolves whether it was given;
   * otherwise why it has to wait.
   */
  resize(pod: Pod): 'unchanged' | 'allocated' | Rejection {
    if (this.allocatedPod(pod) === pod) return 'unchanged';
    const rejection = admit(pod, this.#others(pod), this.node());
    if (rejection) return rejection;
    this.#allocated.set(uidOf(pod), allocationOf(pod.spec!));
    return 'allocated';
  }

  #others(pod: Pod): Pod[] {
    return this.activePods()
      .filter((other) => uidOf(other) !== uidOf(pod) && !isTerminalPhase(other.status?.phase) && this.#allocated.has(uidOf(other)))
      .map((other) => this.allocatedPod(other));
  }
}

/** Containers whose resources can change while they run. */
export function resizableContainersOf(spec: PodSpec): AnyContainer[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

function allocationOf(spec: PodSpec): Allocation {
  return {
    containers: new Map(resizableContainersOf(spec).map(({ name, resources = {} }) => [name, resources])),
    ...(spec.resources ? { pod: spec.resources } : {}),
  };
}

function isAllocated(spec: PodSpec, allocation: Allocation): boolean {
  if (!sameResources(spec.resources, allocation.pod)) return false;
  return resizableContainersOf(spec).every(({ name, resources }) => {
    const allocated = allocation.containers.get(name);
    return allocated === undefined || sameResources(resources, allocated);
  });
}

/** What the status says that a pod has been given; undefined while it is what the spec asks for. */
function allocationOfStatus(pod: Pod): Allocation | undefined {
  if (!pod.status?.conditions?.some(({ type }) => type === 'PodResizePending')) return undefined;
  const allocation = allocationOf(pod.spec!);
  for (const { name, resources } of [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])])
    if (resources && allocation.containers.has(name)) allocation.containers.set(name, resources);
  const had = pod.status.resources;
  if (had && pod.spec!.resources && !isSumOfContainers(pod.spec!, allocation, had)) allocation.pod = had;
  else delete allocation.pod;
  return allocation;
}

/** The status tells what any pod has: of one without resources of its own, what its containers come to. */
function isSumOfContainers({ resources: _, ...spec }: PodSpec, { containers }: Allocation, had: ResourceRequirements): boolean {
  const given = (list: AnyContainer[]) => list.map((container) => ({ ...container, resources: containers.get(container.name) ?? {} }));
  const own: PodSpec = { ...spec, containers: given(spec.containers), ...(spec.initContainers ? { initContainers: given(spec.initContainers) } : {}) };
  const sum = (what: 'requests' | 'limits') => Object.fromEntries(Object.entries(podResources(own, what)).map(([name, amount]) => [name, amount.toString()]));
  return sameResources(had, { requests: sum('requests'), limits: sum('limits') });
}

/** The same amounts, however they are written. */
export function sameResources(a: ResourceRequirements | undefined, b: ResourceRequirements | undefined): boolean {
  if (a === b || equalJson(a ?? {}, b ?? {})) return true;
  return (['requests', 'limits'] as const).every((list) => {
    const [left, right] = [a?.[list] ?? {}, b?.[list] ?? {}];
    const names = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...names].every((name) => left[name] !== undefined && right[name] !== undefined && parseQuantity(left[name]).cmp(parseQuantity(right[name])) === 0);
  });
}

