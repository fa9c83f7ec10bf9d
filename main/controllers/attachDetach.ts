import type { CSIDriver, Node, NodeStatus, PersistentVolume, PersistentVolumeClaim, Pod, VolumeAttachment } from '../api/index.ts';
import { engineVolumeDriver } from '../api/engineVolumes.ts';
import { keyOf } from '../api/meta.ts';
import { podClaimKeys } from '../api/podClaims.ts';
import { isAlreadyExists, isNotFound } from '../api/status.ts';
import { attachedVolumeName, attachmentName, isAttachRequired } from '../api/volumeAttachments.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { addPodClaimIndex, isPodFinished, podsOfClaim } from './pods.ts';

/** How long an attacher may take before somebody is told. */
const patience = 120_000;

/**
 * Asks the attachers of CSI drivers for the volumes that the pods of a node want, and to let go what none wants any more:
 * a VolumeAttachment is the asking, its status the answer. The engine's own volumes need none.
 * Mirrors pkg/controller/volume/attachdetach and pkg/volume/csi/csi_attacher.go.
 */
export class AttachDetachController extends QueueController {
  readonly #pods: Informer<Pod>;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #drivers: Informer<CSIDriver>;
  readonly #attachments: Informer<VolumeAttachment>;
  readonly #nodes: Informer<Node>;
  /** What was asked for and is not there yet, by key: since when, or since the last word about it. */
  readonly #waiting = new Map<string, number>();
  /** What was said last about a key that does not get its volume. */
  readonly #said = new Map<string, string>();

  constructor(context: ControllerContext) {
    super(context, 'attachdetach-controller');
    this.#pods = context.informers.informer(resources.pods);
    this.#claims = context.informers.informer(resources.persistentVolumeClaims);
    this.#volumes = context.informers.informer(resources.persistentVolumes);
    this.#drivers = context.informers.informer(resources.csiDrivers);
    this.#attachments = context.informers.informer(resources.volumeAttachments);
    this.#nodes = context.informers.informer(resources.nodes);
    addPodClaimIndex(this.#pods);
    const podChanged = (pod: Pod) => this.#wakePod(pod);
    // What it had may not be found by way of its claims any more.
    const podWent = (pod: Pod) => {
      if (podClaimKeys(pod).length > 0) for (const one of this.#attachments.list()) if (one.spec!.nodeName === pod.spec?.nodeName) this.#wake(one);
    };
    this.#pods.on({
      add: podChanged,
      update: (old, pod) => {
        if (old.spec?.nodeName !== pod.spec?.nodeName) podChanged(pod);
        else if (!isPodFinished(old) && isPodFinished(pod)) podWent(pod);
      },
      delete: podWent,
    });
    this.#claims.on({
      update: (old, claim) => {
        if (old.spec!.volumeName !== claim.spec!.volumeName) for (const pod of podsOfClaim(this.#pods, keyOf(claim))) podChanged(pod);
      },
    });
    this.#attachments.on({
      add: (one) => this.#wake(one),
      update: (_, one) => this.#wake(one),
      // Another node may wait for the volume, or the same for it to come back.
      delete: (one) => {
        this.#wake(one);
        const volume = this.#volumes.get(one.spec!.source.persistentVolumeName ?? '');
        for (const pod of volume ? this.#podsOf(volume) : []) podChanged(pod);
      },
    });
  }

  #wakePod(pod: Pod): void {
    const node = pod.spec?.nodeName;
    if (!node) return;
    for (const key of podClaimKeys(pod)) {
      const name = this.#claims.get(key)?.spec!.volumeName;
      if (name && this.#isForeign(this.#volumes.get(name))) this.enqueue(`${node}/${name}`, pod);
    }
  }

  #wake(attachment: VolumeAttachment): void {
    const { nodeName, source } = attachment.spec!;
    if (source.persistentVolumeName) this.enqueue(`${nodeName}/${source.persistentVolumeName}`, attachment);
  }

  #isForeign(volume: PersistentVolume | undefined): boolean {
    const driver = volume?.spec!.csi?.driver;
    return driver !== undefined && driver !== engineVolumeDriver;
  }

  /** Pods that have been given a node and have not ended. */
  #podsOf({ spec }: PersistentVolume): Pod[] {
    const { namespace, name } = spec!.claimRef ?? {};
    return name ? podsOfClaim(this.#pods, `${namespace}/${name}`).filter((pod) => pod.spec?.nodeName && !isPodFinished(pod)) : [];
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const [node, name] = key.split('/') as [string, string];
    const volume = this.#volumes.get(name);
    const pods = volume ? this.#podsOf(volume).filter((pod) => pod.spec!.nodeName === node) : [];
    const attachment = this.#attachmentOf(node, name);
    if (pods.length > 0 && this.#isForeign(volume) && isAttachRequired(this.#drivers.get(volume!.spec!.csi!.driver)))
      return attachment ? this.#watch(client, key, volume!, pods, attachment) : this.#attach(client, key, volume!, pods);
    this.#waiting.delete(key);
    this.#said.delete(key);
    if (attachment) await this.#detach(client, attachment, volume);
  }

  /** Those alone that this controller has made: a name tells. */
  #attachmentOf(node: string, volumeName: string): VolumeAttachment | undefined {
    return this.#attachments.list().find(({ metadata, spec }) => spec!.nodeName === node && spec!.source.persistentVolumeName === volumeName && /^csi-[0-9a-f]{64}$/.test(metadata!.name!));
  }

  async #attach(client: Client, key: string, volume: PersistentVolume, pods: Pod[]): Promise<void> {
    const { driver, volumeHandle } = volume.spec!.csi!;
    const { nodeName } = pods[0]!.spec!;
    const others = this.#attachments.list().filter(({ spec }) => spec!.source.persistentVolumeName === volume.metadata!.name && spec!.nodeName !== nodeName);
    if (others.length > 0 && isForOneNode(volume)) return this.#tellMultiAttach(key, volume, pods, others);
    const attachment: VolumeAttachment = {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttachment',
      metadata: { name: attachmentName(volumeHandle, driver, nodeName!) },
      spec: { attacher: driver, nodeName: nodeName!, source: { persistentVolumeName: volume.metadata!.name! } },
    };
    this.#wait(key);
    try {
      await client.of(resources.volumeAttachments).create(attachment);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }

  #wait(key: string): void {
    this.#waiting.set(key, this.clock.monotonic());
    this.queue.addAfter(key, patience);
  }

  async #watch(client: Client, key: string, volume: PersistentVolume, pods: Pod[], { metadata, status }: VolumeAttachment): Promise<void> {
    const { driver, volumeHandle } = volume.spec!.csi!;
    // It is asked for anew when it has gone.
    if (metadata!.deletionTimestamp) return;
    if (status?.attached) {
      if (this.#waiting.delete(key)) this.#tell(pods, 'Normal', 'SuccessfulAttachVolume', `AttachVolume.Attach succeeded for volume "${volume.metadata!.name}" `);
      this.#said.delete(key);
      return this.#noteAtNode(client, pods[0]!.spec!.nodeName!, attachedVolumeName(driver, volumeHandle), true);
    }
    if (!this.#waiting.has(key)) this.#wait(key);
    if (status?.attachError?.message) this.#tellFailure(key, volume, pods, status.attachError.message);
    else if (this.clock.monotonic() - this.#waiting.get(key)! >= patience) {
      this.#said.delete(key);
      this.#tellFailure(key, volume, pods, `timed out waiting for external-attacher of ${driver} CSI driver to attach volume ${volumeHandle}`);
      this.#wait(key);
    }
  }

  #tellFailure(key: string, volume: PersistentVolume, pods: Pod[], why: string): void {
    const message = `AttachVolume.Attach failed for volume "${volume.metadata!.name}" : ${why}`;
    if (this.#said.get(key) === message) return;
    this.#said.set(key, message);
    this.#tell(pods, 'Warning', 'FailedAttachVolume', message);
  }

  /** Said once: who waits hears no more of it until it is over. Mirrors reconciler.go (reportMultiAttachError). */
  #tellMultiAttach(key: string, volume: PersistentVolume, pods: Pod[], others: VolumeAttachment[]): void {
    if (this.#said.has(key)) return;
    const users = this.#podsOf(volume).filter((pod) => others.some(({ spec }) => spec!.nodeName === pod.spec!.nodeName));
    // Claim and pods are of one namespace.
    const why = users.length > 0 ? `Volume is already used by pod(s) ${users.map((pod) => pod.metadata!.name).join(', ')}` : "Volume is already exclusively attached to one node and can't be attached to another";
    const message = `Multi-Attach error for volume "${volume.metadata!.name}" ${why}`;
    this.#said.set(key, message);
    this.#tell(pods, 'Warning', 'FailedAttachVolume', message);
  }

  async #detach(client: Client, { metadata, spec }: VolumeAttachment, volume: PersistentVolume | undefined): Promise<void> {
    const csi = volume?.spec!.csi;
    if (csi) await this.#noteAtNode(client, spec!.nodeName, attachedVolumeName(csi.driver, csi.volumeHandle), false);
    if (metadata!.deletionTimestamp) return;
    try {
      await client.of(resources.volumeAttachments).delete('', metadata!.name!);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** What a node has attached stands in its status. */
  async #noteAtNode(client: Client, name: string, volume: string, attached: boolean): Promise<void> {
    const node = this.#nodes.get(name);
    const before = (node?.status as NodeStatus | undefined)?.volumesAttached ?? [];
    if (!node || before.some((one) => one.name === volume) === attached) return;
    const volumesAttached = attached ? [...before, { name: volume, devicePath: '' }] : before.filter((one) => one.name !== volume);
    await client.of(resources.nodes).patch('', name, 'merge', { metadata: { resourceVersion: node.metadata!.resourceVersion }, status: { volumesAttached: volumesAttached.length > 0 ? volumesAttached : null } }, { subresource: 'status' });
  }

  #tell(pods: Pod[], type: 'Normal' | 'Warning', reason: string, message: string): void {
    for (const pod of pods) this.recorder.event({ apiVersion: 'v1', kind: 'Pod', ...pod }, type, reason, message);
  }
}

/** Mirrors pkg/volume/util/attach_limit and reconciler.go (isMultiAttachForbidden). */
function isForOneNode({ spec }: PersistentVolume): boolean {
  const modes = spec!.accessModes ?? [];
  return modes.length > 0 && !modes.includes('ReadWriteMany') && !modes.includes('ReadOnlyMany');
}
