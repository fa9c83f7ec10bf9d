import { engineVolumeDriver as driver } from '../../api/engineVolumes.ts';
import type { PersistentVolume } from '../../api/index.ts';
import { timestamp } from '../../api/meta.ts';
import { parseQuantity } from '../../api/quantity.ts';
import type { VolumeSnapshotContent } from '../../api/volumeSnapshots.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import { QueueController, type ControllerContext, type EngineVolumes } from '../controller.ts';
import { setFinalizers } from '../finalizers.ts';
import { volumeSnapshotContents } from './kinds.ts';
import { beingDeletedAnnotation, contentFinalizer, snapshotApiVersion } from './marks.ts';

const retryMs = 15_000;

/**
 * Takes the snapshots of the engine's volumes, each a volume of its own that holds a copy, and removes them.
 * Mirrors kubernetes-csi/external-snapshotter (pkg/sidecar-controller).
 */
export class SnapshotContentController extends QueueController {
  readonly #contents: Informer<VolumeSnapshotContent>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #engine: EngineVolumes | undefined;

  constructor(context: ControllerContext) {
    super(context, 'skiff-snapshotter');
    this.#engine = context.volumes;
    this.#contents = context.informers.informer(volumeSnapshotContents);
    this.#volumes = context.informers.informer(resources.persistentVolumes);
    const changed = (content: VolumeSnapshotContent) => this.enqueueObject(content);
    this.#contents.on({ add: changed, update: (_, content) => changed(content) });
  }

  protected async sync(name: string, client: Client): Promise<void> {
    const content = this.#contents.get(name);
    if (content?.spec?.driver !== driver) return;
    if (isToBeDeleted(content)) return this.#delete(client, content);
    if (content.metadata!.deletionTimestamp || content.status?.readyToUse) return;
    const { volumeHandle, snapshotHandle } = content.spec.source;
    try {
      if (volumeHandle) await this.#take(client, content, volumeHandle);
      else if (snapshotHandle) await this.#find(client, content, snapshotHandle);
    } catch (error) {
      await this.#fail(client, content, error as Error);
    }
  }

  /** What a copy that was cut short has left is taken away first: a snapshot is never half one and half another. */
  async #take(client: Client, content: VolumeSnapshotContent, volumeHandle: string): Promise<void> {
    // Not later than the copy begins: nothing that is written after this time is promised to be in it.
    const creationTime = this.clock.now() * 1e6;
    const { spec } = this.#volumes.list().find(({ spec }) => spec?.csi?.driver === driver && spec.csi.volumeHandle === volumeHandle) ?? {};
    const restoreSize = parseQuantity(spec?.capacity?.storage ?? '0').value();
    const handle = `snapshot-${content.metadata!.uid}`;
    try {
      const engine = this.#volumesOfEngine();
      await engine.removeVolume(handle);
      await engine.createVolume(handle, { 'dev.skiff.snapshot': content.metadata!.name! }, { mode: 0o777 });
      await engine.copyVolume(volumeHandle, handle);
    } catch (error) {
      throw new Error(`Failed to create snapshot: failed to take snapshot of the volume ${volumeHandle}: ${JSON.stringify((error as Error).message)}`, { cause: error });
    }
    await this.#ready(client, content, { snapshotHandle: handle, creationTime, restoreSize });
  }

  /** A snapshot that somebody has brought: it is there, or it is none. */
  async #find(client: Client, content: VolumeSnapshotContent, snapshotHandle: string): Promise<void> {
    if (!(await this.#volumesOfEngine().hasVolume(snapshotHandle)))
      throw new Error(`Failed to check and update snapshot content: failed to list snapshot for content ${content.metadata!.name}: "there is no volume ${snapshotHandle} of this cluster"`);
    await this.#ready(client, content, { snapshotHandle, creationTime: this.clock.now() * 1e6, restoreSize: 0 });
  }

  async #ready(client: Client, content: VolumeSnapshotContent, found: { snapshotHandle: string; creationTime: number; restoreSize: number }): Promise<void> {
    await client.of(volumeSnapshotContents).updateStatus({ ...content, status: { ...found, readyToUse: true } });
  }

  async #fail(client: Client, content: VolumeSnapshotContent, { message }: Error): Promise<void> {
    const reason = content.spec!.source.volumeHandle ? 'SnapshotCreationFailed' : 'SnapshotContentCheckandUpdateFailed';
    if (content.status?.error?.message !== message) {
      const error = { time: timestamp(this.clock.now()), message };
      await client.of(volumeSnapshotContents).updateStatus({ ...content, status: { ...content.status, readyToUse: false, error } });
      this.#warn(content, reason, message);
    }
    this.queue.addAfter(content.metadata!.name!, retryMs);
  }

  /** The data first: as long as it is there, the object tells of it. */
  async #delete(client: Client, content: VolumeSnapshotContent): Promise<void> {
    const handle = content.status?.snapshotHandle ?? (content.spec!.source.volumeHandle ? `snapshot-${content.metadata!.uid}` : undefined);
    if (content.spec!.deletionPolicy === 'Delete' && handle)
      try {
        await this.#volumesOfEngine().removeVolume(handle);
      } catch (error) {
        this.#warn(content, 'SnapshotDeleteError', 'Failed to delete snapshot');
        this.log.warn('a snapshot could not be deleted, will try again', { content: content.metadata!.name, error: String(error) });
        this.queue.addAfter(content.metadata!.name!, retryMs);
        return;
      }
    await setFinalizers(client, volumeSnapshotContents, content, { remove: [contentFinalizer] });
  }

  #volumesOfEngine(): EngineVolumes {
    if (!this.#engine) throw new Error('no node is running that could hold the snapshot');
    return this.#engine;
  }

  #warn(content: VolumeSnapshotContent, reason: string, message: string): void {
    this.recorder.event({ apiVersion: snapshotApiVersion, kind: 'VolumeSnapshotContent', ...content }, 'Warning', reason, message);
  }
}

/** Not as long as its snapshot stays: whoever deletes the content alone does not take the data from the snapshot. */
function isToBeDeleted({ metadata, spec }: VolumeSnapshotContent): boolean {
  if (!metadata!.deletionTimestamp || !metadata!.finalizers?.includes(contentFinalizer)) return false;
  if (spec!.source.snapshotHandle && !spec!.volumeSnapshotRef.uid) return true;
  return metadata!.annotations?.[beingDeletedAnnotation] !== undefined;
}
