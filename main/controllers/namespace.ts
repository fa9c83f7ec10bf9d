import type { Namespace, NamespaceCondition } from '../api/index.ts';
import { cloneJson, equalJson } from '../api/json.ts';
import { timestamp, type KubeObject } from '../api/meta.ts';
import { isNotFound, isStatus, StatusError } from '../api/status.ts';
import { DefaultControllerRateLimiter, resources, type Client, type Informer, type ResourceDef } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { discover, type DiscoveredResource, type Discovery } from './discovery.ts';

const finalizer = 'kubernetes';
/** How long to wait before looking again for what should go at once, but has finalizers. */
const finalizerWait = 15_000;
/** Between two looks at what is on its way out, however slowly. */
const progressWait = 1_000;
/** However often it failed, a namespace is looked at again after this time. */
const longestWait = 60_000;

/** Nobody but its end is waited for. One with finalizers may be waiting for what another deletion would do without. */
const isOnItsWay = ({ metadata }: KubeObject): boolean => metadata?.deletionTimestamp !== undefined && !metadata.finalizers?.length;

/** What was on its way out of a namespace at the last look, of one kind. */
interface Departing {
  count: number;
  /** When the last of it is to be gone, milliseconds since the epoch. */
  end: number;
}

/** The first page of a list. */
type FirstOf = Awaited<ReturnType<ReturnType<Client['of']>['list']>>;

/** What should have been gone by now. */
class StillThere extends Error {}

interface Content {
  /** `pods.` → how many are left, named as upstream does: `resource.group`. */
  remaining: Map<string, number>;
  finalizers: Map<string, number>;
  errors: Error[];
  discovery: Discovery;
  /** Milliseconds until it is worth looking again; 0: everything is gone. */
  wait: number;
}

/** Empties namespaces that are being deleted: pods first, then everything else. Mirrors pkg/controller/namespace. */
export class NamespaceController extends QueueController {
  readonly #namespaces: Informer<Namespace>;
  /** How many objects were left at the last look, by namespace. */
  readonly #left = new Map<string, number>();
  /** By namespace, then by kind. */
  readonly #departing = new Map<string, Map<string, Departing>>();

  constructor(context: ControllerContext) {
    super(context, 'namespace-controller', 10, new DefaultControllerRateLimiter(context.clock, longestWait));
    this.#namespaces = context.informers.informer(resources.namespaces);
    const changed = (ns: Namespace) => {
      if (ns.metadata!.deletionTimestamp) this.enqueueObject(ns);
    };
    this.#namespaces.on({
      add: changed,
      // What each look writes into the status is no reason for the next one.
      update: (old, ns) => {
        if (old.metadata!.deletionTimestamp !== ns.metadata!.deletionTimestamp || !equalJson(old.spec, ns.spec)) changed(ns);
      },
      delete: (ns) => this.#forget(ns.metadata!.name!),
    });
  }

  protected async sync(name: string, client: Client): Promise<void> {
    const cached = this.#namespaces.get(name);
    if (!cached?.metadata!.deletionTimestamp || !cached.spec?.finalizers?.length) return;
    let ns = cloneJson(cached);
    try {
      if (ns.status?.phase !== 'Terminating') {
        ns = cloneJson(
          await client.of(resources.namespaces).updateStatus({ ...ns, status: { ...ns.status, phase: 'Terminating' } }),
        );
      }
      if (!ns.spec!.finalizers!.includes(finalizer)) return;
      const content = await this.#deleteContent(client, name);
      ns = await this.#writeConditions(client, ns, content);
      if (this.#goesOn(name, content)) return this.queue.addAfter(name, progressWait);
      if (content.errors.length > 0) throw content.errors[0]!;
      if (content.discovery.failures.length > 0) throw content.discovery.failures[0]!.error;
      if (content.remaining.size > 0) return this.queue.addAfter(name, content.wait);
      const finalizers = ns.spec!.finalizers!.filter((f) => f !== finalizer);
      await client
        .of(resources.namespaces)
        .subresource('', name, 'finalize', 'PUT', { ...ns, spec: { ...ns.spec, finalizers } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #forget(name: string): void {
    this.#left.delete(name);
    this.#departing.delete(name);
  }

  /** Whether nothing is wrong but that it takes long: many pods end one after the other, and with each look there are fewer. */
  #goesOn(name: string, { errors, remaining }: Content): boolean {
    const left = [...remaining.values()].reduce((sum, count) => sum + count, 0);
    const before = this.#left.get(name);
    this.#left.set(name, left);
    return before !== undefined && left < before && errors.length > 0 && errors.every((error) => error instanceof StillThere);
  }

  async #deleteContent(client: Client, namespace: string): Promise<Content> {
    const discovery = await discover(client);
    const content: Content = { remaining: new Map(), finalizers: new Map(), errors: [], discovery, wait: 0 };
    const deletable = discovery.resources.filter((r) => r.namespaced && r.verbs.includes('delete'));
    const isPods = (r: DiscoveredResource) => r.group === '' && r.resource === 'pods';
    for (const resource of deletable.filter(isPods)) await this.#deleteAll(client, namespace, resource, content);
    // Pods may need what is in their namespace until their end.
    if (content.remaining.size > 0) return content;
    // One kind after the other, as upstream: a kind in two groups (Events) is one collection, in which two would meet.
    for (const resource of deletable.filter((r) => !isPods(r))) await this.#deleteAll(client, namespace, resource, content);
    return content;
  }

  async #deleteAll(client: Client, namespace: string, resource: DiscoveredResource, content: Content): Promise<void> {
    const collection = client.of<KubeObject>(resource satisfies ResourceDef);
    const options = { propagationPolicy: 'Background' };
    try {
      if (!resource.verbs.includes('list')) return void (await this.#deleteCollection(collection, namespace, resource, options));
      // Thousands are not read where one of them tells as much.
      const first = await collection.list(namespace, { limit: 1 });
      if (first.items.length === 0 || this.#becomesLess(namespace, resource, first, content)) return;
      const items = async () => (await collection.list(namespace)).items;
      let left = first.items.every(isOnItsWay) ? await items() : first.items;
      // Thousands of pods on their way out are not asked once more to go: they would only go more slowly.
      if (!left.every(isOnItsWay)) {
        if (!(await this.#deleteCollection(collection, namespace, resource, options))) await this.#deleteItems(collection, namespace, await items(), options);
        left = await items();
      }
      if (left.length === 0) return;
      for (const item of left) {
        for (const name of item.metadata?.finalizers ?? [])
          content.finalizers.set(name, (content.finalizers.get(name) ?? 0) + 1);
      }
      const estimate = this.#estimate(left);
      if (left.every(isOnItsWay)) this.#departingOf(namespace).set(nameOf(resource), { count: left.length, end: this.clock.now() + estimate });
      this.#remains(content, namespace, resource, left.length, estimate);
    } catch (error) {
      if (!isUnsupported(error)) content.errors.push(error as Error);
    }
  }

  #remains(content: Content, namespace: string, resource: DiscoveredResource, count: number, estimate: number): void {
    content.remaining.set(nameOf(resource), count);
    content.wait = Math.max(content.wait, estimate / 2 + 1000);
    const { group, version, resource: name } = resource;
    if (estimate === 0) content.errors.push(new StillThere(`unexpected items still remain in namespace: ${namespace} for gvr: ${group}/${version}, Resource=${name}`));
  }

  #departingOf(namespace: string): Map<string, Departing> {
    let departing = this.#departing.get(namespace);
    if (!departing) this.#departing.set(namespace, (departing = new Map()));
    return departing;
  }

  /**
   * Whether of what was on its way out some has gone since and some is there still. Nothing comes into a namespace on its way
   * out, nor gets finalizers: then counting tells as much as reading thousands of pods once more.
   */
  #becomesLess(namespace: string, resource: DiscoveredResource, { items, metadata }: FirstOf, content: Content): boolean {
    const departing = this.#departing.get(namespace);
    const before = departing?.get(nameOf(resource));
    if (!before) return false;
    const count = metadata.continue && metadata.remainingItemCount === undefined ? Infinity : items.length + (metadata.remainingItemCount ?? 0);
    if (count >= before.count || !items.every(isOnItsWay)) {
      departing!.delete(nameOf(resource));
      return false;
    }
    before.count = count;
    this.#remains(content, namespace, resource, count, Math.max(0, before.end - this.clock.now()));
    return true;
  }

  /** Whether the server can do that. */
  async #deleteCollection(
    collection: ReturnType<Client['of']>,
    namespace: string,
    resource: DiscoveredResource,
    options: { propagationPolicy: string },
  ): Promise<boolean> {
    if (!resource.verbs.includes('deletecollection')) return false;
    try {
      await collection.deleteCollection(namespace, { delete: options });
      return true;
    } catch (error) {
      // Servers of other groups may say that they can, and yet cannot.
      if (isUnsupported(error)) return false;
      throw error;
    }
  }

  async #deleteItems(
    collection: ReturnType<Client['of']>,
    namespace: string,
    items: KubeObject[],
    options: { propagationPolicy: string },
  ): Promise<void> {
    for (const item of items) {
      await collection.delete(namespace, item.metadata!.name!, options).catch((error: unknown) => {
        if (!isUnsupported(error)) throw error;
      });
    }
  }

  /** The longest time that something has left to end by itself, in milliseconds; 0: it should be gone. */
  #estimate(left: KubeObject[]): number {
    const now = this.clock.now();
    const waits = left.map(({ metadata }) => {
      if (metadata?.finalizers?.length) return finalizerWait;
      const end = metadata?.deletionTimestamp ? Date.parse(metadata.deletionTimestamp) : now;
      return Math.max(0, end - now);
    });
    return Math.max(...waits);
  }

  async #writeConditions(client: Client, ns: Namespace, content: Content): Promise<Namespace> {
    const conditions = calculateConditions(ns.status?.conditions ?? [], content, this.clock.now());
    if (equalJson(conditions, ns.status?.conditions ?? [])) return ns;
    return client.of(resources.namespaces).updateStatus({ ...ns, status: { ...ns.status, conditions } });
  }
}

/** As upstream names kinds in conditions. */
const nameOf = ({ resource, group }: DiscoveredResource): string => `${resource}.${group}`;

const isUnsupported = (error: unknown) => isNotFound(error) || isStatus(error, 'MethodNotAllowed');

/** Mirrors pkg/controller/namespace/deletion/status_condition_utils.go. */
export function calculateConditions(old: NamespaceCondition[], content: Content, now: number): NamespaceCondition[] {
  const { remaining, finalizers, errors, discovery } = content;
  const discoveryText = discovery.failures
    .map(({ groupVersion, error }) => `${groupVersion}: ${(error as Partial<StatusError>).code === 503 ? `stale GroupVersion discovery: ${groupVersion}` : error.message}`)
    .sort()
    .join(', ');
  const messageOf = (error: Error) => (error instanceof StatusError ? (error.status.message ?? '') : error.message);
  const found: [
    type: string,
    bad: boolean,
    reasons: [bad: string, good: string],
    messages: [bad: string, good: string],
  ][] = [
    [
      'NamespaceDeletionDiscoveryFailure',
      discovery.failures.length > 0,
      ['DiscoveryFailed', 'ResourcesDiscovered'],
      [
        `Discovery failed for some groups, ${discovery.failures.length} failing: unable to retrieve the complete list of server APIs: ${discoveryText}`,
        'All resources successfully discovered',
      ],
    ],
    [
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      ['GroupVersionParsingFailed', 'ParsedGroupVersions'],
      ['', 'All legacy kube types successfully parsed'],
    ],
    [
      'NamespaceDeletionContentFailure',
      errors.length > 0,
      ['ContentDeletionFailed', 'ContentDeleted'],
      [
        `Failed to delete all resource types, ${errors.length} remaining: ${errors.map(messageOf).sort().join(', ')}`,
        'All content successfully deleted, may be waiting on finalization',
      ],
    ],
    [
      'NamespaceContentRemaining',
      remaining.size > 0,
      ['SomeResourcesRemain', 'ContentRemoved'],
      [
        `Some resources are remaining: ${[...remaining]
          .map(([what, count]) => `${what} has ${count} resource instances`)
          .sort()
          .join(', ')}`,
        'All content successfully removed',
      ],
    ],
    [
      'NamespaceFinalizersRemaining',
      finalizers.size > 0,
      ['SomeFinalizersRemain', 'ContentHasNoFinalizers'],
      [
        `Some content in the namespace has finalizers remaining: ${[...finalizers]
          .map(([what, count]) => `${what} in ${count} resource instances`)
          .sort()
          .join(', ')}`,
        'All content-preserving finalizers finished',
      ],
    ],
  ];
  const conditions = found.map(([type, bad, reasons, messages]): NamespaceCondition => {
    const status = bad ? 'True' : 'False';
    const before = old.find((condition) => condition.type === type);
    const kept = before?.status === status ? before.lastTransitionTime : undefined;
    const [reason, message] = bad ? [reasons[0], messages[0]] : [reasons[1], messages[1]];
    return { type, status, reason, message, lastTransitionTime: kept ?? timestamp(now) };
  });
  const isNew = ({ type }: NamespaceCondition) => !old.some((condition) => condition.type === type);
  // Those that were there stay in their places.
  return [...old.map((before) => conditions.find(({ type }) => type === before.type) ?? before), ...conditions.filter(isNew)];
}
