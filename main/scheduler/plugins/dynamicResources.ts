import type { Pod, ResourceResourceClaim } from '../../api/index.ts';
import { matchesNodeSelector } from '../../api/nodeSelector.ts';
import type { Informer } from '../../client/index.ts';
import { StateKey, type Plugin } from '../framework.ts';
import { unresolvable } from '../status.ts';

const name = 'DynamicResources';
const notHere = unresolvable(name, 'resourceclaim not available on the node');
const noDevices = unresolvable(name, 'cannot allocate all claims');

const claimsKey = new StateKey<ResourceResourceClaim[]>();

/**
 * Keeps a pod that asks for devices to where its claims have them. Claims are allocated by whoever drives the devices;
 * there are none of our own, so that a claim without an allocation cannot have one.
 */
export function dynamicResources(claims: Informer<ResourceResourceClaim>): Plugin {
  return {
    name,
    preFilter(state, { pod }) {
      const wanted = pod.spec!.resourceClaims ?? [];
      if (wanted.length === 0) return { skip: true };
      const found: ResourceResourceClaim[] = [];
      for (const { name: podClaim, resourceClaimName } of wanted) {
        const told = pod.status?.resourceClaimStatuses?.find((status) => status.name === podClaim);
        // Found not to be needed.
        if (told && !told.resourceClaimName) continue;
        const claimName = resourceClaimName ?? told?.resourceClaimName;
        if (!claimName) return { status: unresolvable(name, `pod "${pod.metadata!.namespace}/${pod.metadata!.name}": pod claim name not found`) };
        const claim = claims.get(`${pod.metadata!.namespace}/${claimName}`);
        if (!claim) return { status: unresolvable(name, `resourceclaim.resource.k8s.io "${claimName}" not found`) };
        if (claim.metadata!.deletionTimestamp)
          return { status: unresolvable(name, `resourceclaim "${claimName}" is being deleted`) };
        found.push(claim);
      }
      state.set(claimsKey, found);
      return undefined;
    },
    filter(state, _, { node }) {
      for (const { status } of state.get(claimsKey)!) {
        if (!status?.allocation) return noDevices;
        const { nodeSelector } = status.allocation;
        if (nodeSelector && !matchesNodeSelector(nodeSelector, node)) return notHere;
      }
      return undefined;
    },
    isHelpful(event, { pod }) {
      if (event.kind !== 'ClaimChange') return event.kind === 'PodUpdate' || event.kind === 'NodeAdd' || event.kind === 'NodeUpdate';
      return claimNames(pod).includes(event.claim.metadata!.name!) && pod.metadata!.namespace === event.claim.metadata!.namespace;
    },
  };
}

const claimNames = ({ spec, status }: Pod) =>
  (spec!.resourceClaims ?? []).map(
    ({ name: podClaim, resourceClaimName }) =>
      resourceClaimName ?? status?.resourceClaimStatuses?.find((each) => each.name === podClaim)?.resourceClaimName,
  );
