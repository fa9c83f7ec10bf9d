import type { PersistentVolumeClaim, Pod, Volume } from '../api/index.ts';
import { keyOf } from '../api/meta.ts';
import { ephemeralClaimName, ephemeralClaimProblem } from '../api/podClaims.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { addPodClaimIndex, podsOfClaim } from './pods.ts';

/** Makes the claims of generic ephemeral volumes, which go with their pod. Mirrors pkg/controller/volume/ephemeral. */
export class EphemeralVolumeController extends QueueController {
  readonly #pods: Informer<Pod>;
  readonly #claims: Informer<PersistentVolumeClaim>;

  constructor(context: ControllerContext) {
    super(context, 'ephemeral-volume-controller');
    this.#pods = context.informers.informer(resources.pods);
    this.#claims = context.informers.informer(resources.persistentVolumeClaims);
    addPodClaimIndex(this.#pods);
    const wake = (pod: Pod) => {
      if (pod.spec?.volumes?.some(({ ephemeral }) => ephemeral)) this.enqueueObject(pod);
    };
    // A pod's volumes never change, and its claims are deleted by the garbage collector.
    this.#pods.on({ add: wake });
    this.#claims.on({ delete: (claim) => podsOfClaim(this.#pods, keyOf(claim)).forEach(wake) });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const pod = this.#pods.get(key);
    if (!pod || pod.metadata!.deletionTimestamp) return;
    for (const volume of pod.spec!.volumes ?? []) {
      if (!volume.ephemeral) continue;
      try {
        await this.#ensureClaim(client, pod, volume);
      } catch (error) {
        const message = `ephemeral volume ${volume.name}: ${(error as Error).message}`;
        this.recorder.event({ apiVersion: 'v1', kind: 'Pod', ...pod }, 'Warning', 'FailedBinding', message);
        throw error;
      }
    }
  }

  async #ensureClaim(client: Client, pod: Pod, volume: Volume): Promise<void> {
    const { namespace, name: podName, uid } = pod.metadata!;
    const name = ephemeralClaimName(pod, volume);
    const existing = this.#claims.get(`${namespace}/${name}`);
    if (existing) {
      const problem = ephemeralClaimProblem(pod, existing);
      if (problem) throw new Error(problem);
      return;
    }
    const { metadata, spec } = volume.ephemeral!.volumeClaimTemplate!;
    const owner = { apiVersion: 'v1', kind: 'Pod', name: podName!, uid: uid!, controller: true, blockOwnerDeletion: true };
    try {
      await client.of(resources.persistentVolumeClaims).create({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          name,
          namespace,
          labels: metadata?.labels,
          annotations: metadata?.annotations,
          ownerReferences: [owner],
        },
        spec,
      });
      this.measures?.ephemeralClaim(false);
    } catch (error) {
      this.measures?.ephemeralClaim(true);
      throw new Error(`create PVC ${name}: ${(error as Error).message}`, { cause: error });
    }
  }
}
