import type { PersistentVolume, PersistentVolumeClaim } from '../api/index.ts';
import { engineVolumeDriver } from '../api/engineVolumes.ts';
import { keyOf, timestamp } from '../api/meta.ts';
import { requestedSize, volumeSize } from '../api/persistentVolumes.ts';
import { parseQuantity } from '../api/quantity.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { withCondition, withoutCondition } from './conditions.ts';
import { QueueController, type ControllerContext } from './controller.ts';

type ClaimStatus = NonNullable<PersistentVolumeClaim['status']>;

/**
 * Lets bound claims grow. A volume of the engine has no size of its own, so its growth is a matter of objects alone:
 * as the external resizer does it for a driver that needs nothing from the node (kubernetes-csi/external-resizer,
 * pkg/controller/expand_and_recover.go). Of other volumes it says who is waited for
 * (pkg/controller/volume/expand/expand_controller.go).
 */
export class VolumeExpander extends QueueController {
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;

  constructor(context: ControllerContext) {
    super(context, 'volume-expand');
    this.#claims = context.informers.informer(resources.persistentVolumeClaims);
    this.#volumes = context.informers.informer(resources.persistentVolumes);
    const wake = (claim: PersistentVolumeClaim) => {
      if (claim.status?.phase === 'Bound' && wantsMore(claim)) this.enqueueObject(claim);
    };
    this.#claims.on({ add: wake, update: (_, claim) => wake(claim) });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const claim = this.#claims.get(key);
    if (!claim || claim.metadata!.deletionTimestamp || claim.status?.phase !== 'Bound' || !wantsMore(claim)) return;
    const volume = this.#volumes.get(claim.spec!.volumeName!);
    if (!volume) throw new Error(`failed to get PV "${claim.spec!.volumeName}": not found`);
    if (volume.spec!.claimRef?.uid !== claim.metadata!.uid)
      throw new Error(`persistent Volume is not bound to PVC being updated : ${keyOf(claim)}`);
    if (volume.spec!.csi?.driver !== engineVolumeDriver)
      return this.#say(claim, 'ExternalExpanding', 'waiting for an external controller to expand this PVC');
    await this.#expand(client, claim, volume);
  }

  async #expand(client: Client, claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const claims = client.of(resources.persistentVolumeClaims);
    const storage = claim.spec!.resources!.requests!.storage!;
    const name = volume.metadata!.name!;
    const begun = { type: 'Resizing', status: 'True', lastTransitionTime: timestamp(this.clock.now()) };
    const resizing = await claims.updateStatus({
      ...claim,
      status: {
        ...claim.status,
        conditions: withCondition(claim.status!.conditions, begun),
        allocatedResources: { ...claim.status!.allocatedResources, storage },
        allocatedResourceStatuses: { ...claim.status!.allocatedResourceStatuses, storage: 'ControllerResizeInProgress' },
      },
    });
    this.#say(claim, 'Resizing', `External resizer is resizing volume ${name}`);
    if (volumeSize(volume).cmp(requestedSize(claim)) < 0) {
      const { uid, resourceVersion } = volume.metadata!;
      const patch = { metadata: { uid, resourceVersion }, spec: { capacity: { storage } } };
      await client.of(resources.persistentVolumes).patch('', name, 'merge', patch);
    }
    await claims.updateStatus({ ...resizing, status: grown(resizing.status!, storage) });
    this.#say(claim, 'VolumeResizeSuccessful', 'Resize volume succeeded');
  }

  #say(claim: PersistentVolumeClaim, reason: string, message: string): void {
    this.recorder.event({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim }, 'Normal', reason, message);
  }
}

/** More than it has; a claim that lost its status is nobody's wish to grow. */
function wantsMore(claim: PersistentVolumeClaim): boolean {
  const has = claim.status?.capacity?.storage;
  return has !== undefined && requestedSize(claim).cmp(parseQuantity(has)) > 0;
}

function grown(status: ClaimStatus, storage: string): ClaimStatus {
  const { storage: _, ...others } = status.allocatedResourceStatuses ?? {};
  return {
    ...status,
    capacity: { ...status.capacity, storage },
    conditions: withoutCondition(withoutCondition(status.conditions, 'Resizing'), 'FileSystemResizePending'),
    allocatedResourceStatuses: Object.keys(others).length > 0 ? others : undefined,
  };
}
