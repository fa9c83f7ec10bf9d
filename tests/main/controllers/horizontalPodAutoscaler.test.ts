import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Pod, Scale, V2HorizontalPodAutoscalerSpec } from '../../../main/api/index.ts';
import { timestamp } from '../../../main/api/meta.ts';
import { notFound } from '../../../main/api/status.ts';
import { resources, type ApiRequest } from '../../../main/client/index.ts';
import { HorizontalPodAutoscalerController } from '../../../main/controllers/horizontalPodAutoscaler/horizontalPodAutoscalerController.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeDeployment, makePod } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
/** CPU of each pod by name, in thousandths; what is missing says nothing. */
let usage: Record<string, number>;
let custom: Record<string, unknown>;
beforeEach(() => {
  cluster = new Cluster();
  usage = {};
  custom = {};
  cluster.server.answer = answer;
});
afterEach(() => cluster.stop());

function answer({ method, path, body }: ApiRequest): unknown {
  const name = /deployments\/(.+)\/scale$/.exec(path)?.[1];
  if (name) return method === 'GET' ? scaleOf(name) : setScale(name, body as Scale);
  if (path === '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods') {
    if (Object.keys(usage).length === 0) throw notFound({ group: 'metrics.k8s.io', kind: 'pods' }, '');
    const at = timestamp(cluster.clock.now());
    const items = Object.entries(usage).map(([pod, cpu]) => ({
      metadata: { name: pod },
      timestamp: at,
      window: '15s',
      containers: [{ name: 'main', usage: { cpu: `${cpu}m`, memory: '10Mi' } }],
    }));
    return { items };
  }
  if (path.startsWith('/apis/custom.') || path.startsWith('/apis/external.')) {
    if (!custom[path]) throw notFound({ group: 'metrics', kind: 'metrics' }, '');
    return custom[path];
  }
  return undefined;
}

function scaleOf(name: string): Scale {
  const deployment = cluster.server.find(resources.deployments, 'default', name)!;
  return {
    metadata: { name, namespace: 'default' },
    spec: { replicas: deployment.spec!.replicas },
    status: { replicas: deployment.spec!.replicas!, selector: `app=${name}` },
  };
}

function setScale(name: string, scale: Scale): Scale {
  cluster.server.change(resources.deployments, 'default', name, (d) => {
    d.spec!.replicas = scale.spec!.replicas;
  });
  return scaleOf(name);
}

const cpuAt = (averageUtilization: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});

async function start(replicas: number, spec: Partial<V2HorizontalPodAutoscalerSpec> = {}): Promise<void> {
  cluster.server.seed(resources.deployments, makeDeployment('web', replicas));
  addPods(replicas);
  seedAutoscaler('hpa', spec);
  await cluster.start(HorizontalPodAutoscalerController);
}

function seedAutoscaler(name: string, spec: Partial<V2HorizontalPodAutoscalerSpec> = {}): void {
  cluster.server.seed(resources.horizontalPodAutoscalers, {
    metadata: { name, namespace: 'default' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 1,
      maxReplicas: 10,
      metrics: [cpuAt(50)],
      ...spec,
    },
  });
}

/** Pods that request a CPU each and have been running for long. */
function addPods(count: number): void {
  const long = timestamp(cluster.clock.now() - 3600_000);
  for (let i = 0; i < count; i++) {
    const pod: Pod = makePod(`web-${i}`, { labels: { app: 'web' } }, {
      containers: [{ name: 'main', image: 'i', resources: { requests: { cpu: '1' } } }],
    });
    pod.status = {
      phase: 'Running',
      startTime: long,
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: long }],
    };
    if (!cluster.server.find(resources.pods, 'default', `web-${i}`)) cluster.server.seed(resources.pods, pod);
  }
}

const all = (count: number, cpu: number) => {
  usage = Object.fromEntries(Array.from({ length: count }, (_, i) => [`web-${i}`, cpu]));
};
const rounds = async (count = 1) => {
  for (let i = 0; i < count; i++) {
    await cluster.clock.advance(15_000);
    await settle();
  }
};
const size = () => cluster.server.find(resources.deployments, 'default', 'web')!.spec!.replicas;
const status = () => cluster.server.find(resources.horizontalPodAutoscalers, 'default', 'hpa')!.status!;
const condition = (type: string) => status().conditions!.find((each) => each.type === type);

describe('by CPU', () => {
  it('grows with the load, at most to the double at once', async () => {
    await start(3);
    all(3, 1000);
    await rounds();
    expect(size()).toBe(6);
    expect(status()).toMatchObject({
      currentReplicas: 3,
      desiredReplicas: 6,
      lastScaleTime: timestamp(cluster.clock.now()),
      currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 100, averageValue: '1' } } }],
    });
    expect(condition('AbleToScale')).toMatchObject({ status: 'True', reason: 'SucceededRescale', message: 'the HPA controller was able to update the target scale to 6' });
    expect(condition('ScalingActive')).toMatchObject({ status: 'True', reason: 'ValidMetricFound', message: 'the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)' });
    expect(cluster.events('hpa', 'SuccessfulRescale')).toEqual(['New size: 6; reason: cpu resource utilization (percentage of request) above target']);
    addPods(6);
    all(6, 2000);
    await rounds();
    expect(size()).toBe(10);
    expect(condition('ScalingLimited')).toMatchObject({ status: 'True', reason: 'TooManyReplicas' });
  });

  it('stays where usage is near its target', async () => {
    await start(4);
    all(4, 540);
    await rounds(3);
    expect(size()).toBe(4);
    expect(condition('AbleToScale')).toMatchObject({ status: 'True', reason: 'ReadyForNewScale' });
    expect(status().lastScaleTime).toBeUndefined();
  });

  it('shrinks only when nothing more was wanted for five minutes', async () => {
    await start(4);
    all(4, 100);
    await rounds(19);
    expect(size()).toBe(4);
    expect(condition('AbleToScale')).toMatchObject({ reason: 'ScaleDownStabilized', message: 'recent recommendations were higher than current one, applying the highest recent recommendation' });
    await rounds(3);
    expect(size()).toBe(1);
    expect(cluster.events('hpa', 'SuccessfulRescale')).toEqual(['New size: 1; reason: All metrics below target']);
  });

  it('counts a silent pod against any change', async () => {
    await start(4);
    usage = { 'web-0': 700, 'web-1': 700, 'web-2': 700 };
    await rounds();
    expect(size()).toBe(4);
    usage = { 'web-0': 1000, 'web-1': 1000, 'web-2': 1000 };
    await rounds();
    expect(size()).toBe(6);
  });

  it('does not believe the CPU of a pod that has just started', async () => {
    await start(2);
    cluster.server.change(resources.pods, 'default', 'web-1', (pod) => {
      pod.status!.startTime = timestamp(cluster.clock.now());
      pod.status!.conditions = [{ type: 'Ready', status: 'False', lastTransitionTime: pod.status!.startTime }];
    });
    usage = { 'web-0': 500, 'web-1': 1000 };
    await rounds();
    expect(size()).toBe(2);
  });
});

describe('what cannot be judged', () => {
  it('says that there are no metrics', async () => {
    await start(2);
    await rounds();
    expect(condition('ScalingActive')).toMatchObject({ status: 'False', reason: 'FailedGetResourceMetric' });
    expect(condition('ScalingActive')!.message).toMatch(/^the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: /);
    expect(cluster.events('hpa', 'FailedComputeMetricsReplicas')[0]).toMatch(/^invalid metrics \(1 invalid out of 1\), first error is: failed to get cpu resource metric value: /);
  });

  it('says which container requests nothing', async () => {
    await start(1);
    cluster.server.change(resources.pods, 'default', 'web-0', (pod) => {
      pod.spec!.containers[0]!.resources = {};
    });
    all(1, 100);
    await rounds();
    expect(condition('ScalingActive')!.message).toBe('the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu in container main of Pod web-0');
  });

  it('a metric that is missing lets the size grow, not shrink', async () => {
    await start(4, { metrics: [{ type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '1' } } }, cpuAt(50)] });
    all(4, 10);
    await rounds(25);
    expect(size()).toBe(4);
    expect(condition('ScalingActive')).toMatchObject({ status: 'False', reason: 'FailedGetPodsMetric' });
    all(4, 1000);
    await rounds();
    expect(size()).toBe(8);
  });

  it('a target that is not there', async () => {
    await start(1, { scaleTargetRef: { apiVersion: 'example.com/v1', kind: 'Nothing', name: 'x' } });
    await rounds();
    expect(condition('AbleToScale')).toMatchObject({ status: 'False', reason: 'FailedGetScale', message: 'the HPA controller was unable to get the target\'s current scale: no matches for kind "Nothing" in group "example.com"' });
  });

  it('two autoscalers of the same pods', async () => {
    await start(2);
    seedAutoscaler('other');
    all(2, 1000);
    await rounds(2);
    expect(condition('ScalingActive')).toMatchObject({ status: 'False', reason: 'AmbiguousSelector' });
  });

  it('a target of size 0 is off', async () => {
    await start(0);
    await rounds();
    expect(size()).toBe(0);
    expect(condition('ScalingActive')).toMatchObject({ status: 'False', reason: 'ScalingDisabled' });
  });
});

it('a size outside the limits is set right without asking any metric', async () => {
  await start(2, { minReplicas: 3 });
  await rounds();
  expect(size()).toBe(3);
  expect(cluster.events('hpa', 'SuccessfulRescale')).toEqual(['New size: 3; reason: Current number of replicas below Spec.MinReplicas']);
});

it('custom, object and external metrics: the one that asks for most counts', async () => {
  const at = timestamp(cluster.clock.now());
  const value = (name: string, text: string) => ({ describedObject: { name }, timestamp: at, value: text });
  custom['/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/pods/*/rps'] = { items: [value('web-0', '30'), value('web-1', '10')] };
  custom['/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/services/front/hits'] = { items: [value('front', '2500m')] };
  custom['/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue'] = { items: [{ value: '30' }, { value: '5' }] };
  const front = { apiVersion: 'v1', kind: 'Service', name: 'front' };
  await start(2, {
    metrics: [
      { type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '20' } } },
      { type: 'Object', object: { describedObject: front, metric: { name: 'hits' }, target: { type: 'Value', value: '2' } } },
      { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } } },
    ],
  });
  await rounds();
  expect(size()).toBe(4);
  expect(status().currentMetrics).toEqual([
    { type: 'Pods', pods: { metric: { name: 'rps' }, current: { averageValue: '20' } } },
    { type: 'Object', object: { describedObject: front, metric: { name: 'hits' }, current: { value: '2500m' } } },
    { type: 'External', external: { metric: { name: 'queue' }, current: { averageValue: '17500m' } } },
  ]);
});

it('a behaviour sets the pace', async () => {
  const scaleUp = { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] };
  const scaleDown = { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Percent', value: 50, periodSeconds: 60 }] };
  await start(4, { behavior: { scaleUp, scaleDown } });
  all(4, 1000);
  await rounds();
  expect(size()).toBe(5);
  expect(condition('ScalingLimited')).toMatchObject({ status: 'True', reason: 'ScaleUpLimit' });
  addPods(5);
  all(5, 1000);
  await rounds(3);
  expect(size()).toBe(5);
  await rounds();
  expect(size()).toBe(6);
  addPods(6);
  all(6, 0);
  await rounds(2);
  // Half of five: the sixth came within the period.
  expect(size()).toBe(2);
});

it('grows to the least of what was wanted within its window, and at once when that has passed', async () => {
  const policies = [{ type: 'Percent', value: 100, periodSeconds: 15 }, { type: 'Pods', value: 4, periodSeconds: 15 }];
  const scaleUp = { stabilizationWindowSeconds: 180, selectPolicy: 'Max', policies };
  const scaleDown = { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] };
  await start(2, { behavior: { scaleUp, scaleDown } });
  all(2, 250);
  await rounds();
  cluster.server.drop(resources.pods, 'default', 'web-1');
  all(1, 500);
  await rounds();
  expect(size()).toBe(1);
  all(1, 1500);
  await rounds(6);
  all(1, 1000);
  await rounds();
  all(1, 1500);
  await rounds(4);
  expect(size()).toBe(1);
  expect(condition('AbleToScale')).toMatchObject({ reason: 'ScaleUpStabilized' });
  // Three minutes after one was wanted last, the least is two; three minutes after that it is three.
  await rounds();
  expect(size()).toBe(2);
  addPods(2);
  all(2, 750);
  await rounds(6);
  expect(size()).toBe(2);
  await rounds();
  expect(size()).toBe(3);
});
