import type { DeviceClass, Pod, ResourceQuota, ResourceResourceClaim, ScopedResourceSelectorRequirement } from '../../api/index.ts';
import { cloneJson } from '../../api/json.ts';
import type { GroupVersionResource, KubeObject } from '../../api/meta.ts';
import { Quantity } from '../../api/quantity.ts';
import { failure } from '../../api/status.ts';
import { addAmounts, amountsOf, countsFor, deviceFacts, isDeviceClaim, isInScope, matchesScopes, quotaUsage, scopesOf, totalUsage, unspecified, type Amounts, type DeviceFacts } from '../../api/quota.ts';
import { is, reject } from './attributes.ts';
import type { LimitedResource } from './configuration/quota.ts';
import type { AdmissionAttributes, AdmissionPlugin, Settle } from './types.ts';

/**
 * Keeps a namespace within its quotas. What is used is counted from the objects that are there and those on their way
 * into the store, so that a burst of requests cannot slip through between a write and the controller's next count.
 * Of what is in `limited` nobody may use any without a quota for it. Mirrors k8s.io/apiserver/pkg/admission/plugin/resourcequota.
 */
export function resourceQuotaAdmission(limited: readonly LimitedResource[]): AdmissionPlugin {
  /** The last judgement of each namespace: the next one waits for it. */
  const turns = new Map<string, Promise<unknown>>();
  /** Namespace and sort → what was let through and is not in the store yet. */
  const admitted = new Map<string, Set<KubeObject>>();

  /** Objects of this sort that count: those stored, and those let through that are not stored yet. */
  async function counted({ objects, namespace }: AdmissionAttributes, resource: GroupVersionResource): Promise<KubeObject[]> {
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
    const facts = await factsFor(attributes, quotas);
    const asked = quotaUsage(resource, object, context.now, facts);
    const pertinent = quotas.flatMap((quota): Pertinent[] => {
      const hard = amountsOf(quota.spec?.hard);
      const names = Object.keys(hard).filter((name) => countsFor(resource, name, facts));
      return names.length > 0 && matchesScopes(quota, resource, object) ? [{ quota, hard, names }] : [];
    });
    for (const { quota, names } of pertinent) {
      const missing = is(resource, '', 'pods') ? unspecified(object as Pod, names) : '';
      if (missing) throw reject(attributes, `failed quota: ${quota.metadata!.name}: must specify ${missing}`);
    }
    if (limited.length > 0) requireQuotas(attributes, object, quotas, pertinent, asked, facts);
    let all: KubeObject[] | undefined;
    let counts = false;
    for (const { quota, hard, names } of pertinent) {
      const name = quota.metadata!.name!;
      const before = oldObject && matchesScopes(quota, resource, oldObject) ? quotaUsage(resource, oldObject, context.now, facts) : {};
      const requested = difference(asked, before, names);
      if (!Object.values(requested).some((amount) => amount.sign() > 0)) continue;
      counts = true;
      all ??= await counted(attributes, resource);
      const others = all.filter((other) => matchesScopes(quota, resource, other));
      const used = totalUsage(resource, others, names, context.now, facts);
      if (facts) await addOtherKind(used, attributes, quota, names, facts);
      const exceeded = Object.keys(requested).filter((key) => {
        const amount = requested[key]!;
        return amount.sign() > 0 && (used[key] ?? Quantity.zero).add(amount).cmp(hard[key]!) > 0;
      });
      if (exceeded.length === 0) continue;
      const list = (amounts: Amounts) =>
        exceeded.sort().map((key) => `${key}=${(amounts[key] ?? Quantity.zero).toString()}`).join(',');
      throw reject(attributes, `exceeded quota: ${name}, requested: ${list(requested)}, used: ${list(used)}, limited: ${list(hard)}`);
    }
    if (attributes.operation !== 'CREATE' || context.dryRun || !counts) return undefined;
    // A copy: the request goes on with its object.
    return expect(placeOf(namespace, resource), cloneJson(object));
  }

  /** Refuses what asks for more than before of something that has no quota here and needs one. Mirrors CheckRequest. */
  function requireQuotas(attributes: AdmissionAttributes, object: KubeObject, quotas: ResourceQuota[], pertinent: Pertinent[], asked: Amounts, facts: DeviceFacts | undefined): void {
    const { resource, context, oldObject } = attributes;
    const scopes = limited.flatMap(({ matchScopes = [] }) => matchScopes.filter((scope) => isInScope(scope, resource, object)));
    const parts = limited.filter((each) => (each.apiGroup ?? '') === resource.group && each.resource === resource.resource).flatMap(({ matchContains = [] }) => matchContains);
    const needed = Object.keys(asked).filter((name) => asked[name]!.sign() > 0 && parts.some((part) => name.includes(part)));
    if (scopes.length === 0 && needed.length === 0) return;
    // What comes under a quota anew is new to it.
    const isNew = !oldObject || pertinent.some(({ quota }) => !matchesScopes(quota, resource, oldObject));
    const before = isNew ? {} : quotaUsage(resource, oldObject, context.now, facts);
    if (!Object.keys(asked).some((name) => asked[name]!.cmp(before[name] ?? Quantity.zero) > 0)) return;
    const covered = new Set(pertinent.flatMap(({ names }) => names));
    const missing = needed.filter((name) => !covered.has(name)).sort();
    if (missing.length > 0) throw reject(attributes, `insufficient quota to consume: ${missing.join(',')}`);
    const found = new Set(quotas.flatMap(({ spec }) => scopesOf(spec)).filter((scope) => isInScope(scope, resource, object)).map(({ scopeName }) => scopeName));
    const open = scopes.filter(({ scopeName }) => !found.has(scopeName));
    // Upstream gives this one no status, so that it arrives as an error of the server.
    if (open.length > 0) throw failure(500, '', `insufficient quota to match these scopes: [${open.map(shown).join(' ')}]`);
  }

  /** Devices are asked for by pods and by claims. */
  async function addOtherKind(used: Amounts, attributes: AdmissionAttributes, quota: ResourceQuota, names: string[], facts: DeviceFacts): Promise<void> {
    const other = is(attributes.resource, '', 'pods') ? claimResource : podResource;
    const shared = names.filter((name) => name.startsWith('requests.') && countsFor(other, name, facts));
    if (shared.length === 0) return;
    const objects = (await counted(attributes, other)).filter((object) => matchesScopes(quota, other, object));
    addAmounts(used, totalUsage(other, objects, shared, attributes.context.now, facts), shared);
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
      if (isDeviceClaim(resource)) return !subresource;
      return is(resource, '', 'services') && !subresource;
    },
    async validate(attributes) {
      const { objects, namespace, object } = attributes;
      const quotas = await objects.list<ResourceQuota>({ group: '', version: 'v1', resource: 'resourcequotas' }, namespace);
      if ((quotas.length === 0 && limited.length === 0) || !object) return undefined;
      const turn = (turns.get(namespace) ?? Promise.resolve()).then(() => judge(attributes, object, quotas));
      const settled = turn.catch(() => {});
      turns.set(namespace, settled);
      return turn.finally(() => turns.get(namespace) === settled && turns.delete(namespace));
    },
  };
}

/** A quota that is about an object, and which of its limits are. */
interface Pertinent {
  quota: ResourceQuota;
  hard: Amounts;
  names: string[];
}

const shown = ({ scopeName, operator, values = [] }: ScopedResourceSelectorRequirement) => `{${scopeName} ${operator} [${values.join(' ')}]}`;

const podResource: GroupVersionResource = { group: '', version: 'v1', resource: 'pods' };
const claimResource: GroupVersionResource = { group: 'resource.k8s.io', version: 'v1', resource: 'resourceclaims' };

/** For claims for devices, and for pods where extended resources are limited that may be devices. */
async function factsFor({ objects, namespace, resource }: AdmissionAttributes, quotas: ResourceQuota[]): Promise<DeviceFacts | undefined> {
  const limitsExtended = ({ spec }: ResourceQuota) => Object.keys(spec?.hard ?? {}).some((name) => name.startsWith('requests.') && name.includes('/'));
  if (!isDeviceClaim(resource) && !(is(resource, '', 'pods') && quotas.some(limitsExtended))) return undefined;
  const [classes, pods, claims] = await Promise.all([
    objects.list<DeviceClass>({ ...claimResource, resource: 'deviceclasses' }),
    objects.list<Pod>(podResource, namespace),
    objects.list<ResourceResourceClaim>(claimResource, namespace),
  ]);
  return deviceFacts(classes, (_, name) => pods.find(({ metadata }) => metadata!.name === name), () => claims);
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
