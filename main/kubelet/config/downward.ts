import type { ObjectFieldSelector, Pod, ResourceFieldSelector } from '../../api/index.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { goQuote } from '../../util/goQuote.ts';
import { containerNamed, type AnyContainer } from '../spec.ts';

export interface PodFacts {
  hostIP: string;
  hostIPs: string[];
  podIP: string;
  podIPs: string[];
  /** What a container without limits could use, by resource. */
  allocatable: Record<string, string>;
}

/** Mirrors pkg/kubelet/kubelet_pods.go (podFieldSelectorRuntimeValue). */
export function fieldValue(selector: ObjectFieldSelector, pod: Pod, facts: PodFacts): string {
  switch (selector.fieldPath) {
    case 'spec.nodeName':
      return pod.spec?.nodeName ?? '';
    case 'spec.serviceAccountName':
      return pod.spec?.serviceAccountName ?? '';
    case 'spec.restartPolicy':
      return pod.spec?.restartPolicy ?? '';
    case 'spec.schedulerName':
      return pod.spec?.schedulerName ?? '';
    case 'status.phase':
      return pod.status?.phase ?? '';
    case 'status.hostIP':
    case 'spec.host':
      return facts.hostIP;
    case 'status.hostIPs':
      return facts.hostIPs.join(',');
    case 'status.podIP':
      return facts.podIP;
    case 'status.podIPs':
      return facts.podIPs.join(',');
    case 'metadata.name':
      return pod.metadata?.name ?? '';
    case 'metadata.namespace':
      return pod.metadata?.namespace ?? '';
    case 'metadata.uid':
      return pod.metadata?.uid ?? '';
    case 'metadata.labels':
      return formatMap(pod.metadata?.labels);
    case 'metadata.annotations':
      return formatMap(pod.metadata?.annotations);
  }
  const subscript = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/.exec(selector.fieldPath);
  if (!subscript) throw new Error(`unsupported fieldPath: ${selector.fieldPath}`);
  const map = subscript[1] === 'metadata.labels' ? pod.metadata?.labels : pod.metadata?.annotations;
  return map?.[subscript[2]!] ?? '';
}

/** `key="value"` lines in the order of keys, quoted as Go does. Mirrors pkg/fieldpath/fieldpath.go (FormatMap). */
function formatMap(map: Record<string, string> | undefined): string {
  return Object.keys(map ?? {})
    .sort()
    .map((key) => `${key}=${goQuote(map![key]!)}`)
    .join('\n');
}

/** Resources whose limit is that of the pod, or the node's, where a container has none. */
const defaulted = ['cpu', 'memory', 'ephemeral-storage'];

/** Mirrors pkg/api/v1/resource/helpers.go (ExtractContainerResourceValue) and pkg/kubelet/kubelet_resources.go (defaultPodLimitsForDownwardAPI). */
export function resourceValue(selector: ResourceFieldSelector, pod: Pod, container: AnyContainer | undefined, facts: PodFacts): string {
  const target = selector.containerName ? containerNamed(pod, selector.containerName) : container;
  if (!target) throw new Error(`container ${selector.containerName ?? ''} not found`);
  const match = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/.exec(selector.resource);
  if (!match) throw new Error(`unsupported container resource : ${selector.resource}`);
  const [, list, name] = match as unknown as [string, 'limits' | 'requests', string];
  const given = target.resources?.[list]?.[name];
  const fallback = list === 'limits' && defaulted.includes(name) ? (some(pod.spec?.resources?.limits?.[name]) ?? facts.allocatable[name]) : target.resources?.limits?.[name];
  const amount = parseQuantity((list === 'limits' ? some(given) : given) ?? fallback ?? '0');
  const divisorText = selector.divisor === undefined || parseQuantity(selector.divisor).isZero() ? '1' : selector.divisor;
  const divisor = parseQuantity(divisorText);
  const [a, b] = name === 'cpu' ? [amount.milliValue(), divisor.milliValue()] : [amount.value(), divisor.value()];
  return String(Math.ceil(a / b));
}

const some = (amount: string | undefined) => (amount === undefined || parseQuantity(amount).isZero() ? undefined : amount);
