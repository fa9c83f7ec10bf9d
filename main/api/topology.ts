import type { Node } from './index.ts';

/**
 * Equal for nodes of the same region and zone, where the labels of old count before the new ones. Mirrors
 * component-helpers' node/topology (GetZoneKey).
 */
export function zoneOf({ metadata }: Node): string {
  const labels = metadata!.labels ?? {};
  const label = (name: string) => labels[`failure-domain.beta.kubernetes.io/${name}`] ?? labels[`topology.kubernetes.io/${name}`] ?? '';
  return `${label('region')}\0${label('zone')}`;
}
