import type { Pod } from './index.ts';

export interface HostPort {
  ip: string;
  protocol: string;
  port: number;
}

const any = '0.0.0.0';

/** The ports of its node that a pod takes. */
export function hostPortsOf(pod: Pod): HostPort[] {
  const sideCars = (pod.spec!.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  return [...pod.spec!.containers, ...sideCars].flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => port.hostPort)
      .map((port) => ({ ip: port.hostIP || any, protocol: port.protocol ?? 'TCP', port: port.hostPort! })),
  );
}

/** Whether both cannot be had on one node. */
export function hostPortsCollide(a: HostPort, b: HostPort): boolean {
  return a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === any || b.ip === any);
}
