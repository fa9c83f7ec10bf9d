import type { Endpoint, Node, Service } from '../api/index.ts';
import { parseQuantity } from '../api/quantity.ts';

/* Topology aware routing: each zone is hinted as many endpoints as it has CPUs to send from. Mirrors k8s.io/endpointslice/topologycache. */

/** How much more than its share an endpoint may get. */
const overload = 0.2;
const zoneLabel = 'topology.kubernetes.io/zone';
const excludingLabels = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/** Whether a Service asks for it; the older annotation counts first. */
export function asksForTopology({ metadata }: Service): boolean {
  const { annotations = {} } = metadata ?? {};
  const mode = annotations['service.kubernetes.io/topology-aware-hints'] ?? annotations['service.kubernetes.io/topology-mode'];
  return mode === 'Auto' || mode === 'auto';
}

/** The share of each zone in the CPUs that pods can have; undefined where it cannot be told, or where there is one zone alone. */
export function cpuShares(nodes: Node[]): Map<string, number> | undefined {
  const cpus = new Map<string, number>();
  for (const { metadata, status } of nodes) {
    if (excludingLabels.some((label) => metadata?.labels?.[label] !== undefined)) continue;
    if (status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True') continue;
    const zone = metadata?.labels?.[zoneLabel];
    const cpu = parseQuantity(status.allocatable?.cpu ?? '0').milliValue();
    if (!zone || cpu === 0) return undefined;
    cpus.set(zone, (cpus.get(zone) ?? 0) + cpu);
  }
  if (cpus.size < 2) return undefined;
  const total = [...cpus.values()].reduce((sum, cpu) => sum + cpu, 0);
  return new Map([...cpus].sort(([a], [b]) => (a < b ? -1 : 1)).map(([zone, cpu]) => [zone, cpu / total]));
}

/** The zone that each ready endpoint is hinted for, or why there are no hints. */
export type Hinting = { zones: Map<Endpoint, string>; disabled?: undefined } | { disabled: string };

/** Pure; the same endpoints get the same hints, in whatever order they come. */
export function hintZones(endpoints: Endpoint[], shares: Map<string, number> | undefined): Hinting {
  const ready = endpoints.filter(({ conditions }) => conditions?.ready).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  if (!shares) return { disabled: 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes' };
  const counts = `(${ready.length} endpoints, ${shares.size} zones)`;
  if (shares.size > ready.length) return { disabled: `Insufficient number of endpoints ${counts}` };
  const wanted = new Map<string, number>();
  let least = 0;
  for (const [zone, share] of shares) {
    const fair = share * ready.length;
    const minimum = Math.ceil(fair * (1 / (1 + overload)));
    least += minimum;
    wanted.set(zone, Math.max(fair, minimum));
  }
  if (least > ready.length) return { disabled: `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${counts}` };
  if (ready.some(({ zone }) => !zone)) return { disabled: 'One or more endpoints do not have a zone specified' };

  const zones = new Map(ready.map((endpoint) => [endpoint, endpoint.zone!]));
  const { giving, receiving } = exchange(wanted, ready);
  for (const endpoint of ready) {
    const left = giving.get(endpoint.zone!) ?? 0;
    const [taker] = [...receiving].find(([, count]) => count > 0) ?? [];
    if (left === 0 || taker === undefined) continue;
    zones.set(endpoint, taker);
    giving.set(endpoint.zone!, left - 1);
    receiving.set(taker, receiving.get(taker)! - 1);
  }
  return { zones };
}

const nameOf = ({ targetRef, addresses }: Endpoint): string => `${targetRef?.uid ?? ''} ${addresses.join()}`;

/** How many endpoints each zone gives to others, and gets of them: whole ones, from who has most to who lacks most. */
function exchange(wanted: Map<string, number>, ready: Endpoint[]): { giving: Map<string, number>; receiving: Map<string, number> } {
  const surplus = new Map<string, number>();
  const lack = new Map<string, number>();
  for (const [zone, count] of wanted) {
    const difference = ready.filter((endpoint) => endpoint.zone === zone).length - count;
    if (difference !== 0) (difference > 0 ? surplus : lack).set(zone, Math.abs(difference));
  }
  const giving = new Map<string, number>();
  const receiving = new Map<string, number>();
  const most = (from: Map<string, number>) => [...from].reduce<[string, number]>((best, entry) => (entry[1] > best[1] ? entry : best), ['', 0]);
  for (;;) {
    const [giver, toGive] = most(surplus);
    const [taker, toTake] = most(lack);
    if (toGive < 0.5 || toTake < 0.5 || (toGive < 1 && toTake < 1)) return { giving, receiving };
    giving.set(giver, (giving.get(giver) ?? 0) + 1);
    receiving.set(taker, (receiving.get(taker) ?? 0) + 1);
    surplus.set(giver, toGive - 1);
    lack.set(taker, toTake - 1);
  }
}
