import type { PersistentVolume, PersistentVolumeClaim, StorageClass, VolumeAttributesClass } from '../api/index.ts';
import { engineVolumeDriver as driver, engineVolumeProvisioner as provisioner } from '../api/engineVolumes.ts';
import { keyOf } from '../api/meta.ts';
import {
  betaProvisionerAnnotation,
  claimClass,
  provisionedByAnnotation,
  provisionerAnnotation,
  requestedSize,
  selectedNodeAnnotation,
  volumeSize,
} from '../api/persistentVolumes.ts';
import { parseQuantity, type Quantity } from '../api/quantity.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../api/status.ts';
import { isSnapshotReady, snapshotGroup, type VolumeSnapshot, type VolumeSnapshotContent } from '../api/volumeSnapshots.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext, type EngineVolumes } from './controller.ts';
import { setFinalizers } from './finalizers.ts';
import { volumeSnapshotContents, volumeSnapshots } from './volumeSnapshot/kinds.ts';

const finalizer = 'external-provisioner.volume.kubernetes.io/finalizer';
/** On a claim as long as a volume is made for it that no object tells of: it must not go before what was made is accounted for. */
const makingFinalizer = 'skiff.dev/volume-in-the-making';
const provisionerAnnotations = [provisionerAnnotation, betaProvisionerAnnotation];

/** How long a released volume may still be in use before somebody is told. */
const patience = 30_000;
const retryInUse = 1000;
const retryFailed = 15_000;

/**
 * Gives each claim of a class of ours a named volume of the engine, and removes the volume with its data once the claim
 * is gone. The engine's volume is made before the object that tells of it, so that a volume that can be bound can be
 * mounted. Mirrors sig-storage-lib-external-provisioner/controller/controller.go.
 */
export class VolumeProvisioner extends QueueController {
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;
  readonly #attributesClasses: Informer<VolumeAttributesClass>;
  readonly #snapshots: Informer<VolumeSnapshot>;
  readonly #contents: Informer<VolumeSnapshotContent>;
  readonly #engine: EngineVolumes | undefined;
  /** Volumes that are made for claims, or were when the engine last ended, and that no object tells of yet: by the claims' keys. */
  readonly #making = new Map<string, string>();

  constructor(context: ControllerContext) {
    super(context, 'skiff-volume-provisioner');
    this.#engine = context.volumes;
    this.#claims = context.informers.informer(resources.persistentVolumeClaims);
    this.#volumes = context.informers.informer(resources.persistentVolumes);
    this.#classes = context.informers.informer(resources.storageClasses);
    this.#attributesClasses = context.informers.informer(resources.volumeAttributesClasses);
    this.#snapshots = context.informers.informer(volumeSnapshots);
    this.#contents = context.informers.informer(volumeSnapshotContents);
    const claimChanged = (claim: PersistentVolumeClaim) => this.enqueue(`claim/${keyOf(claim)}`, claim);
    const claimCame = (claim: PersistentVolumeClaim) => {
      // It may be on its way out before it is looked at, with a volume that was half made.
      if (isForUs(claim) && !claim.spec!.volumeName) this.#making.set(keyOf(claim), volumeName(claim));
      claimChanged(claim);
    };
    this.#claims.on({ add: claimCame, update: (_, claim) => claimChanged(claim), delete: claimChanged });
    // A claim can wait for the snapshot that it is made of.
    const snapshotChanged = (snapshot: VolumeSnapshot) => {
      if (!isSnapshotReady(snapshot)) return;
      for (const claim of this.#claims.list(snapshot.metadata!.namespace))
        if (!claim.spec!.volumeName && claim.spec!.dataSource?.kind === 'VolumeSnapshot' && claim.spec!.dataSource.name === snapshot.metadata!.name) claimChanged(claim);
    };
    this.#snapshots.on({ add: snapshotChanged, update: (_, snapshot) => snapshotChanged(snapshot) });
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
    else await this.#forget(key.slice('claim/'.length));
  }

  async #syncClaim(client: Client, claim: PersistentVolumeClaim): Promise<void> {
    const { annotations, deletionTimestamp } = claim.metadata!;
    // From now on an object tells of the volume, and what becomes of the one becomes of the other.
    const isMade = this.#volumes.get(volumeName(claim)) !== undefined || claim.spec!.volumeName === volumeName(claim);
    if (isMade) this.#making.delete(keyOf(claim));
    // The binder is at work on it: whoever writes in between only makes it begin again.
    if (isMade && !deletionTimestamp && claim.status?.phase !== 'Bound') return;
    // Its volume is there, or nobody wants one any more.
    if (isMade || claim.spec!.volumeName || deletionTimestamp) return this.#letGo(client, claim);
    if (!isForUs(claim)) return;
    const storageClass = this.#classes.get(claimClass(claim));
    if (storageClass?.provisioner !== provisioner) return;
    if (storageClass.volumeBindingMode === 'WaitForFirstConsumer' && !annotations?.[selectedNodeAnnotation]) return;
    await this.#provision(client, claim, storageClass);
  }

  async #provision(client: Client, claim: PersistentVolumeClaim, storageClass: StorageClass): Promise<void> {
    if (isPopulated(claim)) return this.#say(claim, 'Normal', 'Provisioning', 'Assuming an external populator will provision the volume');
    this.#say(claim, 'Normal', 'Provisioning', `External provisioner is provisioning volume for claim "${keyOf(claim)}"`);
    const volume = volumeFor(claim, storageClass);
    try {
      refuseUnsupported(claim);
      this.#checkAttributesClass(claim);
      await this.#makeVolume(client, claim, volume);
    } catch (error) {
      const { name } = storageClass.metadata!;
      const message = `failed to provision volume with StorageClass "${name}": ${(error as Error).message}`;
      // Somebody else has written to the claim: it comes again as it is now.
      if (isConflict(error)) throw error;
      this.#say(claim, 'Warning', 'ProvisioningFailed', message);
      if (error instanceof Unsupported) return;
      throw error;
    }
    try {
      await client.of(resources.persistentVolumes).create(volume);
    } catch (error) {
      if (isAlreadyExists(error)) return void this.#making.delete(keyOf(claim));
      const message = `Error saving provisioned volume: ${(error as Error).message}`;
      this.#say(claim, 'Warning', 'ProvisioningFailed', message);
      throw error;
    }
    this.#making.delete(keyOf(claim));
    this.#say(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volume.metadata!.name}`);
  }

  #checkAttributesClass({ spec }: PersistentVolumeClaim): void {
    const name = spec!.volumeAttributesClassName;
    if (!name) return;
    const found = this.#attributesClasses.get(name);
    if (!found) throw new Error(`volumeattributesclass.storage.k8s.io "${name}" not found`);
    if (found.driverName !== driver)
      throw new Unsupported(`VAC driver name ${found.driverName} does not match the driver of the volume ${driver}`);
  }

  /** As long as there is no PersistentVolume nobody has written to the volume: what an interrupted try has left is taken up. */
  async #makeVolume(client: Client, claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    if (!this.#engine) throw new Error('no node is running that could make the volume');
    const { volumeHandle, volumeAttributes } = volume.spec!.csi!;
    const source = this.#sourceOf(claim);
    const key = keyOf(claim);
    if (this.#making.has(key) && this.#making.get(key) !== volumeHandle) await this.#forget(key);
    this.#making.set(key, volumeHandle);
    await setFinalizers(client, resources.persistentVolumeClaims, claim, { add: [makingFinalizer] });
    // Nothing of a copy that was cut short may be left under a whole one.
    if (source) await this.#engine.removeVolume(volumeHandle);
    // Whoever a container runs as can write, as in the volumes of most provisioners for one machine.
    await this.#engine.createVolume(volumeHandle, volumeAttributes!, { mode: 0o777 });
    if (source) await this.#engine.copyVolume(source, volumeHandle);
  }

  /** The engine's volume with what the new one is to hold; undefined: nothing. Throws while it is not there. */
  #sourceOf({ spec, metadata }: PersistentVolumeClaim): string | undefined {
    const { dataSourceRef: ref = spec!.dataSource } = spec!;
    if (!ref) return undefined;
    if (ref.apiGroup === snapshotGroup && ref.kind === 'VolumeSnapshot') return this.#snapshotSource(metadata!.namespace!, ref.name, requestedSize({ spec }));
    const about = `error getting handle for DataSource Type PersistentVolumeClaim by Name ${ref.name}`;
    const source = this.#claims.get(`${metadata!.namespace}/${ref.name}`);
    if (!source) throw new Error(`${about}: error getting PVC ${ref.name} (namespace "${metadata!.namespace}") from api server: not found`);
    if (source.metadata!.deletionTimestamp) throw new Error(`${about}: the PVC ${ref.name} is being deleted`);
    const volume = source.status?.phase === 'Bound' ? this.#volumes.get(source.spec!.volumeName!) : undefined;
    if (!volume) throw new Error(`${about}: the PVC ${ref.name} is not bound`);
    if (volume.spec!.csi?.driver !== driver) throw new Unsupported(`${about}: the source PVC ${ref.name} is of another driver`);
    if (volumeSize(volume).cmp(requestedSize({ spec })) > 0) throw new Unsupported(`${about}: new PVC request must be greater than or equal in size to the specified PVC data source`);
    return volume.spec!.csi.volumeHandle;
  }

  #snapshotSource(namespace: string, name: string, wanted: Quantity): string {
    const about = `error getting handle for DataSource Type VolumeSnapshot by Name ${name}`;
    const snapshot = this.#snapshots.get(`${namespace}/${name}`);
    if (!snapshot) throw new Error(`${about}: error getting snapshot ${name} from api server: not found`);
    if (snapshot.metadata!.deletionTimestamp) throw new Error(`${about}: snapshot ${name} is currently being deleted`);
    const content = isSnapshotReady(snapshot) ? this.#contents.get(snapshot.status!.boundVolumeSnapshotContentName!) : undefined;
    if (!content?.status?.snapshotHandle) throw new Error(`${about}: snapshot ${name} is not Ready`);
    if (content.spec!.driver !== driver) throw new Unsupported(`${about}: snapshot ${name} is of another driver`);
    const { restoreSize } = snapshot.status!;
    if (restoreSize && parseQuantity(restoreSize).cmp(wanted) > 0) throw new Unsupported(`requested volume size ${wanted.toString()} is less than the size ${restoreSize} for the source snapshot ${name}`);
    return content.status.snapshotHandle;
  }

  /** The claim may go, for all that was made for it: that is told of by now, or removed. */
  async #letGo(client: Client, claim: PersistentVolumeClaim): Promise<void> {
    if (!claim.metadata!.finalizers?.includes(makingFinalizer)) return;
    await this.#forget(keyOf(claim));
    await setFinalizers(client, resources.persistentVolumeClaims, claim, { remove: [makingFinalizer] });
  }

  /** A claim that went while its volume was made: nobody else would remove it. */
  async #forget(claimKey: string): Promise<void> {
    const handle = this.#making.get(claimKey);
    if (!handle) return;
    if (!this.#volumes.get(handle)) await this.#engine?.removeVolume(handle);
    this.#making.delete(claimKey);
  }

  async #syncVolume(client: Client, volume: PersistentVolume): Promise<void> {
    const { deletionTimestamp, finalizers } = volume.metadata!;
    const phase = volume.status?.phase;
    if (volume.spec!.persistentVolumeReclaimPolicy !== 'Delete') {
      // Its data stays, whatever becomes of the object.
      if (finalizers?.includes(finalizer)) await this.#dropFinalizer(client, volume);
    } else if (!deletionTimestamp && !finalizers?.includes(finalizer)) {
      // It was to be kept until now: from now on the object must not go before its data.
      await setFinalizers(client, resources.persistentVolumes, volume, { add: [finalizer] });
    } else if (deletionTimestamp ? finalizers?.includes(finalizer) && phase !== 'Bound' : phase === 'Released')
      await this.#delete(client, volume);
  }

  /** The data first: as long as it is there, the object tells of it. */
  async #delete(client: Client, volume: PersistentVolume): Promise<void> {
    const { name, uid, deletionTimestamp } = volume.metadata!;
    try {
      if (!this.#engine) throw new Error('no node is running that could remove the volume');
      await this.#engine.removeVolume(volume.spec!.csi!.volumeHandle);
    } catch (error) {
      if ((error as { code?: string }).code === 'conflict' && !this.#isOverdue(volume)) {
        // The containers of the last pod are on their way out.
        return this.queue.addAfter(`volume/${name}`, retryInUse);
      }
      this.recorder.event(
        { apiVersion: 'v1', kind: 'PersistentVolume', ...volume },
        'Warning',
        'VolumeFailedDelete',
        (error as Error).message,
      );
      this.queue.addAfter(`volume/${name}`, retryFailed);
      return;
    }
    if (deletionTimestamp) return this.#dropFinalizer(client, volume);
    try {
      await client.of(resources.persistentVolumes).delete('', name!, { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #isOverdue({ status, metadata }: PersistentVolume): boolean {
    const since = metadata!.deletionTimestamp ?? status?.lastPhaseTransitionTime;
    return since !== undefined && this.clock.now() - Date.parse(since) > patience;
  }

  /** The volume's data is gone, or nobody's business: the object may go. */
  async #dropFinalizer(client: Client, volume: PersistentVolume): Promise<void> {
    await setFinalizers(client, resources.persistentVolumes, volume, { remove: [finalizer] });
  }

  #say(claim: PersistentVolumeClaim, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.recorder.event({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim }, type, reason, message);
  }
}

/** The engine has no such volumes: trying again helps nobody. */
class Unsupported extends Error {}

/** Whether somebody else fills the volume of a claim, and brings it with its content (external-provisioner: pkg/controller/controller.go). */
function isPopulated({ spec }: PersistentVolumeClaim): boolean {
  const { dataSourceRef: ref = spec!.dataSource } = spec!;
  if (!ref) return false;
  const isSnapshot = ref.apiGroup === snapshotGroup && ref.kind === 'VolumeSnapshot';
  return !isSnapshot && (Boolean(ref.apiGroup) || ref.kind !== 'PersistentVolumeClaim');
}

function refuseUnsupported(claim: PersistentVolumeClaim): void {
  const { selector, volumeMode } = claim.spec!;
  if (selector) throw new Unsupported('claim Selector is not supported');
  if (volumeMode === 'Block') throw new Unsupported('volumes of mode Block are not supported');
}

const isForUs = ({ metadata }: PersistentVolumeClaim) => provisionerAnnotations.some((name) => metadata!.annotations?.[name] === provisioner);

const volumeName = ({ metadata }: PersistentVolumeClaim) => `pvc-${metadata!.uid}`;

function volumeFor(claim: PersistentVolumeClaim, storageClass: StorageClass): PersistentVolume {
  const { namespace, name: claimName, uid, resourceVersion } = claim.metadata!;
  const name = volumeName(claim);
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
      ...(claim.spec!.volumeAttributesClassName ? { volumeAttributesClassName: claim.spec!.volumeAttributesClassName } : {}),
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
