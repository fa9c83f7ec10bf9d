import type { KubeObject } from '../../../../main/api/meta.ts';
import type { FormContext } from '../../../form/context.ts';

interface Port {
  name?: string;
  containerPort?: number | string;
  protocol?: string;
}

/** A Service for a deployment's pods: one port of its own for each port of the containers. */
export function serviceFor(deployment: FormContext): KubeObject {
  const containers = deployment.get<{ ports?: Port[] }[]>('spec.template.spec.containers') ?? [];
  const ports = containers.flatMap(({ ports: own }) => own ?? []).filter(({ containerPort }) => containerPort !== undefined);
  const entries = ports.map(({ name, containerPort, protocol }, index) => ({
    // Of several ports each must have a name.
    ...(ports.length > 1 ? { name: name ?? `port-${index + 1}` } : {}),
    port: ports.length > 1 ? containerPort : 80,
    targetPort: containerPort,
    ...(protocol && protocol !== 'TCP' ? { protocol } : {}),
  }));
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: deployment.get<string>('metadata.name') ?? '', namespace: deployment.get<string>('metadata.namespace') ?? 'default' },
    spec: {
      type: 'ClusterIP',
      selector: deployment.get('spec.selector.matchLabels') ?? {},
      ports: entries.length ? entries : [{ port: 80, targetPort: 80 }],
    },
  } as KubeObject;
}
