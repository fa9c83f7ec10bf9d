import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../api/index.ts';
import { keyOf } from '../api/meta.ts';
import { claimClass, selectedNodeAnnotation } from '../api/persistentVolumes.ts';
import { isAlreadyExists, isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext, type VolumeDeleter } from './controller.ts';

/** What StorageClasses name to get their volumes from this controller. */
const provisioner = 'skiff.dev/docker-volume';
/** The csi driver of these volumes, which the kubelet knows as the engine's named volumes. */
const driver = 'volumes.skiff.dev';
const finalizer = 'external-provisioner.volume.kubernetes.io/finalizer';
const provisionerAnnotations = [
  'volume.kubernetes.io/storage-provisioner',
  'volume.beta.kubernetes.io/storage-provisioner',
];
const provisionedByAnnotation = 'pv.kubernetes.io/provisioned-by';

/**
 * Gives each claim of a class of ours a named volume of the engine, and removes the volume with its data once the claim
 * is gone. The volume itself comes into being when the first pod mounts it. Mirrors
 * sig-storage-lib-external-provisioner/controller/controller.go.
 */
export class VolumeProvisioner extends QueueController {
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;
  readonly #deleter: VolumeDeleter | undefined;

  constructor(context: ControllerContext) {
    super(context, 'skiff-volume-provisioner');
    this.#deleter = context.volumes;
    this.#claims = context.informers.informer(resources.persistentVolumeClaims);
    this.#volumes = context.informers.informer(resources.persistentVolumes);
    this.#classes = context.informers.informer(resources.storageClasses);
    const claimChanged = (claim: PersistentVolumeClaim) => this.enqueue(`claim/${keyOf(claim)}`, claim);
    this.#claims.on({ add: claimChanged, update: (_, claim) => claimChanged(claim) });
    const volumeChanged = (volume: PersistentVolume) => this.enqueue(`volume/${keyOf(volume)}`, volume);
    this.#volumes.on({ add: volumeChanged, update: (_, volume) => volumeChanged(volume) });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    if (key.startsWith('volume/')) {
      const volume = this.#volumes.get(key.slice('volume/'.length));
      if (volume && isOurs(volume)) await this.#syncVolume(client, volume);
      return;
    }
    const claim = this.#claims.get(key.slice('claim/'.length));
    if (claim) await this.#syncClaim(client, claim);
  }

  async #syncClaim(client: Client, claim: PersistentVolumeClaim): Promise<void> {
    const { annotations, deletionTimestamp, uid } = claim.metadata!;
    if (claim.spec!.volumeName || deletionTimestamp) return;
    if (!provisionerAnnotations.some((name) => annotations?.[name] === provisioner)) return;
    const storageClass = this.#classes.get(claimClass(claim));
    if (storageClass?.provisioner !== provisioner || this.#volumes.get(`pvc-${uid}`)) return;
    if (storageClass.volumeBindingMode === 'WaitForFirstConsumer' && !annotations?.[selectedNodeAnnotation]) return;
    await this.#provision(client, claim, storageClass);
  }

  async #provision(client: Client, claim: PersistentVolumeClaim, storageClass: StorageClass): Promise<void> {
    this.#say(claim, 'Normal', 'Provisioning', `External provisioner is provisioning volume for claim "${keyOf(claim)}"`);
    const problem = unsupported(claim);
    if (problem) {
      const message = `failed to provision volume with StorageClass "${storageClass.metadata!.name}": ${problem}`;
      return this.#say(claim, 'Warning', 'ProvisioningFailed', message);
    }
    const volume = volumeFor(claim, storageClass);
    try {
      await client.of(resources.persistentVolumes).create(volume);
    } catch (error) {
      if (isAlreadyExists(error)) return;
      const message = `Error saving provisioned volume: ${(error as Error).message}`;
      this.#say(claim, 'Warning', 'ProvisioningFailed', message);
      throw error;
    }
    this.#say(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volume.metadata!.name}`);
  }

  async #syncVolume(client: Client, volume: PersistentVolume): Promise<void> {
    const { deletionTimestamp, finalizers } = volume.metadata!;
    const phase = volume.status?.phase;
    if (volume.spec!.persistentVolumeReclaimPolicy !== 'Delete') {
      // Its data stays, whatever becomes of the object.
      if (finalizers?.includes(finalizer)) await this.#dropFinalizer(client, volume);
    } else if (deletionTimestamp ? finalizers?.includes(finalizer) && phase !== 'Bound' : phase === 'Released')
      await this.#delete(client, volume);
  }

  /** The data first: as long as it is there, the object tells of it. */
  async #delete(client: Client, volume: PersistentVolume): Promise<void> {
    const { name, uid, deletionTimestamp } = volume.metadata!;
    try {
      if (!this.#deleter) throw new Error('no node is running that could remove the volume');
      await this.#deleter.removeVolume(volume.spec!.csi!.volumeHandle);
    } catch (error) {
      this.recorder.event(
        { apiVersion: 'v1', kind: 'PersistentVolume', ...volume },
        'Warning',
        'VolumeFailedDelete',
        (error as Error).message,
      );
      throw error;
    }
    if (deletionTimestamp) return this.#dropFinalizer(client, volume);
    try {
      await client.of(resources.persistentVolumes).delete('', name!, { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** The volume's data is gone, or nobody's business: the object may go. */
  async #dropFinalizer(client: Client, volume: PersistentVolume): Promise<void> {
    const { name, uid, resourceVersion, finalizers = [] } = volume.metadata!;
    const rest = finalizers.filter((other) => other !== finalizer);
    try {
      const patch = { metadata: { uid, resourceVersion, finalizers: rest } };
      await client.of(resources.persistentVolumes).patch('', name!, 'merge', patch);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #say(claim: PersistentVolumeClaim, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.recorder.event({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim }, type, reason, message);
  }
}

/** Why the engine has no such volume. */
function unsupported(claim: PersistentVolumeClaim): string | undefined {
  const { selector, volumeMode, dataSource, dataSourceRef } = claim.spec!;
  if (selector) return 'claim.Spec.Selector is not supported';
  if (volumeMode === 'Block') return 'volumes of mode Block are not supported';
  return dataSource || dataSourceRef ? 'volumes with a data source are not supported' : undefined;
}

function volumeFor(claim: PersistentVolumeClaim, storageClass: StorageClass): PersistentVolume {
  const { namespace, name: claimName, uid, resourceVersion } = claim.metadata!;
  const name = `pvc-${uid}`;
  const { reclaimPolicy = 'Delete' } = storageClass;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name,
      annotations: { [provisionedByAnnotation]: provisioner },
      ...(reclaimPolicy === 'Delete' ? { finalizers: [finalizer] } : {}),
    },
    spec: {
      capacity: { storage: claim.spec!.resources!.requests!.storage! },
      accessModes: claim.spec!.accessModes,
      volumeMode: 'Filesystem',
      persistentVolumeReclaimPolicy: reclaimPolicy,
      storageClassName: storageClass.metadata!.name,
      mountOptions: storageClass.mountOptions,
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: claimName, uid, resourceVersion },
      csi: {
        driver,
        volumeHandle: name,
        // They become the engine's labels of the volume.
        volumeAttributes: { 'dev.skiff.pvc.namespace': namespace!, 'dev.skiff.pvc.name': claimName! },
      },
    },
  };
}

function isOurs({ metadata, spec }: PersistentVolume): boolean {
  return metadata!.annotations?.[provisionedByAnnotation] === provisioner && spec!.csi?.driver === driver;
}
