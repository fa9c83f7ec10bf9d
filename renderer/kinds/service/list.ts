import type { Service } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { ageColumn, labelsColumn, labelText, nameColumn, namespaceColumn } from '../columns.ts';
import type { KindList } from '../types.ts';

export const list: KindList<Service> = {
  columns: [
    nameColumn(core.services),
    namespaceColumn(),
    { id: 'type', title: 'column.type', width: 120, text: ({ spec }) => spec?.type ?? 'ClusterIP' },
    { id: 'clusterIP', title: 'column.clusterIP', width: 120, keep: 3, mono: true, text: ({ spec }) => spec?.clusterIP ?? '' },
    { id: 'externalIP', title: 'column.externalIP', width: 130, mono: true, text: externalAddress },
    { id: 'ports', title: 'column.ports', width: 140, grow: 1, keep: 4, mono: true, text: portsText },
    { id: 'selector', title: 'column.selector', width: 160, grow: 2, text: ({ spec }) => labelText(spec?.selector) },
    labelsColumn(),
    ageColumn(),
  ],
};

export function externalAddress({ spec, status }: Service): string {
  if (spec?.type === 'ExternalName') return spec.externalName ?? '';
  const balancers = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '');
  const all = [...balancers, ...(spec?.externalIPs ?? [])];
  return all.length > 0 ? all.join(', ') : spec?.type === 'LoadBalancer' ? '<pending>' : '';
}

export function portsText({ spec }: Service): string {
  return (spec?.ports ?? [])
    .map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol ?? 'TCP'}`)
    .join(', ');
}
