import type { Pod, ResourceResourceClaim } from '../../api/index.ts';
import { controllerOf } from '../../api/meta.ts';

/** As many pods as may share a claim (resourceapi.ResourceClaimReservedForMaxSize). */
const maxConsumers = 256;

export const isReservedFor = (claim: ResourceResourceClaim, pod: Pod): boolean => claim.status?.reservedFor?.some(({ uid }) => uid === pod.metadata!.uid) ?? false;

export const canBeReserved = (claim: ResourceResourceClaim): boolean => (claim.status?.reservedFor?.length ?? 0) < maxConsumers;

/** The claims for devices that a pod waits for, or why it cannot have one of them yet. Mirrors k8s.io/dynamic-resource-allocation/resourceclaim (Name, IsForPod). */
export function claimsOfPod(pod: Pod, find: (key: string) => ResourceResourceClaim | undefined): ResourceResourceClaim[] | { problem: string } {
  const { namespace, name: podName, uid } = pod.metadata!;
  const found: ResourceResourceClaim[] = [];
  for (const { name, resourceClaimName } of pod.spec!.resourceClaims ?? []) {
    const told = pod.status?.resourceClaimStatuses?.find((status) => status.name === name);
    // Found not to be needed.
    if (!resourceClaimName && told && !told.resourceClaimName) continue;
    const claimName = resourceClaimName ?? told?.resourceClaimName;
    if (!claimName) return { problem: `pod "${namespace}/${podName}": ResourceClaim not created yet` };
    const claim = find(`${namespace}/${claimName}`);
    if (!claim) return { problem: `resourceclaim.resource.k8s.io "${claimName}" not found` };
    if (claim.metadata!.deletionTimestamp) return { problem: `resourceclaim "${claimName}" is being deleted` };
    if (!resourceClaimName && controllerOf(claim)?.uid !== uid)
      return { problem: `ResourceClaim ${namespace}/${claimName} was not created for Pod ${namespace}/${podName} (Pod is not owner)` };
    found.push(claim);
  }
  return found;
}
