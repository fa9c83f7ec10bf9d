import type { EndpointAddress, EndpointPort, EndpointSubset } from '../api/index.ts';

/**
 * The same endpoints in as few subsets as can be: addresses that are reached at the same ports stand together, each
 * once. Who is not ready in one subset is not ready in any. Mirrors pkg/api/v1/endpoints/util.go (RepackSubsets).
 */
export function repackSubsets(subsets: EndpointSubset[]): EndpointSubset[] {
  const addresses = new Map<string, EndpointAddress>();
  /** Port → keys of the addresses behind it → whether each is ready. */
  const byPort = new Map<string, { port: EndpointPort | undefined; ready: Map<string, boolean> }>();
  for (const subset of subsets) {
    const ports = subset.ports?.length ? subset.ports : [undefined];
    for (const port of ports) {
      const key = JSON.stringify([port?.name ?? '', port?.port, port?.protocol ?? 'TCP', port?.appProtocol]);
      let entry = byPort.get(key);
      if (!entry) byPort.set(key, (entry = { port, ready: new Map() }));
      for (const [list, ready] of [[subset.addresses, true], [subset.notReadyAddresses, false]] as const) {
        for (const address of list ?? []) {
          const who = `${address.ip} ${address.targetRef?.uid ?? ''}`;
          if (!addresses.has(who)) addresses.set(who, address);
          entry.ready.set(who, ready && entry.ready.get(who) !== false);
        }
      }
    }
  }
  const packed = new Map<string, EndpointSubset>();
  for (const { port, ready } of byPort.values()) {
    const sorted = [...ready].sort(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify(sorted);
    const of = (wanted: boolean) => sorted.filter(([, isReady]) => isReady === wanted).map(([who]) => addresses.get(who)!);
    let subset = packed.get(key);
    if (!subset) packed.set(key, (subset = { addresses: of(true), notReadyAddresses: of(false), ports: [] }));
    if (port) subset.ports!.push(port);
  }
  return [...packed.values()];
}
