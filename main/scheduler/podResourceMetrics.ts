import { setImmediate } from 'node:timers/promises';
import type { Pod } from '../api/index.ts';
import { podLimits, podRequests, resourceAmounts, type Resources } from '../api/podResources.ts';
import { isHugePage } from '../api/resourceNames.ts';

/** Pods in a row before everything else in the process has its turn. */
const batch = 500;

const families = [
  { name: 'kube_pod_resource_request', help: 'What pods take from their nodes, by resource.', amounts: (pod: Pod) => podRequests(pod) },
  { name: 'kube_pod_resource_limit', help: 'What pods may use at most, by resource.', amounts: podLimits },
];

/** What pods ask for as Prometheus reads it; those that have ended take nothing. Mirrors pkg/scheduler/metrics/resources/resources.go. */
export async function podResourceMetrics(pods: readonly Pod[]): Promise<string> {
  const samples: string[][] = families.map(() => []);
  for (const [at, pod] of pods.entries()) {
    if (at > 0 && at % batch === 0) await setImmediate();
    if (!hasEnded(pod)) families.forEach(({ name, amounts }, family) => addSamples(samples[family]!, name, pod, amounts(pod)));
  }
  return families.map(({ name, help }, family) => (samples[family]!.length > 0 ? `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${samples[family]!.join('')}` : '')).join('');
}

const hasEnded = ({ spec, status }: Pod) => Boolean(spec!.nodeName) && (status?.phase === 'Succeeded' || status?.phase === 'Failed');

function addSamples(samples: string[], family: string, { metadata, spec }: Pod, resources: Resources): void {
  const { nodeName = '', schedulerName = '', priority = '' } = spec!;
  const pod = `namespace="${metadata!.namespace}",node="${nodeName}",pod="${metadata!.name}",priority="${priority}"`;
  for (const [resource, amount] of resourceAmounts(resources))
    if (amount !== 0) samples.push(`${family}{${pod},resource="${resource}",scheduler=${JSON.stringify(schedulerName)},unit="${unitOf(resource)}"} ${resource === 'cpu' ? amount / 1000 : amount}\n`);
}

function unitOf(resource: string): string {
  if (resource === 'cpu') return 'cores';
  if (resource === 'memory' || resource === 'storage' || resource === 'ephemeral-storage' || isHugePage(resource)) return 'bytes';
  return resource.startsWith('attachable-volumes-') ? 'integer' : '';
}
