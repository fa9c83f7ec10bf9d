import type { Node } from './index.ts';

/**
 * Equal for nodes of the same region and zone, empty for nodes that name neither, where the labels of old count before the new ones. Mirrors
 * component-helpers' node/topology (GetZoneKey).
 */
export function zoneOf({ metadata }: Node): string {
  const labels = metadata!.labels ?? {};
  const label = (name: string) => labels[`failure-domain.beta.kubernetes.io/${name}`] ?? labels[`topology.kubernetes.io/${name}`] ?? '';
  const [region, zone] = [label('region'), label('zone')];
  return region || zone ? `${region}:\0:${zone}` : '';
}
