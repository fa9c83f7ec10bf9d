import type { AllocationResult, ContainerExtendedResourceRequest, DeviceClass, Pod, ResourceResourceClaim, ResourceSlice } from '../../api/index.ts';
import { extendedClaimAnnotation, mayBeDevices } from '../../api/deviceClaims.ts';
import { equalJson } from '../../api/json.ts';
import { controllerOf, keyOf, timestamp } from '../../api/meta.ts';
import { matchesNodeSelector } from '../../api/nodeSelector.ts';
import { isConflict, isNotFound } from '../../api/status.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import type { Clock } from '../../util/clock.ts';
import type { Random } from '../../util/random.ts';
import { Allocator, type CompileSelector } from '../devices/allocator.ts';
import { hasToBeMadeReady, isOverdue, readiness } from '../devices/binding.ts';
import { DevicesInUse } from '../devices/devicesInUse.ts';
import { requestsFor, type ClassOfResource } from '../devices/extendedResources.ts';
import { canBeReserved, claimsOfPod, isReservedFor } from '../devices/podClaims.ts';
import { AllocationError, alternativesOf, InvalidPoolError } from '../devices/requests.ts';
import { labelsChanged } from '../events.ts';
import { StateKey, type Plugin } from '../framework.ts';
import type { NodeInfo } from '../nodeInfo.ts';
import type { PodInfo } from '../podInfo.ts';
import { failed, unresolvable, type Status } from '../status.ts';
import { normalizeToBest } from './normalize.ts';

const name = 'DynamicResources';
const notHere = unresolvable(name, 'resourceclaim not available on the node');
const noDevices = unresolvable(name, 'cannot allocate all claims');
const leftOver = unresolvable(name, 'cannot schedule extended resource claim');
const noResource = unresolvable(name, 'cannot fit resource');
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
  /** The class that stands for an extended resource. */
  classOf: ClassOfResource;
  slices: Informer<ResourceSlice>;
  compile: CompileSelector;
  /** For the pod, in milliseconds: how long one node's devices are looked for, and what drivers have to make them ready. */
  timeouts(pod: Pod): { filterTimeout: number; bindingTimeout: number };
  /** Tells the pod's user what it waits for. */
  tell(pod: Pod, reason: string, message: string): void;
}

/** What a node would give. */
interface Found {
  /** One for each claim of `toAllocate`, and one for `extended`. */
  results: AllocationResult[];
  extended?: { claim: ResourceResourceClaim; mappings: ContainerExtendedResourceRequest[] };
}

interface DeviceState {
  claims: ResourceResourceClaim[];
  /** Those without devices yet. */
  toAllocate: ResourceResourceClaim[];
  /** The claim for the pod's extended resources: one to be made, which has no name, or one that a try before has left. */
  extended: ResourceResourceClaim | undefined;
  allocator: Allocator | undefined;
  found: Map<string, Found>;
  /** Claims whose devices some node cannot reach, or which have not become ready. */
  unavailable: Set<ResourceResourceClaim>;
}

const stateKey = new StateKey<DeviceState>();

/**
 * Finds devices for the claims of pods among what drivers offer in ResourceSlices, and keeps pods to the nodes that can
 * reach them. Mirrors pkg/scheduler/framework/plugins/dynamicresources.
 */
export function dynamicResources(dependencies: DynamicResourcesDependencies): Plugin {
  const { client, clock, random, claims, classes, classOf, slices } = dependencies;
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

  /** What stands for the pod's extended resources where no node's own do; undefined: there are none of that sort. */
  function extendedClaimOf({ pod, requests }: PodInfo): ResourceResourceClaim | undefined {
    if (![...requests.scalar].some(([resource, amount]) => amount > 0 && classOf(resource))) return undefined;
    const { namespace, name: podName, uid } = pod.metadata!;
    return (
      claims.list(namespace).find((claim) => isExtendedClaimOf(claim, pod)) ?? {
        metadata: {
          namespace,
          generateName: `${podName}-extended-resources-`,
          // Until it is made.
          uid: random.uuid(),
          annotations: { [extendedClaimAnnotation]: 'true' },
          ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: podName!, uid: uid!, controller: true }],
        },
        spec: {},
      }
    );
  }

  /** What the node would have to give devices for: not what it has of its own. */
  function extendedOn({ extended }: DeviceState, { pod, requests }: PodInfo, { allocatable }: NodeInfo): Status | Found['extended'] {
    if (!extended) return undefined;
    if (extended.metadata!.name) return leftOver;
    const wanted: string[] = [];
    for (const [resource, amount] of requests.scalar) {
      if (amount === 0 || !mayBeDevices(resource)) continue;
      const own = allocatable.scalar.get(resource);
      if (!own && classOf(resource)) wanted.push(resource);
      else if (own === undefined) return noResource;
    }
    if (wanted.length === 0) return undefined;
    const { requests: devices, mappings } = requestsFor(pod, wanted, classOf);
    return { claim: { ...extended, spec: { devices: { requests: devices } } }, mappings };
  }

  function makeAllocator(): Allocator {
    const allocations = claims.list().flatMap(({ status }) => status?.allocation ?? []);
    const inUse = new DevicesInUse([...allocations, ...pending.values()]);
    return new Allocator({ ...dependencies, slices: slices.list(), classes: (className) => classes.get(className), inUse });
  }

  /** Writes the devices, if it has none yet, and the pod into the claim. */
  async function bind(original: ResourceResourceClaim, allocation: AllocationResult | undefined, pod: Pod, signal: AbortSignal): Promise<ResourceResourceClaim> {
    const api = client.because(pod.metadata!.resourceVersion).of(resources.resourceClaims);
    const { namespace, name: claimName } = original.metadata!;
    let claim = original;
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted();
      try {
        if (claim.metadata!.deletionTimestamp) throw new Error(`claim ${keyOf(claim)} got deleted in the meantime`);
        if (allocation && claim.status?.allocation) throw new Error(`claim ${keyOf(claim)} got allocated elsewhere in the meantime`);
        if (!allocation && !claim.status?.allocation) throw new Error(`claim ${keyOf(claim)} got deallocated elsewhere in the meantime`);
        const finalizers = claim.metadata!.finalizers ?? [];
        if (allocation && !finalizers.includes(finalizer)) claim = await api.update({ ...claim, metadata: { ...claim.metadata, finalizers: [...finalizers, finalizer] } });
        signal.throwIfAborted();
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

  /** Resolves when the drivers have made all devices ready; rejects when one says that it cannot or has had its time, a claim goes, or nobody waits any more. */
  function allReady(wanted: readonly ResourceResourceClaim[], pod: Pod, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const end = (error?: Error) => {
        off();
        timer.cancel();
        signal.removeEventListener('abort', abort);
        if (error) reject(error);
        else resolve();
      };
      const check = () => {
        const current = wanted.map((claim) => claims.get(keyOf(claim)) ?? claim);
        const fault = current.map(readiness).find((ready) => typeof ready === 'string');
        if (fault !== undefined) end(new Error(fault));
        else if (current.every((claim) => claim.status?.allocation && readiness(claim) === true)) end();
      };
      const timer = clock.setTimer(dependencies.timeouts(pod).bindingTimeout, () => end(new Error(`device binding timeout: claim=${wanted[0]!.metadata!.name}`)));
      const abort = () => end(signal.reason as Error);
      signal.addEventListener('abort', abort);
      const lose = (claim: ResourceResourceClaim) => {
        if (wanted.some(({ metadata }) => metadata!.uid === claim.metadata!.uid)) end(new Error(`could not find ResourceClaim "${keyOf(claim)}"`));
      };
      const off = claims.on({ update: check, delete: lose });
      check();
    });
  }

  /** Makes the claim that stands for extended resources, gives it its devices and tells which container has which. */
  async function bindExtended(state: DeviceState, { claim, mappings }: NonNullable<Found['extended']>, allocation: AllocationResult, pod: Pod, signal: AbortSignal): Promise<ResourceResourceClaim> {
    signal.throwIfAborted();
    const { uid: placeholder, ...metadata } = claim.metadata!;
    const made = await client.because(pod.metadata!.resourceVersion).of(resources.resourceClaims).create({ ...claim, metadata });
    state.extended = made;
    pending.set(made.metadata!.uid!, allocation);
    pending.delete(placeholder!);
    const bound = await bind(made, allocation, pod, signal);
    signal.throwIfAborted();
    const { namespace, name: podName, uid } = pod.metadata!;
    const status = { extendedResourceClaimStatus: { resourceClaimName: made.metadata!.name, requestMappings: mappings } };
    await client.of(resources.pods).patch(namespace!, podName!, 'strategic', { metadata: { uid }, status }, { subresource: 'status' });
    return bound;
  }

  /** Deletes a claim that stood for extended resources. */
  async function discard({ metadata }: ResourceResourceClaim): Promise<void> {
    const api = client.of(resources.resourceClaims);
    const { namespace, name: claimName, uid } = metadata!;
    try {
      const claim = await api.get(namespace!, claimName!);
      if (claim.metadata!.uid !== uid) return;
      const finalizers = claim.metadata!.finalizers?.filter((each) => each !== finalizer);
      if (claim.metadata!.finalizers?.includes(finalizer)) await api.update({ ...claim, metadata: { ...claim.metadata, finalizers } });
      await api.delete(namespace!, claimName!, { preconditions: { uid } });
    } catch (error) {
      // What is left is found and tried again when the pod is, or goes with the pod.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  async function bindAll(state: DeviceState, pod: Pod, node: string, signal: AbortSignal): Promise<void> {
    const { claims: all, toAllocate, found } = state;
    const { results, extended } = found.get(node) ?? { results: [] };
    const bound: ResourceResourceClaim[] = [];
    for (const [i, claim] of all.entries()) {
      const at = toAllocate.indexOf(claim);
      if (!isReservedFor(claim, pod)) all[i] = await bind(claim, results[at], pod, signal);
      bound.push(all[i]!);
    }
    if (extended) bound.push(await bindExtended(state, extended, results.at(-1)!, pod, signal));
    for (const claim of bound) {
      // The watch may have been faster than the answer.
      const shown = claims.get(keyOf(claim));
      if (shown) settle(shown);
    }
    const waiting = bound.filter(hasToBeMadeReady);
    if (waiting.length === 0) return;
    dependencies.tell(pod, 'BindingConditionsPending', `waiting for binding conditions for device on node ${node}`);
    await allReady(waiting, pod, signal);
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
    preFilter(state, info) {
      const { pod, requests } = info;
      if (!pod.spec!.resourceClaims?.length && requests.scalar.size === 0) return { skip: true };
      const found = claimsOf(pod);
      if ('problem' in found) return { status: unresolvable(name, found.problem) };
      const extended = extendedClaimOf(info);
      if (found.length === 0 && !extended) return { skip: true };
      for (const claim of found) {
        const status = objection(claim, pod);
        if (status) return { status };
      }
      const toAllocate = found.filter(({ status }) => !status?.allocation);
      const allocator = toAllocate.length > 0 || extended ? makeAllocator() : undefined;
      state.set(stateKey, { claims: found, toAllocate, extended, allocator, found: new Map(), unavailable: new Set() });
      return undefined;
    },
    filter(cycle, info, nodeInfo) {
      const { node } = nodeInfo;
      const state = cycle.get(stateKey)!;
      const { claims: all, toAllocate, allocator, found, unavailable } = state;
      const extended = extendedOn(state, info, nodeInfo);
      if (extended && 'code' in extended) return extended;
      const timeouts = dependencies.timeouts(info.pod);
      let isHere = true;
      for (const claim of all) {
        const { allocation } = claim.status ?? {};
        if (!allocation) continue;
        const ready = readiness(claim);
        const failed = typeof ready === 'string' || (!ready && isOverdue(claim, clock.now(), timeouts.bindingTimeout));
        if (!failed && (!allocation.nodeSelector || matchesNodeSelector(allocation.nodeSelector, node))) continue;
        unavailable.add(claim);
        isHere = false;
      }
      if (!isHere) return notHere;
      const wanted = extended ? [...toAllocate, extended.claim] : toAllocate;
      if (!allocator || wanted.length === 0) return undefined;
      try {
        const results = allocator.allocate(node, wanted, timeouts.filterTimeout || undefined);
        if (!results) return noDevices;
        found.set(node.metadata!.name!, { results, ...(extended ? { extended } : {}) });
        return undefined;
      } catch (error) {
        if (error instanceof AllocationError) return failed(name, error.message);
        if (error instanceof InvalidPoolError) return unresolvable(name, error.message);
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
      const { extended } = state.get(stateKey) ?? {};
      if (extended?.metadata!.name) {
        discard(extended).catch(() => {});
        return 'deletion of ResourceClaim completed';
      }
      return state.get(stateKey) ? 'still not schedulable' : 'no new claims to deallocate';
    },
    preScore(state) {
      const { claims: all = [] } = state.get(stateKey) ?? {};
      return all.some(({ spec }) => spec.devices?.requests?.some(({ firstAvailable }) => firstAvailable?.length)) ? undefined : 'skip';
    },
    score(state, _, { name: node }) {
      const { claims: all, toAllocate, found } = state.get(stateKey)!;
      return all.reduce((sum, claim) => sum + preference(claim, claim.status?.allocation ?? found.get(node)?.results[toAllocate.indexOf(claim)]), 0);
    },
    normalize(_, __, scores) {
      normalizeToBest(scores, 'highest');
    },
    reserve(state, _, node) {
      const { toAllocate = [], found } = state.get(stateKey) ?? {};
      const { results = [], extended } = found?.get(node) ?? {};
      const claimed = extended ? [...toAllocate, extended.claim] : toAllocate;
      claimed.forEach((claim, i) => pending.set(claim.metadata!.uid!, results[i]!));
      return undefined;
    },
    unreserve(state, { pod }, node) {
      const { claims: all = [], toAllocate = [], extended, found } = state.get(stateKey) ?? {};
      for (const claim of [...toAllocate, extended, found?.get(node)?.extended?.claim]) if (claim) pending.delete(claim.metadata!.uid!);
      if (extended?.metadata!.name) discard(extended).catch(() => {});
      for (const claim of all) {
        const current = claims.get(keyOf(claim));
        if (current?.metadata!.uid !== claim.metadata!.uid) continue;
        // The watch may not have shown yet what was written.
        if (isReservedFor(claim, pod) || (current?.status?.allocation && isReservedFor(current, pod))) unreserveRemotely(claim, pod);
      }
    },
    preBindPreFlight(state, _, node) {
      const devices = state.get(stateKey);
      return devices !== undefined && (devices.claims.length > 0 || devices.found.get(node)?.extended !== undefined);
    },
    preBind: (state, { pod }, node, signal) => bindAll(state.get(stateKey)!, pod, node, signal),
    isHelpful(event, { pod }) {
      if (event.kind === 'NodeAdd' || event.kind === 'DeviceClassChange' || event.kind === 'ResourceSliceChange') return true;
      if (event.kind === 'NodeUpdate') return labelsChanged(event.old, event.node) || !equalJson(event.old.status?.allocatable, event.node.status?.allocatable);
      if (event.kind === 'PodUpdate') return !('problem' in claimsOf(event.pod));
      if (event.kind !== 'ResourceClaimChange') return false;
      const { old, object: claim } = event;
      // What a try before has left goes.
      if (old?.metadata!.finalizers?.length && !claim.metadata!.finalizers?.length && isExtendedClaimOf(claim, pod)) return true;
      const found = claimsOf(pod);
      if ('problem' in found) return false;
      if (old?.status?.allocation && !claim.status?.allocation) return true;
      const isOurs = found.some(({ metadata }) => metadata!.uid === claim.metadata!.uid);
      return isOurs && (!old || !equalJson(old.status, claim.status));
    },
  };
}

const isExtendedClaimOf = (claim: ResourceResourceClaim, { metadata }: Pod) =>
  claim.metadata!.annotations?.[extendedClaimAnnotation] === 'true' && controllerOf(claim)?.uid === metadata!.uid;

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
