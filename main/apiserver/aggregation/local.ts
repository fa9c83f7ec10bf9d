import type { APIService } from '../../api/index.ts';
import { isAlreadyExists, isNotFound } from '../../api/status.ts';
import type { InProcessTransport } from '../inProcess.ts';
import type { ResourceTable } from '../registry/resources.ts';

const path = '/apis/apiregistration.k8s.io/v1/apiservices';
const managed = 'kube-aggregator.kubernetes.io/automanaged';

// How clients rank groups that hold a kind of the same name (upstream: pkg/controlplane/apiserver/aggregator.go).
const priorities: Record<string, number> = {
  '': 18_000, apps: 17_800, 'events.k8s.io': 17_750, 'authentication.k8s.io': 17_700, 'authorization.k8s.io': 17_600, autoscaling: 17_500, batch: 17_400,
  'certificates.k8s.io': 17_300, 'networking.k8s.io': 17_200, policy: 17_100, 'rbac.authorization.k8s.io': 17_000, 'storage.k8s.io': 16_800, 'apiextensions.k8s.io': 16_700,
  'admissionregistration.k8s.io': 16_700, 'scheduling.k8s.io': 16_600, 'coordination.k8s.io': 16_500, 'node.k8s.io': 16_300, 'discovery.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100, 'resource.k8s.io': 16_200,
};
/** By group, or by name where a group has several versions. */
const versionPriorities: Record<string, number> = { '': 1, 'v2.autoscaling': 30, 'flowcontrol.apiserver.k8s.io': 21, 'resource.k8s.io': 21 };
const usualVersion = 15;
const custom = { group: 1000, version: 100 };
/** Registrations do not register themselves. */
const registrations = 'apiregistration.k8s.io';

/**
 * Registers what this server serves itself, so that a list of APIServices shows all there is, and takes a registration
 * away with what it stood for. Mirrors k8s.io/kube-aggregator/pkg/controllers/autoregister.
 */
export async function registerLocal(resources: ResourceTable, transport: InProcessTransport, registered: Iterable<APIService>): Promise<void> {
  const served = new Map<string, { group: string; version: string }>();
  for (const { definition } of resources.all()) if (definition.group !== registrations) served.set(`${definition.version}.${definition.group}`, { group: definition.group, version: definition.version });
  const known = new Map([...registered].map((service) => [service.metadata!.name!, service]));
  const wanted = [...served].filter(([name]) => !known.has(name));
  const gone = [...known.values()].filter(({ metadata, spec }) => !spec?.service && metadata?.labels?.[managed] !== undefined && !served.has(metadata.name!));
  await Promise.all([
    ...wanted.map(async ([name, { group, version }]) => {
      const priority = priorities[group];
      const body = {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name, labels: { [managed]: priority === undefined ? 'true' : 'onstart' } },
        spec: { ...(group ? { group } : {}), version, groupPriorityMinimum: priority ?? custom.group, versionPriority: priority === undefined ? custom.version : (versionPriorities[name] ?? versionPriorities[group] ?? usualVersion) },
      };
      await transport.request({ method: 'POST', path, body }).catch((error: unknown) => {
        if (!isAlreadyExists(error)) throw error;
      });
    }),
    ...gone.map(({ metadata }) =>
      transport.request({ method: 'DELETE', path: `${path}/${metadata!.name}` }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      }),
    ),
  ]);
}
