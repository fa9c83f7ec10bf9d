import { engineVolumeDriver } from '../../api/engineVolumes.ts';
import type { PersistentVolume, Pod, Volume } from '../../api/index.ts';
import { volumeSize } from '../../api/persistentVolumes.ts';
import { podClaim, podClaims, type PodClaim } from '../../api/podClaims.ts';
import type { Client } from '../../client/index.ts';
import type { VolumeFile } from '../../node/index.ts';
import { podVolumeLabels, type Mount, type Runtime } from '../../runtime/index.ts';
import type { PodFacts } from '../config/downward.ts';
import type { ObjectSource } from '../config/environment.ts';
import { uidOf } from '../spec.ts';
import { checkAttached, checkNodeAffinity, checkVolumeMode, volumeOfClaim } from './claims.ts';
import { messageOf, UnattachedVolume, UnresolvedVolume, VolumeError, VolumeStepError, type VolumeFailure } from './errors.ts';
import { engineVolume, podDirectory, podsDirectory, volumeDirectory } from './files.ts';
import { hostPathSource, type HostPathOptions } from './hostPlaces.ts';
import { memoryVolumeBytes } from './memory.ts';
import { networkVolume } from './network.ts';
import type { ObjectChanges } from './objectChanges.ts';
import { giveToGroup, readyPersistent } from './persistent.ts';
import { ifThere, projectedFiles } from './projected.ts';
import { configMapFiles, defaultMode, downwardFiles, secretFiles } from './projection.ts';
import { referencedObjects, usedVolumes } from './references.ts';
import type { TokenManager } from './tokens.ts';

/** A volume that is ready to be mounted. */
export interface ReadyVolume {
  source: Mount['source'];
  readOnly: boolean;
  /** Whether its files are given to the pod's fsGroup where they lie. */
  takesGroup?: boolean;
  /** A device of the machine: it is not mounted but handed on. */
  device?: string;
}

/** A claim of a pod whose volume is one of the engine's. */
export interface ClaimVolume {
  /** The pod's own name for it. */
  volume: string;
  namespace: string;
  claim: string;
  engineVolume: string;
  /** What was promised to the claim. */
  capacityBytes: number;
}

export type ReadyVolumes = Map<string, ReadyVolume>;

export interface PodVolumesOptions extends HostPathOptions {
  client: Client;
  runtime: Runtime;
  objects: ObjectSource;
  changes: ObjectChanges;
  tokens: TokenManager;
  /** Something in the volumes of a pod may have to be written anew. */
  onChange(podUid: string): void;
}

/** Makes a pod's volumes ready, keeps their content up to date and takes them down. Mirrors pkg/kubelet/volumemanager. */
export class PodVolumes {
  /** By pod: what ends listening for changes of the objects in its volumes. */
  readonly #listening = new Map<string, () => void>();
  /** By pod: volumes whose files have been given to its group. */
  readonly #owned = new Map<string, Set<string>>();
  /** By pod: its claims that are ready, by the pod's own names. */
  readonly #claims = new Map<string, Map<string, ClaimVolume>>();
  /** PersistentVolumes for one pod only, by name: the pod that has it. */
  readonly #exclusive = new Map<string, string>();

  constructor(private readonly options: PodVolumesOptions) {}

  /** Idempotent: run again it writes what has changed since. Rejects with a VolumeError. */
  async prepare(pod: Pod, facts: PodFacts): Promise<ReadyVolumes> {
    const ready: ReadyVolumes = new Map();
    const failures = new Map<string, unknown>();
    this.#listen(pod);
    await Promise.all(
      usedVolumes(pod).volumes.map(async (volume) => {
        try {
          ready.set(volume.name, await this.#prepare(pod, volume, facts));
        } catch (error) {
          failures.set(volume.name, error);
        }
      }),
    );
    if (failures.size > 0) throw new VolumeError(eventsOf(failures), mountable(failures), unattachedAmong(failures));
    return ready;
  }

  #listen(pod: Pod): void {
    const uid = uidOf(pod);
    if (this.#listening.has(uid)) return;
    const keys = referencedObjects(pod);
    if (keys.size > 0) this.#listening.set(uid, this.options.changes.on(keys, () => this.options.onChange(uid)));
  }

  /** The files of a pod whose containers have ended. */
  async removeFiles(pod: Pod): Promise<void> {
    const uid = uidOf(pod);
    this.#listening.get(uid)?.();
    this.#listening.delete(uid);
    this.#owned.delete(uid);
    this.#claims.delete(uid);
    for (const [name, owner] of this.#exclusive) if (owner === uid) this.#exclusive.delete(name);
    this.options.tokens.forget(uid);
    await (await this.options.files()).remove(podDirectory(uid));
  }

  /** Volumes of the engine that are the pod's alone hold nothing any more once the containers have ended, but go only after those have gone. */
  async removeEngineVolumes(pod: Pod): Promise<void> {
    const mayHave = memoryVolumesOf(pod).length > 0 || podClaims(pod).length > 0 || pod.spec?.volumes?.some(({ nfs, image }) => nfs ?? image);
    if (mayHave) await this.options.runtime.removePodVolumes(uidOf(pod));
  }

  /** The uids of all pods that have left something on this node. */
  async podsWithRemains(): Promise<Set<string>> {
    const { runtime, nodeName, files } = this.options;
    const [directories, volumes] = await Promise.all([(await files()).list(podsDirectory), runtime.podsWithVolumes(nodeName)]);
    return new Set([...directories, ...volumes]);
  }

  /** What a pod has left that is gone: its containers are as well. */
  async removeRemains(podUid: string): Promise<void> {
    await this.options.runtime.removePodVolumes(podUid);
    await (await this.options.files()).remove(podDirectory(podUid));
  }

  /** The kubelet ends: nobody is told of changes any more. */
  stop(): void {
    for (const end of this.#listening.values()) end();
    this.#listening.clear();
  }

  async #prepare(pod: Pod, volume: Volume, facts: PodFacts): Promise<ReadyVolume> {
    const { configMap, secret, downwardAPI, projected, hostPath, nfs, image, csi } = volume;
    const { objects, tokens } = this.options;
    const namespace = pod.metadata!.namespace!;
    const claim = podClaim(pod, volume);
    if (claim) return this.#claim(pod, claim);
    if (volume.emptyDir) return this.#emptyDir(pod, volume, facts);
    if (hostPath) return { source: await hostPathSource(this.options, hostPath), readOnly: false };
    if (nfs) return networkVolume(this.options, uidOf(pod), volume.name, nfs, undefined, false);
    if (image) return { source: { kind: 'image', image: image.reference! }, readOnly: true };
    if (configMap) {
      const { optional = false, items, name } = configMap;
      const mode = configMap.defaultMode ?? defaultMode;
      return this.#write(pod, 'configmap', volume.name, await ifThere(optional, async () => configMapFiles(await objects.configMap(namespace, name!), items, mode, optional)));
    }
    if (secret) {
      const { optional = false, items, secretName } = secret;
      const mode = secret.defaultMode ?? defaultMode;
      return this.#write(pod, 'secret', volume.name, await ifThere(optional, async () => secretFiles(await objects.secret(namespace, secretName!), items, mode, optional)));
    }
    if (downwardAPI) return this.#write(pod, 'downward-api', volume.name, downwardFiles(downwardAPI.items, pod, facts, downwardAPI.defaultMode ?? defaultMode));
    if (projected) return this.#write(pod, 'projected', volume.name, await projectedFiles(pod, projected, facts, { objects, tokens }));
    if (csi) {
      const problem = `driver name ${csi.driver} not found in the list of registered CSI drivers`;
      throw new Error(`kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: ${problem}`);
    }
    if (volume.gitRepo) throw new Error('git-repo volume plugin has been disabled; if necessary, it may be re-enabled by enabling the feature-gate `GitRepoVolumeDriver`');
    const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'none';
    throw new Error(`volumes of type ${kind} are not supported on this node`);
  }

  async #emptyDir(pod: Pod, volume: Volume, facts: PodFacts): Promise<ReadyVolume> {
    const uid = uidOf(pod);
    const { medium = '' } = volume.emptyDir!;
    const group = pod.spec?.securityContext?.fsGroup;
    if (medium === 'Memory') {
      const name = engineVolume(uid, volume.name);
      const tmpfsBytes = memoryVolumeBytes(pod, volume, facts.allocatable.memory);
      await this.options.runtime.createVolume(name, podVolumeLabels(this.options.nodeName, uid), { tmpfsBytes, mode: 0o1777, ...(group === undefined ? {} : { group }) });
      return { source: { kind: 'tmpfs', name, ...(tmpfsBytes > 0 ? { sizeBytes: tmpfsBytes } : {}) }, readOnly: false };
    }
    if (medium.startsWith('HugePages')) throw new Error('volumes of huge pages are not supported on this node');
    const path = volumeDirectory(uid, 'empty-dir', volume.name);
    const files = await this.options.files();
    await files.makeDirectory(path, group === undefined ? { mode: 0o777, recursive: true } : { mode: 0o2777, group, recursive: true });
    return { source: { kind: 'node', node: this.options.nodeName, path }, readOnly: false };
  }

  async #claim(pod: Pod, claim: PodClaim): Promise<ReadyVolume> {
    const { client } = this.options;
    const volume = await volumeOfClaim(client, pod, claim);
    const name = volume.metadata!.name!;
    const { mounted, devices } = usedVolumes(pod);
    checkVolumeMode(volume, claim.volume.name, mounted, devices);
    try {
      await checkNodeAffinity(client, volume, this.options.nodeName);
      await checkAttached(client, volume, this.options.nodeName);
      if (volume.spec!.accessModes?.length === 1 && volume.spec!.accessModes[0] === 'ReadWriteOncePod') this.#takeAlone(uidOf(pod), name);
      const ready = await readyPersistent(this.options, pod, volume, claim.readOnly);
      this.#note(pod, claim, volume, ready);
      if (ready.takesGroup && !ready.readOnly) await this.#own(pod, name, ready.source);
      return ready;
    } catch (error) {
      throw new NamedFailure(name, error);
    }
  }

  #note(pod: Pod, { claimName, volume: { name } }: PodClaim, volume: PersistentVolume, { source }: ReadyVolume): void {
    if (source.kind !== 'volume' || volume.spec!.csi?.driver !== engineVolumeDriver) return;
    const uid = uidOf(pod);
    if (!this.#claims.has(uid)) this.#claims.set(uid, new Map());
    this.#claims.get(uid)!.set(name, { volume: name, namespace: pod.metadata!.namespace!, claim: claimName, engineVolume: source.name, capacityBytes: volumeSize(volume).value() });
  }

  claimsOf(podUid: string): ClaimVolume[] {
    return [...(this.#claims.get(podUid)?.values() ?? [])];
  }

  /** Also enforced by the scheduler, which may have been passed by. Mirrors operation_generator.go (GenerateMountVolumeFunc). */
  #takeAlone(podUid: string, name: string): void {
    const owner = this.#exclusive.get(name);
    if (owner !== undefined && owner !== podUid) throw new VolumeStepError('MountVolume.SetUp', 'volume uses the ReadWriteOncePod access mode and is already in use by another pod');
    this.#exclusive.set(name, podUid);
  }

  /** Once a pod: afterwards its files are its own matter. */
  async #own(pod: Pod, name: string, source: Mount['source']): Promise<void> {
    if (pod.spec?.securityContext?.fsGroup === undefined) return;
    const uid = uidOf(pod);
    let owned = this.#owned.get(uid);
    if (!owned) this.#owned.set(uid, (owned = new Set()));
    if (owned.has(name)) return;
    await giveToGroup(this.options.runtime, pod, source);
    owned.add(name);
  }

  async #write(pod: Pod, plugin: string, name: string, files: VolumeFile[]): Promise<ReadyVolume> {
    const path = volumeDirectory(uidOf(pod), plugin, name);
    const group = pod.spec?.securityContext?.fsGroup;
    // The group of the pod's file system can read what the kubelet writes (pkg/volume/volume_linux.go, roMask).
    const content = group === undefined ? files : files.map((file) => ({ ...file, mode: file.mode | 0o440 }));
    const node = await this.options.files();
    await node.writeVolume(path, content, group === undefined ? {} : { group });
    return { source: { kind: 'node', node: this.options.nodeName, path }, readOnly: true };
  }
}

/** A failure that concerns a volume by another name than the pod has for it. */
class NamedFailure {
  constructor(
    readonly name: string,
    readonly cause: unknown,
  ) {}
}

function eventsOf(failures: Map<string, unknown>): VolumeFailure[] {
  const events: VolumeFailure[] = [];
  const unresolved: string[] = [];
  const problems: string[] = [];
  for (const [volume, failure] of failures) {
    const [name, error] = failure instanceof NamedFailure ? [failure.name, failure.cause] : [volume, failure];
    if (error instanceof UnresolvedVolume) {
      unresolved.push(volume);
      problems.push(error.message);
    } else if (!(error instanceof UnattachedVolume)) {
      const step = error instanceof VolumeStepError ? error.step : 'MountVolume.SetUp';
      events.push({ reason: step.startsWith('MapVolume') ? 'FailedMapVolume' : 'FailedMount', message: `${step} failed for volume "${name}" : ${messageOf(error)}` });
    }
  }
  if (unresolved.length > 0) {
    const unmounted = [...failures.keys()].sort().join(' ');
    // As kubelet.go (SyncPod) says what WaitForAttachAndMount came to.
    const message = `Unable to attach or mount volumes: unmounted volumes=[${unmounted}], unattached volumes=[], failed to process volumes=[${unresolved.sort().join(' ')}]: ${problems.join('; ')}`;
    events.push({ reason: 'FailedMount', message });
  }
  return events;
}

/** Volumes that the pod waits for; none where it is not even known what to wait for, which has been said. */
function mountable(failures: Map<string, unknown>): string[] {
  return [...failures.values()].some((failure) => failure instanceof UnresolvedVolume) ? [] : [...failures.keys()].sort();
}

function unattachedAmong(failures: Map<string, unknown>): string[] {
  const isUnattached = (failure: unknown) => (failure instanceof NamedFailure ? failure.cause : failure) instanceof UnattachedVolume;
  return [...failures].flatMap(([volume, failure]) => (isUnattached(failure) ? [volume] : [])).sort();
}

/** The names of the pod's volumes of memory. */
export function memoryVolumesOf(pod: Pod): string[] {
  return usedVolumes(pod)
    .volumes.filter((volume) => volume.emptyDir?.medium === 'Memory')
    .map(({ name }) => name);
}
