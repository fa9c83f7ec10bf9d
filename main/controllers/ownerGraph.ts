import type { OwnerReference } from '../api/index.ts';
import type { KubeObject } from '../api/meta.ts';

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

/** One object, as far as ownership goes. */
export interface GraphNode {
  readonly uid: string;
  /** In which it was seen last. */
  apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** False: known only from what its dependents say. */
  observed: boolean;
  owners: readonly OwnerReference[];
  readonly dependents: Set<GraphNode>;
  beingDeleted: boolean;
  /** Waits for its blocking dependents to be gone (foreground deletion). */
  deletingDependents: boolean;
}

/** What a change of the graph asks for. */
export interface GraphActions {
  /** Look whether this object should be deleted. */
  attemptToDelete(node: GraphNode): void;
  /** Take the owner's reference from its dependents, then let it go. */
  attemptToOrphan(node: GraphNode): void;
  /** The owner that the dependent names lives in another namespace. */
  crossNamespace(dependent: GraphNode, reference: OwnerReference): void;
  /** Dependents name an owner as `node` does, and there is none. */
  absent(node: GraphNode): void;
}

/** Who owns whom in the whole cluster. Mirrors pkg/controller/garbagecollector/graph_builder.go. */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();

  constructor(private readonly actions: GraphActions) {}

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  /** An object has appeared or changed. */
  observe(object: KubeObject): void {
    const { uid, ownerReferences = [], finalizers = [], deletionTimestamp } = object.metadata!;
    const existing = this.#nodes.get(uid!);
    const old = existing?.owners ?? [];
    const node = this.#observed(object, existing);
    node.apiVersion = object.apiVersion!;
    node.owners = ownerReferences;
    node.beingDeleted = deletionTimestamp !== undefined;
    this.#relink(node, old, ownerReferences);
    if (!deletionTimestamp) return;
    if (finalizers.includes(orphanFinalizer)) this.actions.attemptToOrphan(node);
    if (!finalizers.includes(foregroundFinalizer)) return;
    node.deletingDependents = true;
    for (const dependent of node.dependents) this.actions.attemptToDelete(dependent);
    this.actions.attemptToDelete(node);
  }

  /** The object is gone. */
  remove(uid: string): void {
    const node = this.#nodes.get(uid);
    if (!node) return;
    this.#nodes.delete(uid);
    for (const { uid: owner } of node.owners) {
      const ownerNode = this.#nodes.get(owner);
      if (!ownerNode) continue;
      ownerNode.dependents.delete(node);
      if (ownerNode.deletingDependents) this.actions.attemptToDelete(ownerNode);
      this.#forgetUnused(ownerNode);
    }
    if (node.dependents.size > 0) this.actions.absent(node);
    for (const dependent of node.dependents) this.actions.attemptToDelete(dependent);
  }

  /**
   * There is no object as the node says. Dependents that call it so have lost it. If others call one that was never
   * seen otherwise, it may be there as they say: then that node is returned, to be looked for.
   */
  absent(node: GraphNode): GraphNode | undefined {
    const current = this.#nodes.get(node.uid);
    if (!current) return undefined;
    const others = [...current.dependents].filter((dependent) => !calls(dependent, node));
    if (current === node && (node.observed || others.length === 0)) return void this.remove(node.uid);
    const misled = [...current.dependents].filter((dependent) => !others.includes(dependent));
    if (misled.length > 0) this.actions.absent(node);
    for (const dependent of misled) this.actions.attemptToDelete(dependent);
    const next = current === node ? nextGuess(node, others) : undefined;
    return next && this.#replace(node, next);
  }

  #observed(object: KubeObject, existing: GraphNode | undefined): GraphNode {
    const { uid, name, namespace = '' } = object.metadata!;
    if (existing?.observed) return existing;
    // Dependents have only said what they believe: what is observed counts.
    const node = this.#replace(existing, newNode(uid!, object.apiVersion!, object.kind!, namespace, name!, true));
    for (const dependent of node.dependents) this.#check(dependent, node);
    return node;
  }

  #replace(old: GraphNode | undefined, node: GraphNode): GraphNode {
    for (const dependent of old?.dependents ?? []) node.dependents.add(dependent);
    this.#nodes.set(node.uid, node);
    return node;
  }

  #relink(node: GraphNode, old: readonly OwnerReference[], current: readonly OwnerReference[]): void {
    for (const reference of current) {
      const known = this.#nodes.get(reference.uid);
      const owner = known ?? this.#virtual(reference, node);
      if (owner.dependents.has(node)) continue;
      owner.dependents.add(node);
      if (known) this.#check(node, known);
    }
    for (const before of old) {
      const owner = this.#nodes.get(before.uid);
      const after = current.find((reference) => reference.uid === before.uid);
      if (!owner || (after && !(before.blockOwnerDeletion && !after.blockOwnerDeletion))) continue;
      if (!after) owner.dependents.delete(node);
      // One less to wait for.
      if (owner.deletingDependents) this.actions.attemptToDelete(owner);
      this.#forgetUnused(owner);
    }
  }

  /** An owner that has not been seen may not exist: that is looked into. */
  #virtual({ uid, apiVersion, kind, name }: OwnerReference, dependent: GraphNode): GraphNode {
    const owner = newNode(uid, apiVersion, kind, dependent.namespace, name, false);
    this.#nodes.set(uid, owner);
    this.actions.attemptToDelete(owner);
    return owner;
  }

  /** A dependent that calls its owner otherwise than it is may have none. */
  #check(dependent: GraphNode, owner: GraphNode): void {
    // Who stands in no namespace may have said of something in one that it is nowhere.
    const isGuess = !owner.observed && !owner.namespace && dependent.namespace !== '';
    if (calls(dependent, owner) && !isGuess) return;
    const reference = dependent.owners.find(({ uid }) => uid === owner.uid);
    if (reference && owner.observed && !isReachable(owner, dependent)) this.actions.crossNamespace(dependent, reference);
    this.actions.attemptToDelete(dependent);
  }

  #forgetUnused(owner: GraphNode): void {
    if (!owner.observed && owner.dependents.size === 0) this.#nodes.delete(owner.uid);
  }
}

const isReachable = (owner: GraphNode, dependent: GraphNode): boolean => owner.namespace === '' || owner.namespace === dependent.namespace;

/** Whether all that the dependent says of its owner is so. */
function calls(dependent: GraphNode, owner: GraphNode): boolean {
  const { uid, apiVersion, kind, name } = owner;
  const references = dependent.owners.filter((reference) => reference.uid === uid);
  return isReachable(owner, dependent) && references.every((ref) => ref.apiVersion === apiVersion && ref.kind === kind && ref.name === name);
}

function newNode(
  uid: string,
  apiVersion: string,
  kind: string,
  namespace: string,
  name: string,
  observed: boolean,
): GraphNode {
  const dependents = new Set<GraphNode>();
  return {
    uid,
    apiVersion,
    kind,
    namespace,
    name,
    observed,
    owners: [],
    dependents,
    beingDeleted: false,
    deletingDependents: false,
  };
}

/**
 * What else the dependents call an owner that is not there as `node` says: in a fixed order, round and round, so that each
 * of their words has its turn.
 */
function nextGuess(node: GraphNode, dependents: readonly GraphNode[]): GraphNode | undefined {
  const guesses = dependents
    .filter(({ beingDeleted }) => !beingDeleted)
    .flatMap(({ namespace, owners }) => owners.filter(({ uid }) => uid === node.uid).map(({ apiVersion, kind, name }) => newNode(node.uid, apiVersion, kind, namespace, name, false)))
    .filter((guess) => compareGuesses(guess, node) !== 0)
    .sort(compareGuesses);
  return guesses.find((guess) => compareGuesses(guess, node) > 0) ?? guesses[0];
}

function compareGuesses(a: GraphNode, b: GraphNode): number {
  const field = (['kind', 'apiVersion', 'namespace', 'name'] as const).find((name) => a[name] !== b[name]);
  if (!field) return 0;
  return a[field] < b[field] ? -1 : 1;
}

/** Dependents that the owner's foreground deletion waits for. */
export function blockingDependents(node: GraphNode): GraphNode[] {
  return [...node.dependents].filter((dependent) =>
    dependent.owners.some((reference) => reference.uid === node.uid && reference.blockOwnerDeletion),
  );
}
