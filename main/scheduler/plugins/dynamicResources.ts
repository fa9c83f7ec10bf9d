import type { AllocationResult, DeviceClass, Pod, ResourceResourceClaim, ResourceSlice } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import { keyOf, timestamp } from '../../api/meta.ts';
import { matchesNodeSelector } from '../../api/nodeSelector.ts';
import { isConflict } from '../../api/status.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import type { Clock } from '../../util/clock.ts';
import type { Random } from '../../util/random.ts';
import { Allocator, type CompileSelector } from '../devices/allocator.ts';
import { hasToBeMadeReady, isOverdue, readiness } from '../devices/binding.ts';
import { DevicesInUse } from '../devices/devicesInUse.ts';
import { canBeReserved, claimsOfPod, isReservedFor } from '../devices/podClaims.ts';
import { AllocationError, alternativesOf } from '../devices/requests.ts';
import { labelsChanged } from '../events.ts';
import { StateKey, type Plugin } from '../framework.ts';
import { unresolvable, type Status } from '../status.ts';
import { normalizeToBest } from './normalize.ts';

const name = 'DynamicResources';
const notHere = unresolvable(name, 'resourceclaim not available on the node');
const noDevices = unresolvable(name, 'cannot allocate all claims');
/** On claims that have devices: they must not go while somebody uses them. */
const finalizer = 'resource.kubernetes.io/delete-protection';
/** As many alternatives as a request can have (resourceapi.FirstAvailableDeviceRequestMaxSize). */
const maxAlternatives = 8;
const maxTries = 5;

export interface DynamicResourcesDependencies {
  client: Client;
  clock: Clock;
  random: Random;
  claims: Informer<ResourceResourceClaim>;
  classes: Informer<DeviceClass>;
  slices: Informer<ResourceSlice>;
  compile: CompileSelector;
  /** Milliseconds that a driver has to make devices ready. */
  bindingTimeout: number;
  /** Tells the pod's user what it waits for. */
  tell(pod: Pod, reason: string, message: string): void;
}

interface DeviceState {
  claims: ResourceResourceClaim[];
  /** Those without devices yet. */
  toAllocate: ResourceResourceClaim[];
  allocator: Allocator | undefined;
  /** By node: a result for each claim of `toAllocate`. */
  found: Map<string, AllocationResult[]>;
  /** Claims whose devices some node cannot reach, or which have not become ready. */
  unavailable: Set<ResourceResourceClaim>;
}

const stateKey = new StateKey<DeviceState>();

/**
 * Finds devices for the claims of pods among what drivers offer in ResourceSlices, and keeps pods to the nodes that can
 * reach them. Mirrors pkg/scheduler/framework/plugins/dynamicresources.
 */
export function dynamicResources(dependencies: DynamicResourcesDependencies): Plugin {
  const { client, clock, claims, classes, slices } = dependencies;
  /** By the uid of the claim: what it is being given, until the watch shows it. */
  const pending = new Map<string, AllocationResult>();
  claims.on({
    add: settle,
    update: (_, claim) => settle(claim),
    delete: ({ metadata }) => pending.delete(metadata!.uid!),
  });

  function settle({ metadata, status }: ResourceResourceClaim): void {
    if (status?.allocation) pending.delete(metadata!.uid!);
  }

  const claimsOf = (pod: Pod) => claimsOfPod(pod, (key) => claims.get(key));

  /** Why the claim cannot be given to the pod, whatever the node. */
  function objection(claim: ResourceResourceClaim, pod: Pod): Status | undefined {
    if (claim.status?.allocation) return canBeReserved(claim) || isReservedFor(claim, pod) ? undefined : unresolvable(name, 'resourceclaim in use');
    if (pending.has(claim.metadata!.uid!)) return unresolvable(name, `resource claim ${keyOf(claim)} is in the process of being allocated`);
    for (const request of claim.spec.devices?.requests ?? []) {
      for (const { name: wanted, spec } of alternativesOf(request))
        if (!classes.get(spec.deviceClassName)) return unresolvable(name, `request ${wanted}: device class ${spec.deviceClassName} does not exist`);
    }
    return undefined;
  }

  function makeAllocator(): Allocator {
    const allocations = claims.list().flatMap(({ status }) => status?.allocation ?? []);
    const inUse = new DevicesInUse([...allocations, ...pending.values()]);
    return new Allocator({ ...dependencies, slices: slices.list(), classes: (className) => classes.get(className), inUse });
  }

  /** Writes the devices, if it has none yet, and the pod into the claim. */
  async function bind(original: ResourceResourceClaim, allocation: AllocationResult | undefined, pod: Pod): Promise<ResourceResourceClaim> {
    const api = client.because(pod.metadata!.resourceVersion).of(resources.resourceClaims);
    const { namespace, name: claimName } = original.metadata!;
    let claim = original;
    for (let tries = 1; ; tries++) {
      try {
        if (claim.metadata!.deletionTimestamp) throw new Error(`claim ${keyOf(claim)} got deleted in the meantime`);
        if (allocation && claim.status?.allocation) throw new Error(`claim ${keyOf(claim)} got allocated elsewhere in the meantime`);
        if (!allocation && !claim.status?.allocation) throw new Error(`claim ${keyOf(claim)} got deallocated elsewhere in the meantime`);
        const finalizers = claim.metadata!.finalizers ?? [];
        if (allocation && !finalizers.includes(finalizer)) claim = await api.update({ ...claim, metadata: { ...claim.metadata, finalizers: [...finalizers, finalizer] } });
        const reservedFor = [...(claim.status?.reservedFor ?? []), { resource: 'pods', name: pod.metadata!.name!, uid: pod.metadata!.uid! }];
        // What others have given stays as it is.
        const given = allocation ? { ...allocation, allocationTimestamp: timestamp(clock.now()) } : claim.status!.allocation;
        return await api.updateStatus({ ...claim, status: { ...claim.status, allocation: given, reservedFor } });
      } catch (error) {
        if (!isConflict(error) || tries >= maxTries) throw error;
        claim = await api.get(namespace!, claimName!);
      }
    }
  }

  /** Resolves when the drivers have made all devices ready; rejects when one says that it cannot, or has had its time. */
  function allReady(wanted: readonly ResourceResourceClaim[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (error?: Error) => {
        off();
        timer.cancel();
        if (error) reject(error);
        else resolve();
      };
      const check = () => {
        const current = wanted.map((claim) => claims.get(keyOf(claim)) ?? claim);
        const fault = current.map(readiness).find((ready) => typeof ready === 'string');
        if (fault !== undefined) end(new Error(fault));
        else if (current.every((claim) => claim.status?.allocation && readiness(claim) === true)) end();
      };
      const timer = clock.setTimer(dependencies.bindingTimeout, () => end(new Error(`device binding timeout: claim=${wanted[0]!.metadata!.name}`)));
      const off = claims.on({ update: check, delete: check });
      check();
    });
  }

  async function bindAll({ claims: all, toAllocate, found }: DeviceState, pod: Pod, node: string): Promise<void> {
    const bound: ResourceResourceClaim[] = [];
    for (const claim of all) {
      const at = toAllocate.indexOf(claim);
      const written = isReservedFor(claim, pod) ? claim : await bind(claim, at < 0 ? undefined : found.get(node)![at], pod);
      bound.push(written);
      // The watch may have been faster than the answer.
      const shown = claims.get(keyOf(claim));
      if (shown) settle(shown);
    }
    const waiting = bound.filter(hasToBeMadeReady);
    if (waiting.length === 0) return;
    dependencies.tell(pod, 'BindingConditionsPending', `waiting for binding conditions for device on node ${node}`);
    await allReady(waiting);
  }

  /** Gives back what was written for a pod that is not bound after all. */
  function unreserveRemotely(claim: ResourceResourceClaim, pod: Pod): void {
    const { namespace, name: claimName, uid } = claim.metadata!;
    const patch = { metadata: { uid }, status: { reservedFor: [{ $patch: 'delete', uid: pod.metadata!.uid }] } };
    // It is tried again when the pod is.
    client.of(resources.resourceClaims).patch(namespace!, claimName!, 'strategic', patch, { subresource: 'status' }).catch(() => {});
  }

  return {
    name,
    preEnqueue(pod) {
      if (!pod.spec!.resourceClaims?.length) return undefined;
      const found = claimsOf(pod);
      return 'problem' in found ? unresolvable(name, found.problem) : undefined;
    },
    preFilter(state, { pod }) {
      if (!pod.spec!.resourceClaims?.length) return { skip: true };
      const found = claimsOf(pod);
      if ('problem' in found) return { status: unresolvable(name, found.problem) };
      if (found.length === 0) return { skip: true };
      for (const claim of found) {
        const status = objection(claim, pod);
        if (status) return { status };
      }
      const toAllocate = found.filter(({ status }) => !status?.allocation);
      state.set(stateKey, { claims: found, toAllocate, allocator: toAllocate.length > 0 ? makeAllocator() : undefined, found: new Map(), unavailable: new Set() });
      return undefined;
    },
    filter(state, _, { node }) {
      const { claims: all, toAllocate, allocator, found, unavailable } = state.get(stateKey)!;
      let isHere = true;
      for (const claim of all) {
        const { allocation } = claim.status ?? {};
        if (!allocation) continue;
        const ready = readiness(claim);
        const failed = typeof ready === 'string' || (!ready && isOverdue(claim, clock.now(), dependencies.bindingTimeout));
        if (!failed && (!allocation.nodeSelector || matchesNodeSelector(allocation.nodeSelector, node))) continue;
        unavailable.add(claim);
        isHere = false;
      }
      if (!isHere) return notHere;
      if (!allocator) return undefined;
      try {
        const allocated = allocator.allocate(node, toAllocate);
        if (!allocated) return noDevices;
        found.set(node.metadata!.name!, allocated);
        return undefined;
      } catch (error) {
        if (error instanceof AllocationError) return unresolvable(name, error.message);
        throw error;
      }
    },
    postFilter(state, { pod }) {
      for (const claim of state.get(stateKey)?.unavailable ?? []) {
        const { reservedFor = [] } = claim.status!;
        if (reservedFor.length > 1 || (reservedFor.length === 1 && !isReservedFor(claim, pod))) continue;
        const { allocation: _, devices: __, reservedFor: ___, ...rest } = claim.status!;
        // It changes, and with it the pod has its next turn; a write that fails leaves everything as it was.
        client.of(resources.resourceClaims).updateStatus({ ...claim, status: rest }).catch(() => {});
        return 'deallocation of ResourceClaim completed';
      }
      return state.get(stateKey) ? 'still not schedulable' : 'no new claims to deallocate';
    },
    preScore(state) {
      const { claims: all = [] } = state.get(stateKey) ?? {};
      return all.some(({ spec }) => spec.devices?.requests?.some(({ firstAvailable }) => firstAvailable?.length)) ? undefined : 'skip';
    },
    score(state, _, { name: node }) {
      const { claims: all, toAllocate, found } = state.get(stateKey)!;
      return all.reduce((sum, claim) => sum + preference(claim, claim.status?.allocation ?? found.get(node)?.[toAllocate.indexOf(claim)]), 0);
    },
    normalize(_, __, scores) {
      normalizeToBest(scores, 'highest');
    },
    reserve(state, _, node) {
      const { toAllocate, found } = state.get(stateKey) ?? {};
      toAllocate?.forEach((claim, i) => pending.set(claim.metadata!.uid!, found!.get(node)![i]!));
      return undefined;
    },
    unreserve(state, { pod }) {
      const { claims: all = [], toAllocate = [] } = state.get(stateKey) ?? {};
      for (const claim of toAllocate) pending.delete(claim.metadata!.uid!);
      for (const claim of all) {
        const current = claims.get(keyOf(claim));
        if (current?.metadata!.uid === claim.metadata!.uid && current?.status?.allocation && isReservedFor(current, pod)) unreserveRemotely(current, pod);
      }
    },
    preBind(state, { pod }, node) {
      const found = state.get(stateKey);
      return found && bindAll(found, pod, node);
    },
    isHelpful(event, { pod }) {
      if (event.kind === 'NodeAdd' || event.kind === 'DeviceClassChange' || event.kind === 'ResourceSliceChange') return true;
      if (event.kind === 'NodeUpdate') return labelsChanged(event.old, event.node) || !equalJson(event.old.status?.allocatable, event.node.status?.allocatable);
      if (event.kind === 'PodUpdate') return !('problem' in claimsOf(event.pod));
      if (event.kind !== 'ResourceClaimChange') return false;
      const { old, object: claim } = event;
      const found = claimsOf(pod);
      if ('problem' in found) return false;
      if (old?.status?.allocation && !claim.status?.allocation) return true;
      const isOurs = found.some(({ metadata }) => metadata!.uid === claim.metadata!.uid);
      return isOurs && (!old || !equalJson(old.status, claim.status));
    },
  };
}

/** More for earlier alternatives. */
function preference({ spec }: ResourceResourceClaim, allocation: AllocationResult | undefined): number {
  const taken = new Set(allocation?.devices?.results?.map(({ request }) => request));
  let score = 0;
  for (const { name: request, firstAvailable } of spec.devices?.requests ?? [])
    firstAvailable?.forEach((alternative, i) => {
      if (taken.has(`${request}/${alternative.name}`)) score += maxAlternatives - i;
    });
  return score;
}
