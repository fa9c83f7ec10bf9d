import type { OwnerReference } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { apiVersionOf, parseApiVersion, type KubeObject } from '../api/meta.ts';
import { isConflict, isNotFound, type StatusError } from '../api/status.ts';
import type { Client } from '../client/index.ts';
import type { Timer } from '../util/clock.ts';
import { AbsentOwners } from './absentOwners.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import type { DiscoveredResource, Discovery } from './discovery.ts';
import { blockingDependents, foregroundFinalizer, orphanFinalizer, OwnerGraph, type GraphNode } from './ownerGraph.ts';
import { rediscovery, ServedKinds, type Following } from './servedKinds.ts';

/** How long a collection that cannot be listed holds up all others at the start; upstream's initialSyncTimeout. */
const longestSync = 30_000;
/** Between looking for an owner by the word of one dependent and by that of another. */
const anotherGuess = 1_000;
const ignored = new Set(['/events', 'events.k8s.io/events']);
const needed = ['list', 'watch', 'delete'];

interface Classified {
  /** The owner is there and stays. */
  solid: OwnerReference[];
  /** The owner is not there. */
  dangling: OwnerReference[];
  /** The owner is only waiting for its dependents to go. */
  waiting: OwnerReference[];
}

/**
 * Deletes what has lost its owners, and carries out how owners want to go: first their dependents (foreground), or
 * without them (orphan). Mirrors pkg/controller/garbagecollector.
 */
export class GarbageCollector extends QueueController {
  readonly #graph: OwnerGraph;
  readonly #absentOwners = new AbsentOwners();
  readonly #kinds: ServedKinds;
  /** By `apiVersion/kind`, in the versions that the server prefers. */
  #resources = new Map<string, DiscoveredResource>();
  #served = new Set<string>();
  #patience: Timer | undefined;
  #stopped = false;

  constructor(context: ControllerContext) {
    super(context, 'generic-garbage-collector', 20);
    this.#graph = new OwnerGraph({
      attemptToDelete: (node) => this.queue.add(`delete/${node.uid}`),
      attemptToOrphan: (node) => this.queue.add(`orphan/${node.uid}`),
      crossNamespace: (dependent, reference) => this.#warnCrossNamespace(dependent, reference),
      absent: (node) => this.#absentOwners.add(node, node.namespace),
    });
    this.#kinds = new ServedKinds({
      ...context,
      client: this.client,
      log: this.log,
      wants: ({ group, resource, verbs }) => !ignored.has(`${group}/${resource}`) && needed.every((verb) => verbs.includes(verb)),
      follow: () => this.#follow(),
      onDiscovery: (discovery) => this.#know(discovery),
    });
  }

  override start(): void {
    void this.#begin();
  }

  override async stop(): Promise<void> {
    this.#stopped = true;
    this.#kinds.stop();
    this.#patience?.cancel();
    await super.stop();
  }

  async #begin(): Promise<void> {
    await this.#kinds.start();
    // Deleting by half a picture would delete what is owned by what has not been seen yet.
    const patience = new Promise<void>((resolve) => (this.#patience = this.clock.setTimer(longestSync, resolve)));
    await Promise.race([patience, this.#kinds.synced()]);
    this.#patience?.cancel();
    if (!this.#stopped) super.start();
  }

  #know({ resources, served, failures }: Discovery): void {
    // What a group that does not answer serves is not known to be gone.
    const known = failures.length > 0 ? this.#resources : [];
    this.#resources = new Map([...known, ...resources.map((resource) => [`${apiVersionOf(resource)}/${resource.kind}`, resource] as const)]);
    this.#served = served;
  }

  #follow(): Following {
    /** Uids of what is out of sight because this version is not served. */
    const unseen = new Set<string>();
    return {
      handlers: {
        add: (object) => {
          unseen.delete(object.metadata!.uid!);
          this.#graph.observe(object);
        },
        update: (old, object) => {
          if (old.metadata!.uid !== object.metadata!.uid) this.#graph.remove(old.metadata!.uid!);
          this.#graph.observe(object);
        },
        delete: (object) => this.#graph.remove(object.metadata!.uid!),
        // It may be there, in a version that is served: what it owns must not go.
        unserved: (object) => void unseen.add(object.metadata!.uid!),
      },
      ended: (left) => {
        for (const uid of [...unseen, ...left.map(({ metadata }) => metadata!.uid!)]) this.#graph.remove(uid);
      },
    };
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const uid = key.slice('delete/'.length);
    const node = this.#graph.get(uid);
    if (!node) return;
    if (key.startsWith('orphan/')) await this.#orphan(client, node);
    else await this.#attemptToDelete(client, node);
  }

  async #attemptToDelete(client: Client, node: GraphNode): Promise<void> {
    if (node.beingDeleted && !node.deletingDependents) return;
    // Somebody who stands in no namespace has said so of what lives in one: nobody can tell in which.
    if (!node.namespace && this.#resourceOf(node.apiVersion, node.kind).namespaced) return;
    const latest = await this.#get(client, node);
    if (!latest) return this.#absent(node);
    // Its informer tells of it soon, unless it came and went while the watch was away.
    if (!node.observed) return this.queue.addAfter(`delete/${node.uid}`, rediscovery);
    const because = client.because(latest.metadata!.resourceVersion);
    if (node.deletingDependents) return this.#deleteDependents(because, node, latest);
    const references = latest.metadata!.ownerReferences ?? [];
    if (references.length === 0) return;
    if (references.some((reference) => this.#isOutOfReach(node, reference))) return;
    const { solid, dangling, waiting } = await this.#classify(client, node, references);
    if (solid.length > 0) {
      if (solid.length < references.length) await this.#patch(because, node, latest, { ownerReferences: solid });
    } else if (waiting.length > 0 && node.dependents.size > 0) {
      await this.#deleteInForeground(because, node, latest);
    } else if (dangling.length + waiting.length > 0) await this.#delete(because, node, latest, policyOf(latest));
  }

  async #deleteDependents(client: Client, node: GraphNode, latest: KubeObject): Promise<void> {
    const blocking = blockingDependents(node);
    if (blocking.length === 0) return this.#removeFinalizer(client, node, latest, foregroundFinalizer);
    for (const dependent of blocking) if (!dependent.deletingDependents) this.queue.add(`delete/${dependent.uid}`);
  }

  async #deleteInForeground(client: Client, node: GraphNode, latest: KubeObject): Promise<void> {
    let current = latest;
    // Two that wait for one another would wait for ever.
    if ([...node.dependents].some((dependent) => dependent.deletingDependents)) {
      const ownerReferences = latest.metadata!.ownerReferences!.map((ref) => ({ ...ref, blockOwnerDeletion: false }));
      current = await this.#patch(client, node, latest, { ownerReferences });
    }
    await this.#delete(client, node, current, 'Foreground');
  }

  async #classify(client: Client, node: GraphNode, references: OwnerReference[]): Promise<Classified> {
    const classified: Classified = { solid: [], dangling: [], waiting: [] };
    for (const reference of references) {
      const owner = await this.#owner(client, node, reference);
      if (!owner) classified.dangling.push(reference);
      else if (owner.metadata!.deletionTimestamp && owner.metadata!.finalizers?.includes(foregroundFinalizer)) {
        classified.waiting.push(reference);
      } else classified.solid.push(reference);
    }
    return classified;
  }

  /** The owner as the server has it now, or undefined when it is not there. */
  async #owner(
    client: Client,
    dependent: GraphNode,
    { apiVersion, kind, name, uid }: OwnerReference,
  ): Promise<KubeObject | undefined> {
    const reference = { apiVersion, kind, name, uid };
    if (this.#absentOwners.has(reference, dependent.namespace)) return undefined;
    const resource = this.#resourceOf(apiVersion, kind);
    const owner = await this.#find(client, resource, dependent.namespace, name, uid);
    if (!owner) this.#absentOwners.add(reference, resource.namespaced ? dependent.namespace : '');
    return owner;
  }

  /** An object of the whole cluster cannot have an owner in a namespace: nobody can tell which, so it stays for ever. */
  #isOutOfReach(dependent: GraphNode, { apiVersion, kind }: OwnerReference): boolean {
    return !dependent.namespace && this.#resourceOf(apiVersion, kind).namespaced;
  }

  #absent(node: GraphNode): void {
    const other = this.#graph.absent(node);
    if (other) this.queue.addAfter(`delete/${other.uid}`, anotherGuess);
  }

  #get(client: Client, node: GraphNode): Promise<KubeObject | undefined> {
    return this.#find(client, this.#resourceOf(node.apiVersion, node.kind), node.namespace, node.name, node.uid);
  }

  async #find(
    client: Client,
    resource: DiscoveredResource,
    namespace: string,
    name: string,
    uid: string,
  ): Promise<KubeObject | undefined> {
    try {
      const object = await client.of<KubeObject>(resource).get(resource.namespaced ? namespace : '', name);
      return object.metadata?.uid === uid ? object : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  #resourceOf(apiVersion: string, kind: string): DiscoveredResource {
    const exact = this.#resources.get(`${apiVersion}/${kind}`);
    if (exact) return exact;
    const { group } = parseApiVersion(apiVersion);
    // Of a version that is not served (any more) nobody can tell whether what is called so is there.
    if (this.#served.has(apiVersion)) for (const resource of this.#resources.values())
      if (resource.group === group && resource.kind === kind) return resource;
    throw new Error(`unable to get REST mapping for ${apiVersion}/${kind}`);
  }

  async #orphan(client: Client, node: GraphNode): Promise<void> {
    await Promise.all(
      [...node.dependents].map(async (dependent) => {
        const latest = await this.#get(client, dependent);
        const references = latest?.metadata!.ownerReferences ?? [];
        const ownerReferences = references.filter((reference) => reference.uid !== node.uid);
        if (latest && ownerReferences.length < references.length)
          await this.#patch(client, dependent, latest, { ownerReferences });
      }),
    );
    const latest = await this.#get(client, node);
    if (latest) await this.#removeFinalizer(client, node, latest, orphanFinalizer);
  }

  async #removeFinalizer(client: Client, node: GraphNode, latest: KubeObject, finalizer: string): Promise<void> {
    const before = latest.metadata!.finalizers ?? [];
    const finalizers = before.filter((name) => name !== finalizer);
    if (finalizers.length < before.length) await this.#patch(client, node, latest, { finalizers });
  }

  async #patch(
    client: Client,
    node: GraphNode,
    latest: KubeObject,
    metadata: Record<string, unknown>,
  ): Promise<KubeObject> {
    const { resourceVersion, uid } = latest.metadata!;
    const patch = { metadata: { uid, resourceVersion, ...metadata } };
    try {
      return await client
        .of<KubeObject>(this.#resourceOf(node.apiVersion, node.kind))
        .patch(node.namespace, node.name, 'merge', patch);
    } catch (error) {
      if (isNotFound(error)) return latest;
      throw error;
    }
  }

  async #delete(client: Client, node: GraphNode, latest: KubeObject, propagationPolicy: string): Promise<void> {
    const { uid, resourceVersion, ownerReferences } = latest.metadata!;
    const collection = client.of<KubeObject>(this.#resourceOf(node.apiVersion, node.kind));
    try {
      await collection
        .delete(node.namespace, node.name, { preconditions: { uid, resourceVersion }, propagationPolicy })
        .catch(async (error: unknown) => {
          // What changes all the time, but not in whose it is, would never go otherwise.
          const isAsBefore = isConflict(error) && equalJson((await this.#get(client, node))?.metadata!.ownerReferences, ownerReferences);
          if (!isAsBefore) throw error;
          await collection.delete(node.namespace, node.name, { preconditions: { uid }, propagationPolicy });
        });
    } catch (error) {
      if (isNotFound(error)) this.#absent(node);
      // It has changed since it was read: look again.
      else if (isConflict(error)) this.queue.addRateLimited(`delete/${node.uid}`);
      else throw error;
    }
  }

  #warnCrossNamespace(dependent: GraphNode, { apiVersion, kind, name, uid }: OwnerReference): void {
    const { namespace } = dependent;
    const about = {
      apiVersion: dependent.apiVersion,
      kind: dependent.kind,
      metadata: { namespace, name: dependent.name, uid: dependent.uid },
    };
    const owner = `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`;
    this.recorder.event(
      about,
      'Warning',
      'OwnerRefInvalidNamespace',
      `ownerRef ${owner} does not exist in namespace "${namespace}"`,
    );
  }
}

/** Whether there is no such object; not: whether the server does not serve such objects (any more, or yet). */
const isMissing = (error: unknown) => isNotFound(error) && (error as StatusError).status.details?.name !== undefined;

/** What the object itself asked for when it was deleted before. */
function policyOf(object: KubeObject): string {
  const finalizers = object.metadata!.finalizers ?? [];
  if (finalizers.includes(orphanFinalizer)) return 'Orphan';
  return finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background';
}
