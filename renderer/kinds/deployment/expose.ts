import { mdiLanConnect } from '@mdi/js';
import type { LocationQuery } from 'vue-router';
import type { Deployment, Service } from '../../../main/api/index.ts';
import type { KindAction } from '../types.ts';

type Spec = NonNullable<Service['spec']>;

/** Opens the form of a Service for the pods of a Deployment, with what `kubectl expose` would make: its selector, and the ports of its containers. */
export const exposeAction: KindAction<Deployment> = {
  id: 'expose',
  title: 'action.expose',
  icon: mdiLanConnect,
  // A Service has no words for anything but labels and their values.
  shown: ({ spec }) => Object.keys(spec?.selector.matchLabels ?? {}).length > 0 && !spec?.selector.matchExpressions?.length,
  to: ({ metadata, spec }) => {
    const ports = (spec?.template.spec?.containers ?? []).flatMap(({ ports = [] }) => ports.map(({ containerPort, protocol = 'TCP' }) => `${containerPort}/${protocol}`));
    const selector = Object.entries(spec?.selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
    return { name: 'create', params: { kind: 'Service' }, query: { name: metadata?.name ?? '', namespace: metadata?.namespace ?? '', selector, port: [...new Set(ports)] } };
  },
};

const all = (value: LocationQuery[string] | undefined): string[] => (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string');

/** What such an address asks a Service to be; of what it does not say, nothing. */
export function exposed(query: LocationQuery): { name?: string | undefined; namespace?: string | undefined; selector?: Spec['selector']; ports?: Spec['ports'] } {
  const pairs = all(query.selector).map((pair) => pair.split('=', 2) as [string, string]).filter(([key, value]) => key && value !== undefined);
  const ports = all(query.port).map((text) => /^(\d{1,5})\/(TCP|UDP|SCTP)$/.exec(text)).filter((match) => match !== null);
  return {
    name: all(query.name)[0],
    namespace: all(query.namespace)[0],
    ...(pairs.length ? { selector: Object.fromEntries(pairs) } : {}),
    ...(ports.length
      ? { ports: ports.map(([, port, protocol], index) => ({ ...(ports.length > 1 ? { name: `port-${index + 1}` } : {}), port: Number(port), targetPort: Number(port) as never, ...(protocol === 'TCP' ? {} : { protocol: protocol! }) })) }
      : {}),
  };
}
