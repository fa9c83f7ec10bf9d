import type { Container, PodSpec, PodStatus } from './index.ts';
import { parseQuantity, quantityOf, type Quantity } from './quantity.ts';

type Amounts = Record<string, Quantity>;

type What = 'requests' | 'limits';

function read(list: Record<string, string> | undefined): Amounts {
  const amounts: Amounts = {};
  for (const name in list) {
    const quantity = quantityOf(list[name]!);
    if (quantity) amounts[name] = quantity;
  }
  return amounts;
}

/** Whether what a pod asks for now can never be given on its node: then it does not count. */
export const isResizeInfeasible = (status: PodStatus | undefined): boolean => status?.conditions?.find(({ type }) => type === 'PodResizePending')?.reason === 'Infeasible';

/** What a container asks for; while it is being resized, the most of that, what it has been promised and what it has. */
function amountsOf(container: Container, what: What, status: PodStatus | undefined): Amounts {
  const asked = read(container.resources?.[what]);
  const ofName = ({ name }: { name: string }) => name === container.name;
  const state = status?.containerStatuses?.find(ofName) ?? (isSidecar(container) ? status?.initContainerStatuses?.find(ofName) : undefined);
  if (!state?.resources) return asked;
  const amounts = isResizeInfeasible(status) ? {} : asked;
  raiseTo(amounts, read(state.resources[what]));
  if (what === 'requests') raiseTo(amounts, read(state.allocatedResources));
  return amounts;
}

function addTo(sum: Amounts, more: Amounts): void {
  for (const name in more) sum[name] = sum[name] ? sum[name].add(more[name]!) : more[name]!;
}

function raiseTo(sum: Amounts, other: Amounts): void {
  for (const name in other) if (!sum[name] || sum[name].cmp(other[name]!) < 0) sum[name] = other[name]!;
}

export const isSidecar = (container: Container) => container.restartPolicy === 'Always';

/**
 * What the containers of a pod need together: the sum of the regular ones and sidecars, or the most that an init
 * container needs beside the sidecars started before it.
 * Mirrors k8s.io/component-helpers/resource/helpers.go (AggregateContainerRequests and -Limits).
 */
export function aggregateContainers(spec: PodSpec, what: What, status?: PodStatus): Amounts {
  const sum: Amounts = {};
  for (const container of spec.containers ?? []) addTo(sum, amountsOf(container, what, status));
  const sidecars: Amounts = {};
  const initial: Amounts = {};
  for (const container of spec.initContainers ?? []) {
    const amounts = amountsOf(container, what, status);
    if (isSidecar(container)) {
      addTo(sum, amounts);
      addTo(sidecars, amounts);
      raiseTo(initial, sidecars);
    } else {
      const beside = { ...amounts };
      addTo(beside, sidecars);
      raiseTo(initial, beside);
    }
  }
  raiseTo(sum, initial);
  return sum;
}

/** What a pod needs in all: its own or its containers' amounts, and the runtime's overhead. Mirrors the same file's PodRequests and PodLimits. */
export function podResources(spec: PodSpec, what: What, status?: PodStatus): Amounts {
  const sum = aggregateContainers(spec, what, status);
  const own = spec.resources?.[what];
  for (const name in own) sum[name] = parseQuantity(own[name]!);
  for (const name in spec.overhead)
    if (what === 'requests' || sum[name]) {
      const quantity = parseQuantity(spec.overhead[name]!);
      sum[name] = sum[name] ? sum[name].add(quantity) : quantity;
    }
  return sum;
}
