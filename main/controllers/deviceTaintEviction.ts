import { conditionPatch } from '../api/conditionPatch.ts';
import type { Device, DeviceRequestAllocationResult, DeviceTaint, Pod, ResourceResourceClaim, ResourceSlice } from '../api/index.ts';
import { deviceClaimKeys } from '../api/deviceClaims.ts';
import { toleratesDeviceTaint } from '../api/deviceTaints.ts';
import { keyOf, timestamp } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';

const byClaim = 'deviceClaim';

/**
 * Lets the pods go that use devices whose drivers want them gone (taints with NoExecute), as soon as their claims do not
 * tolerate that any longer. Mirrors pkg/controller/devicetainteviction.
 */
export class DeviceTaintEvictionController extends QueueController {
  readonly #pods: Informer<Pod>;
  readonly #claims: Informer<ResourceResourceClaim>;
  readonly #slices: Informer<ResourceSlice>;
  /** Pods, by uid, that have been told to go later. */
  readonly #warned = new Set<string>();

  constructor(context: ControllerContext) {
    super(context, 'device-taint-eviction');
    this.#pods = context.informers.informer(resources.pods);
    this.#claims = context.informers.informer(resources.resourceClaims);
    this.#slices = context.informers.informer(resources.resourceSlices);
    this.#pods.addIndex(byClaim, deviceClaimKeys);
    const podChanged = (pod: Pod) => {
      if (pod.spec!.resourceClaims?.length) this.enqueueObject(pod);
    };
    this.#pods.on({ add: podChanged, update: (_, pod) => podChanged(pod), delete: (pod) => this.#warned.delete(pod.metadata!.uid!) });
    this.#claims.on({ add: (claim) => this.#claimChanged(claim), update: (_, claim) => this.#claimChanged(claim) });
    const sliceChanged = (old: ResourceSlice | undefined, slice: ResourceSlice | undefined) => {
      if (!isTainted(old) && !isTainted(slice)) return;
      const { driver, pool } = (slice ?? old)!.spec;
      for (const claim of this.#claims.list())
        if (claim.status?.allocation?.devices?.results?.some((result) => result.driver === driver && result.pool === pool.name)) this.#claimChanged(claim);
    };
    this.#slices.on({ add: (slice) => sliceChanged(undefined, slice), update: sliceChanged, delete: (slice) => sliceChanged(slice, undefined) });
  }

  #claimChanged(claim: ResourceResourceClaim): void {
    for (const pod of this.#pods.byIndex(byClaim, keyOf(claim))) this.enqueueObject(pod);
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const pod = this.#pods.get(key);
    if (!pod?.spec!.nodeName || pod.metadata!.deletionTimestamp) return;
    const uid = pod.metadata!.uid!;
    const at = Math.min(...deviceClaimKeys(pod).map((claim) => this.#endOf(this.#claims.get(claim), uid)));
    if (at === Infinity) {
      if (this.#warned.delete(uid)) this.#say(pod, 'Cancelling deletion');
      return;
    }
    const wait = at - this.clock.now();
    if (wait > 0) {
      this.#warned.add(uid);
      this.queue.addAfter(key, wait);
      return;
    }
    this.#warned.delete(uid);
    this.#say(pod, 'Marking for deletion');
    await this.#evict(client, pod);
  }

  /** When the claim's devices have to be given up by the pod, in milliseconds; Infinity: never. */
  #endOf(claim: ResourceResourceClaim | undefined, uid: string): number {
    if (!claim?.status?.reservedFor?.some((consumer) => consumer.uid === uid)) return Infinity;
    const ends = (claim.status.allocation?.devices?.results ?? []).flatMap((result) => {
      const taints = this.#device(result)?.taints?.filter(({ effect }) => effect === 'NoExecute') ?? [];
      return taints.map((taint) => endOf(taint, result));
    });
    return Math.min(Infinity, ...ends);
  }

  /** As the newest generation of its pool has it. */
  #device({ driver, pool, device }: DeviceRequestAllocationResult): Device | undefined {
    const slices = this.#slices.list().filter(({ spec }) => spec.driver === driver && spec.pool.name === pool);
    const newest = Math.max(...slices.map(({ spec }) => spec.pool.generation));
    return slices.filter(({ spec }) => spec.pool.generation === newest).flatMap(({ spec }) => spec.devices ?? []).find(({ name }) => name === device);
  }

  async #evict(client: Client, pod: Pod): Promise<void> {
    const { namespace, name, uid, generation } = pod.metadata!;
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByDeviceTaintManager',
      message: 'Device Taint manager: deleting due to NoExecute taint',
      observedGeneration: generation,
      lastTransitionTime: timestamp(this.clock.now()),
    };
    const pods = client.of(resources.pods);
    try {
      await pods.patch(namespace!, name!, 'strategic', { metadata: { uid }, status: conditionPatch(pod, condition) }, { subresource: 'status' });
      await pods.delete(namespace!, name!, { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #say(pod: Pod, message: string): void {
    this.recorder.event({ apiVersion: 'v1', kind: 'Pod', ...pod }, 'Normal', 'DeviceTaintManagerEviction', message);
  }
}

const isTainted = (slice: ResourceSlice | undefined) => slice?.spec.devices?.some(({ taints }) => taints?.some(({ effect }) => effect === 'NoExecute'));

/** When whoever has the device has to let it go; a toleration without an end lasts for ever, whatever others say. */
function endOf(taint: DeviceTaint, { tolerations = [] }: DeviceRequestAllocationResult): number {
  const since = Date.parse(taint.timeAdded ?? '') || 0;
  const used = tolerations.filter((toleration) => toleratesDeviceTaint(toleration, taint));
  if (used.length === 0) return since;
  if (used.some(({ tolerationSeconds }) => tolerationSeconds === undefined)) return Infinity;
  return since + Math.min(...used.map(({ tolerationSeconds }) => Math.max(0, tolerationSeconds!) * 1000));
}
