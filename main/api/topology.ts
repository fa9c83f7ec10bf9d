import type { Node } from './index.ts';

/** Equal for nodes of the same region and zone. Mirrors component-helpers' node/topology (GetZoneKey). */
export function zoneOf({ metadata }: Node): string {
  const labels = metadata!.labels ?? {};
  return `${labels['topology.kubernetes.io/region'] ?? ''}\0${labels['topology.kubernetes.io/zone'] ?? ''}`;
}
