import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../api/index.ts';
import { keyOf } from '../../api/meta.ts';
import { isAlreadyExists, isNotFound } from '../../api/status.ts';
import { resources, type Client, type EventRecorder, type Informer } from '../../client/index.ts';
import type { WrittenRevisions } from '../written.ts';
import { deletesWhenScaled, hasOtherController, isStale, wantedOwners } from './claimRetention.ts';
import { claimsFor, fits, fitted, ordinalOf } from './identity.ts';

/** Makes, changes and deletes the pods of a StatefulSet and their claims. Mirrors pkg/controller/statefulset/stateful_pod_control.go. */
export class StatefulPods {
  /** Uids of pods that were deleted here and that the cache still shows as if they were not. */
  readonly #deleted = new Set<string>();

  constructor(
    private readonly pods: Informer<Pod>,
    private readonly claims: Informer<PersistentVolumeClaim>,
    private readonly recorder: EventRecorder,
    private readonly written: { pods: WrittenRevisions; claims: WrittenRevisions },
  ) {}

  /** Whether a claim of the pod still has to go, with the pod that had the number before. */
  hasStaleClaim(set: StatefulSet, pod: Pod): boolean {
    return deletesWhenScaled(set) && this.#claimsOf(set, pod).some((claim) => isStale(claim, pod));
  }

  async create(client: Client, set: StatefulSet, pod: Pod): Promise<void> {
    let created: Pod;
    try {
      await this.#createClaims(client, set, pod);
      created = await client.of(resources.pods).create(pod);
    } catch (error) {
      if (!isAlreadyExists(error)) this.#say('Create', set, pod, error);
      throw error;
    }
    this.written.pods.wrote(keyOf(set), created);
    await this.retain(client, set, created);
    this.#say('Create', set, pod);
  }

  async delete(client: Client, set: StatefulSet, pod: Pod): Promise<void> {
    const { namespace, name, uid } = pod.metadata!;
    try {
      // The number may have a new pod by now: that one is not meant.
      await client.of(resources.pods).delete(namespace!, name!, { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) {
        this.#say('Delete', set, pod, error);
        throw error;
      }
    }
    const cached = this.pods.get(keyOf(pod));
    if (cached?.metadata!.uid === uid && !cached!.metadata!.deletionTimestamp) this.#deleted.add(uid!);
    this.#say('Delete', set, pod);
  }

  /** The cache shows what has become of a pod. */
  seen({ metadata }: Pod): void {
    this.#deleted.delete(metadata!.uid!);
  }

  /** Whether one of the pods has been deleted here, which the cache does not show yet: its event wakes the set. */
  isBehind(pods: readonly Pod[]): boolean {
    return pods.some(({ metadata }) => this.#deleted.has(metadata!.uid!));
  }

  /** Gives the pod what its number demands, as far as it lacks that. */
  async update(client: Client, set: StatefulSet, pod: Pod): Promise<void> {
    try {
      if (!fits(set, pod)) {
        await this.#createClaims(client, set, pod);
        this.written.pods.wrote(keyOf(set), await client.of(resources.pods).update(fitted(set, pod)));
        this.#say('Update', set, pod);
      }
      await this.retain(client, set, pod);
    } catch (error) {
      this.#say('Update', set, pod, error);
      throw error;
    }
  }

  /** A pod that waits may wait for a claim that somebody has deleted. */
  async completeClaims(client: Client, set: StatefulSet, pod: Pod): Promise<void> {
    await this.#createClaims(client, set, pod);
    await this.retain(client, set, pod);
  }

  #claimsOf(set: StatefulSet, pod: Pod): PersistentVolumeClaim[] {
    return [...claimsFor(set, ordinalOf(pod)).values()]
      .map((claim) => this.claims.get(keyOf(claim)))
      .filter((claim) => claim !== undefined);
  }

  async #createClaims(client: Client, set: StatefulSet, pod: Pod): Promise<void> {
    for (const claim of claimsFor(set, ordinalOf(pod)).values()) {
      const existing = this.claims.get(keyOf(claim));
      const { name } = claim.metadata!;
      if (existing?.metadata!.deletionTimestamp) throw new Error(`pvc ${name} is being deleted`);
      if (existing) continue;
      try {
        const created = await client.of(resources.persistentVolumeClaims).create(claim);
        this.written.claims.wrote(keyOf(set), created);
      } catch (error) {
        if (isAlreadyExists(error)) continue;
        const message = (error as Error).message;
        const what = `Create Claim ${name} for Pod ${pod.metadata!.name} in StatefulSet ${set.metadata!.name}`;
        this.recorder.event(set, 'Warning', 'FailedCreate', `${what} failed error: ${message}`);
        throw new Error(`failed to create PVC ${name}: ${message}`, { cause: error });
      }
      const what = `Create Claim ${name} Pod ${pod.metadata!.name} in StatefulSet ${set.metadata!.name}`;
      this.recorder.event(set, 'Normal', 'SuccessfulCreate', `${what} success`);
    }
  }

  /** Binds the pod's claims to whatever they shall end with. */
  async retain(client: Client, set: StatefulSet, pod: Pod): Promise<void> {
    for (const claim of this.#claimsOf(set, pod)) {
      const { name } = claim.metadata!;
      if (hasOtherController(claim, set, pod)) {
        const message = `PersistentVolumeClaim ${name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim`;
        this.recorder.event(set, 'Warning', 'ConflictingController', message);
      }
      const ownerReferences = wantedOwners(claim, set, pod);
      if (!ownerReferences) continue;
      const changed = { ...claim, metadata: { ...claim.metadata, ownerReferences } };
      this.written.claims.wrote(keyOf(set), await client.of(resources.persistentVolumeClaims).update(changed));
    }
  }

  #say(verb: 'Create' | 'Update' | 'Delete', set: StatefulSet, pod: Pod, error?: unknown): void {
    const what = `${verb} Pod ${pod.metadata!.name} in StatefulSet ${set.metadata!.name}`;
    if (error === undefined) this.recorder.event(set, 'Normal', `Successful${verb}`, `${what} successful`);
    else this.recorder.event(set, 'Warning', `Failed${verb}`, `${what} failed error: ${(error as Error).message}`);
  }
}
