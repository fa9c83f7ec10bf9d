import type { PersistentVolume, PersistentVolumeClaim } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import { keyOf, timestamp } from '../../api/meta.ts';
import { isNotFound } from '../../api/status.ts';
import { isDefaultSnapshotClass, isSnapshotReady, snapshotGroup, type VolumeSnapshot, type VolumeSnapshotClass, type VolumeSnapshotContent } from '../../api/volumeSnapshots.ts';
import { created, resources, type Client, type Informer } from '../../client/index.ts';
import { QueueController, type ControllerContext } from '../controller.ts';
import { setFinalizers } from '../finalizers.ts';
import { volumeSnapshotClasses, volumeSnapshotContents, volumeSnapshots } from './kinds.ts';
import { asSourceFinalizer, beingDeletedAnnotation, boundFinalizer, claimFinalizer, contentFinalizer, snapshotApiVersion } from './marks.ts';

/** How long until a snapshot that lacks something is looked at again; mostly the event of what it lacked comes before. */
const retryMs = 15_000;

/** What keeps a snapshot from being one, for its status and an event. */
class Problem extends Error {
  constructor(
    readonly reason: string,
    message: string,
    /** Whether the status has said by this that it is not ready. */
    readonly saysNotReady = true,
  ) {
    super(message);
  }
}

/**
 * Brings snapshots and their contents together, whichever driver takes them, and lets go what is deleted.
 * Mirrors kubernetes-csi/external-snapshotter (pkg/common-controller).
 */
export class VolumeSnapshotController extends QueueController {
  readonly #snapshots: Informer<VolumeSnapshot>;
  readonly #contents: Informer<VolumeSnapshotContent>;
  readonly #classes: Informer<VolumeSnapshotClass>;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;

  constructor(context: ControllerContext) {
    super(context, 'snapshot-controller');
    const { informers } = context;
    this.#snapshots = informers.informer(volumeSnapshots);
    this.#contents = informers.informer(volumeSnapshotContents);
    this.#classes = informers.informer(volumeSnapshotClasses);
    this.#claims = informers.informer(resources.persistentVolumeClaims);
    this.#volumes = informers.informer(resources.persistentVolumes);
    const snapshotChanged = (snapshot: VolumeSnapshot) => this.enqueue(`snapshot/${keyOf(snapshot)}`, snapshot);
    this.#snapshots.on({ add: snapshotChanged, update: (_, snapshot) => snapshotChanged(snapshot) });
    const contentChanged = (content: VolumeSnapshotContent) => {
      this.enqueue(`content/${content.metadata!.name}`, content);
      const { namespace, name } = content.spec?.volumeSnapshotRef ?? {};
      if (name) this.enqueue(`snapshot/${namespace}/${name}`, content);
    };
    this.#contents.on({ add: contentChanged, update: (_, content) => contentChanged(content), delete: contentChanged });
    // A snapshot can wait for its claim to be bound, for its class, or for claims that are made of it.
    const claimChanged = (claim: PersistentVolumeClaim) => {
      for (const snapshot of this.#snapshots.list(claim.metadata!.namespace))
        if (isMadeOf(snapshot, claim) || (snapshot.metadata!.deletionTimestamp && isRestoredTo(snapshot, claim))) snapshotChanged(snapshot);
    };
    this.#claims.on({ add: claimChanged, update: (_, claim) => claimChanged(claim), delete: claimChanged });
    const classChanged = () => this.#snapshots.list().filter((snapshot) => !isSnapshotReady(snapshot)).forEach(snapshotChanged);
    this.#classes.on({ add: classChanged, update: classChanged });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    if (key.startsWith('content/')) {
      const content = this.#contents.get(key.slice('content/'.length));
      if (content) await this.#syncContent(client, content);
      return;
    }
    const snapshot = this.#snapshots.get(key.slice('snapshot/'.length));
    if (!snapshot) return;
    try {
      await this.#syncSnapshot(client, snapshot);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      await this.#fail(client, snapshot, error);
    }
  }

  async #syncSnapshot(client: Client, snapshot: VolumeSnapshot): Promise<void> {
    await this.#releaseClaim(client, snapshot, false);
    if (snapshot.metadata!.deletionTimestamp) return this.#delete(client, snapshot);
    if (await this.#takeDefaultClass(client, snapshot)) return;
    const content = this.#contentOf(snapshot);
    const add = [asSourceFinalizer, ...(content?.spec!.deletionPolicy === 'Delete' ? [boundFinalizer] : [])];
    if (add.some((finalizer) => !snapshot.metadata!.finalizers?.includes(finalizer))) {
      await setFinalizers(client, volumeSnapshots, snapshot, { add });
      return;
    }
    const { persistentVolumeClaimName: claim, volumeSnapshotContentName: given } = snapshot.spec!.source;
    if (content) await this.#follow(client, snapshot, given ? await this.#bind(client, snapshot, content) : content);
    else if (given || isSnapshotReady(snapshot)) throw new Problem('SnapshotContentMissing', 'VolumeSnapshotContent is missing');
    else if (claim) await this.#follow(client, snapshot, await this.#begin(client, snapshot, claim));
  }

  /** A snapshot without a class gets the default one of its volume's driver. Resolves whether it did. */
  async #takeDefaultClass(client: Client, snapshot: VolumeSnapshot): Promise<boolean> {
    const { volumeSnapshotClassName: name, source } = snapshot.spec!;
    if (name !== undefined) {
      if (!this.#classes.get(name))
        throw new Problem('GetSnapshotClassFailed', `Failed to get snapshot class with error volumesnapshotclass.${snapshotGroup} ${JSON.stringify(name)} not found`, false);
      return false;
    }
    if (!source.persistentVolumeClaimName) return false;
    const refuse = (problem: string) => new Problem('SetDefaultSnapshotClassFailed', `Failed to set default snapshot class with error ${problem}`, false);
    const volume = this.#sourceOf(snapshot, source.persistentVolumeClaimName, refuse);
    if (!volume.spec!.csi) throw refuse(`snapshotting non-CSI volumes is not supported, snapshot:${keyOf(snapshot)}`);
    const defaults = this.#classes.list().filter((found) => found.driver === volume.spec!.csi!.driver && isDefaultSnapshotClass(found));
    if (defaults.length === 0) throw refuse('cannot find default snapshot class');
    if (defaults.length > 1) throw refuse(`${defaults.length} default snapshot classes were found`);
    const spec = { ...snapshot.spec!, volumeSnapshotClassName: defaults[0]!.metadata!.name! };
    await client.of(volumeSnapshots).update({ ...snapshot, spec });
    return true;
  }

  /** The volume of the claim that a snapshot is to be taken of. */
  #sourceOf({ metadata }: VolumeSnapshot, claimName: string, refuse: (problem: string) => Problem): PersistentVolume {
    const claim = this.#claims.get(`${metadata!.namespace}/${claimName}`);
    if (!claim) throw refuse(`failed to retrieve PVC ${claimName} from the lister: "persistentvolumeclaim \\"${claimName}\\" not found"`);
    if (claim.status?.phase !== 'Bound') throw refuse(`the PVC ${claimName} is not yet bound to a PV, will not attempt to take a snapshot`);
    const volume = this.#volumes.get(claim.spec!.volumeName!);
    if (!volume) throw refuse(`failed to retrieve PV ${claim.spec!.volumeName} from the API server: "persistentvolumes \\"${claim.spec!.volumeName}\\" not found"`);
    const ref = volume.spec!.claimRef;
    if (ref?.name !== claimName || ref.namespace !== metadata!.namespace || (ref?.uid && ref.uid !== claim.metadata!.uid)) throw refuse('claim in dataSource not bound or invalid');
    return volume;
  }

  /** The content that is this snapshot's, if it is there; throws for one that is another's. */
  #contentOf(snapshot: VolumeSnapshot): VolumeSnapshotContent | undefined {
    const given = snapshot.spec!.source.volumeSnapshotContentName;
    const name = given ?? contentName(snapshot);
    const content = this.#contents.get(name);
    if (!content) return undefined;
    if (given && !content.spec!.source.snapshotHandle)
      throw new Problem('SnapshotContentMismatch', 'VolumeSnapshotContent is dynamically provisioned while expecting a pre-provisioned one');
    if (!given && !content.spec!.source.volumeHandle)
      throw new Problem('SnapshotContentMismatch', `VolumeSnapshotContent ${name} is pre-provisioned while expecting a dynamically provisioned one`);
    const ref = content.spec!.volumeSnapshotRef;
    const { namespace, name: own, uid } = snapshot.metadata!;
    if (ref.name !== own || ref.namespace !== namespace || (given && !ref.uid ? false : ref.uid !== uid))
      throw new Problem('SnapshotContentMisbound', `VolumeSnapshotContent [${name}] is bound to a different snapshot`);
    return content;
  }

  /** Makes the content that stands for the data; the claim is kept until the snapshot is taken. */
  async #begin(client: Client, snapshot: VolumeSnapshot, claimName: string): Promise<VolumeSnapshotContent> {
    const { namespace, name, uid } = snapshot.metadata!;
    const refuse = (problem: string) => new Problem('SnapshotContentCreationFailed', `Failed to create snapshot content with error ${problem}`);
    const claim = this.#claims.get(`${namespace}/${claimName}`);
    if (!claim) throw refuse(`snapshot controller failed to update ${name} on API server: cannot get claim from snapshot`);
    if (claim.metadata!.deletionTimestamp && !claim.metadata!.finalizers?.includes(claimFinalizer))
      throw refuse(`snapshot controller failed to update ${claimName} on API server: cannot add finalizer on claim because it is being deleted`);
    await setFinalizers(client, resources.persistentVolumeClaims, claim, { add: [claimFinalizer] });
    const volume = this.#sourceOf(snapshot, claimName, (problem) => refuse(`failed to get input parameters to create snapshot ${name}: ${JSON.stringify(problem)}`));
    if (!volume.spec!.csi) throw refuse(`cannot find CSI PersistentVolumeSource for volume ${volume.metadata!.name}`);
    const { driver, deletionPolicy, metadata } = this.#classes.get(snapshot.spec!.volumeSnapshotClassName!)!;
    const content: VolumeSnapshotContent = {
      apiVersion: snapshotApiVersion,
      kind: 'VolumeSnapshotContent',
      metadata: { name: contentName(snapshot), finalizers: [contentFinalizer] },
      spec: {
        volumeSnapshotRef: { apiVersion: snapshotApiVersion, kind: 'VolumeSnapshot', namespace, name, uid, resourceVersion: snapshot.metadata!.resourceVersion },
        deletionPolicy,
        driver,
        volumeSnapshotClassName: metadata!.name,
        source: { volumeHandle: volume.spec!.csi.volumeHandle },
        sourceVolumeMode: volume.spec!.volumeMode ?? 'Filesystem',
      },
    };
    await created(client.of(volumeSnapshotContents).create(content));
    this.#say(snapshot, 'Normal', 'CreatingSnapshot', `Waiting for a snapshot ${keyOf(snapshot)} to be created by the CSI driver.`);
    return content;
  }

  /** A content that was brought is reserved by name, and from now on by uid. */
  async #bind(client: Client, { metadata, spec }: VolumeSnapshot, content: VolumeSnapshotContent): Promise<VolumeSnapshotContent> {
    const { volumeSnapshotRef: ref, volumeSnapshotClassName: known } = content.spec!;
    const named = spec!.volumeSnapshotClassName;
    if (ref.uid && (known || named === undefined)) return content;
    const next = { ...content.spec!, volumeSnapshotRef: { ...ref, uid: metadata!.uid }, ...(named === undefined ? {} : { volumeSnapshotClassName: named }) };
    return client.of(volumeSnapshotContents).update({ ...content, spec: next });
  }

  /** The snapshot says what its content says. */
  async #follow(client: Client, snapshot: VolumeSnapshot, content: VolumeSnapshotContent): Promise<void> {
    const { readyToUse = false, creationTime, restoreSize, error } = content.status ?? {};
    const { creationTime: taken, restoreSize: size, error: _, ...before } = snapshot.status ?? {};
    const status: VolumeSnapshot['status'] = {
      ...before,
      boundVolumeSnapshotContentName: before.boundVolumeSnapshotContentName ?? content.metadata!.name!,
      readyToUse,
      ...(taken === undefined && creationTime === undefined ? {} : { creationTime: taken ?? timestamp(Math.floor(creationTime! / 1e6)) }),
      ...(size === undefined && restoreSize === undefined ? {} : { restoreSize: size ?? sizeText(restoreSize!) }),
      ...(error ? { error } : {}),
    };
    if (equalJson(status, snapshot.status)) return;
    await client.of(volumeSnapshots).updateStatus({ ...snapshot, status });
    if (taken === undefined && creationTime !== undefined)
      this.#say(snapshot, 'Normal', 'SnapshotCreated', `Snapshot ${keyOf(snapshot)} was successfully created by the CSI driver.`);
    if (readyToUse && !snapshot.status?.readyToUse) this.#say(snapshot, 'Normal', 'SnapshotReady', `Snapshot ${keyOf(snapshot)} is ready to use.`);
  }

  /** With its content where the policy says so; the snapshot outlives that, so that it is known until the data is gone. */
  async #delete(client: Client, snapshot: VolumeSnapshot): Promise<void> {
    const { finalizers = [], uid } = snapshot.metadata!;
    if (![asSourceFinalizer, boundFinalizer].some((finalizer) => finalizers.includes(finalizer))) return;
    const name = snapshot.status?.boundVolumeSnapshotContentName ?? (snapshot.spec!.source.persistentVolumeClaimName ? contentName(snapshot) : undefined);
    const found = name === undefined ? undefined : this.#contents.get(name);
    const content = found?.spec!.volumeSnapshotRef.uid === uid ? found : undefined;
    if (content && this.#isBeingRestored(snapshot)) {
      this.#say(snapshot, 'Warning', 'SnapshotDeletePending', 'Snapshot is being used to restore a PVC');
      this.queue.addAfter(`snapshot/${keyOf(snapshot)}`, retryMs);
      return;
    }
    if (content) await this.#letGo(client, content);
    const goesToo = content?.spec!.deletionPolicy === 'Delete';
    if (goesToo && !content.metadata!.deletionTimestamp) await ifThere(client.of(volumeSnapshotContents).delete('', content.metadata!.name!));
    await this.#releaseClaim(client, snapshot, true);
    await setFinalizers(client, volumeSnapshots, snapshot, { remove: [asSourceFinalizer, ...(goesToo ? [] : [boundFinalizer])] });
  }

  #isBeingRestored(snapshot: VolumeSnapshot): boolean {
    return this.#claims.list(snapshot.metadata!.namespace).some((claim) => isRestoredTo(snapshot, claim) && (claim.status?.phase ?? 'Pending') === 'Pending');
  }

  /** Tells the driver that the data may be removed when the content is deleted. */
  async #letGo(client: Client, content: VolumeSnapshotContent): Promise<void> {
    if (content.metadata!.annotations?.[beingDeletedAnnotation] !== undefined) return;
    await ifThere(client.of(volumeSnapshotContents).patch('', content.metadata!.name!, 'merge', { metadata: { annotations: { [beingDeletedAnnotation]: 'yes' } } }));
  }

  /** The claim may go once every snapshot of it is taken. `without`: this one counts no more. */
  async #releaseClaim(client: Client, snapshot: VolumeSnapshot, without: boolean): Promise<void> {
    const { namespace, name } = snapshot.metadata!;
    const claim = this.#claims.get(`${namespace}/${snapshot.spec!.source.persistentVolumeClaimName}`);
    if (!claim?.metadata!.finalizers?.includes(claimFinalizer)) return;
    const needed = this.#snapshots.list(namespace).some((other) => isMadeOf(other, claim) && !isSnapshotReady(other) && !(without && other.metadata!.name === name));
    if (!needed) await setFinalizers(client, resources.persistentVolumeClaims, claim, { remove: [claimFinalizer] });
  }

  async #syncContent(client: Client, content: VolumeSnapshotContent): Promise<void> {
    const { uid, namespace, name } = content.spec!.volumeSnapshotRef;
    // Not its snapshot's yet: a snapshot that comes takes it.
    if (!uid) return;
    const { deletionTimestamp, finalizers } = content.metadata!;
    if (!deletionTimestamp && !finalizers?.includes(contentFinalizer)) {
      await setFinalizers(client, volumeSnapshotContents, content, { add: [contentFinalizer] });
      return;
    }
    const snapshot = this.#snapshots.get(`${namespace}/${name}`);
    if (snapshot?.metadata!.uid === uid && snapshot?.metadata!.deletionTimestamp && !this.#isBeingRestored(snapshot)) await this.#letGo(client, content);
  }

  async #fail(client: Client, snapshot: VolumeSnapshot, { reason, message, saysNotReady }: Problem): Promise<void> {
    this.queue.addAfter(`snapshot/${keyOf(snapshot)}`, retryMs);
    if (snapshot.status?.error?.message === message) return;
    const status = { ...snapshot.status, ...(saysNotReady ? { readyToUse: false } : {}), error: { time: timestamp(this.clock.now()), message } };
    await client.of(volumeSnapshots).updateStatus({ ...snapshot, status });
    this.#say(snapshot, 'Warning', reason, message);
  }

  #say(snapshot: VolumeSnapshot, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.recorder.event({ apiVersion: snapshotApiVersion, kind: 'VolumeSnapshot', ...snapshot }, type, reason, message);
  }
}

const contentName = ({ metadata }: VolumeSnapshot): string => `snapcontent-${metadata!.uid}`;

const isMadeOf = ({ spec }: VolumeSnapshot, claim: PersistentVolumeClaim): boolean => spec?.source.persistentVolumeClaimName === claim.metadata!.name;

function isRestoredTo({ metadata }: VolumeSnapshot, { spec }: PersistentVolumeClaim): boolean {
  const { dataSource } = spec ?? {};
  return dataSource?.kind === 'VolumeSnapshot' && dataSource.apiGroup === snapshotGroup && dataSource.name === metadata!.name;
}

/** Whole units where it comes out even, as quantities are written. */
function sizeText(bytes: number): string {
  for (const [suffix, unit] of [['Gi', 2 ** 30], ['Mi', 2 ** 20], ['Ki', 2 ** 10]] as const) if (bytes && bytes % unit === 0) return `${bytes / unit}${suffix}`;
  return String(bytes);
}

async function ifThere(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
