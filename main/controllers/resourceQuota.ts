import type { DeviceClass, Pod, ResourceQuota, ResourceResourceClaim } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { keyOf, type KubeObject } from '../api/meta.ts';
import { Quantity } from '../api/quantity.ts';
import { addAmounts, amountsOf, countsFor, deviceFacts, isDeviceClaim, matchesScopes, quotaUsage, type Amounts, type DeviceFacts } from '../api/quota.ts';
import { isConflict, isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer, type InformerFactory } from '../client/index.ts';
import type { Timer } from '../util/clock.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import type { DiscoveredResource } from './discovery.ts';
import { ServedKinds, type Following } from './servedKinds.ts';

/** Time alone may free something (a pod that should be gone by now): everything is counted anew this often. */
const resyncPeriod = 5 * 60_000;
/** Changes that come in a row are counted together. */
const gathering = 20;
const ignored = new Set(['/bindings', '/events', 'events.k8s.io/events']);
const needed = ['create', 'list', 'watch', 'delete'];

interface Counted {
  resource: DiscoveredResource;
  /** Undefined once the kind is served no more: there is nothing of it. */
  informer: Informer<KubeObject> | undefined;
}

/** Says in a quota's status how much of it is used. Mirrors pkg/controller/resourcequota. */
export class ResourceQuotaController extends QueueController {
  readonly #informers: InformerFactory;
  readonly #quotas: Informer<ResourceQuota>;
  readonly #classes: Informer<DeviceClass>;
  readonly #pods: Informer<Pod>;
  readonly #claims: Informer<ResourceResourceClaim>;
  readonly #counted = new Map<string, Counted>();
  readonly #kinds: ServedKinds;
  #resync: Timer | undefined;
  #stopped = false;

  constructor(context: ControllerContext) {
    super(context, 'resourcequota-controller');
    this.#informers = context.informers;
    this.#quotas = context.informers.informer(resources.resourceQuotas);
    this.#classes = context.informers.informer(resources.deviceClasses);
    this.#pods = context.informers.informer(resources.pods);
    this.#claims = context.informers.informer(resources.resourceClaims);
    this.#quotas.on({
      add: (quota) => this.enqueueObject(quota),
      update: (old, quota) => {
        if (!equalJson(old.spec, quota.spec) || !equalJson(old.status, quota.status)) this.enqueueObject(quota);
      },
    });
    this.#kinds = new ServedKinds({
      ...context,
      client: this.client,
      log: this.log,
      // Any kind in a namespace can be counted.
      wants: ({ group, resource, namespaced, verbs }) => namespaced && !ignored.has(`${group}/${resource}`) && needed.every((verb) => verbs.includes(verb)),
      follow: (resource, informer) => this.#follow(resource, informer),
    });
  }

  override start(): void {
    void this.#begin();
  }

  override async stop(): Promise<void> {
    this.#stopped = true;
    this.#kinds.stop();
    this.#resync?.cancel();
    await super.stop();
  }

  async #begin(): Promise<void> {
    await this.#kinds.start();
    // As upstream: by half a picture less would be counted than there is.
    await Promise.all([this.#informers.synced(), this.#kinds.synced()]);
    if (this.#stopped) return;
    super.start();
    this.#countAgain();
  }

  #countAgain(): void {
    this.#resync = this.clock.setTimer(resyncPeriod, () => {
      for (const quota of this.#quotas.list()) this.enqueue(keyOf(quota));
      this.#countAgain();
    });
  }

  #follow(resource: DiscoveredResource, informer: Informer<KubeObject>): Following {
    const counted: Counted = { resource, informer };
    this.#counted.set(`${resource.group}/${resource.resource}`, counted);
    return {
      handlers: {
        add: (object) => this.#changed(resource, object),
        delete: (object) => this.#changed(resource, object),
        update: (old, object) => {
          if (this.#quotas.list(object.metadata!.namespace).length > 0 && this.#costsOtherwise(resource, old, object))
            this.#changed(resource, object);
        },
      },
      ended: (left) => {
        counted.informer = undefined;
        for (const object of left) this.#changed(resource, object);
      },
    };
  }

  #costsOtherwise(resource: DiscoveredResource, old: KubeObject, object: KubeObject): boolean {
    const quotas = this.#quotas.list(object.metadata!.namespace);
    if (quotas.some((quota) => matchesScopes(quota, resource, old) !== matchesScopes(quota, resource, object)))
      return true;
    const now = this.clock.now();
    const facts = this.#factsFor(resource);
    const [before, after] = [quotaUsage(resource, old, now, facts), quotaUsage(resource, object, now, facts)];
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].some((name) => (before[name] ?? Quantity.zero).cmp(after[name] ?? Quantity.zero) !== 0);
  }

  /** Only for claims for devices. */
  #factsFor(resource: DiscoveredResource): DeviceFacts | undefined {
    if (!isDeviceClaim(resource)) return undefined;
    return deviceFacts(this.#classes.list(), (namespace, name) => this.#pods.get(`${namespace}/${name}`), (namespace) => this.#claims.list(namespace));
  }

  /** Wakes the quotas that count such objects. */
  #changed(resource: DiscoveredResource, object: KubeObject): void {
    const facts = this.#factsFor(resource);
    for (const quota of this.#quotas.list(object.metadata!.namespace)) {
      if (Object.keys(quota.spec?.hard ?? {}).some((name) => countsFor(resource, name, facts)))
        this.enqueueAfter(keyOf(quota), gathering, object);
    }
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const quota = this.#quotas.get(key);
    if (!quota || quota.metadata!.deletionTimestamp) return;
    const hard = quota.spec?.hard ?? {};
    const status = { hard, used: this.#used(quota, Object.keys(hard)) };
    if (sameAmounts(quota.status?.hard, status.hard) && sameAmounts(quota.status?.used, status.used)) return;
    try {
      await client.of(resources.resourceQuotas).updateStatus({ ...quota, status });
    } catch (error) {
      // Somebody was faster: their change wakes us again.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  /** What is used of each name; what nobody can count keeps the number it has. */
  #used(quota: ResourceQuota, names: string[]): Record<string, string> {
    const { namespace } = quota.metadata!;
    const now = this.clock.now();
    const sum: Amounts = {};
    const known = new Set<string>();
    for (const { resource, informer } of this.#counted.values()) {
      const facts = this.#factsFor(resource);
      const ours = names.filter((name) => countsFor(resource, name, facts));
      if (ours.length === 0) continue;
      for (const name of ours) known.add(name);
      for (const object of informer?.list(namespace) ?? [])
        if (matchesScopes(quota, resource, object)) addAmounts(sum, quotaUsage(resource, object, now, facts), ours);
    }
    const used: Record<string, string> = {};
    for (const name of names) {
      if (known.has(name)) used[name] = (sum[name] ?? Quantity.zero).toString();
      else if (quota.status?.used?.[name] !== undefined) used[name] = quota.status.used[name];
    }
    return used;
  }
}

function sameAmounts(a: Record<string, string> | undefined, b: Record<string, string>): boolean {
  if (!a || Object.keys(a).length !== Object.keys(b).length) return false;
  const [left, right] = [amountsOf(a), amountsOf(b)];
  return Object.keys(b).every((name) => left[name] && right[name] && left[name].cmp(right[name]) === 0);
}
