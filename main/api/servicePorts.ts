import type { ContainerPort, Pod, ServicePort } from './index.ts';

/** The port of the pod that a service's port leads to; undefined when its target is a name that the pod has not. */
export function findPort(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort || port.port;
  if (typeof target === 'number') return target;
  const sideCars = (pod.spec!.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  const named = ({ name, protocol }: ContainerPort) =>
    name === target && (protocol ?? 'TCP') === (port.protocol ?? 'TCP');
  for (const container of [...pod.spec!.containers, ...sideCars]) {
    const found = container.ports?.find(named);
    if (found) return found.containerPort;
  }
  return undefined;
}
