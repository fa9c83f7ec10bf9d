import type {
  PersistentVolumeClaim,
  Pod,
  ResourceQuota,
  ScopedResourceSelectorRequirement,
  Service,
} from '../../api/index.ts';
import type { GroupVersionResource, KubeObject } from '../../api/meta.ts';
import { parseQuantity, type Quantity } from '../../api/quantity.ts';
import { qosClass } from '../registry/core/pod.ts';
import type { Objects, ResourceDefinition } from '../registry/strategy.ts';
import { podResources } from '../validation/podResources.ts';
import { isExtended, quantityOf } from '../validation/resources.ts';
import { is, reject } from './attributes.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './types.ts';

type Amounts = Record<string, Quantity>;

const one = parseQuantity('1');
const zero = parseQuantity('0');
/** Milliseconds after which an admitted object that never appeared no longer counts. */
const patience = 10_000;

/**
 * Keeps a namespace within its quotas. What is used is counted from the objects that are there and those admitted
 * just now, so that a burst of requests cannot slip through between a write and the next count of the controller.
 * Mirrors k8s.io/apiserver/pkg/admission/plugin/resourcequota and pkg/quota/v1/evaluator/core.
 */
export function resourceQuotaAdmission(): AdmissionPlugin {
  /** The last judgement of each namespace: the next one waits for it. */
  const turns = new Map<string, Promise<void>>();
  const admitted = new Map<string, { object: KubeObject; resource: GroupVersionResource; at: number }[]>();

  async function used(attributes: AdmissionAttributes, quota: ResourceQuota, except: KubeObject): Promise<Amounts> {
    const { objects, namespace, resource, context } = attributes;
    const stored = await listOf(objects, resource, namespace);
    const names = new Set(stored.map((object) => object.metadata!.name));
    const waiting = (admitted.get(namespace) ?? []).filter((entry) => entry.at > context.now - patience);
    admitted.set(
      namespace,
      waiting.filter(
        (entry) => entry.resource.resource !== resource.resource || !names.has(entry.object.metadata!.name),
      ),
    );
    const sum: Amounts = {};
    const recent = admitted
      .get(namespace)!
      .filter((entry) => entry.resource.resource === resource.resource)
      .map((entry) => entry.object);
    for (const object of [...stored, ...recent]) {
      if (object.metadata!.name === except.metadata!.name || !matchesScopes(quota, resource, object)) continue;
      addTo(sum, usageOf(resource, object));
    }
    return sum;
  }

  return {
    name: 'ResourceQuota',
    handles(operation, resource, subresource) {
      if (!resource.namespaced || is(resource, '', 'resourcequotas') || is(resource, '', 'events')) return false;
      if (operation === 'CREATE') return !subresource;
      return (
        operation === 'UPDATE' &&
        (!subresource ? isCounted(resource) : is(resource, '', 'pods') && subresource === 'resize')
      );
    },
    async validate(attributes) {
      const { objects, namespace } = attributes;
      const quotas = await objects.list<ResourceQuota>(
        { group: '', version: 'v1', resource: 'resourcequotas' },
        namespace,
      );
      if (!quotas.length || !attributes.object) return;
      const turn = (turns.get(namespace) ?? Promise.resolve()).then(() =>
        judge(attributes, attributes.object!, quotas),
      );
      const settled = turn.catch(() => {});
      turns.set(namespace, settled);
      await turn.finally(() => turns.get(namespace) === settled && turns.delete(namespace));
    },
  };

  async function judge(attributes: AdmissionAttributes, object: KubeObject, quotas: ResourceQuota[]): Promise<void> {
    const { namespace, resource, context } = attributes;
    const asked = usageOf(resource, object);
    for (const quota of quotas) {
      const hard = amountsOf(quota.spec?.hard);
      const names = Object.keys(hard).filter((name) => isAbout(resource, name));
      if (!names.length || !matchesScopes(quota, resource, object)) continue;
      const name = quota.metadata!.name!;
      const missing = is(resource, '', 'pods') ? unspecified(object as Pod, names) : '';
      if (missing) throw reject(attributes, `failed quota: ${name}: must specify ${missing}`);
      const sum = await used(attributes, quota, object);
      const before = attributes.oldObject ? usageOf(resource, attributes.oldObject) : {};
      const exceeded = names.filter((key) => {
        const delta = (asked[key] ?? zero).sub(before[key] ?? zero);
        return delta.sign() > 0 && (sum[key] ?? zero).add(asked[key] ?? zero).cmp(hard[key]!) > 0;
      });
      if (!exceeded.length) continue;
      const list = (amounts: Amounts) =>
        exceeded
          .sort()
          .map((key) => `${key}=${(amounts[key] ?? zero).toString()}`)
          .join(',');
      throw reject(
        attributes,
        `exceeded quota: ${name}, requested: ${list(asked)}, used: ${list(addTo({ ...sum }, before))}, limited: ${list(hard)}`,
      );
    }
    if (attributes.operation !== 'CREATE' || context.dryRun) return;
    const entries = admitted.get(namespace) ?? [];
    admitted.set(namespace, [...entries, { object, resource, at: context.now }]);
  }
}

const isCounted = (resource: ResourceDefinition) =>
  ['services', 'persistentvolumeclaims'].some((name) => is(resource, '', name));

/** Pods that have ended cost nothing. */
async function listOf(objects: Objects, resource: ResourceDefinition, namespace: string): Promise<KubeObject[]> {
  const all = await objects.list(resource, namespace);
  if (!is(resource, '', 'pods')) return all;
  return all.filter((object) => !['Succeeded', 'Failed'].includes((object as Pod).status?.phase ?? ''));
}

function amountsOf(list: Record<string, string> | undefined): Amounts {
  const amounts: Amounts = {};
  for (const name in list) {
    const amount = quantityOf(list[name]!);
    if (amount) amounts[name] = amount;
  }
  return amounts;
}

function addTo(sum: Amounts, more: Amounts): Amounts {
  for (const name in more) sum[name] = (sum[name] ?? zero).add(more[name]!);
  return sum;
}

/** `count/deployments.apps`, and the older names of core resources. */
const countName = ({ group, resource }: GroupVersionResource) => `count/${resource}${group ? `.${group}` : ''}`;

function isAbout(resource: ResourceDefinition, name: string): boolean {
  if (name === countName(resource)) return true;
  if (is(resource, '', 'pods'))
    return (
      /^((requests|limits)\.)?(cpu|memory|ephemeral-storage)$|^pods$|^requests\.hugepages-|^hugepages-/.test(name) ||
      (name.startsWith('requests.') && isExtended(name.slice(9)))
    );
  if (is(resource, '', 'services')) return name === 'services' || name.startsWith('services.');
  if (is(resource, '', 'persistentvolumeclaims'))
    return (
      name === 'persistentvolumeclaims' || name === 'requests.storage' || name.includes('.storageclass.storage.k8s.io/')
    );
  return !resource.group && name === resource.resource;
}

function usageOf(resource: ResourceDefinition, object: KubeObject): Amounts {
  const usage: Amounts = { [countName(resource)]: one };
  if (!resource.group) usage[resource.resource] = one;
  if (is(resource, '', 'pods')) {
    const spec = (object as Pod).spec!;
    const [requests, limits] = [podResources(spec, 'requests'), podResources(spec, 'limits')];
    for (const name in requests) {
      usage[`requests.${name}`] = requests[name]!;
      if (!isExtended(name)) usage[name] = requests[name]!;
    }
    for (const name in limits) usage[`limits.${name}`] = limits[name]!;
  } else if (is(resource, '', 'services')) {
    const { type, ports = [], allocateLoadBalancerNodePorts } = (object as Service).spec ?? {};
    const count = (n: number) => parseQuantity(String(n));
    if (type === 'NodePort') usage['services.nodeports'] = count(ports.length);
    if (type === 'LoadBalancer') {
      usage['services.loadbalancers'] = one;
      usage['services.nodeports'] = count(
        allocateLoadBalancerNodePorts === false ? ports.filter((port) => port.nodePort).length : ports.length,
      );
    }
  } else if (is(resource, '', 'persistentvolumeclaims')) {
    const { resources, storageClassName } = (object as PersistentVolumeClaim).spec ?? {};
    const storage = quantityOf(resources?.requests?.storage ?? '0') ?? zero;
    usage['requests.storage'] = storage;
    if (storageClassName) {
      usage[`${storageClassName}.storageclass.storage.k8s.io/persistentvolumeclaims`] = one;
      usage[`${storageClassName}.storageclass.storage.k8s.io/requests.storage`] = storage;
    }
  }
  return usage;
}

/** Under a quota of cpu or memory every container has to say how much it wants. */
function unspecified({ spec }: Pod, names: string[]): string {
  if (Object.keys({ ...spec?.resources?.requests, ...spec?.resources?.limits }).length) return '';
  const computed = names.filter((name) => /^((requests|limits)\.)?(cpu|memory)$/.test(name)).sort();
  const missing = computed.flatMap((name) => {
    const [what, key] = name.startsWith('limits.')
      ? (['limits', name.slice(7)] as const)
      : (['requests', name.replace('requests.', '')] as const);
    const without = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].filter(
      (container) => container.resources?.[what]?.[key] === undefined,
    );
    return without.length
      ? [
          `${name} for: ${without
            .map((container) => container.name)
            .sort()
            .join(',')}`,
        ]
      : [];
  });
  return missing.join('; ');
}

function matchesScopes({ spec }: ResourceQuota, resource: ResourceDefinition, object: KubeObject): boolean {
  const scopes: ScopedResourceSelectorRequirement[] = [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ];
  if (!scopes.length) return true;
  return is(resource, '', 'pods') && scopes.every((scope) => matchesScope(scope, object as Pod));
}

function matchesScope({ scopeName, operator, values = [] }: ScopedResourceSelectorRequirement, { spec }: Pod): boolean {
  const className = spec?.priorityClassName ?? '';
  const terminating = (spec?.activeDeadlineSeconds ?? -1) >= 0;
  switch (scopeName) {
    case 'Terminating':
      return terminating;
    case 'NotTerminating':
      return !terminating;
    case 'BestEffort':
      return qosClass(spec!) === 'BestEffort';
    case 'NotBestEffort':
      return qosClass(spec!) !== 'BestEffort';
    case 'PriorityClass':
      if (operator === 'In') return values.includes(className);
      if (operator === 'NotIn') return !values.includes(className);
      return (operator === 'Exists') === (className !== '');
    case 'CrossNamespacePodAffinity': {
      const terms = [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity].flatMap((affinity) => [
        ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
        ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
          (weighted) => weighted.podAffinityTerm,
        ),
      ]);
      return terms.some((term) => term.namespaces?.length || term.namespaceSelector);
    }
    default:
      return false;
  }
}
