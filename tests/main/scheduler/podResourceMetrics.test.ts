import { expect, it } from 'vitest';
import type { Pod, PodSpec } from '../../../main/api/index.ts';
import { podResourceMetrics } from '../../../main/scheduler/podResourceMetrics.ts';
import { makePod } from '../../support/objects.ts';

// After pkg/scheduler/metrics/resources/resources_test.go.

const samples = async (...pods: Pod[]) => (await podResourceMetrics(pods)).split('\n').filter((line) => line && !line.startsWith('#'));

const asking = (requests: Record<string, string>, limits?: Record<string, string>): PodSpec['containers'] => [{ name: 'main', image: 'busybox', resources: { requests, ...(limits ? { limits } : {}) } }];

it('pods are told with where and how they run, what they ask for in units of its own, and what they may have at most', async () => {
  const containers = asking({ cpu: '250m', memory: '1Gi', 'ephemeral-storage': '10', 'hugepages-2Mi': '4Mi', 'attachable-volumes-aws-ebs': '3', 'example.com/gpu': '2' }, { memory: '2.5G' });
  expect(await podResourceMetrics([makePod('foo', { namespace: 'test' }, { nodeName: 'node-one', schedulerName: 'my "own"', priority: 0, containers })])).toBe(`\
# HELP kube_pod_resource_request What pods take from their nodes, by resource.
# TYPE kube_pod_resource_request gauge
kube_pod_resource_request{namespace="test",node="node-one",pod="foo",priority="0",resource="cpu",scheduler="my \\"own\\"",unit="cores"} 0.25
kube_pod_resource_request{namespace="test",node="node-one",pod="foo",priority="0",resource="memory",scheduler="my \\"own\\"",unit="bytes"} 1073741824
kube_pod_resource_request{namespace="test",node="node-one",pod="foo",priority="0",resource="ephemeral-storage",scheduler="my \\"own\\"",unit="bytes"} 10
kube_pod_resource_request{namespace="test",node="node-one",pod="foo",priority="0",resource="hugepages-2Mi",scheduler="my \\"own\\"",unit="bytes"} 4194304
kube_pod_resource_request{namespace="test",node="node-one",pod="foo",priority="0",resource="attachable-volumes-aws-ebs",scheduler="my \\"own\\"",unit="integer"} 3
kube_pod_resource_request{namespace="test",node="node-one",pod="foo",priority="0",resource="example.com/gpu",scheduler="my \\"own\\"",unit=""} 2
# HELP kube_pod_resource_limit What pods may use at most, by resource.
# TYPE kube_pod_resource_limit gauge
kube_pod_resource_limit{namespace="test",node="node-one",pod="foo",priority="0",resource="memory",scheduler="my \\"own\\"",unit="bytes"} 2500000000
`);
});

it('what asks for nothing, or is nothing, is not told', async () => {
  expect(await podResourceMetrics([])).toBe('');
  expect(await podResourceMetrics([makePod('none'), makePod('zero', {}, { containers: asking({ cpu: '0', 'example.com/gpu': '0' }, { cpu: '0' }) })])).toBe('');
});

it('pods that have ended on a node take nothing', async () => {
  const pod = (name: string, phase: string, nodeName?: string) => ({ ...makePod(name, {}, { containers: asking({ cpu: '1' }), ...(nodeName ? { nodeName } : {}) }), status: { phase } });
  const told = await samples(pod('unscheduled', 'Succeeded'), pod('succeeded', 'Succeeded', 'n'), pod('failed', 'Failed', 'n'), pod('unknown', 'Unknown', 'n'), pod('pending', 'Pending', 'n'));
  expect(told.map((line) => /pod="(\w+)"/.exec(line)![1])).toEqual(['unscheduled', 'unknown', 'pending']);
});

it('init containers count where they need more than the others together, and the overhead with both', async () => {
  const resources = (cpu: string) => ({ requests: { cpu }, limits: { cpu } });
  const spec: Partial<PodSpec> = {
    initContainers: [{ name: 'first', image: 'busybox', resources: resources('3') }],
    containers: [{ name: 'a', image: 'busybox', resources: resources('1') }, { name: 'b', image: 'busybox', resources: resources('1') }],
    overhead: { cpu: '500m', memory: '1M' },
  };
  expect((await samples(makePod('foo', {}, spec))).map((line) => line.replace(/\{.*resource="(\w+)".*\}/, ' $1'))).toEqual([
    'kube_pod_resource_request cpu 3.5',
    'kube_pod_resource_request memory 1000000',
    'kube_pod_resource_limit cpu 3.5',
  ]);
});

it('thousands of pods are told in turns', async () => {
  const pods = Array.from({ length: 2001 }, (_, i) => makePod(`p${i}`, {}, { containers: asking({ cpu: '1' }) }));
  let turns = 0;
  const count = (): void => void (turns++, (counting = setImmediate(count)));
  let counting = setImmediate(count);
  const told = await samples(...pods);
  clearImmediate(counting);
  expect(told).toHaveLength(2001);
  expect(turns).toBeGreaterThanOrEqual(4);
});
