import type { AllocationResult, DeviceAllocationConfiguration, DeviceRequestAllocationResult, NodeSelector, NodeSelectorRequirement, ResourceResourceClaim } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import type { Amounts } from './capacity.ts';
import type { Candidate } from './pools.ts';
import type { Wanted } from './requests.ts';

/** A device that was found for a request. */
export interface Taken {
  wanted: Wanted;
  candidate: Candidate;
  /** Where others may have a part of it too. */
  share?: { id: string; amounts: Amounts };
}

/** What is written into the claim's status. `chosen`: the alternative that was taken for each of its requests. */
export function allocationOf(claim: ResourceResourceClaim, chosen: readonly Wanted[], taken: readonly Taken[], nodeName: string): AllocationResult {
  const nodeSelector = nodesOf(taken, nodeName);
  const config = configOf(claim, chosen);
  return {
    devices: { ...(taken.length > 0 ? { results: taken.map(resultOf) } : {}), ...(config.length > 0 ? { config } : {}) },
    ...(nodeSelector ? { nodeSelector } : {}),
  };
}

function resultOf({ wanted, candidate: { driver, pool, device }, share }: Taken): DeviceRequestAllocationResult {
  return {
    request: wanted.name,
    driver,
    pool: pool.name,
    device: device.name,
    ...(wanted.adminAccess ? { adminAccess: true } : {}),
    ...(wanted.spec.tolerations?.length ? { tolerations: wanted.spec.tolerations } : {}),
    ...(device.bindingConditions?.length ? { bindingConditions: device.bindingConditions } : {}),
    ...(device.bindingFailureConditions?.length ? { bindingFailureConditions: device.bindingFailureConditions } : {}),
    ...(share ? { shareID: share.id } : {}),
    ...(share && share.amounts.size > 0 ? { consumedCapacity: Object.fromEntries([...share.amounts].map(([name, amount]) => [name, amount.toString()])) } : {}),
  };
}

/** Those of the classes, each once with all requests of the class, and those of the claim that are for something that was taken. */
function configOf(claim: ResourceResourceClaim, chosen: readonly Wanted[]): DeviceAllocationConfiguration[] {
  const classes = new Map(chosen.map((wanted) => [wanted.class.metadata!.name!, wanted.class]));
  const fromClasses = [...classes.values()].flatMap((deviceClass) => {
    const requests = chosen.filter((wanted) => wanted.class === deviceClass).map(({ name }) => name);
    return (deviceClass.spec.config ?? []).map((config) => ({ source: 'FromClass', requests, ...config }));
  });
  const names = chosen.flatMap(({ name }) => [name, name.split('/')[0]!]);
  const fromClaim = (claim.spec.devices?.config ?? [])
    .filter(({ requests }) => !requests?.length || requests.some((request) => names.includes(request)))
    .map((config) => ({ source: 'FromClaim', ...config }));
  return [...fromClasses, ...fromClaim];
}

/** Where the devices can be used; undefined: everywhere. */
function nodesOf(taken: readonly Taken[], nodeName: string): NodeSelector | undefined {
  const matchFields: NodeSelectorRequirement[] = [];
  const matchExpressions: NodeSelectorRequirement[] = [];
  for (const { candidate } of taken) {
    const { device, slice } = candidate;
    const where = slice.spec.perDeviceNodeSelection ? device : slice.spec;
    if (where.nodeName || device.bindsToNode) return { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [nodeName] }] }] };
    const [term] = where.nodeSelector?.nodeSelectorTerms ?? [];
    for (const field of term?.matchFields ?? []) if (!matchFields.some((other) => equalJson(other, field))) matchFields.push(field);
    for (const expression of term?.matchExpressions ?? []) if (!matchExpressions.some((other) => equalJson(other, expression))) matchExpressions.push(expression);
  }
  if (matchFields.length + matchExpressions.length === 0) return undefined;
  return { nodeSelectorTerms: [{ ...(matchFields.length > 0 ? { matchFields } : {}), ...(matchExpressions.length > 0 ? { matchExpressions } : {}) }] };
}
