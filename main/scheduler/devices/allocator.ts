import type { AllocationResult, DeviceClass, DeviceSelector, DeviceTaint, DeviceToleration, Node, ResourceResourceClaim, ResourceSlice } from '../../api/index.ts';
import { toleratesDeviceTaint } from '../../api/deviceTaints.ts';
import type { Clock } from '../../util/clock.ts';
import type { Random } from '../../util/random.ts';
import { consumed, noAmounts, sum, type Amounts } from './capacity.ts';
import { constraintOf, type Constraint } from './constraints.ts';
import { Counters } from './counters.ts';
import type { DevicesInUse } from './devicesInUse.ts';
import { Pools, type Candidate, type Pool } from './pools.ts';
import { aboutClaim, AllocationError, alternativesOf, InvalidPoolError, type Request, type Wanted } from './requests.ts';
import { allocationOf, type Taken } from './result.ts';

/** Devices that one claim can have at most (resourceapi.AllocationResultsMaxSize). */
const maxDevices = 32;
/** Places looked at for one node before the search is given up: there may be more ways to combine devices than there is time. */
const maxSteps = 100_000;
/** Between two looks at the clock. */
const stepsPerLook = 100;

/** What a selector's expression comes to, ready to be asked; a fault says why it cannot be. */
export type CompileSelector = (expression: string) => { matches(driver: string, device: Candidate['device']): boolean } | { detail: string };

export interface AllocatorOptions {
  slices: readonly ResourceSlice[];
  classes: (name: string) => DeviceClass | undefined;
  inUse: DevicesInUse;
  compile: CompileSelector;
  random: Random;
  clock: Clock;
}

/**
 * Finds devices for the claims of a pod, node by node: the first combination that fits, by trying one candidate after the
 * other and taking steps back. Mirrors k8s.io/dynamic-resource-allocation/structured/internal/incubating.
 */
export class Allocator {
  readonly #pools: Pools;

  constructor(private readonly options: AllocatorOptions) {
    this.#pools = new Pools(options.slices);
  }

  /** A result a claim, in their order; undefined: the node has not got what they want. It is given up after `limit` milliseconds. Throws AllocationError, InvalidPoolError. */
  allocate(node: Node, claims: readonly ResourceResourceClaim[], limit = Infinity): AllocationResult[] | undefined {
    const pools = this.#pools.reachableFrom(node);
    const search = new Search(this.options, pools, new Counters(this.#pools, this.options.inUse), claims, node.metadata!.name!, limit);
    const taken = search.run();
    if (taken) return claims.map((claim, i) => allocationOf(claim, search.chosen(i), taken[i]!, node.metadata!.name!));
    if (pools.some(({ fault }) => fault)) throw new InvalidPoolError('invalid resource pools were encountered');
    return undefined;
  }
}

type Outcome = 'found' | 'none' | 'too many';

/** One attempt on one node. */
class Search {
  readonly #requests: Request[][];
  readonly #constraints: Constraint[][];
  readonly #candidates: Candidate[];
  readonly #taken: Taken[][];
  /** By claim, then request: which alternative is being tried. */
  readonly #chosen: Wanted[][];
  /** By device: the claims that it is taken for in this attempt. */
  readonly #takers = new Map<string, Set<number>>();
  readonly #shares = new Map<string, Amounts>();
  /** Whether a device is what a request selects; that does not depend on what else is taken. */
  readonly #selected = new Map<Wanted, Map<string, boolean>>();
  #steps = 0;
  readonly #deadline: number;

  constructor(
    private readonly options: AllocatorOptions,
    private readonly pools: readonly Pool[],
    private readonly counters: Counters,
    private readonly claims: readonly ResourceResourceClaim[],
    private readonly node: string,
    limit: number,
  ) {
    this.#deadline = options.clock.monotonic() + limit;
    this.#candidates = pools.filter(({ isIncomplete, fault }) => !isIncomplete && !fault).flatMap(({ devices }) => devices);
    this.#requests = claims.map((claim) => this.#requestsOf(claim));
    this.#constraints = claims.map((claim) =>
      (claim.spec.devices?.constraints ?? []).map((constraint, i) => {
        const made = constraintOf(constraint);
        if (!made) throw new AllocationError(`${aboutClaim(claim)}, constraint #${i}: empty constraint (unsupported constraint type?)`);
        return made;
      }),
    );
    this.#taken = claims.map(() => []);
    this.#chosen = claims.map(() => []);
  }

  run(): Taken[][] | undefined {
    return this.#claim(0) === 'found' ? this.#taken : undefined;
  }

  /** The alternatives that were taken for the claim's requests. */
  chosen(claim: number): Wanted[] {
    return this.#chosen[claim]!;
  }

  #requestsOf(claim: ResourceResourceClaim): Request[] {
    const requests = (claim.spec.devices?.requests ?? []).map((request) => ({
      name: request.name,
      alternatives: alternativesOf(request).map(({ name, spec }) => this.#wanted(claim, name, spec)),
    }));
    const least = requests.reduce((total, { alternatives }) => total + Math.min(...alternatives.map(({ count }) => count)), 0);
    if (least > maxDevices) throw new AllocationError(`${aboutClaim(claim)}: number of requested devices ${least} exceeds the claim limit of ${maxDevices}`);
    return requests;
  }

  #wanted(claim: ResourceResourceClaim, name: string, spec: Wanted['spec']): Wanted {
    const about = `${aboutClaim(claim)}, request ${name}`;
    const deviceClass = this.options.classes(spec.deviceClassName);
    if (!deviceClass) throw new AllocationError(`${about}: could not retrieve device class ${spec.deviceClassName}: deviceclass.resource.k8s.io "${spec.deviceClassName}" not found`);
    const wanted: Wanted = { name, spec, class: deviceClass, count: spec.count ?? 1, adminAccess: ('adminAccess' in spec && spec.adminAccess) ?? false };
    const mode = spec.allocationMode ?? 'ExactCount';
    if (mode === 'All') {
      const closed = this.pools.find(({ isIncomplete, fault }) => isIncomplete || fault);
      if (closed) throw new AllocationError(`${about}: asks for all devices, but resource pool ${closed.driver}/${closed.name} is currently ${closed.fault ? 'invalid' : 'being updated'}`);
      wanted.all = this.#candidates.filter((candidate) => this.#selects(claim, wanted, candidate) && consumed(candidate.device, spec.capacity, this.options.inUse.shared(candidate.id)));
      wanted.count = wanted.all.length;
    } else if (mode !== 'ExactCount') throw new AllocationError(`${about}: unsupported count mode ${mode}`);
    return wanted;
  }

  #claim(at: number): Outcome {
    if (at >= this.claims.length) return 'found';
    // A claim that would get too many devices may have to do with fewer when another one before it takes others.
    return this.#request(at, 0) === 'found' ? 'found' : 'none';
  }

  #request(claim: number, at: number): Outcome {
    const request = this.#requests[claim]![at];
    if (!request) return this.#claim(claim + 1);
    let outcome: Outcome = 'too many';
    for (const wanted of request.alternatives) {
      this.#chosen[claim]![at] = wanted;
      const tried = wanted.all?.length === 0 ? 'none' : this.#devices(claim, at, wanted, 0, 0);
      if (tried === 'found') return tried;
      if (tried === 'none') outcome = tried;
    }
    return outcome;
  }

  /** The `have`th device and all after it; which come first within a request does not matter, so that only those from `start` on are tried. */
  #devices(claim: number, at: number, wanted: Wanted, have: number, start: number): Outcome {
    const isLate = ++this.#steps > maxSteps || (this.#steps % stepsPerLook === 0 && this.options.clock.monotonic() > this.#deadline);
    if (isLate) throw new AllocationError(`node ${this.node}: timed out trying to allocate devices`);
    if (have >= wanted.count) return this.#request(claim, at + 1);
    if (this.#taken[claim]!.length + wanted.count - have > maxDevices) return 'too many';
    if (wanted.all) return this.#with(claim, wanted, wanted.all[have]!, () => this.#devices(claim, at, wanted, have + 1, 0));
    for (let i = start; i < this.#candidates.length; i++) {
      const candidate = this.#candidates[i]!;
      if (this.#isOut(claim, wanted, candidate) || !this.#selects(this.claims[claim]!, wanted, candidate)) continue;
      const outcome = this.#with(claim, wanted, candidate, () => this.#devices(claim, at, wanted, have + 1, i + 1));
      if (outcome !== 'none') return outcome;
    }
    return 'none';
  }

  /** Takes the device, goes on, and gives it back unless everything was found. */
  #with(claim: number, wanted: Wanted, candidate: Candidate, goOn: () => Outcome): Outcome {
    const giveBack = this.#take(claim, wanted, candidate);
    if (!giveBack) return 'none';
    const outcome = goOn();
    if (outcome !== 'found') giveBack();
    return outcome;
  }

  #isOut(claim: number, { adminAccess }: Wanted, { id }: Candidate): boolean {
    const takers = this.#takers.get(id);
    if (adminAccess) return takers?.has(claim) ?? false;
    return this.options.inUse.isWhole(id) || (takers?.size ?? 0) > 0;
  }

  #take(claim: number, wanted: Wanted, candidate: Candidate): (() => void) | undefined {
    const { id, device } = candidate;
    const { inUse, random } = this.options;
    const isShared = device.allowMultipleAllocations ?? false;
    if (this.#isOut(claim, wanted, candidate) || device.taints?.some((taint) => prevents(taint, wanted.spec.tolerations))) return undefined;
    const shares = this.#shares.get(id) ?? noAmounts;
    const amounts = consumed(device, wanted.spec.capacity, sum(inUse.shared(id), shares));
    if (!amounts) return undefined;
    // A device that several share has paid with its first.
    const pays = !(isShared && (inUse.isShared(id) || this.#shares.has(id)));
    if (pays && !this.counters.take(candidate)) return undefined;
    const added: Constraint[] = [];
    for (const constraint of this.#constraints[claim]!) {
      if (constraint.add(wanted.name, candidate)) added.push(constraint);
      else {
        for (const other of added) other.remove(wanted.name);
        if (pays) this.counters.giveBack(candidate);
        // Whoever asks for all devices can never have them.
        if (wanted.all) throw new AllocationError(`${aboutClaim(this.claims[claim]!)}, request ${wanted.name.split('/').at(-1)}: cannot add device ${id} because a claim constraint would not be satisfied`);
        return undefined;
      }
    }
    const takers = this.#takers.get(id) ?? new Set<number>();
    if (isShared) this.#shares.set(id, sum(shares, amounts));
    else this.#takers.set(id, takers.add(claim));
    this.#taken[claim]!.push({ wanted, candidate, ...(isShared ? { share: { id: random.uuid(), amounts } } : {}) });
    return () => {
      this.#taken[claim]!.pop();
      takers.delete(claim);
      if (!isShared) {
        // Nothing to give back of its capacity.
      } else if (shares === noAmounts) this.#shares.delete(id);
      else this.#shares.set(id, shares);
      for (const constraint of added) constraint.remove(wanted.name);
      if (pays) this.counters.giveBack(candidate);
    };
  }

  #selects(claim: ResourceResourceClaim, wanted: Wanted, candidate: Candidate): boolean {
    let known = this.#selected.get(wanted);
    if (!known) this.#selected.set(wanted, (known = new Map()));
    let selects = known.get(candidate.id);
    if (selects === undefined) {
      selects =
        this.#matches(`class ${wanted.class.metadata!.name}`, wanted.class.spec.selectors, candidate) && this.#matches(aboutClaim(claim), wanted.spec.selectors, candidate);
      known.set(candidate.id, selects);
    }
    return selects;
  }

  #matches(about: string, selectors: DeviceSelector[] | undefined, { driver, device }: Candidate): boolean {
    return (selectors ?? []).every(({ cel }, i) => {
      const selector = this.options.compile(cel?.expression ?? '');
      if ('detail' in selector) throw new AllocationError(`${about}: selector #${i}: CEL compile error: ${selector.detail}`);
      try {
        return selector.matches(driver, device);
      } catch (error) {
        throw new AllocationError(`${about}: selector #${i}: CEL runtime error: ${(error as Error).message}`, { cause: error });
      }
    });
  }
}

const prevents = (taint: DeviceTaint, tolerations: readonly DeviceToleration[] = []) =>
  (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') && !tolerations.some((toleration) => toleratesDeviceTaint(toleration, taint));
