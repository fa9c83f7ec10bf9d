import type {
  DeviceClass,
  PersistentVolumeClaim,
  Pod,
  ResourceQuota,
  ResourceResourceClaim,
  ScopedResourceSelectorRequirement,
  Service,
} from './index.ts';
import { controllerOf, type KubeObject } from './meta.ts';
import { classesOfResources, extendedClaimAnnotation, implicitResourcePrefix, mayBeDevices } from './deviceClaims.ts';
import { podResources } from './podAmounts.ts';
import { qosClass } from './qos.ts';
import { Quantity, quantityOf } from './quantity.ts';
import { isHugePage } from './resourceNames.ts';

// What objects cost under a ResourceQuota. Mirrors pkg/quota/v1/evaluator/core.

export type Amounts = Record<string, Quantity>;

interface GroupResource {
  group: string;
  resource: string;
}

/** What has to be known of other objects to say what a claim for devices costs. */
export interface DeviceFacts {
  /** Whether some class stands for the extended resource. */
  isDevices(resource: string): boolean;
  /** The extended resource that the class names. */
  resourceOf(deviceClass: string): string | undefined;
  /** The pod whose extended resources the claim stands for: it pays for them itself. */
  payerOf(claim: ResourceResourceClaim): Pod | undefined;
}

const noFacts: DeviceFacts = { isDevices: () => false, resourceOf: () => undefined, payerOf: () => undefined };

/** `podOf` and `claimsOf`: what is in a namespace. Mirrors evaluator/core/resource_claims.go (getVerifiedPodUsage). */
export function deviceFacts(classes: readonly DeviceClass[], podOf: (namespace: string, name: string) => Pod | undefined, claimsOf: (namespace: string) => readonly ResourceResourceClaim[]): DeviceFacts {
  const byResource = classesOfResources(classes);
  const named = new Map(classes.map(({ metadata, spec }) => [metadata!.name!, spec?.extendedResourceName]));
  return {
    isDevices: (resource) => byResource.has(resource),
    resourceOf: (deviceClass) => named.get(deviceClass),
    payerOf(claim) {
      const owner = controllerOf(claim);
      const isFor = ({ metadata }: ResourceResourceClaim) => metadata?.annotations?.[extendedClaimAnnotation] === 'true';
      if (!isFor(claim) || owner?.kind !== 'Pod' || owner.apiVersion !== 'v1') return undefined;
      const { namespace, name } = claim.metadata!;
      const pod = podOf(namespace!, owner.name);
      if (pod?.metadata!.uid !== owner.uid) return undefined;
      const told = pod.status?.extendedResourceClaimStatus?.resourceClaimName;
      if (told !== undefined) return told === name ? pod : undefined;
      // As long as the pod does not say which, it pays for the first.
      const made = ({ metadata }: ResourceResourceClaim) => Date.parse(metadata?.creationTimestamp ?? '') || Infinity;
      const isBefore = (other: ResourceResourceClaim) => made(other) < made(claim) || (made(other) === made(claim) && other.metadata!.name! < name!);
      return claimsOf(namespace!).some((other) => isFor(other) && controllerOf(other)?.uid === owner.uid && isBefore(other)) ? undefined : pod;
    },
  };
}

const one = Quantity.of(1);
/** As many devices as a claim for all of them may get. */
const allDevices = 32;
const ended = new Set(['Succeeded', 'Failed']);
const storageClassInfix = '.storageclass.storage.k8s.io/';
const deviceClassSuffix = '.deviceclass.resource.k8s.io/devices';
const podNames = /^((requests|limits)\.)?(cpu|memory|ephemeral-storage)$|^pods$/;
const serviceNames = new Set(['services', 'services.nodeports', 'services.loadbalancers']);
/** Kinds that a quota may count by their bare names. */
const countedByName = new Set(['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets']);

/** `count/deployments.apps`, `count/pods`. */
export const countName = ({ group, resource }: GroupResource): string => `count/${resource}${group ? `.${group}` : ''}`;

/** The amounts of a quota's list; what is no quantity is left out. */
export function amountsOf(list: Record<string, string> | undefined): Amounts {
  const amounts: Amounts = {};
  for (const name in list) {
    const amount = quantityOf(list[name]!);
    if (amount) amounts[name] = amount;
  }
  return amounts;
}

/** Whether such objects ask for devices. */
export const isDeviceClaim = ({ group, resource }: GroupResource): boolean => group === 'resource.k8s.io' && resource === 'resourceclaims';

/** Whether objects of this resource count for what a quota calls `name`. */
export function countsFor({ group, resource }: GroupResource, name: string, facts = noFacts): boolean {
  if (name === countName({ group, resource })) return true;
  if (isDeviceClaim({ group, resource })) return name.endsWith(deviceClassSuffix) || (name.startsWith('requests.') && facts.isDevices(name.slice(9)));
  if (group !== '') return false;
  switch (resource) {
    case 'pods':
      return podNames.test(name) || isHugePage(name) || (name.startsWith('requests.') && isCountedRequest(name.slice(9)));
    case 'services':
      return serviceNames.has(name);
    case 'persistentvolumeclaims':
      return name === resource || name === 'requests.storage' || name.includes(storageClassInfix);
    default:
      return name === resource && countedByName.has(name);
  }
}

const isCountedRequest = (name: string) => isHugePage(name) || mayBeDevices(name);

/** What the object costs at `now` (milliseconds since the epoch), by the names that a quota may limit. */
export function quotaUsage(resource: GroupResource, object: KubeObject, now: number, facts = noFacts): Amounts {
  const usage: Amounts = { [countName(resource)]: one };
  if (isDeviceClaim(resource)) addDevices(usage, object as ResourceResourceClaim, now, facts);
  if (resource.group !== '') return usage;
  if (resource.resource === 'pods') addPod(usage, object as Pod, now);
  else if (resource.resource === 'services') addService(usage, object as Service);
  else if (resource.resource === 'persistentvolumeclaims') addClaim(usage, object as PersistentVolumeClaim);
  else if (countedByName.has(resource.resource)) usage[resource.resource] = one;
  return usage;
}

/** A pod that has ended, or that should be gone for as long as it had to go, costs nothing but its place in the store. */
function addPod(usage: Amounts, pod: Pod, now: number): void {
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata ?? {};
  if (ended.has(pod.status?.phase ?? '')) return;
  if (deletionTimestamp && deletionGracePeriodSeconds !== undefined && now > Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000) return;
  usage.pods = one;
  const [requests, limits] = [podResources(pod.spec!, 'requests', pod.status), podResources(pod.spec!, 'limits', pod.status)];
  for (const name in requests) {
    usage[`requests.${name}`] = requests[name]!;
    if (!mayBeDevices(name)) usage[name] = requests[name]!;
  }
  for (const name in limits) usage[`limits.${name}`] = limits[name]!;
}

function addService(usage: Amounts, service: Service): void {
  const { type, ports = [], allocateLoadBalancerNodePorts } = service.spec ?? {};
  usage.services = one;
  usage['services.nodeports'] = usage['services.loadbalancers'] = Quantity.zero;
  if (type === 'NodePort') usage['services.nodeports'] = Quantity.of(ports.length);
  if (type !== 'LoadBalancer') return;
  const withPort = allocateLoadBalancerNodePorts === false ? ports.filter((port) => port.nodePort) : ports;
  usage['services.loadbalancers'] = one;
  usage['services.nodeports'] = Quantity.of(withPort.length);
}

function addClaim(usage: Amounts, { metadata, spec, status }: PersistentVolumeClaim): void {
  const storageClass = metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec?.storageClassName;
  const wanted = quantityOf(spec?.resources?.requests?.storage ?? '');
  const allocated = quantityOf(status?.allocatedResources?.storage ?? '');
  const storage = wanted && allocated && allocated.cmp(wanted) > 0 ? allocated : wanted;
  usage.persistentvolumeclaims = one;
  if (storage) usage['requests.storage'] = wholeBytes(storage);
  if (!storageClass) return;
  usage[`${storageClass}${storageClassInfix}persistentvolumeclaims`] = one;
  if (storage) usage[`${storageClass}${storageClassInfix}requests.storage`] = wholeBytes(storage);
}

const wholeBytes = (amount: Quantity) =>
  amount.milliValue() % 1000 === 0 ? amount : Quantity.of(amount.scaledUp(0), amount.format);

function addDevices(usage: Amounts, claim: ResourceResourceClaim, now: number, facts: DeviceFacts): void {
  const { spec } = claim;
  const add = (deviceClass: string, count: number) => {
    const name = deviceClass + deviceClassSuffix;
    usage[name] = (usage[name] ?? Quantity.zero).add(Quantity.of(count));
  };
  const countOf = (request: { allocationMode?: string; count?: number }) =>
    request.allocationMode === 'All' ? allDevices : (request.count ?? 1);
  for (const { exactly, firstAvailable } of spec?.devices?.requests ?? []) {
    if (exactly) add(exactly.deviceClassName, countOf(exactly));
    // Only one of them will be taken: the dearest of each class is set aside.
    const dearest = new Map<string, number>();
    for (const choice of firstAvailable ?? [])
      dearest.set(choice.deviceClassName, Math.max(dearest.get(choice.deviceClassName) ?? 0, countOf(choice)));
    for (const [deviceClass, count] of dearest) add(deviceClass, count);
  }
  addAsExtended(usage, claim, now, facts);
}

/** Devices count as the extended resources that they are too, but for what the pod has paid for that asked for them by these names. */
function addAsExtended(usage: Amounts, claim: ResourceResourceClaim, now: number, facts: DeviceFacts): void {
  const payer = facts.payerOf(claim);
  const paid = payer ? quotaUsage({ group: '', resource: 'pods' }, payer, now) : {};
  for (const [name, count] of Object.entries(usage)) {
    if (!name.endsWith(deviceClassSuffix)) continue;
    const deviceClass = name.slice(0, -deviceClassSuffix.length);
    for (const resource of [implicitResourcePrefix + deviceClass, facts.resourceOf(deviceClass)]) {
      if (!resource) continue;
      const unpaid = count.sub(paid[`requests.${resource}`] ?? Quantity.zero);
      if (unpaid.sign() > 0) usage[`requests.${resource}`] = unpaid;
    }
  }
}

/** What a quota's scopes are, by whichever of both ways it says so. */
export const scopesOf = (spec: ResourceQuota['spec']): ScopedResourceSelectorRequirement[] => [
  ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
  ...(spec?.scopeSelector?.matchExpressions ?? []),
];

/** Whether the quota is about this object, by the quota's scopes. */
export function matchesScopes({ spec }: ResourceQuota, resource: GroupResource, object: KubeObject): boolean {
  const scopes = scopesOf(spec);
  return scopes.every((scope) => isInScope(scope, resource, object));
}

/** Whether the scope selects this object; only pods and claims for volumes are in any. */
export function isInScope(scope: ScopedResourceSelectorRequirement, { group, resource }: GroupResource, object: KubeObject): boolean {
  if (group !== '') return false;
  if (resource === 'pods') return podMatches(scope, object as Pod);
  return resource === 'persistentvolumeclaims' && claimMatches(scope, object as PersistentVolumeClaim);
}

function podMatches(scope: ScopedResourceSelectorRequirement, { spec, status }: Pod): boolean {
  const terminating = (spec?.activeDeadlineSeconds ?? -1) >= 0;
  const quality = status?.qosClass ?? qosClass(spec!);
  switch (scope.scopeName) {
    case 'Terminating':
      return terminating;
    case 'NotTerminating':
      return !terminating;
    case 'BestEffort':
      return quality === 'BestEffort';
    case 'NotBestEffort':
      return quality !== 'BestEffort';
    case 'PriorityClass':
      return selects(scope, spec?.priorityClassName ? [spec.priorityClassName] : []);
    case 'CrossNamespacePodAffinity':
      return [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity]
        .flatMap((affinity) => [
          ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
          ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => term.podAffinityTerm),
        ])
        .some((term) => term.namespaces?.length || term.namespaceSelector);
    default:
      return false;
  }
}

function claimMatches(scope: ScopedResourceSelectorRequirement, { spec, status }: PersistentVolumeClaim): boolean {
  if (scope.scopeName !== 'VolumeAttributesClass') return false;
  const names = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return selects(scope, [...new Set(names.filter((name) => name !== undefined && name !== ''))] as string[]);
}

function selects({ operator, values = [] }: ScopedResourceSelectorRequirement, names: string[]): boolean {
  switch (operator) {
    case 'In':
      return names.some((name) => values.includes(name));
    case 'NotIn':
      return names.length === 0 || names.some((name) => !values.includes(name));
    case 'DoesNotExist':
      return names.length === 0;
    default:
      return names.length > 0;
  }
}

/** Under a quota of cpu or memory every container has to say how much it wants; what is missing, in upstream's words. */
export function unspecified({ spec }: Pod, names: string[]): string {
  if (Object.keys({ ...spec?.resources?.requests, ...spec?.resources?.limits }).length > 0) return '';
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  const computed = names.filter((name) => /^((requests|limits)\.)?(cpu|memory)$/.test(name)).sort();
  return computed
    .flatMap((name) => {
      const what = name.startsWith('limits.') ? 'limits' : 'requests';
      const key = name.replace(/^(requests|limits)\./, '');
      const without = containers.filter((container) => container.resources?.[what]?.[key] === undefined);
      const missing = [...new Set(without.map((container) => container.name))].sort().join(',');
      return missing ? [`${name} for: ${missing}`] : [];
    })
    .join('; ');
}

/** The sum of what these objects cost, for `names` only. */
export function totalUsage(resource: GroupResource, objects: Iterable<KubeObject>, names: string[], now: number, facts = noFacts): Amounts {
  const sum: Amounts = {};
  for (const object of objects) addAmounts(sum, quotaUsage(resource, object, now, facts), names);
  return sum;
}

/** Adds in place what is in `names`. */
export function addAmounts(sum: Amounts, more: Amounts, names: string[]): void {
  for (const name of names) {
    const amount = more[name];
    if (amount) sum[name] = sum[name] ? sum[name].add(amount) : amount;
  }
}
