import type { ResourceResourceClaim } from '../../api/index.ts';

// Devices that have to be made ready once the node is known, such as by being plugged into it.

/** Whether the driver says that all devices of the claim are ready; a text: why they will not be. Mirrors dynamicresources.go (isClaimReadyForBinding). */
export function readiness({ metadata, status }: ResourceResourceClaim): boolean | string {
  for (const { driver, pool, device, shareID, bindingConditions = [], bindingFailureConditions = [] } of status?.allocation?.devices?.results ?? []) {
    if (bindingConditions.length === 0) continue;
    const told = status?.devices?.find((each) => each.driver === driver && each.pool === pool && each.device === device && each.shareID === shareID);
    const isTrue = (type: string) => told?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
    for (const type of bindingFailureConditions) {
      const failed = isTrue(type);
      if (failed) return `device binding failed: claim=${metadata!.name}, reason=${failed.reason}, message=${JSON.stringify(failed.message)}`;
    }
    if (!bindingConditions.every(isTrue)) return false;
  }
  return true;
}

export const hasToBeMadeReady = ({ status }: ResourceResourceClaim): boolean =>
  status?.allocation?.devices?.results?.some(({ bindingConditions }) => bindingConditions?.length) ?? false;

/** Whether the driver has had its time, `timeout` milliseconds. */
export function isOverdue({ status }: ResourceResourceClaim, now: number, timeout: number): boolean {
  const since = status?.allocation?.allocationTimestamp;
  return since !== undefined && Date.parse(since) + timeout < now;
}
