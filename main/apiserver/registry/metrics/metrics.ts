import type { Node, Pod } from '../../../api/index.ts';
import type { KubeletApi, NodeUsage, ResourceUsage } from '../../../api/kubelet.ts';
import { timestamp } from '../../../api/meta.ts';
import type { NodeMetrics, PodMetrics, Usage } from '../../../api/metrics.ts';
import { columns, define } from '../define.ts';
import { nameOf } from '../printers.ts';
import type { Objects, Strategy } from '../strategy.ts';

/* The resource metrics API (upstream: sigs.k8s.io/metrics-server/pkg/api). Kubelets measure when somebody asks. */

const group = 'metrics.k8s.io';
const version = 'v1beta1';
const verbs = ['get', 'list'];
const nodes = { group: '', version: 'v1', resource: 'nodes' };
const pods = { group: '', version: 'v1', resource: 'pods' };

type Kubelets = (node: string) => KubeletApi | undefined;

const base = {
  hasGeneration: false,
  nameRule: 'dnsSubdomain' as const,
  validate: () => [],
  validateUpdate: () => [],
  columns: columns('Name', 'CPU', 'Memory', 'Window'),
};

export function nodeMetrics(objects: Objects, kubelets: Kubelets): Strategy<NodeMetrics> {
  const of = async (node: Node): Promise<NodeMetrics | undefined> => {
    const usage = await measured(kubelets, node.metadata!.name!);
    if (!usage) return undefined;
    const { name, labels } = node.metadata!;
    return { metadata: metadata(usage, { name, labels }), ...window(usage), usage: usageOf(usage) };
  };
  return {
    ...base,
    definition: define(group, version, 'NodeMetrics', 'nodes', { namespaced: false, singular: '', verbs }),
    row: (object) => [nameOf(object), object.usage.cpu, object.usage.memory, object.window],
    computed: {
      async get(_namespace, name) {
        const node = await objects.get<Node>(nodes, '', name);
        return node && of(node);
      },
      list: async () => present(await Promise.all((await objects.list<Node>(nodes)).map(of))),
    },
  };
}

export function podMetrics(objects: Objects, kubelets: Kubelets): Strategy<PodMetrics> {
  const of = (pod: Pod, usage: NodeUsage | undefined): PodMetrics | undefined => {
    const { uid, name, namespace, labels } = pod.metadata!;
    const found = usage?.pods.get(uid!);
    if (!found) return undefined;
    const containers = found.containers.map((container) => ({ name: container.name, usage: usageOf(container) }));
    return { metadata: metadata(found, { name, namespace, labels }), ...window(found), containers };
  };
  return {
    ...base,
    definition: define(group, version, 'PodMetrics', 'pods', { singular: '', verbs }),
    row(object) {
      const sum = (name: keyof Usage) => object.containers.reduce((total, { usage }) => total + parseInt(usage[name], 10), 0);
      return [nameOf(object), `${sum('cpu')}n`, `${sum('memory')}Ki`, object.window];
    },
    computed: {
      async get(namespace, name) {
        const pod = await objects.get<Pod>(pods, namespace, name);
        return pod?.spec?.nodeName ? of(pod, await measured(kubelets, pod.spec.nodeName)) : undefined;
      },
      async list(namespace) {
        const all = (await objects.list<Pod>(pods, namespace || undefined)).filter((pod) => pod.spec?.nodeName);
        const names = [...new Set(all.map((pod) => pod.spec!.nodeName!))];
        const usages = new Map(await Promise.all(names.map(async (name) => [name, await measured(kubelets, name)] as const)));
        return present(all.map((pod) => of(pod, usages.get(pod.spec!.nodeName!))));
      },
    },
  };
}

/** undefined while the node measures nothing: its kubelet is away, or its runtime. */
function measured(kubelets: Kubelets, node: string): Promise<NodeUsage | undefined> {
  return kubelets(node)?.usage().catch(() => undefined) ?? Promise.resolve(undefined);
}

const metadata = ({ timestamp: at }: { timestamp: number }, own: { name?: string; namespace?: string; labels?: Record<string, string> }) => ({
  ...own,
  creationTimestamp: timestamp(at),
});

const window = (usage: { timestamp: number; windowMs: number }) => ({ timestamp: timestamp(usage.timestamp), window: `${usage.windowMs / 1000}s` });

const usageOf = ({ cpuNanoCores, memoryBytes }: ResourceUsage): Usage => ({ cpu: `${Math.round(cpuNanoCores)}n`, memory: `${Math.floor(memoryBytes / 1024)}Ki` });

const present = <T>(all: (T | undefined)[]): T[] => all.filter((one) => one !== undefined);
