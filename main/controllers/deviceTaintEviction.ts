import type { Device, DeviceRequestAllocationResult, DeviceTaint, Pod, ResourceResourceClaim, ResourceSlice } from '../api/index.ts';
import { deviceClaimKeys } from '../api/deviceClaims.ts';
import { toleratesDeviceTaint } from '../api/deviceTaints.ts';
import { controllerOf, keyOf } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { disruptPod, resources, type Client, type Informer } from '../client/index.ts';
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
    const claimChanged = (claim: ResourceResourceClaim) => this.#claimChanged(claim);
    this.#claims.on({ add: claimChanged, update: (_, claim) => claimChanged(claim), delete: claimChanged });
    const sliceChanged = (old: ResourceSlice | undefined, slice: ResourceSlice | undefined) => {
      const { driver, pool } = (slice ?? old)!.spec;
      // One without taints may be newer than one with some, or may have been.
      if (!isTainted(old) && !this.#slicesOf(driver, pool.name).some(isTainted)) return;
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
    const at = Math.min(...this.#claimsOf(pod).map((claim) => this.#endOf(claim, uid)));
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
    await this.#evict(client, pod, at);
    this.#warned.delete(uid);
  }

  /** Those that its spec asks for: not the one behind its extended resources, nor one from a template that is somebody else's. */
  #claimsOf({ metadata, spec, status }: Pod): ResourceResourceClaim[] {
    return (spec!.resourceClaims ?? []).flatMap(({ name, resourceClaimName }) => {
      const known = resourceClaimName ?? status?.resourceClaimStatuses?.find((told) => told.name === name)?.resourceClaimName;
      const claim = known ? this.#claims.get(`${metadata!.namespace}/${known}`) : undefined;
      return claim && (resourceClaimName || controllerOf(claim)?.uid === metadata!.uid) ? [claim] : [];
    });
  }

  /** When the claim's devices have to be given up by the pod, in milliseconds; Infinity: never. */
  #endOf({ status }: ResourceResourceClaim, uid: string): number {
    if (!status?.reservedFor?.some((consumer) => consumer.uid === uid)) return Infinity;
    const ends = (status.allocation?.devices?.results ?? []).flatMap((result) => {
      const taints = this.#device(result)?.taints?.filter(({ effect }) => effect === 'NoExecute') ?? [];
      return taints.map((taint) => endOf(taint, result));
    });
    return Math.min(Infinity, ...ends);
  }

  #slicesOf(driver: string, pool: string): ResourceSlice[] {
    return this.#slices.list().filter(({ spec }) => spec.driver === driver && spec.pool.name === pool);
  }

  /** As the newest generation of its pool has it. */
  #device({ driver, pool, device }: DeviceRequestAllocationResult): Device | undefined {
    const slices = this.#slicesOf(driver, pool);
    const newest = Math.max(...slices.map(({ spec }) => spec.pool.generation));
    return slices.filter(({ spec }) => spec.pool.generation === newest).flatMap(({ spec }) => spec.devices ?? []).find(({ name }) => name === device);
  }

  /** Says so only of a pod that is there still and is not going yet. `at`: when it had to go. */
  async #evict(client: Client, pod: Pod, at: number): Promise<void> {
    const { namespace, name, uid } = pod.metadata!;
    try {
      const { metadata, ...rest } = await client.of(resources.pods).get(namespace!, name!);
      if (metadata!.uid !== uid || metadata!.deletionTimestamp) return;
      this.#say(pod, 'Marking for deletion');
      const why = { reason: 'DeletionByDeviceTaintManager', message: 'Device Taint manager: deleting due to NoExecute taint' };
      await disruptPod(client, { metadata, ...rest }, why, this.clock.now());
      this.measures?.deviceTaintEvicted(this.clock.now() - at);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #say({ metadata }: Pod, message: string): void {
    const { namespace, name, uid } = metadata!;
    this.recorder.event({ apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name, uid } }, 'Normal', 'DeviceTaintManagerEviction', message);
  }
}

const isTainted = (slice: ResourceSlice | undefined) => slice?.spec.devices?.some(({ taints }) => taints?.some(({ effect }) => effect === 'NoExecute'));

/** When whoever has the device has to let it go; a toleration without an end lasts for ever, whatever others say. */
function endOf(taint: DeviceTaint, { tolerations = [] }: DeviceRequestAllocationResult): number {
  const since = Date.parse(taint.timeAdded ?? '') || 0;
  // One for every effect keeps a new pod from being held up, but not a running one from having to go.
  const used = tolerations.filter((toleration) => toleration.effect === 'NoExecute' && toleratesDeviceTaint(toleration, taint));
  if (used.length === 0) return since;
  if (used.some(({ tolerationSeconds }) => tolerationSeconds === undefined)) return Infinity;
  return since + Math.min(...used.map(({ tolerationSeconds }) => Math.max(0, tolerationSeconds!) * 1000));
}
