import type { DiscoveryEndpointPort, Endpoint, EndpointSlice } from '../api/index.ts';
import { equalJson } from '../api/json.ts';

export const maxEndpoints = 100;

/** Endpoints that may share slices: of one address type and with the same ports. */
export interface SliceContent {
  addressType: 'IPv4' | 'IPv6' | 'FQDN';
  ports: DiscoveryEndpointPort[];
  endpoints: Endpoint[];
}

export interface SlicePlan {
  create: SliceContent[];
  /** Private copies with their new endpoints. */
  update: EndpointSlice[];
  delete: EndpointSlice[];
  /** Right as they are. */
  keep: EndpointSlice[];
  /** Endpoints that were in no slice of theirs, and those that are to be in none. */
  added: number;
  removed: number;
}

/**
 * How to bring the slices to hold `contents`, with few writes: endpoints stay where they are, gaps are filled in slices
 * that change anyway, then in others, and only what is left goes to new ones. Mirrors reconcileByPortMapping of
 * k8s.io/endpointslice/reconciler.go. `most`: endpoints in a slice.
 */
export function packSlices(existing: EndpointSlice[], contents: SliceContent[], most = maxEndpoints): SlicePlan {
  const plan: SlicePlan = { create: [], update: [], delete: [], keep: [], added: 0, removed: 0 };
  const left = new Set(existing);
  for (const content of contents) {
    const slices = existing.filter(
      (slice) => slice.addressType === content.addressType && equalJson(slice.ports ?? [], content.ports),
    );
    for (const slice of slices) left.delete(slice);
    pack(slices, content, plan, most);
  }
  plan.delete.push(...left);
  reuse(plan);
  return plan;
}

/** A slice that would go becomes one that would come: at no time is there none of them. */
function reuse(plan: SlicePlan): void {
  plan.delete = plan.delete.filter((slice) => {
    const at = plan.create.findLastIndex(({ addressType }) => addressType === slice.addressType);
    if (at < 0) return true;
    const [{ ports, endpoints }] = plan.create.splice(at, 1) as [SliceContent];
    plan.update.push({ ...slice, ports, endpoints });
    return false;
  });
}

/** What makes an endpoint the same one, whatever its conditions. */
const identity = (endpoint: Endpoint) =>
  JSON.stringify([endpoint.addresses, endpoint.hostname, endpoint.nodeName, endpoint.targetRef?.uid]);

function pack(slices: EndpointSlice[], content: SliceContent, plan: SlicePlan, most: number): void {
  const desired = new Map(content.endpoints.map((endpoint) => [identity(endpoint), endpoint]));
  const states = slices.map((slice) => {
    const endpoints: Endpoint[] = [];
    for (const old of slice.endpoints ?? []) {
      const key = identity(old);
      const endpoint = desired.get(key);
      if (!endpoint) {
        plan.removed++;
        continue;
      }
      endpoints.push(endpoint);
      desired.delete(key);
    }
    return { slice, endpoints, changed: !equalJson(endpoints, slice.endpoints ?? []) };
  });
  const rest = [...desired.values()];
  plan.added += rest.length;
  const roomOf = ({ endpoints }: { endpoints: Endpoint[] }) => most - endpoints.length;
  const changing = states.filter(({ changed, endpoints }) => changed && endpoints.length > 0);
  for (const state of changing.sort((a, b) => roomOf(a) - roomOf(b))) state.endpoints.push(...rest.splice(0, roomOf(state)));
  const { addressType, ports } = content;
  while (rest.length > 0) {
    // A slice that could stay as it is is only touched when it takes all of the rest, and of those the fullest.
    const takes = states.filter((state) => !state.changed && rest.length < most && roomOf(state) >= rest.length);
    const fullest = takes.sort((a, b) => roomOf(a) - roomOf(b))[0];
    if (fullest) {
      fullest.endpoints.push(...rest.splice(0));
      fullest.changed = true;
    } else plan.create.push({ addressType, ports, endpoints: rest.splice(0, most) });
  }
  const placeholder = content.endpoints.length === 0;
  for (const [i, { slice, endpoints, changed }] of states.entries()) {
    if (endpoints.length === 0 && !(placeholder && i === 0)) plan.delete.push(slice);
    else if (changed) plan.update.push({ ...slice, endpoints });
    else plan.keep.push(slice);
  }
  if (placeholder && states.length === 0) plan.create.push({ addressType, ports, endpoints: [] });
}
