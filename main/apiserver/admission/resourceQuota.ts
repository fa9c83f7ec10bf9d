import type { Pod, ResourceQuota } from '../../api/index.ts';
import { cloneJson } from '../../api/json.ts';
import type { GroupVersionResource, KubeObject } from '../../api/meta.ts';
import { Quantity } from '../../api/quantity.ts';
import { amountsOf, countsFor, matchesScopes, quotaUsage, totalUsage, unspecified, type Amounts } from '../../api/quota.ts';
import { is, reject } from './attributes.ts';
import type { AdmissionAttributes, AdmissionPlugin, Settle } from './types.ts';

/**
 * Keeps a namespace within its quotas. What is used is counted from the objects that are there and those on their way
 * into the store, so that a burst of requests cannot slip through between a write and the controller's next count.
 * Mirrors k8s.io/apiserver/pkg/admission/plugin/resourcequota.
 */
export function resourceQuotaAdmission(): AdmissionPlugin {
  /** The last judgement of each namespace: the next one waits for it. */
  const turns = new Map<string, Promise<unknown>>();
  /** Namespace and sort → what was let through and is not in the store yet. */
  const admitted = new Map<string, Set<KubeObject>>();

  /** Objects of this sort that count: those stored, and those let through that are not stored yet. */
  async function counted({ objects, namespace, resource }: AdmissionAttributes): Promise<KubeObject[]> {
    // Taken first: what is stored meanwhile is in both, and counted once.
    const waiting = [...(admitted.get(placeOf(namespace, resource)) ?? [])];
    const stored = await objects.list(resource, namespace);
    if (waiting.length === 0) return stored;
    const uids = new Set(stored.map((object) => object.metadata!.uid));
    return [...stored, ...waiting.filter((object) => !uids.has(object.metadata!.uid))];
  }

  function expect(place: string, object: KubeObject): Settle {
    const waiting = admitted.get(place) ?? new Set();
    admitted.set(place, waiting.add(object));
    return () => {
      waiting.delete(object);
      if (waiting.size === 0 && admitted.get(place) === waiting) admitted.delete(place);
    };
  }

  async function judge(attributes: AdmissionAttributes, object: KubeObject, quotas: ResourceQuota[]): Promise<Settle | undefined> {
    const { namespace, resource, context, oldObject } = attributes;
    const asked = quotaUsage(resource, object, context.now);
    let all: KubeObject[] | undefined;
    let limited = false;
    for (const quota of quotas) {
      const hard = amountsOf(quota.spec?.hard);
      const names = Object.keys(hard).filter((name) => countsFor(resource, name));
      if (names.length === 0 || !matchesScopes(quota, resource, object)) continue;
      const name = quota.metadata!.name!;
      const missing = is(resource, '', 'pods') ? unspecified(object as Pod, names) : '';
      if (missing) throw reject(attributes, `failed quota: ${name}: must specify ${missing}`);
      const before = oldObject && matchesScopes(quota, resource, oldObject) ? quotaUsage(resource, oldObject, context.now) : {};
      const requested = difference(asked, before, names);
      if (!Object.values(requested).some((amount) => amount.sign() > 0)) continue;
      limited = true;
      all ??= await counted(attributes);
      const others = all.filter((other) => matchesScopes(quota, resource, other));
      const used = totalUsage(resource, others, names, context.now);
      const exceeded = Object.keys(requested).filter((key) => {
        const amount = requested[key]!;
        return amount.sign() > 0 && (used[key] ?? Quantity.zero).add(amount).cmp(hard[key]!) > 0;
      });
      if (exceeded.length === 0) continue;
      const list = (amounts: Amounts) =>
        exceeded.sort().map((key) => `${key}=${(amounts[key] ?? Quantity.zero).toString()}`).join(',');
      throw reject(attributes, `exceeded quota: ${name}, requested: ${list(requested)}, used: ${list(used)}, limited: ${list(hard)}`);
    }
    if (attributes.operation !== 'CREATE' || context.dryRun || !limited) return undefined;
    // A copy: the request goes on with its object.
    return expect(placeOf(namespace, resource), cloneJson(object));
  }

  return {
    name: 'ResourceQuota',
    handles(operation, resource, subresource) {
      if (!resource.namespaced || is(resource, '', 'resourcequotas') || is(resource, '', 'events')) return false;
      if (operation === 'CREATE') return !subresource;
      if (operation !== 'UPDATE') return false;
      // A change may bring a pod or claim under another quota, or make it or a service cost more.
      if (is(resource, '', 'pods')) return !subresource || subresource === 'resize';
      if (is(resource, '', 'persistentvolumeclaims')) return !subresource || subresource === 'status';
      return is(resource, '', 'services') && !subresource;
    },
    async validate(attributes) {
      const { objects, namespace, object } = attributes;
      const quotas = await objects.list<ResourceQuota>({ group: '', version: 'v1', resource: 'resourcequotas' }, namespace);
      if (quotas.length === 0 || !object) return undefined;
      const turn = (turns.get(namespace) ?? Promise.resolve()).then(() => judge(attributes, object, quotas));
      const settled = turn.catch(() => {});
      turns.set(namespace, settled);
      return turn.finally(() => turns.get(namespace) === settled && turns.delete(namespace));
    },
  };
}

const placeOf = (namespace: string, { group, resource }: GroupVersionResource) => `${namespace}/${group}/${resource}`;

/** What an object costs more than before. */
function difference(after: Amounts, before: Amounts, names: string[]): Amounts {
  const more: Amounts = {};
  for (const name of names) {
    const amount = (after[name] ?? Quantity.zero).sub(before[name] ?? Quantity.zero);
    if (!amount.isZero()) more[name] = amount;
  }
  return more;
}
