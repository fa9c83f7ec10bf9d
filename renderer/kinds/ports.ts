import type { PodSpec } from '../../main/api/index.ts';

export interface PortRow {
  port: number;
  name: string;
  protocol: string;
  container: string;
}

/** What the containers of a pod say they listen on, those that run beside the others included. */
export function portsOf(spec: PodSpec | undefined): PortRow[] {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...(spec?.containers ?? []), ...sidecars].flatMap(({ name: container, ports }) =>
    (ports ?? []).map(({ containerPort, name = '', protocol = 'TCP' }) => ({ port: containerPort, name, protocol, container })),
  );
}
