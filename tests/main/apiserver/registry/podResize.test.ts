import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Pod, PodSpec } from '../../../../main/api/index.ts';
import { cloneJson } from '../../../../main/api/json.ts';
import { TestCluster } from './testCluster.ts';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await TestCluster.start();
  await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } });
  await cluster.ask('POST', '/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'default' } });
});
afterEach(() => cluster.close());

const container = (name: string, requests: Record<string, string>, limits?: Record<string, string>) => ({ name, image: 'x', resources: { requests, ...(limits ? { limits } : {}) } });
const base: PodSpec = {
  initContainers: [{ ...container('init', { cpu: '1' }), resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }] }],
  containers: [container('a', { cpu: '1', memory: '1Gi' }, { cpu: '2' }), container('b', { cpu: '1' })],
};

/** Sends the whole pod, changed, to its resize subresource. */
async function resize(change: (spec: PodSpec, pod: Pod) => void): Promise<Pod> {
  const pod = cloneJson(await cluster.ask<Pod>('POST', '/api/v1/namespaces/shop/pods', { metadata: { name: 'web' }, spec: base }));
  change(pod.spec!, pod);
  return cluster.ask<Pod>('PUT', '/api/v1/namespaces/shop/pods/web/resize', pod);
}

describe('resizing a pod', () => {
  it('changes CPU and memory of containers, and counts as a change of the spec', async () => {
    const pod = await resize((spec, { metadata }) => {
      spec.containers[0]!.resources = { requests: { cpu: '1500m', memory: '2Gi' }, limits: { cpu: '2' } };
      spec.initContainers![0]!.resources = { requests: { cpu: '2' } };
      spec.priority = 5;
      metadata!.labels = { sneaked: 'in' };
    });
    expect(pod.spec!.containers[0]!.resources).toEqual({ requests: { cpu: '1500m', memory: '2Gi' }, limits: { cpu: '2' } });
    expect(pod.spec!.initContainers![0]!.resources).toEqual({ requests: { cpu: '2' } });
    expect(pod.metadata).toMatchObject({ generation: 2 });
    expect(pod.metadata!.labels).toBeUndefined();
    expect(pod.spec!.priority).toBe(0);
  });

  it.each<[string, (spec: PodSpec) => void, string]>([
    ['another class', (spec) => spec.containers.forEach((c) => (c.resources = { requests: {} })) ?? (spec.initContainers![0]!.resources = {}), 'Pod QOS Class may not change as a result of resizing'],
    ['less than there was', (spec) => (spec.containers[0]!.resources = { requests: { cpu: '1', memory: '1Gi' } }), 'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed'],
    ['other resources', (spec) => (spec.containers[0]!.resources!.requests!['ephemeral-storage'] = '1Gi'), 'spec: Forbidden: only cpu and memory resources are mutable'],
    ['another order', (spec) => spec.containers.reverse(), 'spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize'],
    ['another container', (spec) => spec.containers.push(container('c', { cpu: '1' })), 'spec.containers: Forbidden: containers may not be added or removed on resize'],
  ])('refuses %s', async (_, change, message) => {
    await expect(resize(change)).rejects.toThrow(message);
  });
});
