import type { Selector } from '../api/labels.ts';
import { controllerOf, newControllerRef, type GroupVersionKind, type KubeObject } from '../api/meta.ts';
import { isNotFound, isStatus } from '../api/status.ts';
import type { Client, ResourceDef } from '../client/index.ts';

export interface ClaimOptions<T extends KubeObject, O extends KubeObject> {
  client: Client;
  owner: O;
  ownerKind: GroupVersionKind;
  ownerDef: ResourceDef<O>;
  selector: Selector;
  def: ResourceDef<T>;
  /** What is adopted gets this finalizer, and what is released loses it. */
  finalizer?: string;
}

/**
 * Which of `objects` belong to the owner: those it controls and selects, and orphans that it selects, which it adopts;
 * those it controls and no longer selects are released. Mirrors pkg/controller/controller_ref_manager.go.
 */
export async function claimObjects<T extends KubeObject, O extends KubeObject>(
  objects: T[],
  options: ClaimOptions<T, O>,
): Promise<T[]> {
  const claimer = new Claimer(options);
  const claimed = await Promise.all(objects.map((object) => claimer.claim(object)));
  return objects.filter((_, i) => claimed[i]);
}

class Claimer<T extends KubeObject, O extends KubeObject> {
  #mayAdopt: Promise<void> | undefined;

  constructor(private readonly options: ClaimOptions<T, O>) {}

  async claim(object: T): Promise<boolean> {
    const { owner, selector } = this.options;
    const controller = controllerOf(object);
    // Most are somebody else's, who need not be asked for their labels.
    if (controller && controller.uid !== owner.metadata!.uid) return false;
    const matches = selector.matches(object.metadata?.labels);
    if (controller) {
      if (matches) return true;
      if (!owner.metadata!.deletionTimestamp) await this.#release(object);
      return false;
    }
    if (owner.metadata!.deletionTimestamp || !matches || object.metadata?.deletionTimestamp) return false;
    return this.#adopt(object);
  }

  async #adopt(object: T): Promise<boolean> {
    await (this.#mayAdopt ??= this.#recheck());
    const { owner, ownerKind } = this.options;
    const references = object.metadata?.ownerReferences ?? [];
    try {
      const { finalizer } = this.options;
      const finalizers = new Set(object.metadata?.finalizers);
      const withOurs = finalizer ? [...finalizers.add(finalizer)] : undefined;
      await this.#patch(object, [...references, newControllerRef(owner, ownerKind)], withOurs);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #release(object: T): Promise<void> {
    const { owner, finalizer } = this.options;
    const { ownerReferences: references = [], finalizers } = object.metadata!;
    try {
      await this.#patch(
        object,
        references.filter((ref) => ref.uid !== owner.metadata!.uid),
        finalizer ? finalizers?.filter((other) => other !== finalizer) : undefined,
      );
    } catch (error) {
      // Gone, or somebody else has taken the reference away already.
      if (!isNotFound(error) && !isStatus(error, 'Invalid')) throw error;
    }
  }

  /** The cache may not know yet that the owner is being deleted: ask the server before the first adoption. */
  async #recheck(): Promise<void> {
    const { client, owner, ownerDef, ownerKind } = this.options;
    const { namespace, name, uid } = owner.metadata!;
    const fresh = await client.of(ownerDef).get(namespace ?? '', name!);
    const what = `${ownerKind.kind} ${namespace}/${name}`;
    if (fresh.metadata?.uid !== uid)
      throw new Error(`original ${what} is gone: got uid ${fresh.metadata?.uid}, wanted ${uid}`);
    if (fresh.metadata?.deletionTimestamp) {
      throw new Error(`${namespace}/${name} has just been deleted at ${fresh.metadata.deletionTimestamp}`);
    }
  }

  async #patch(object: T, ownerReferences: unknown[], finalizers?: string[]): Promise<void> {
    const { namespace, name, uid, resourceVersion } = object.metadata!;
    const { client, def } = this.options;
    const metadata = { uid, resourceVersion, ownerReferences, ...(finalizers ? { finalizers } : {}) };
    await client.of(def).patch(namespace ?? '', name!, 'merge', { metadata });
  }
}
