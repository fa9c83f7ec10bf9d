import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { keyOf } from '../api/meta.ts';
import {
  betaProvisionerAnnotation,
  bindCompletedAnnotation,
  boundByControllerAnnotation,
  claimClass,
  claimHasClass,
  defaultClass,
  findMatchingVolume,
  hasAccessModes,
  isVolumeBoundToClaim,
  provisionedByAnnotation,
  provisionerAnnotation,
  requestedSize,
  sameAttributesClass,
  sameVolumeMode,
  selectedNodeAnnotation,
  volumeClass,
  volumeSize,
} from '../api/persistentVolumes.ts';
import { podClaimKeys } from '../api/podClaims.ts';
import { created, resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { addPodClaimIndex, isPodFinished, podsOfClaim } from './pods.ts';
import { builtInPrefix, provisionerOf } from './provisionerNames.ts';
import { isRecyclable, recycledVolume, recyclerKey, recyclerPod, recyclesClaimOf } from './volumeRecycler.ts';

/** How often a claim that waits is looked at again, and says again why. */
const resync = 15_000;

/** Brings claims and volumes together, and lets go volumes whose claim is gone. Mirrors pkg/controller/volume/persistentvolume. */
export class PersistentVolumeBinder extends QueueController {
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;
  readonly #pods: Informer<Pod>;
  /** When volumes that could not be emptied are to be emptied again, by name. */
  readonly #recycleAgain = new Map<string, number>();

  constructor(context: ControllerContext) {
    // One worker: two claims that are looked at together could take the same volume.
    super(context, 'persistent-volume-binder', 1);
    this.#claims = context.informers.informer(resources.persistentVolumeClaims);
    this.#volumes = context.informers.informer(resources.persistentVolumes);
    this.#classes = context.informers.informer(resources.storageClasses);
    this.#pods = context.informers.informer(resources.pods);
    addPodClaimIndex(this.#pods);
    const claimChanged = (claim: PersistentVolumeClaim) => this.enqueue(`claim/${keyOf(claim)}`, claim);
    this.#claims.on({
      add: claimChanged,
      update: (_, claim) => claimChanged(claim),
      delete: (claim) => {
        if (claim.spec?.volumeName) this.enqueue(`volume/${claim.spec.volumeName}`, claim);
      },
    });
    const wakeClaimOf = (volume: PersistentVolume) => {
      const ref = volume.spec?.claimRef;
      if (ref) this.enqueue(`claim/${ref.namespace}/${ref.name}`, volume);
    };
    const volumeChanged = (volume: PersistentVolume) => {
      this.enqueue(`volume/${volume.metadata!.name}`, volume);
      if (volume.spec?.claimRef) wakeClaimOf(volume);
      else this.#wakeWaiting(volume);
    };
    this.#volumes.on({
      add: volumeChanged,
      update: (old, volume) => {
        volumeChanged(volume);
        if (old.spec?.claimRef?.uid !== volume.spec?.claimRef?.uid) wakeClaimOf(old);
      },
      delete: (volume) => {
        this.#recycleAgain.delete(volume.metadata!.name!);
        wakeClaimOf(volume);
      },
    });
    const classChanged = (storageClass: StorageClass) => this.#wakeClaimsOf(storageClass);
    this.#classes.on({ add: classChanged, update: (_, storageClass) => classChanged(storageClass) });
    const recycled = (pod: Pod) => {
      const volume = recycledVolume(pod);
      if (volume !== undefined) this.enqueue(`volume/${volume}`, pod);
    };
    // A claim that waits for its first consumer says so until there is one.
    this.#pods.on({
      add: (pod) => {
        if (!pod.spec?.nodeName) for (const key of podClaimKeys(pod)) this.enqueue(`claim/${key}`, pod);
      },
      update: (_, pod) => recycled(pod),
      delete: recycled,
    });
  }

  /** Claims that have named this class before it was there, and those that may take it as their default. */
  #wakeClaimsOf(storageClass: StorageClass): void {
    for (const claim of this.#claims.list()) {
      if (claim.spec?.volumeName) continue;
      if (!claimHasClass(claim) || claimClass(claim) === storageClass.metadata!.name)
        this.enqueue(`claim/${keyOf(claim)}`, storageClass);
    }
  }

  /** Claims that a free volume may suit. */
  #wakeWaiting(volume: PersistentVolume): void {
    for (const claim of this.#claims.list()) {
      if (!claim.spec?.volumeName && claimClass(claim) === volumeClass(volume))
        this.enqueue(`claim/${keyOf(claim)}`, volume);
    }
  }

  protected async sync(key: string, client: Client): Promise<void> {
    if (key.startsWith('volume/')) {
      const volume = this.#volumes.get(key.slice('volume/'.length));
      if (volume) await this.#syncVolume(client, volume);
      return;
    }
    const claim = this.#claims.get(key.slice('claim/'.length));
    if (!claim) return;
    if (claim.metadata!.annotations?.[bindCompletedAnnotation] !== undefined) await this.#syncBoundClaim(client, claim);
    else await this.#syncUnboundClaim(client, claim);
  }

  async #syncUnboundClaim(client: Client, claim: PersistentVolumeClaim): Promise<void> {
    this.queue.addAfter(`claim/${keyOf(claim)}`, resync);
    if (claim.spec!.volumeName) return this.#syncRequestedVolume(client, claim);
    const storageClass = this.#classes.get(claimClass(claim));
    const delayed = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
    // A volume that is reserved for the claim must be able to do what is asked for, as any other.
    const able = this.#volumes.list().filter((candidate) => hasAccessModes(candidate, claim));
    const volume = findMatchingVolume(claim, able, { delayBinding: delayed });
    if (volume) return this.#bind(client, volume, claim);
    if (await this.#assignDefaultClass(client, claim)) return;
    const waitsForConsumer = delayed && !claim.metadata!.annotations?.[selectedNodeAnnotation];
    if (!waitsForConsumer && claimClass(claim)) await this.#provision(client, claim, storageClass);
    else {
      if (waitsForConsumer) this.#sayWhoIsWaitedFor(claim);
      else {
        const message = 'no persistent volumes available for this claim and no storage class is set';
        this.#say(claim, 'Normal', 'FailedBinding', message);
      }
      await this.#setPending(client, claim);
    }
  }

  /** A claim from before there was a default class gets it now. Resolves whether it did. */
  async #assignDefaultClass(client: Client, claim: PersistentVolumeClaim): Promise<boolean> {
    if (claimHasClass(claim)) return false;
    const found = defaultClass(this.#classes.list());
    if (!found) return false;
    const spec = { ...claim.spec, storageClassName: found.metadata!.name };
    await client.of(resources.persistentVolumeClaims).update({ ...claim, spec });
    return true;
  }

  #sayWhoIsWaitedFor(claim: PersistentVolumeClaim): void {
    const waiting = podsOfClaim(this.#pods, keyOf(claim))
      .filter(({ spec, metadata }) => !spec?.nodeName && !metadata?.deletionTimestamp)
      .map(({ metadata }) => metadata!.name!);
    if (waiting.length > 0) {
      const message = `waiting for ${waiting.length > 1 ? 'pods' : 'pod'} ${waiting.join(',')} to be scheduled`;
      this.#say(claim, 'Normal', 'WaitForPodScheduled', message);
    } else
      this.#say(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
  }

  /** Provisioners live outside: they are told by an annotation that it is their turn. */
  async #provision(
    client: Client,
    claim: PersistentVolumeClaim,
    storageClass: StorageClass | undefined,
  ): Promise<void> {
    if (!storageClass) {
      const message = `storageclass.storage.k8s.io "${claimClass(claim)}" not found`;
      return this.#say(claim, 'Warning', 'ProvisioningFailed', message);
    }
    const provisioner = provisionerOf(storageClass);
    if (provisioner.startsWith(builtInPrefix)) {
      return this.#say(claim, 'Warning', 'ProvisioningFailed', `no volume plugin matched name: ${provisioner}`);
    }
    const { namespace, name, annotations } = claim.metadata!;
    if (annotations?.[provisionerAnnotation] !== provisioner) {
      const told = { [provisionerAnnotation]: provisioner, [betaProvisionerAnnotation]: provisioner };
      const patch = { metadata: { annotations: told } };
      await client.of(resources.persistentVolumeClaims).patch(namespace!, name!, 'merge', patch);
    }
    this.#say(
      claim,
      'Normal',
      'ExternalProvisioning',
      `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. ` +
        'If volume creation is delayed, please verify that the provisioner is running and correctly registered.',
    );
  }

  /** A claim that names its volume itself. */
  async #syncRequestedVolume(client: Client, claim: PersistentVolumeClaim): Promise<void> {
    const volume = this.#volumes.get(claim.spec!.volumeName!);
    if (volume && isVolumeBoundToClaim(volume, claim)) return this.#bind(client, volume, claim);
    if (volume && !volume.spec!.claimRef) {
      const problem = mismatch(volume, claim);
      if (!problem) return this.#bind(client, volume, claim);
      const message = `Cannot bind to requested volume "${volume.metadata!.name}": ${problem}`;
      this.#say(claim, 'Warning', 'VolumeMismatch', message);
    } else if (volume) {
      // Nobody has asked for this volume by name: it is tried again, and the claim stays as it is.
      if (claim.metadata!.annotations?.[boundByControllerAnnotation]) {
        const { namespace, name } = volume.spec!.claimRef!;
        throw new Error(`invalid binding of claim "${keyOf(claim)}" to volume "${volume.metadata!.name}": volume already claimed by "${namespace}/${name}"`);
      }
      const message = `volume "${volume.metadata!.name}" already bound to a different claim.`;
      this.#say(claim, 'Warning', 'FailedBinding', message);
    }
    await this.#setPending(client, claim);
  }

  async #syncBoundClaim(client: Client, claim: PersistentVolumeClaim): Promise<void> {
    if (!claim.spec!.volumeName) {
      const message = 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!';
      return this.#lose(client, claim, 'ClaimLost', message);
    }
    const isOurs = (volume: PersistentVolume | undefined) =>
      volume && (!volume.spec!.claimRef || volume.spec!.claimRef.uid === claim.metadata!.uid);
    let volume = this.#volumes.get(claim.spec!.volumeName);
    // The cache may be behind what this controller itself has written.
    if (!isOurs(volume)) volume = await this.#liveVolume(client, claim.spec!.volumeName);
    if (!volume) {
      const message = 'Bound claim has lost its PersistentVolume. Data on the volume is lost!';
      return this.#lose(client, claim, 'ClaimLost', message);
    }
    if (!isOurs(volume)) {
      const message = 'Two claims are bound to the same volume, this one is bound incorrectly';
      return this.#lose(client, claim, 'ClaimMisbound', message);
    }
    await this.#bind(client, volume, claim);
  }

  async #lose(client: Client, claim: PersistentVolumeClaim, reason: string, message: string): Promise<void> {
    if (claim.status?.phase === 'Lost') return;
    await this.#setClaimStatus(client, claim, withoutVolume(claim, 'Lost'));
    this.#say(claim, 'Warning', reason, message);
  }

  #setPending(client: Client, claim: PersistentVolumeClaim): Promise<void> {
    return this.#setClaimStatus(client, claim, withoutVolume(claim, 'Pending'));
  }

  /** Both sides, the volume first: whoever is interrupted in between finishes from where it stopped. */
  async #bind(client: Client, volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    const bound = await this.#setVolumeStatus(client, await this.#pointVolume(client, volume, claim), 'Bound');
    const { annotations } = claim.metadata!;
    const ours: Record<string, string> =
      claim.spec!.volumeName === bound.metadata!.name ? {} : { [boundByControllerAnnotation]: 'yes' };
    const next: PersistentVolumeClaim = {
      ...claim,
      metadata: { ...claim.metadata, annotations: { ...annotations, ...ours, [bindCompletedAnnotation]: 'yes' } },
      spec: { ...claim.spec, volumeName: bound.metadata!.name },
    };
    const pointed = equalJson(next, claim) ? claim : await client.of(resources.persistentVolumeClaims).update(next);
    await this.#setClaimStatus(client, pointed, boundStatus(pointed, bound));
  }

  async #pointVolume(
    client: Client,
    volume: PersistentVolume,
    claim: PersistentVolumeClaim,
  ): Promise<PersistentVolume> {
    const { namespace, name, uid, resourceVersion } = claim.metadata!;
    const current = volume.spec!.claimRef;
    if (current?.uid === uid) return volume;
    const reserved = isVolumeBoundToClaim(volume, claim);
    const ours: Record<string, string> = reserved ? {} : { [boundByControllerAnnotation]: 'yes' };
    const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion };
    return client.of(resources.persistentVolumes).update({
      ...volume,
      metadata: { ...volume.metadata, annotations: { ...volume.metadata!.annotations, ...ours } },
      spec: { ...volume.spec, claimRef },
    });
  }

  async #syncVolume(client: Client, volume: PersistentVolume): Promise<void> {
    const ref = volume.spec!.claimRef;
    if (!ref?.uid) {
      await this.#setVolumeStatus(client, volume, 'Available');
      return;
    }
    const claim =
      this.#claims.get(`${ref.namespace}/${ref.name}`) ?? (await this.#liveClaim(client, ref.namespace!, ref.name!));
    if (claim?.metadata!.uid !== ref.uid) return this.#release(client, volume);
    if (claim.spec!.volumeName === volume.metadata!.name) {
      await this.#setVolumeStatus(client, volume, 'Bound');
    } else if (!claim.spec!.volumeName) this.#reconnect(volume, claim);
    else if (
      volume.metadata!.annotations?.[provisionedByAnnotation] &&
      volume.spec!.persistentVolumeReclaimPolicy === 'Delete'
    ) {
      // It was made for this claim, which has found another: nobody is ever going to want it.
      await this.#release(client, volume);
    } else await this.#unbind(client, volume);
  }

  /** The volume is bound and its claim does not know it yet. */
  #reconnect(volume: PersistentVolume, claim: PersistentVolumeClaim): void {
    if (sameVolumeMode(volume, claim)) return this.enqueue(`claim/${keyOf(claim)}`, volume);
    const { name } = volume.metadata!;
    this.#sayOfVolume(
      volume,
      'VolumeMismatch',
      `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${claim.metadata!.name}" due to incompatible volumeMode.`,
    );
    this.#say(
      claim,
      'Warning',
      'VolumeMismatch',
      `Cannot bind PersistentVolume "${name}" to requested PersistentVolumeClaim due to incompatible volumeMode.`,
    );
  }

  async #liveVolume(client: Client, name: string): Promise<PersistentVolume | undefined> {
    const { items } = await client
      .of(resources.persistentVolumes)
      .list('', { fieldSelector: `metadata.name=${name}` });
    return items[0];
  }

  /** The cache may be behind; a volume must not be let go because of that. */
  async #liveClaim(client: Client, namespace: string, name: string): Promise<PersistentVolumeClaim | undefined> {
    const { items } = await client
      .of(resources.persistentVolumeClaims)
      .list(namespace, { fieldSelector: `metadata.name=${name}` });
    return items[0];
  }

  async #release(client: Client, volume: PersistentVolume): Promise<void> {
    // What went wrong stays to be seen, while it is tried again.
    const released = volume.status?.phase === 'Failed' ? volume : await this.#setVolumeStatus(client, volume, 'Released');
    if (released.spec!.persistentVolumeReclaimPolicy === 'Recycle') {
      if (this.#isStillUsed(released)) return this.queue.addAfter(`volume/${released.metadata!.name}`, resync);
      if (isRecyclable(released)) return this.#recycle(client, released);
    }
    const failure = reclaimFailure(released);
    if (failure) await this.#fail(client, released, failure.reason, failure.message);
  }

  /** Said once, however often it is tried. Mirrors updateVolumePhaseWithEvent. */
  async #fail(client: Client, volume: PersistentVolume, reason: string, message: string): Promise<void> {
    if (volume.status?.phase === 'Failed') return;
    await this.#setVolumeStatus(client, volume, 'Failed', message);
    this.#sayOfVolume(volume, reason, message);
  }

  /** Whether pods have a volume whose claim is gone; then it says so. */
  #isStillUsed(volume: PersistentVolume): boolean {
    const { namespace, name } = volume.spec!.claimRef!;
    const key = `${namespace}/${name}`;
    const users = podsOfClaim(this.#pods, key).filter((pod) => !isPodFinished(pod));
    // A claim of that name is a new one, with another volume.
    if (users.length === 0 || this.#claims.get(key)) return false;
    this.#sayOfVolume(volume, 'VolumeFailedRecycle', `Volume is used by pods: ${users.map(keyOf).join(',')}`, 'Normal');
    return true;
  }

  /** Has a pod empty the volume; then anybody may claim it again. Mirrors pv_controller.go (recycleVolumeOperation). */
  async #recycle(client: Client, volume: PersistentVolume): Promise<void> {
    const name = volume.metadata!.name!;
    const pods = client.of(resources.pods);
    const pod = this.#pods.get(recyclerKey(name));
    if (!pod) {
      const wait = (this.#recycleAgain.get(name) ?? 0) - this.clock.monotonic();
      if (wait > 0) return this.queue.addAfter(`volume/${name}`, wait);
      this.#recycleAgain.delete(name);
      // The cache may be behind, and an emptied volume may be somebody's already.
      const live = await this.#liveVolume(client, name);
      const stillReleased = ['Released', 'Failed'].includes(live?.status?.phase ?? '') && live!.spec!.claimRef?.uid === volume.spec!.claimRef!.uid;
      return stillReleased ? created(pods.create(recyclerPod(volume))) : undefined;
    }
    const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (pod.metadata!.deletionTimestamp || (!ended && recyclesClaimOf(pod, volume))) return;
    // First what came of it, then the pod that tells of it: whoever is interrupted in between finds it again.
    if (pod.status?.phase === 'Succeeded' && recyclesClaimOf(pod, volume)) {
      await this.#unbind(client, volume);
      this.#sayOfVolume(volume, 'VolumeRecycled', 'Volume recycled', 'Normal');
    } else if (ended && recyclesClaimOf(pod, volume)) {
      const message = `Recycle failed: failed to recycle volume: ${pod.status?.message || 'pod failed, pod.Status.Message unknown'}`;
      await this.#fail(client, volume, 'VolumeFailedRecycle', message);
      this.#recycleAgain.set(name, this.clock.monotonic() + resync);
    }
    await pods.delete(pod.metadata!.namespace!, pod.metadata!.name!, { preconditions: { uid: pod.metadata!.uid } });
  }

  /** The claim has another volume. A user's reservation stays, ours goes. */
  async #unbind(client: Client, volume: PersistentVolume): Promise<void> {
    const { [boundByControllerAnnotation]: ours, ...annotations } = volume.metadata!.annotations ?? {};
    const { uid: _, resourceVersion: __, ...reservation } = volume.spec!.claimRef!;
    const updated = await client.of(resources.persistentVolumes).update({
      ...volume,
      metadata: { ...volume.metadata, annotations },
      spec: { ...volume.spec, claimRef: ours ? undefined : reservation },
    });
    await this.#setVolumeStatus(client, updated, 'Available');
  }

  async #setVolumeStatus(
    client: Client,
    volume: PersistentVolume,
    phase: string,
    message?: string,
  ): Promise<PersistentVolume> {
    if (volume.status?.phase === phase && (volume.status.message ?? '') === (message ?? '')) return volume;
    const status = { ...volume.status, phase, message };
    return client.of(resources.persistentVolumes).updateStatus({ ...volume, status });
  }

  async #setClaimStatus(
    client: Client,
    claim: PersistentVolumeClaim,
    status: PersistentVolumeClaim['status'],
  ): Promise<void> {
    if (equalJson(claim.status ?? {}, status)) return;
    await client.of(resources.persistentVolumeClaims).updateStatus({ ...claim, status });
  }

  #say(claim: PersistentVolumeClaim, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.recorder.event({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim }, type, reason, message);
  }

  #sayOfVolume(volume: PersistentVolume, reason: string, message: string, type: 'Normal' | 'Warning' = 'Warning'): void {
    this.recorder.event({ apiVersion: 'v1', kind: 'PersistentVolume', ...volume }, type, reason, message);
  }
}

type ClaimStatus = NonNullable<PersistentVolumeClaim['status']>;

function withoutVolume(claim: PersistentVolumeClaim, phase: string): ClaimStatus {
  const { accessModes: _, capacity: __, currentVolumeAttributesClassName: ___, ...rest } = claim.status ?? {};
  return { ...rest, phase };
}

/**
 * What a claim takes over from its volume. The capacity only when it becomes bound: afterwards whoever expands the
 * volume says how much of it can be used, and whoever modifies it which attributes it has.
 */
function boundStatus(claim: PersistentVolumeClaim, volume: PersistentVolume): ClaimStatus {
  const { status = {} } = claim;
  const { accessModes, capacity, volumeAttributesClassName } = volume.spec!;
  const next: ClaimStatus = { ...status, phase: 'Bound', accessModes };
  if (status.phase !== 'Bound') next.capacity = { storage: capacity!.storage! };
  if ((status.phase ?? 'Pending') === 'Pending' && volumeAttributesClassName !== undefined)
    next.currentVolumeAttributesClassName = volumeAttributesClassName;
  return next;
}

/** Why a released volume cannot be given back by this controller; undefined: it stays, or its provisioner removes it. */
function reclaimFailure(volume: PersistentVolume): { reason: string; message: string } | undefined {
  const { metadata, spec } = volume;
  switch (spec!.persistentVolumeReclaimPolicy) {
    case 'Recycle':
      return { reason: 'VolumeFailedRecycle', message: 'No recycler plugin found for the volume!' };
    case 'Delete': {
      if (spec!.csi || metadata!.annotations?.[provisionedByAnnotation]) return undefined;
      const path = spec!.hostPath?.path;
      // Of directories of the machine upstream's deleter takes away only such (pkg/volume/hostpath/host_path.go); here none goes.
      if (path !== undefined && !/^\/tmp\/.+/.test(path))
        return { reason: 'VolumeFailedDelete', message: `host_path deleter only supports /tmp/.+ but received provided ${path}` };
      const problem = path !== undefined || spec!.nfs ? 'no deletable volume plugin matched' : 'no volume plugin matched';
      const message = `error getting deleter volume plugin for volume "${metadata!.name}": ${problem}`;
      return { reason: 'VolumeFailedDelete', message };
    }
    default:
      return undefined;
  }
}

/** Mirrors pv_controller.go (checkVolumeSatisfyClaim). */
function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (volume.metadata!.deletionTimestamp) return `the volume is marked for deletion "${volume.metadata!.name}"`;
  if (volumeSize(volume).cmp(requestedSize(claim)) < 0) return 'requested PV is too small';
  if (volumeClass(volume) !== claimClass(claim)) return 'storageClassName does not match';
  if (!sameAttributesClass(volume, claim)) return 'volumeAttributesClassName does not match';
  if (!sameVolumeMode(volume, claim)) return 'incompatible volumeMode';
  return hasAccessModes(volume, claim) ? undefined : 'incompatible accessMode';
}
