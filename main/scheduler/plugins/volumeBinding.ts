import { migratedPlugin, migratedPluginsAnnotation, persistentAffinity, scheduledAsMigrated } from '../../api/csiMigration.ts';
import type { CSIDriver, CSINode, CSIStorageCapacity, Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass, VolumeNodeAffinity } from '../../api/index.ts';
import { cloneJson, equalJson } from '../../api/json.ts';
import { selectorFromLabelSelector } from '../../api/labels.ts';
import { keyOf, type KubeObject } from '../../api/meta.ts';
import { matchesTerm } from '../../api/nodeSelector.ts';
import {
  allowsNode,
  boundByControllerAnnotation,
  claimClass,
  findMatchingVolume,
  isClaimBound,
  isVolumeOnNode,
  noProvisioner,
  requestedSize,
  selectedNodeAnnotation,
} from '../../api/persistentVolumes.ts';
import { ephemeralClaimProblem, podClaimKeys, podClaims } from '../../api/podClaims.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import type { Clock } from '../../util/clock.ts';
import { labelsChanged } from '../events.ts';
import { StateKey, type Plugin } from '../framework.ts';
import type { SchedulerCache } from '../cache.ts';
import { failed, unresolvable, type Status } from '../status.ts';

const name = 'VolumeBinding';
const bindConflict = unresolvable(name, "node(s) didn't find available persistent volumes to bind");
const notEnoughSpace = unresolvable(name, 'node(s) did not have enough free storage');
const nodeConflict = unresolvable(name, "node(s) didn't match PersistentVolume's node affinity");
const volumeMissing = unresolvable(name, 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)');
const unboundImmediate = unresolvable(name, 'pod has unbound immediate PersistentVolumeClaims');

interface Claims {
  bound: PersistentVolumeClaim[];
  delayed: PersistentVolumeClaim[];
}

interface Decisions {
  bind: { claim: PersistentVolumeClaim; volume: PersistentVolume }[];
  provision: PersistentVolumeClaim[];
}

const claimsKey = new StateKey<Claims>();
const decisionsKey = new StateKey<Decisions>();

export interface VolumeBindingDependencies {
  client: Client;
  clock: Clock;
  cache: SchedulerCache;
  claims: Informer<PersistentVolumeClaim>;
  volumes: Informer<PersistentVolume>;
  classes: Informer<StorageClass>;
  csiNodes: Informer<CSINode>;
  csiDrivers: Informer<CSIDriver>;
  capacities: Informer<CSIStorageCapacity>;
  /** Milliseconds until the binding of the pod's volumes is given up. */
  bindTimeout(pod: Pod): number;
}

/**
 * Keeps a pod to nodes from which its volumes can be reached, and gives claims that wait for their first consumer a
 * volume, or a node to provision one for, before the pod is bound. Mirrors pkg/scheduler/framework/plugins/volumebinding.
 */
export function volumeBinding(dependencies: VolumeBindingDependencies): Plugin {
  const { client, clock, cache, claims, volumes, classes, csiNodes } = dependencies;
  /** Volumes that are promised to a claim and not yet seen bound: volume name → claim uid. */
  const assumed = new Map<string, string>();

  function decide(delayed: PersistentVolumeClaim[], node: Node): Decisions | Status {
    const decisions: Decisions = { bind: [], provision: [] };
    const taken = new Set<string>();
    for (const claim of delayed) {
      const selected = claim.metadata!.annotations?.[selectedNodeAnnotation];
      const volume = selected
        ? undefined
        : findMatchingVolume(claim, volumes.list(), {
            node,
            exclude: ({ metadata }) =>
              taken.has(metadata!.name!) ||
              (assumed.get(metadata!.name!) ?? claim.metadata!.uid) !== claim.metadata!.uid,
          });
      if (volume) {
        taken.add(volume.metadata!.name!);
        decisions.bind.push({ claim, volume });
        continue;
      }
      const storageClass = classes.get(claimClass(claim));
      if ((selected && selected !== node.metadata!.name) || !canProvision(storageClass, node)) return bindConflict;
      if (!hasRoom(dependencies, claim, storageClass!, node)) return notEnoughSpace;
      decisions.provision.push(claim);
    }
    return decisions;
  }

  /** Resolves with what was decided as it is written. */
  async function carryOut({ bind, provision }: Decisions, node: string, signal: AbortSignal): Promise<Decisions> {
    const written: Decisions = { bind: [], provision: [] };
    for (const { claim, volume } of bind) {
      signal.throwIfAborted();
      const { namespace, name: claimName, uid, resourceVersion } = claim.metadata!;
      const copy = cloneJson(volume);
      copy.spec!.claimRef = {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        namespace,
        name: claimName,
        uid,
        resourceVersion,
      };
      copy.metadata!.annotations = { ...copy.metadata!.annotations, [boundByControllerAnnotation]: 'yes' };
      written.bind.push({ claim, volume: await client.of(resources.persistentVolumes).update(copy) });
    }
    for (const claim of provision) {
      signal.throwIfAborted();
      const { namespace, name: claimName, uid } = claim.metadata!;
      if (claim.metadata!.annotations?.[selectedNodeAnnotation] === node) {
        written.provision.push(claim);
        continue;
      }
      const annotations = { [selectedNodeAnnotation]: node };
      // Nobody but schedulers writes this, whatever else of the claim has changed since.
      written.provision.push(
        await client.of(resources.persistentVolumeClaims).patch(namespace!, claimName!, 'merge', { metadata: { uid, annotations } }),
      );
    }
    return written;
  }

  function checkReach(volume: PersistentVolume, nodeName: string): void {
    const node = cache.node(nodeName)?.node;
    if (!node) throw new Error(`failed to get node "${nodeName}"`);
    if (!isReachable(volume, node, csiNodes))
      throw new Error(`pv "${volume.metadata!.name}" node affinity doesn't match node "${nodeName}": no matching NodeSelectorTerms`);
  }

  /** Whether what was written has been carried through. Throws when it will not be. Mirrors binder.go (checkBindings). */
  function isCarriedThrough({ bind, provision }: Decisions, nodeName: string): boolean {
    for (const { claim, volume: written } of bind) {
      const volume = volumes.get(written.metadata!.name!);
      const current = claims.get(keyOf(claim));
      if (!volume || !current) throw new Error('failed to check binding: a volume or its claim is gone');
      if (isBehind(volume, written)) return false;
      checkReach(volume, nodeName);
      if (!volume.spec?.claimRef?.uid) throw new Error(`ClaimRef got reset for pv "${volume.metadata!.name}"`);
      if (!isClaimBound(current)) return false;
    }
    for (const written of provision) {
      const claim = claims.get(keyOf(written));
      if (!claim) throw new Error('failed to check provisioning pvc: it is gone');
      if (isBehind(claim, written)) return false;
      // Taken away by a provisioner that cannot make it there.
      if (claim.metadata!.annotations?.[selectedNodeAnnotation] !== nodeName) throw new Error(`provisioning failed for PVC "${claim.metadata!.name}"`);
      if (!claim.spec?.volumeName) return false;
      const volume = volumes.get(claim.spec.volumeName);
      if (!volume) return false;
      // Somebody may have given it another than was asked for.
      checkReach(volume, nodeName);
      if (!isClaimBound(claim)) return false;
    }
    return true;
  }

  /** Resolves when all of it is carried through; rejects when it will not be, it takes too long, or nobody waits any more. */
  function carriedThrough(written: Decisions, nodeName: string, pod: Pod, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const ends: (() => void)[] = [];
      // An informer begins with all that is there.
      let listening = false;
      const end = (error?: Error) => {
        for (const stop of ends.splice(0)) stop();
        if (error) reject(new Error(`binding volumes: ${error.message}`));
        else resolve();
      };
      const check = () => {
        if (!listening) return;
        try {
          if (isCarriedThrough(written, nodeName)) end();
        } catch (error) {
          end(error as Error);
        }
      };
      const timer = clock.setTimer(dependencies.bindTimeout(pod), () => end(new Error('context deadline exceeded')));
      const abort = () => end(signal.reason as Error);
      signal.addEventListener('abort', abort);
      ends.push(() => timer.cancel(), () => signal.removeEventListener('abort', abort), claims.on({ update: check, delete: check }), volumes.on({ add: check, update: check, delete: check }));
      listening = true;
      check();
    });
  }

  return {
    name,
    preFilter(state, { pod }) {
      const named = podClaims(pod);
      if (named.length === 0) return { skip: true };
      const found: Claims = { bound: [], delayed: [] };
      for (const { claimName, ephemeral } of named) {
        const claim = claims.get(`${pod.metadata!.namespace}/${claimName}`);
        const problem = claimProblem(claim, claimName, ephemeral);
        const foreign = claim && ephemeral ? ephemeralClaimProblem(pod, claim) : undefined;
        if (problem || foreign || !claim) return { status: unresolvable(name, problem ?? foreign ?? '') };
        if (isClaimBound(claim)) found.bound.push(claim);
        else if (classes.get(claimClass(claim))?.volumeBindingMode === 'WaitForFirstConsumer')
          found.delayed.push(claim);
        else return { status: unboundImmediate };
      }
      state.set(claimsKey, found);
      return undefined;
    },
    filter(state, _, { node }) {
      const { bound, delayed } = state.get(claimsKey)!;
      for (const claim of bound) {
        const volume = volumes.get(claim.spec!.volumeName!);
        if (!volume) return volumeMissing;
        try {
          if (!isReachable(volume, node, csiNodes)) return nodeConflict;
        } catch (error) {
          return failed(name, (error as Error).message);
        }
      }
      if (delayed.length === 0) return undefined;
      const decided = decide(delayed, node);
      return 'code' in decided ? decided : undefined;
    },
    reserve(state, _, nodeName) {
      const found = state.get(claimsKey);
      const node = cache.node(nodeName)?.node;
      if (!found?.delayed.length || !node) return undefined;
      const decisions = decide(found.delayed, node);
      if ('code' in decisions) return decisions;
      for (const { claim, volume } of decisions.bind) assumed.set(volume.metadata!.name!, claim.metadata!.uid!);
      state.set(decisionsKey, decisions);
      return undefined;
    },
    unreserve(state) {
      for (const { volume } of state.get(decisionsKey)?.bind ?? []) assumed.delete(volume.metadata!.name!);
    },
    preBindPreFlight: (state) => state.get(decisionsKey) !== undefined,
    preBind(state, { pod }, node, signal) {
      const decisions = state.get(decisionsKey)!;
      return carryOut(decisions, node, signal)
        .then((written) => carriedThrough(written, node, pod, signal))
        .finally(() => {
          for (const { volume } of decisions.bind) assumed.delete(volume.metadata!.name!);
        });
    },
    isHelpful(event, { pod }) {
      switch (event.kind) {
        case 'NodeAdd':
        case 'VolumeChange':
          return true;
        case 'NodeUpdate':
          return labelsChanged(event.old, event.node);
        case 'VolumeClaimChange':
          return podClaimKeys(pod).includes(keyOf(event.object));
        case 'StorageClassChange':
          return !event.old || !equalJson(event.old.allowedTopologies, event.object.allowedTopologies);
        case 'CSINodeChange':
          return !event.old || migratedPlugins(event.old) !== migratedPlugins(event.object);
        case 'CSIDriverChange':
          return Boolean(event.old?.spec.storageCapacity) && !event.object.spec.storageCapacity;
        case 'StorageCapacityChange':
          return !event.old || holdsMore(event.old, event.object);
        default:
          return false;
      }
    },
  };
}

const migratedPlugins = ({ metadata }: CSINode) => metadata?.annotations?.[migratedPluginsAnnotation];

/** In the words of the CSI drivers that stand in for those of volumes: worked out for the first node, and the same for all. */
const migratedAffinities = new WeakMap<PersistentVolume, { affinity?: VolumeNodeAffinity }>();

/**
 * Whether the volume can be reached from the node: of one that a node leaves to a CSI driver, that driver's labels say so. Throws where
 * that driver could not take it. Mirrors binder.go (tryTranslatePVToCSI).
 */
function isReachable(volume: PersistentVolume, node: Node, csiNodes: Informer<CSINode>): boolean {
  const plugin = migratedPlugin(volume.spec!);
  const csiNode = plugin && scheduledAsMigrated.has(plugin) ? csiNodes.get(node.metadata!.name!) : undefined;
  if (!csiNode || !migratedPlugins(csiNode)?.split(',').includes(plugin!)) return isVolumeOnNode(volume, node);
  let migrated = migratedAffinities.get(volume);
  if (!migrated) {
    try {
      migrated = { affinity: persistentAffinity(volume) };
    } catch (error) {
      throw new Error(`could not translate pv: ${(error as Error).message}`, { cause: error });
    }
    migratedAffinities.set(volume, migrated);
  }
  return allowsNode(migrated.affinity, node);
}

const largestVolume = ({ maximumVolumeSize, capacity }: CSIStorageCapacity) => maximumVolumeSize ?? capacity;

function holdsMore(old: CSIStorageCapacity, now: CSIStorageCapacity): boolean {
  const [before, after] = [largestVolume(old), largestVolume(now)];
  return after !== undefined && (before === undefined || parseQuantity(after).cmp(parseQuantity(before)) > 0);
}

const isBehind = (shown: KubeObject, written: KubeObject) => Number(shown.metadata!.resourceVersion) < Number(written.metadata!.resourceVersion);

function claimProblem(
  claim: PersistentVolumeClaim | undefined,
  claimName: string,
  ephemeral: boolean,
): string | undefined {
  if (!claim) {
    return ephemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${claimName}"`
      : `persistentvolumeclaim "${claimName}" not found`;
  }
  if (claim.status?.phase === 'Lost') {
    return `persistentvolumeclaim "${claimName}" bound to non-existent persistentvolume "${claim.spec?.volumeName}"`;
  }
  return claim.metadata!.deletionTimestamp ? `persistentvolumeclaim "${claimName}" is being deleted` : undefined;
}

function canProvision(storageClass: StorageClass | undefined, node: Node): boolean {
  if (!storageClass || storageClass.provisioner === noProvisioner) return false;
  const terms = storageClass.allowedTopologies ?? [];
  const matches = terms.some(({ matchLabelExpressions }) =>
    matchesTerm({ matchExpressions: matchLabelExpressions?.map((e) => ({ ...e, operator: 'In' })) }, node),
  );
  return terms.length === 0 || matches;
}

/** Of a driver that says how much room there is, some place that the node can reach has to have enough. Mirrors binder.go (hasEnoughCapacity). */
function hasRoom({ csiDrivers, capacities }: VolumeBindingDependencies, claim: PersistentVolumeClaim, storageClass: StorageClass, node: Node): boolean {
  if (!csiDrivers.get(storageClass.provisioner)?.spec?.storageCapacity) return true;
  const wanted = requestedSize(claim);
  return capacities.list().some((each) => {
    const { storageClassName, nodeTopology } = each;
    const most = largestVolume(each);
    if (storageClassName !== storageClass.metadata!.name || most === undefined || !nodeTopology) return false;
    return parseQuantity(most).cmp(wanted) >= 0 && selectorFromLabelSelector(nodeTopology).matches(node.metadata!.labels);
  });
}
