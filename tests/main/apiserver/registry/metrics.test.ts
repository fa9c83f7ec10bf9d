import { afterEach, describe, expect, it } from 'vitest';
import type { KubeletApi, NodeUsage } from '../../../../main/api/kubelet.ts';
import type { NodeMetrics, PodMetrics } from '../../../../main/api/metrics.ts';
import { TestCluster } from './testCluster.ts';

let cluster: TestCluster;
afterEach(() => cluster.close());

const kubeletWith = (usage: () => Promise<NodeUsage>) => ({ usage }) as unknown as KubeletApi;

async function started(kubelets: Record<string, KubeletApi>): Promise<void> {
  cluster = await TestCluster.start((node) => kubelets[node]);
  for (const name of ['n1', 'n2']) await cluster.ask('POST', '/api/v1/nodes', { metadata: { name, labels: { name } } });
}

async function pod(name: string, nodeName: string): Promise<string> {
  await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } }).catch(() => undefined);
  await cluster.ask('POST', '/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'default' } }).catch(() => undefined);
  const made = await cluster.ask('POST', '/api/v1/namespaces/shop/pods', {
    metadata: { name, labels: { app: name } },
    spec: { nodeName, containers: [{ name: 'main', image: 'x' }] },
  });
  return made.metadata!.uid!;
}

describe('metrics.k8s.io', () => {
  it('shows what nodes and pods use, with the labels of their objects', async () => {
    const pods: NodeUsage['pods'] = new Map();
    await started({
      n1: kubeletWith(async () => ({ timestamp: Date.UTC(2030, 0, 1), windowMs: 15_500, cpuNanoCores: 250e6, memoryBytes: 3 * 2 ** 20, pods })),
    });
    pods.set(await pod('web', 'n1'), { timestamp: Date.UTC(2030, 0, 1), windowMs: 15_000, containers: [{ name: 'main', cpuNanoCores: 2e6, memoryBytes: 2048 }] });
    await pod('elsewhere', 'n2');

    const { items } = await cluster.ask<{ items: PodMetrics[] }>('GET', '/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods');
    expect(items).toEqual([
      expect.objectContaining({
        metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' }, creationTimestamp: '2030-01-01T00:00:00Z' },
        timestamp: '2030-01-01T00:00:00Z',
        window: '15s',
        containers: [{ name: 'main', usage: { cpu: '2000000n', memory: '2Ki' } }],
      }),
    ]);
    expect(await cluster.ask<NodeMetrics>('GET', '/apis/metrics.k8s.io/v1beta1/nodes/n1')).toMatchObject({ window: '15.5s', usage: { cpu: '250000000n', memory: '3072Ki' } });
    const nodes = await cluster.ask<{ items: NodeMetrics[] }>('GET', '/apis/metrics.k8s.io/v1beta1/nodes');
    expect(nodes.items.map(({ metadata }) => metadata!.name)).toEqual(['n1']);
  });

  it('has nothing of a pod whose node measures nothing', async () => {
    await started({ n1: kubeletWith(() => Promise.reject(new Error('the engine is away'))) });
    await pod('web', 'n1');
    expect(await cluster.refusal('GET', '/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web')).toBe('pods.metrics.k8s.io "web" not found');
  });

  it('is read by viewers and written by nobody', async () => {
    await started({});
    expect(await cluster.refusal('POST', '/apis/metrics.k8s.io/v1beta1/nodes', { metadata: { name: 'n1' } })).toContain('the server does not allow this method on the requested resource');
  });
});
