import type { PersistentVolume, PersistentVolumeClaim, Pod, VolumeAttributesClass } from '../api/index.ts';
import { keyOf, type KubeObject } from '../api/meta.ts';
import { ephemeralClaimProblem, podClaimKeys, podClaims } from '../api/podClaims.ts';
import { isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer, type ResourceDef } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { addPodClaimIndex, isPodFinished, podsOfClaim } from './pods.ts';

const claimFinalizer = 'kubernetes.io/pvc-protection';
const volumeFinalizer = 'kubernetes.io/pv-protection';
const attributesFinalizer = 'kubernetes.io/vac-protection';
const byAttributesClass = 'volumeAttributesClass';

/** Keeps a claim that is being deleted until no pod uses it any more. Mirrors pkg/controller/volume/pvcprotection. */
export class PVCProtectionController extends QueueController {
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #pods: Informer<Pod>;

  constructor(context: ControllerContext) {
    super(context, 'pvc-protection-controller');
    this.#claims = context.informers.informer(resources.persistentVolumeClaims);
    this.#pods = context.informers.informer(resources.pods);
    addPodClaimIndex(this.#pods);
    this.#claims.on({ add: (claim) => this.enqueueObject(claim), update: (_, claim) => this.enqueueObject(claim) });
    const released = (pod: Pod) => {
      for (const key of podClaimKeys(pod)) this.enqueue(key, pod);
    };
    this.#pods.on({
      update: (old, pod) => {
        if (old.metadata!.uid !== pod.metadata!.uid) released(old);
        if (isPodFinished(pod) || isShutDown(pod)) released(pod);
      },
      delete: released,
    });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const claim = this.#claims.get(key);
    if (!claim) return;
    const used = claim.metadata!.deletionTimestamp !== undefined && (await this.#isUsed(client, claim));
    await protect(client, resources.persistentVolumeClaims, claim, claimFinalizer, used);
  }

  /** The cache may not know a pod yet: before a claim goes, the API is asked as well. */
  async #isUsed(client: Client, claim: PersistentVolumeClaim): Promise<boolean> {
    const uses = (pod: Pod) => usesClaim(pod, claim);
    if (podsOfClaim(this.#pods, keyOf(claim)).some(uses)) return true;
    const { items } = await client.of(resources.pods).list(claim.metadata!.namespace);
    return items.some(uses);
  }
}

/** Whether the kubelet is done with a pod, or it was deleted by force. */
const isShutDown = ({ metadata }: Pod): boolean => metadata!.deletionTimestamp !== undefined && metadata!.deletionGracePeriodSeconds === 0;

/**
 * Whether a pod may have the claim's volume. One that has ended counts, too, as long as it is there; but a claim that the pod owns
 * (made for it alone, or that of a StatefulSet's pod which is scaled away) goes once the kubelet is done with the pod. A pod that
 * is deleted in the foreground waits for such a claim; upstream knows only claims of the first sort here, and those of the second
 * and their pod wait for one another for ever.
 */
function usesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  if (!pod.spec!.nodeName || (isShutDown(pod) && isOwnedBy(claim, pod))) return false;
  return podClaims(pod).some(({ claimName, ephemeral }) => claimName === claim.metadata!.name && (!ephemeral || !ephemeralClaimProblem(pod, claim)));
}

const isOwnedBy = (claim: PersistentVolumeClaim, pod: Pod): boolean => claim.metadata!.ownerReferences?.some(({ uid }) => uid === pod.metadata!.uid) ?? false;

/** Keeps a volume that is being deleted as long as a claim has it. Mirrors pkg/controller/volume/pvprotection. */
export class PVProtectionController extends QueueController {
  readonly #volumes: Informer<PersistentVolume>;

  constructor(context: ControllerContext) {
    super(context, 'pv-protection-controller');
    this.#volumes = context.informers.informer(resources.persistentVolumes);
    this.#volumes.on({
      add: (volume) => this.enqueueObject(volume),
      update: (_, volume) => this.enqueueObject(volume),
    });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const volume = this.#volumes.get(key);
    if (volume)
      await protect(client, resources.persistentVolumes, volume, volumeFinalizer, volume.status?.phase === 'Bound');
  }
}

/** Keeps a class of volume attributes while a claim or volume has it, or is to get it. Mirrors pkg/controller/volume/vacprotection. */
export class VACProtectionController extends QueueController {
  readonly #classes: Informer<VolumeAttributesClass>;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;

  constructor(context: ControllerContext) {
    super(context, 'volumeattributesclass-protection-controller');
    this.#classes = context.informers.informer(resources.volumeAttributesClasses);
    this.#claims = context.informers.informer(resources.persistentVolumeClaims);
    this.#volumes = context.informers.informer(resources.persistentVolumes);
    this.#claims.addIndex(byAttributesClass, classesOfClaim);
    this.#volumes.addIndex(byAttributesClass, classesOfVolume);
    this.#classes.on({ add: (vac) => this.enqueueObject(vac), update: (_, vac) => this.enqueueObject(vac) });
    const released = (names: string[], cause: KubeObject) => {
      for (const name of names) this.enqueue(name, cause);
    };
    this.#claims.on({
      update: (old, claim) => released(classesOfClaim(old), claim),
      delete: (claim) => released(classesOfClaim(claim), claim),
    });
    this.#volumes.on({
      update: (old, volume) => released(classesOfVolume(old), volume),
      delete: (volume) => released(classesOfVolume(volume), volume),
    });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const found = this.#classes.get(key);
    if (!found) return;
    const used = [this.#claims, this.#volumes].some((informer) => informer.byIndex(byAttributesClass, key).length > 0);
    await protect(client, resources.volumeAttributesClasses, found, attributesFinalizer, used);
  }
}

function classesOfClaim({ spec, status }: PersistentVolumeClaim): string[] {
  const { currentVolumeAttributesClassName: current, modifyVolumeStatus } = status ?? {};
  const names = [spec?.volumeAttributesClassName, current, modifyVolumeStatus?.targetVolumeAttributesClassName];
  return [...new Set(names.filter((name) => name !== undefined && name !== ''))] as string[];
}

function classesOfVolume({ spec }: PersistentVolume): string[] {
  return spec?.volumeAttributesClassName ? [spec.volumeAttributesClassName] : [];
}

/** Puts the finalizer on while the object lives, and takes it off when it may go. */
async function protect<T extends KubeObject>(
  client: Client,
  def: ResourceDef<T>,
  object: T,
  finalizer: string,
  used: boolean,
): Promise<void> {
  const { namespace = '', name, resourceVersion, finalizers = [], deletionTimestamp } = object.metadata!;
  const present = finalizers.includes(finalizer);
  if (deletionTimestamp ? !present || used : present) return;
  const wanted = deletionTimestamp ? finalizers.filter((other) => other !== finalizer) : [...finalizers, finalizer];
  try {
    await client.of(def).patch(namespace, name!, 'merge', { metadata: { resourceVersion, finalizers: wanted } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
