import type { PersistentVolume, PersistentVolumeClaim, VolumeAttributesClass } from '../api/index.ts';
import { engineVolumeDriver } from '../api/engineVolumes.ts';
import { keyOf, timestamp } from '../api/meta.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { withCondition, withoutCondition } from './conditions.ts';
import { QueueController, type ControllerContext } from './controller.ts';

type ClaimStatus = NonNullable<PersistentVolumeClaim['status']>;

/**
 * Gives volumes of the engine the attributes class that their claim asks for. The engine itself has nothing to set: the
 * class is what the objects say. Mirrors kubernetes-csi/external-resizer (pkg/modifycontroller).
 */
export class VolumeModifier extends QueueController {
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<VolumeAttributesClass>;

  constructor(context: ControllerContext) {
    super(context, 'skiff-volume-modifier');
    this.#claims = context.informers.informer(resources.persistentVolumeClaims);
    this.#volumes = context.informers.informer(resources.persistentVolumes);
    this.#classes = context.informers.informer(resources.volumeAttributesClasses);
    const wake = (claim: PersistentVolumeClaim) => {
      if (wantsAnother(claim)) this.enqueueObject(claim);
    };
    this.#claims.on({ add: wake, update: (_, claim) => wake(claim) });
    this.#classes.on({
      add: (found) => {
        for (const claim of this.#claims.list())
          if (claim.spec?.volumeAttributesClassName === found.metadata!.name) wake(claim);
      },
    });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const claim = this.#claims.get(key);
    if (!claim || claim.metadata!.deletionTimestamp || !wantsAnother(claim)) return;
    const volume = this.#volumes.get(claim.spec!.volumeName!);
    if (volume?.spec!.csi?.driver !== engineVolumeDriver || volume.spec!.claimRef?.uid !== claim.metadata!.uid) return;
    const target = claim.spec!.volumeAttributesClassName!;
    const found = this.#classes.get(target);
    if (!found) {
      this.#say(claim, 'Warning', 'VolumeModifyFailed', `VAC ${target} does not exist.`);
      return this.#setStatus(client, claim, pending(claim, target));
    }
    if (found.driverName !== engineVolumeDriver) {
      const message = `VolumeAttributesClass ${target} is of the driver ${found.driverName}, the volume is of ${engineVolumeDriver}`;
      this.#say(claim, 'Warning', 'VolumeModifyFailed', message);
      return this.#setStatus(client, claim, pending(claim, target));
    }
    this.#say(claim, 'Normal', 'VolumeModify', `external resizer is modifying volume ${keyOf(claim)} with vac ${target}`);
    const modified = await this.#modify(client, claim, volume, target);
    await this.#setStatus(client, modified, done(modified, target));
    this.#say(claim, 'Normal', 'VolumeModifySuccessful', `external resizer modified volume ${keyOf(claim)} with vac ${target} successfully`);
  }

  async #modify(client: Client, claim: PersistentVolumeClaim, volume: PersistentVolume, target: string): Promise<PersistentVolumeClaim> {
    const condition = { type: 'ModifyingVolume', status: 'True', lastTransitionTime: timestamp(this.clock.now()) };
    const begun = await client.of(resources.persistentVolumeClaims).updateStatus({
      ...claim,
      status: {
        ...claim.status,
        conditions: withCondition(claim.status?.conditions, condition),
        modifyVolumeStatus: { targetVolumeAttributesClassName: target, status: 'InProgress' },
      },
    });
    const { name, uid, resourceVersion } = volume.metadata!;
    const patch = { metadata: { uid, resourceVersion }, spec: { volumeAttributesClassName: target } };
    await client.of(resources.persistentVolumes).patch('', name!, 'merge', patch);
    return begun;
  }

  async #setStatus(client: Client, claim: PersistentVolumeClaim, status: ClaimStatus | undefined): Promise<void> {
    if (status) await client.of(resources.persistentVolumeClaims).updateStatus({ ...claim, status });
  }

  #say(claim: PersistentVolumeClaim, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.recorder.event({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim }, type, reason, message);
  }
}

function wantsAnother({ spec, status }: PersistentVolumeClaim): boolean {
  const wanted = spec?.volumeAttributesClassName;
  return status?.phase === 'Bound' && Boolean(wanted) && wanted !== status.currentVolumeAttributesClassName;
}

/** undefined: it says so already. */
function pending({ status }: PersistentVolumeClaim, target: string): ClaimStatus | undefined {
  const before = status?.modifyVolumeStatus;
  if (before?.status === 'Pending' && before.targetVolumeAttributesClassName === target) return undefined;
  return { ...status, modifyVolumeStatus: { targetVolumeAttributesClassName: target, status: 'Pending' } };
}

function done({ status }: PersistentVolumeClaim, target: string): ClaimStatus {
  return {
    ...status,
    currentVolumeAttributesClassName: target,
    conditions: withoutCondition(withoutCondition(status?.conditions, 'ModifyingVolume'), 'ModifyVolumeError'),
    modifyVolumeStatus: undefined,
  };
}
