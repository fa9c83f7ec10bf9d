import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { keyOf } from '../api/meta.ts';
import { parseQuantity } from '../api/quantity.ts';
import {
  bindCompletedAnnotation,
  boundByControllerAnnotation,
  claimClass,
  findMatchingVolume,
  isVolumeBoundToClaim,
  selectedNodeAnnotation,
  volumeClass,
} from '../api/persistentVolumes.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';

const provisionerAnnotation = 'volume.kubernetes.io/storage-provisioner';
const provisionedByAnnotation = 'pv.kubernetes.io/provisioned-by';
const resync = 15_000;

/** Brings claims and volumes together, and lets go volumes whose claim is gone. Mirrors pkg/controller/volume/persistentvolume. */
export class PersistentVolumeBinder extends QueueController {
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;

  constructor(context: ControllerContext) {
    // One worker: two claims that are looked at together could take the same volume.
    super(context, 'persistent-volume-binder', 1);
    this.#claims = context.informers.informer(resources.persistentVolumeClaims);
    this.#volumes = context.informers.informer(resources.persistentVolumes);
    this.#classes = context.informers.informer(resources.storageClasses);
    const claimChanged = (claim: PersistentVolumeClaim) => this.enqueue(`claim/${keyOf(claim)}`, claim);
    this.#claims.on({
      add: claimChanged,
      update: (_, claim) => claimChanged(claim),
      delete: (claim) => {
        if (claim.spec?.volumeName) this.enqueue(`volume/${claim.spec.volumeName}`, claim);
      },
    });
    const volumeChanged = (volume: PersistentVolume) => {
      this.enqueue(`volume/${volume.metadata!.name}`, volume);
      const ref = volume.spec?.claimRef;
      if (ref) this.enqueue(`claim/${ref.namespace}/${ref.name}`, volume);
      else this.#wakeWaiting(volume);
    };
    this.#volumes.on({
      add: volumeChanged,
      update: (_, volume) => volumeChanged(volume),
      delete: (volume) => {
        const ref = volume.spec?.claimRef;
        if (ref) this.enqueue(`claim/${ref.namespace}/${ref.name}`, volume);
      },
    });
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
    if (claim.spec!.volumeName) return this.#syncRequestedVolume(client, claim);
    const storageClass = this.#classes.get(claimClass(claim));
    const delayed =
      storageClass?.volumeBindingMode === 'WaitForFirstConsumer' &&
      !claim.metadata!.annotations?.[selectedNodeAnnotation];
    const volume = findMatchingVolume(claim, this.#volumes.list(), { delayBinding: delayed });
    if (volume) return this.#bind(client, volume, claim);
    await this.#setClaimStatus(client, claim, { phase: 'Pending' });
    if (delayed)
      this.#say(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
    else if (claimClass(claim)) await this.#provision(client, claim, storageClass);
    else {
      const message = 'no persistent volumes available for this claim and no storage class is set';
      this.#say(claim, 'Normal', 'FailedBinding', message);
    }
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
    const { provisioner } = storageClass;
    if (provisioner === 'kubernetes.io/no-provisioner') return;
    const { namespace, name, annotations } = claim.metadata!;
    if (annotations?.[provisionerAnnotation] !== provisioner) {
      const patch = { metadata: { annotations: { [provisionerAnnotation]: provisioner } } };
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
    if (volume && (!volume.spec!.claimRef || isVolumeBoundToClaim(volume, claim))) {
      const problem = mismatch(volume, claim);
      if (!problem) return this.#bind(client, volume, claim);
      this.#say(
        claim,
        'Warning',
        'VolumeMismatch',
        `Cannot bind to requested volume "${volume.metadata!.name}": ${problem}`,
      );
    } else if (volume) {
      const message = `volume "${volume.metadata!.name}" already bound to a different claim.`;
      this.#say(claim, 'Warning', 'FailedBinding', message);
    }
    await this.#setClaimStatus(client, claim, { phase: 'Pending' });
  }

  async #syncBoundClaim(client: Client, claim: PersistentVolumeClaim): Promise<void> {
    const lost = async (reason: string, message: string) => {
      if (claim.status?.phase !== 'Lost') this.#say(claim, 'Warning', reason, message);
      await this.#setClaimStatus(client, claim, { ...claim.status, phase: 'Lost' });
    };
    if (!claim.spec!.volumeName) {
      return lost('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
    }
    const volume = this.#volumes.get(claim.spec!.volumeName);
    if (!volume) return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
    const ref = volume.spec!.claimRef;
    if (ref && ref.uid && ref.uid !== claim.metadata!.uid) {
      return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
    }
    await this.#bind(client, volume, claim);
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
    await this.#setClaimStatus(client, pointed, {
      ...pointed.status,
      phase: 'Bound',
      accessModes: bound.spec!.accessModes,
      capacity: { storage: bound.spec!.capacity!.storage! },
    });
  }

  async #pointVolume(
    client: Client,
    volume: PersistentVolume,
    claim: PersistentVolumeClaim,
  ): Promise<PersistentVolume> {
    const { namespace, name, uid, resourceVersion } = claim.metadata!;
    const current = volume.spec!.claimRef;
    if (current?.uid === uid) return volume;
    const ours: Record<string, string> = current ? {} : { [boundByControllerAnnotation]: 'yes' };
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
    } else if (!claim.spec!.volumeName) this.enqueue(`claim/${keyOf(claim)}`, volume);
    else await this.#unbind(client, volume);
  }

  /** The cache may be behind; a volume must not be let go because of that. */
  async #liveClaim(client: Client, namespace: string, name: string): Promise<PersistentVolumeClaim | undefined> {
    const { items } = await client
      .of(resources.persistentVolumeClaims)
      .list(namespace, { fieldSelector: `metadata.name=${name}` });
    return items[0];
  }

  async #release(client: Client, volume: PersistentVolume): Promise<void> {
    const { name, annotations } = volume.metadata!;
    if (volume.status?.phase === 'Failed') return;
    const released = await this.#setVolumeStatus(client, volume, 'Released');
    // Retain: the data stays for somebody to look after. Delete: whoever provisioned the volume deletes it.
    if (volume.spec!.persistentVolumeReclaimPolicy !== 'Delete' || annotations?.[provisionedByAnnotation]) return;
    const message = `error getting deleter volume plugin for volume "${name}": no deletable volume plugin matched`;
    await this.#setVolumeStatus(client, released, 'Failed', message);
    const about = { apiVersion: 'v1', kind: 'PersistentVolume', ...volume };
    this.recorder.event(about, 'Warning', 'VolumeFailedDelete', message);
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
    if (status?.phase === 'Pending') this.queue.addAfter(`claim/${keyOf(claim)}`, resync);
  }

  #say(claim: PersistentVolumeClaim, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.recorder.event({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim }, type, reason, message);
  }
}

function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  const wanted = parseQuantity(claim.spec!.resources?.requests?.storage ?? '0');
  if (parseQuantity(volume.spec!.capacity?.storage ?? '0').cmp(wanted) < 0) return 'requested PV is too small';
  if (volumeClass(volume) !== claimClass(claim)) return 'storageClassName does not match';
  if ((volume.spec!.volumeMode ?? 'Filesystem') !== (claim.spec!.volumeMode ?? 'Filesystem'))
    return 'incompatible volumeMode';
  const modes = volume.spec!.accessModes ?? [];
  return (claim.spec!.accessModes ?? []).every((mode) => modes.includes(mode)) ? undefined : 'incompatible accessMode';
}
