import { engineVolumeDriver as driver } from '../../api/engineVolumes.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/index.ts';
import { keyOf, timestamp, type KubeObject } from '../../api/meta.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { isAlreadyExists, isNotFound } from '../../api/status.ts';
import { isDefaultSnapshotClass, type VolumeSnapshot, type VolumeSnapshotClass, type VolumeSnapshotContent } from '../../api/volumeSnapshots.ts';
import { resources, type Client, type Informer, type ResourceDef } from '../../client/index.ts';
import { QueueController, type ControllerContext, type EngineVolumes } from '../controller.ts';
import { volumeSnapshotClasses, volumeSnapshotContents, volumeSnapshots } from './kinds.ts';

const snapshotFinalizer = 'snapshot.storage.kubernetes.io/volumesnapshot-bound-protection';
const contentFinalizer = 'snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection';

/**
 * Takes snapshots of the engine's volumes: each is a volume of its own, a copy. A cluster without the kinds has none, and
 * this controller nothing to do. Mirrors kubernetes-csi/external-snapshotter (pkg/common-controller, pkg/sidecar-controller).
 */
export class VolumeSnapshotController extends QueueController {
  readonly #snapshots: Informer<VolumeSnapshot>;
  readonly #contents: Informer<VolumeSnapshotContent>;
  readonly #classes: Informer<VolumeSnapshotClass>;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #engine: EngineVolumes | undefined;

  constructor(context: ControllerContext) {
    super(context, 'snapshot-controller');
    const { informers } = context;
    this.#engine = context.volumes;
    this.#snapshots = informers.informer(volumeSnapshots);
    this.#contents = informers.informer(volumeSnapshotContents);
    this.#classes = informers.informer(volumeSnapshotClasses);
    this.#claims = informers.informer(resources.persistentVolumeClaims);
    this.#volumes = informers.informer(resources.persistentVolumes);
    const snapshotChanged = (snapshot: VolumeSnapshot) => this.enqueue(`snapshot/${keyOf(snapshot)}`, snapshot);
    this.#snapshots.on({
      add: snapshotChanged,
      update: (_, snapshot) => snapshotChanged(snapshot),
      delete: (snapshot) => {
        const content = snapshot.status?.boundVolumeSnapshotContentName;
        if (content) this.enqueue(`content/${content}`, snapshot);
      },
    });
    const contentChanged = (content: VolumeSnapshotContent) => {
      this.enqueue(`content/${content.metadata!.name}`, content);
      const { namespace, name } = content.spec?.volumeSnapshotRef ?? {};
      if (name) this.enqueue(`snapshot/${namespace}/${name}`, content);
    };
    this.#contents.on({ add: contentChanged, update: (_, content) => contentChanged(content), delete: contentChanged });
    // A snapshot can wait for its claim to be bound.
    this.#claims.on({
      update: (_, claim) => {
        if (claim.status?.phase !== 'Bound') return;
        const { namespace, name } = claim.metadata!;
        for (const snapshot of this.#snapshots.list(namespace))
          if (!snapshot.status?.readyToUse && snapshot.spec?.source.persistentVolumeClaimName === name) snapshotChanged(snapshot);
      },
    });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    if (key.startsWith('content/')) {
      const content = this.#contents.get(key.slice('content/'.length));
      if (content?.spec?.driver === driver) await this.#syncContent(client, content);
      return;
    }
    const snapshot = this.#snapshots.get(key.slice('snapshot/'.length));
    if (!snapshot) return;
    if (snapshot.metadata!.deletionTimestamp) await this.#deleteSnapshot(client, snapshot);
    else await this.#syncSnapshot(client, snapshot);
  }

  async #syncSnapshot(client: Client, snapshot: VolumeSnapshot): Promise<void> {
    const { persistentVolumeClaimName: claim, volumeSnapshotContentName: given } = snapshot.spec!.source;
    const content = given ? this.#contents.get(given) : this.#contents.get(contentName(snapshot));
    if (content) return this.#follow(client, snapshot, content);
    if (given) return this.#fail(client, snapshot, 'SnapshotContentMissing', `VolumeSnapshotContent is missing`);
    if (claim) await this.#begin(client, snapshot, claim);
  }

  /** Makes the content that stands for the data; the snapshot is protected first, so that neither is ever without the other. */
  async #begin(client: Client, snapshot: VolumeSnapshot, claimName: string): Promise<void> {
    const { namespace, name } = snapshot.metadata!;
    const refuse = (problem: string) =>
      this.#fail(client, snapshot, 'SnapshotContentCreationFailed', `Failed to create snapshot content with error ${problem}`);
    const snapshotClass = this.#classOf(snapshot);
    if (typeof snapshotClass === 'string') return refuse(`snapshot controller failed to update ${name} on API server: ${snapshotClass}`);
    if (snapshotClass.driver !== driver) return;
    const claim = this.#claims.get(`${namespace}/${claimName}`);
    if (!claim) return refuse(`snapshot controller failed to update ${name} on API server: cannot get claim from snapshot`);
    const volume = claim.status?.phase === 'Bound' ? this.#volumes.get(claim.spec!.volumeName!) : undefined;
    if (!volume) return refuse(`the PVC ${claimName} is not yet bound to a PV, will not attempt to take a snapshot`);
    if (volume.spec!.csi?.driver !== driver) return refuse(`the PVC ${claimName} is not of the driver ${driver}`);
    await this.#addFinalizer(client, volumeSnapshots, snapshot, snapshotFinalizer);
    const { uid } = snapshot.metadata!;
    try {
      await client.of(volumeSnapshotContents).create({
        apiVersion: 'snapshot.storage.k8s.io/v1',
        kind: 'VolumeSnapshotContent',
        metadata: { name: contentName(snapshot), finalizers: [contentFinalizer] },
        spec: {
          volumeSnapshotRef: { apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshot', namespace, name, uid },
          deletionPolicy: snapshotClass.deletionPolicy,
          driver,
          volumeSnapshotClassName: snapshotClass.metadata!.name,
          source: { volumeHandle: volume.spec!.csi.volumeHandle },
          sourceVolumeMode: volume.spec!.volumeMode ?? 'Filesystem',
        },
      });
      this.#say(snapshot, 'Normal', 'CreatingSnapshot', `Waiting for a snapshot ${keyOf(snapshot)} to be created by the CSI driver.`);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }

  /** The class, or why there is none. */
  #classOf(snapshot: VolumeSnapshot): VolumeSnapshotClass | string {
    const name = snapshot.spec!.volumeSnapshotClassName;
    if (name !== undefined) return this.#classes.get(name) ?? `volumesnapshotclass.snapshot.storage.k8s.io "${name}" not found`;
    const defaults = this.#classes.list().filter((found) => found.driver === driver && isDefaultSnapshotClass(found));
    if (defaults.length === 1) return defaults[0]!;
    return defaults.length === 0 ? 'cannot find default snapshot class' : `${defaults.length} default snapshot classes were found`;
  }

  /** The snapshot says what its content is. */
  async #follow(client: Client, snapshot: VolumeSnapshot, content: VolumeSnapshotContent): Promise<void> {
    const ref = content.spec!.volumeSnapshotRef;
    const { namespace, name, uid } = snapshot.metadata!;
    if (ref.name !== name || ref.namespace !== namespace || (ref.uid && ref.uid !== uid))
      return this.#fail(client, snapshot, 'SnapshotBindFailed', `Snapshot failed to bind VolumeSnapshotContent, volume snapshot content ${content.metadata!.name} is bound to a different snapshot`);
    if (!ref.uid) {
      const spec = { ...content.spec!, volumeSnapshotRef: { ...ref, uid } };
      await client.of(volumeSnapshotContents).update({ ...content, spec });
      return;
    }
    const { readyToUse = false, creationTime, restoreSize, error } = content.status ?? {};
    const before = snapshot.status ?? {};
    if (before.boundVolumeSnapshotContentName === content.metadata!.name && before.readyToUse === readyToUse && before.error?.message === error?.message) return;
    await client.of(volumeSnapshots).updateStatus({
      ...snapshot,
      status: {
        boundVolumeSnapshotContentName: content.metadata!.name!,
        readyToUse,
        ...(creationTime === undefined ? {} : { creationTime: timestamp(Math.floor(creationTime / 1e6)) }),
        ...(restoreSize === undefined ? {} : { restoreSize: sizeText(restoreSize) }),
        ...(error ? { error } : {}),
      },
    });
    if (!readyToUse) return;
    this.#say(snapshot, 'Normal', 'SnapshotCreated', `Snapshot ${keyOf(snapshot)} was successfully created by the CSI driver.`);
    this.#say(snapshot, 'Normal', 'SnapshotReady', `Snapshot ${keyOf(snapshot)} is ready to use.`);
  }

  async #deleteSnapshot(client: Client, snapshot: VolumeSnapshot): Promise<void> {
    if (!snapshot.metadata!.finalizers?.includes(snapshotFinalizer)) return;
    const name = snapshot.status?.boundVolumeSnapshotContentName ?? contentName(snapshot);
    const content = this.#contents.get(name);
    const ours = content?.spec?.volumeSnapshotRef.uid === snapshot.metadata!.uid;
    if (ours && content?.spec?.deletionPolicy === 'Delete') {
      if (!content.metadata!.deletionTimestamp) await ifThere(client.of(volumeSnapshotContents).delete('', name));
      // The content's end wakes the snapshot again.
      return;
    }
    await this.#dropFinalizer(client, volumeSnapshots, snapshot, snapshotFinalizer);
  }

  async #syncContent(client: Client, content: VolumeSnapshotContent): Promise<void> {
    const { deletionTimestamp, finalizers } = content.metadata!;
    const { deletionPolicy, source } = content.spec!;
    if (deletionTimestamp) {
      if (!finalizers?.includes(contentFinalizer)) return;
      const handle = content.status?.snapshotHandle ?? (source.volumeHandle ? handleOf(content) : source.snapshotHandle);
      if (deletionPolicy === 'Delete' && handle) await this.#volumesOfEngine().removeVolume(handle);
      return this.#dropFinalizer(client, volumeSnapshotContents, content, contentFinalizer);
    }
    if (!finalizers?.includes(contentFinalizer)) return this.#addFinalizer(client, volumeSnapshotContents, content, contentFinalizer);
    if (content.status?.readyToUse) return;
    const snapshotHandle = source.volumeHandle ? await this.#take(content, source.volumeHandle) : source.snapshotHandle!;
    const volume = this.#volumes.list().find(({ spec }) => spec?.csi?.driver === driver && spec.csi.volumeHandle === source.volumeHandle);
    const restoreSize = volume ? { restoreSize: parseQuantity(volume.spec!.capacity!.storage!).value() } : {};
    const creationTime = this.clock.now() * 1e6;
    await client.of(volumeSnapshotContents).updateStatus({ ...content, status: { snapshotHandle, creationTime, readyToUse: true, ...restoreSize } });
  }

  /** What a copy that was cut short has left is taken away first: a snapshot is never half one and half another. */
  async #take(content: VolumeSnapshotContent, volumeHandle: string): Promise<string> {
    const engine = this.#volumesOfEngine();
    const handle = handleOf(content);
    await engine.removeVolume(handle);
    await engine.createVolume(handle, { 'dev.skiff.snapshot': content.metadata!.name! }, { mode: 0o777 });
    await engine.copyVolume(volumeHandle, handle);
    return handle;
  }

  #volumesOfEngine(): EngineVolumes {
    if (!this.#engine) throw new Error('no node is running that could hold the snapshot');
    return this.#engine;
  }

  async #fail(client: Client, snapshot: VolumeSnapshot, reason: string, message: string): Promise<void> {
    if (snapshot.status?.error?.message !== message) {
      const status = { ...snapshot.status, readyToUse: false, error: { time: timestamp(this.clock.now()), message } };
      await client.of(volumeSnapshots).updateStatus({ ...snapshot, status });
    }
    this.#say(snapshot, 'Warning', reason, message);
    // Whatever it lacks may come.
    this.queue.addAfter(`snapshot/${keyOf(snapshot)}`, retryMs);
  }

  async #addFinalizer<T extends KubeObject>(client: Client, def: ResourceDef<T>, object: T, finalizer: string): Promise<void> {
    const { finalizers = [] } = object.metadata!;
    if (!finalizers.includes(finalizer)) await this.#setFinalizers(client, def, object, [...finalizers, finalizer]);
  }

  async #dropFinalizer<T extends KubeObject>(client: Client, def: ResourceDef<T>, object: T, finalizer: string): Promise<void> {
    const rest = (object.metadata!.finalizers ?? []).filter((other) => other !== finalizer);
    await ifThere(this.#setFinalizers(client, def, object, rest));
  }

  async #setFinalizers<T extends KubeObject>(client: Client, def: ResourceDef<T>, { metadata }: T, finalizers: string[]): Promise<void> {
    const { namespace = '', name, uid, resourceVersion } = metadata!;
    await client.of(def).patch(namespace, name!, 'merge', { metadata: { uid, resourceVersion, finalizers } });
  }

  #say(snapshot: VolumeSnapshot, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.recorder.event({ apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshot', ...snapshot }, type, reason, message);
  }
}

const retryMs = 15_000;

const contentName = ({ metadata }: VolumeSnapshot): string => `snapcontent-${metadata!.uid}`;

/** The engine's volume that is the snapshot. */
const handleOf = ({ metadata }: VolumeSnapshotContent): string => `snapshot-${metadata!.uid}`;

/** Whole units where it comes out even, as quantities are written. */
function sizeText(bytes: number): string {
  for (const [suffix, unit] of [['Gi', 2 ** 30], ['Mi', 2 ** 20], ['Ki', 2 ** 10]] as const) if (bytes % unit === 0) return `${bytes / unit}${suffix}`;
  return String(bytes);
}

async function ifThere(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
