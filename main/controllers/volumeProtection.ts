import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../api/index.ts';
import type { KubeObject } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer, type ResourceDef } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { isPodFinished } from './pods.ts';

const claimFinalizer = 'kubernetes.io/pvc-protection';
const volumeFinalizer = 'kubernetes.io/pv-protection';
const byClaim = 'claim';

/** Keeps a claim that is being deleted until no pod uses it any more. Mirrors pkg/controller/volume/pvcprotection. */
export class PVCProtectionController extends QueueController {
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #pods: Informer<Pod>;

  constructor(context: ControllerContext) {
    super(context, 'pvc-protection-controller');
    this.#claims = context.informers.informer(resources.persistentVolumeClaims);
    this.#pods = context.informers.informer(resources.pods);
    this.#pods.addIndex(byClaim, claimsOf);
    this.#claims.on({ add: (claim) => this.enqueueObject(claim), update: (_, claim) => this.enqueueObject(claim) });
    const released = (pod: Pod) => {
      for (const key of claimsOf(pod)) this.enqueue(key, pod);
    };
    this.#pods.on({ update: (_, pod) => isPodFinished(pod) && released(pod), delete: released });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const claim = this.#claims.get(key);
    if (!claim) return;
    const used = this.#pods.byIndex(byClaim, key).some((pod) => pod.spec!.nodeName && !isPodFinished(pod));
    await protect(client, resources.persistentVolumeClaims, claim, claimFinalizer, used);
  }
}

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

/** Keys of the claims that a pod uses. */
function claimsOf(pod: Pod): string[] {
  const { namespace, name } = pod.metadata!;
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim) return [`${namespace}/${volume.persistentVolumeClaim.claimName}`];
    return volume.ephemeral ? [`${namespace}/${name}-${volume.name}`] : [];
  });
}
