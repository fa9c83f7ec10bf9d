import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobSpec, Pod, Scale } from '../../../main/api/index.ts';
import { timestamp } from '../../../main/api/meta.ts';
import { failure } from '../../../main/api/status.ts';
import { resources } from '../../../main/client/index.ts';
import { ControllerMetrics } from '../../../main/controllers/index.ts';
import { CronJobController } from '../../../main/controllers/cronJob/cronJobController.ts';
import { DeviceTaintEvictionController } from '../../../main/controllers/deviceTaintEviction.ts';
import { EndpointSliceController } from '../../../main/controllers/endpointSlice.ts';
import { EphemeralVolumeController } from '../../../main/controllers/ephemeralVolume.ts';
import { HorizontalPodAutoscalerController } from '../../../main/controllers/horizontalPodAutoscaler/horizontalPodAutoscalerController.ts';
import { JobController } from '../../../main/controllers/job/jobController.ts';
import { TTLAfterFinishedController } from '../../../main/controllers/job/ttlAfterFinished.ts';
import { NodeLifecycleController } from '../../../main/controllers/nodeLifecycle.ts';
import { PodGCController } from '../../../main/controllers/podGC.ts';
import { TaintEvictionController } from '../../../main/controllers/taintEviction.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeDeployment, makeNode, makePod } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
let register: Registry;
beforeEach(() => {
  register = new Registry();
  cluster = new Cluster();
  cluster.more = { measures: new ControllerMetrics(register) };
});
afterEach(() => cluster.stop());

/** What Prometheus would read of one measure, without the buckets. */
const told = async (name: string) =>
  (await register.getSingleMetricAsString(name))
    .split('\n')
    .filter((line) => line && !line.startsWith('#') && !line.includes('_bucket{'))
    .map((line) => line.replace(name, ''))
    .sort();

describe('jobs', () => {
  const work = (spec: Partial<JobSpec> = {}) => ({
    metadata: { name: 'work', namespace: 'default' },
    spec: {
      parallelism: 1, completions: 1, backoffLimit: 6, completionMode: 'NonIndexed', suspend: false, podReplacementPolicy: 'TerminatingOrFailed', selector: { matchLabels: { job: 'work' } },
      template: { metadata: { labels: { job: 'work' } }, spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work:1' }] } },
      ...spec,
    },
  });
  const end = async (pod: Pod, phase: string) => {
    cluster.server.change(resources.pods, 'default', pod.metadata!.name!, (p) => {
      const state = { terminated: { exitCode: phase === 'Failed' ? 3 : 0, finishedAt: timestamp(cluster.clock.now()) } };
      p.status = { phase, containerStatuses: [{ name: 'main', image: 'i', imageID: '', ready: false, restartCount: 0, state }] };
    });
    await cluster.clock.advance(60_000);
  };
  const running = () => cluster.pods().find(({ status }) => status?.phase === 'Pending')!;

  it('are told with their pods: made, made again, and ended', async () => {
    await cluster.start(JobController, TTLAfterFinishedController);
    const rules = [{ action: 'Count', onExitCodes: { operator: 'In', values: [3] } }];
    await cluster.client.of(resources.jobs).create(work({ podFailurePolicy: { rules }, ttlSecondsAfterFinished: 600 }));
    await cluster.clock.advance(500);
    await end(running(), 'Failed');
    await end(running(), 'Succeeded');
    expect(await told('job_controller_jobs_finished_total')).toEqual(['{completion_mode="NonIndexed",result="succeeded",reason="CompletionsReached"} 1']);
    expect(await told('job_controller_job_pods_finished_total')).toEqual(['{completion_mode="NonIndexed",result="failed"} 1', '{completion_mode="NonIndexed",result="succeeded"} 1']);
    expect(await told('job_controller_job_pods_creation_total')).toEqual(['{reason="new",status="succeeded"} 1', '{reason="recreate_terminating_or_failed",status="succeeded"} 1']);
    expect(await told('job_controller_pod_failures_handled_by_failure_policy_total')).toEqual(['{action="Count"} 1']);
    expect(await told('job_controller_terminated_pods_tracking_finalizer_total')).toEqual(['{event="add"} 2', '{event="delete"} 2']);
    const syncs = await told('job_controller_job_syncs_total');
    expect(syncs).toContainEqual(expect.stringMatching(/^\{completion_mode="NonIndexed",result="success",action="pods_created"\} \d+$/));
    expect(syncs).toContainEqual(expect.stringMatching(/^\{completion_mode="NonIndexed",result="success",action="tracking"\} \d+$/));
    await cluster.clock.advance(600_000);
    expect(await told('ttl_after_finished_controller_job_deletion_duration_seconds')).toContain('_count 1');
  });

  it('are told with their indexes, and with what went wrong', async () => {
    await cluster.start(JobController);
    let refusals = 1;
    cluster.server.intercept = ({ method, path }) => {
      if (method === 'POST' && path.endsWith('/pods') && refusals-- > 0) throw failure(500, 'InternalError', 'not now');
    };
    await cluster.client.of(resources.jobs).create(work({ completionMode: 'Indexed', completions: 2, parallelism: 2, backoffLimitPerIndex: 0, backoffLimit: 100 }));
    await cluster.clock.advance(5_000);
    expect(await told('job_controller_job_pods_creation_total')).toEqual(['{reason="new",status="failed"} 1', '{reason="new",status="succeeded"} 2']);
    expect(await told('job_controller_job_syncs_total')).toContain('{completion_mode="Indexed",result="error",action="pods_created"} 1');
    await end(running(), 'Succeeded');
    await end(running(), 'Failed');
    expect(await told('job_controller_job_finished_indexes_total')).toEqual(['{status="failed",backoffLimit="perIndex"} 1', '{status="succeeded",backoffLimit="perIndex"} 1']);
    expect(await told('job_controller_jobs_finished_total')).toEqual(['{completion_mode="Indexed",result="failed",reason="FailedIndexes"} 1']);
  });

  it('of others are told by who looks after them', async () => {
    await cluster.start(JobController);
    await cluster.client.of(resources.jobs).create(work({ managedBy: 'example.com/queue' }));
    await cluster.clock.advance(500);
    expect(await told('job_controller_jobs_by_external_controller_total')).toEqual(['{controller_name="example.com/queue"} 1']);
    expect(await told('job_controller_job_syncs_total')).toEqual([]);
  });

  it('of a schedule are told by how late they are', async () => {
    await cluster.start(CronJobController);
    const { spec } = work();
    await cluster.client.of(resources.cronJobs).create({ metadata: { name: 'tick', namespace: 'default' }, spec: { schedule: '* * * * *', concurrencyPolicy: 'Allow', jobTemplate: { spec } } });
    await cluster.clock.advance(121_000);
    expect(await told('cronjob_controller_job_creation_skew_duration_seconds')).toEqual(['_count 2', '_sum 0']);
  });
});

describe('pods that have to go', () => {
  const noExecute = { key: 'gone', effect: 'NoExecute' };

  it('for taints of their node are told', async () => {
    cluster.server.seed(resources.nodes, makeNode('node-1', { taints: [noExecute] }));
    for (const name of ['a', 'b']) cluster.server.seed(resources.pods, makePod(name, {}, { nodeName: 'node-1', tolerations: [{ operator: 'Exists', tolerationSeconds: 10 }] }));
    await cluster.start(TaintEvictionController);
    expect(await told('taint_eviction_controller_pod_deletions_total')).toEqual([' 0']);
    await cluster.clock.advance(10_000);
    expect(await told('taint_eviction_controller_pod_deletions_total')).toEqual([' 2']);
    expect(await told('taint_eviction_controller_pod_deletion_duration_seconds')).toEqual(['_count 2', '_sum 0']);
  });

  it('for taints of their devices are told by how late they go', async () => {
    const driver = 'dra.example.com';
    const timeAdded = timestamp(cluster.clock.now());
    cluster.server.seed(resources.resourceSlices, { metadata: { name: 'slice' }, spec: { driver, nodeName: 'node-1', pool: { name: 'pool', generation: 1, resourceSliceCount: 1 }, devices: [{ name: 'a', taints: [{ ...noExecute, timeAdded }] }] } });
    const { metadata } = cluster.server.seed(resources.pods, { ...makePod('web', {}, { nodeName: 'node-1', resourceClaims: [{ name: 'gpu', resourceClaimName: 'web' }] }), status: { phase: 'Running' } });
    cluster.server.seed(resources.resourceClaims, {
      metadata: { name: 'web', namespace: 'default' },
      spec: {},
      status: { allocation: { devices: { results: [{ request: 'r', driver, pool: 'pool', device: 'a' }] } }, reservedFor: [{ resource: 'pods', name: 'web', uid: metadata!.uid! }] },
    });
    await cluster.clock.advance(3_000);
    await cluster.start(DeviceTaintEvictionController);
    expect(await told('device_taint_eviction_controller_pod_deletions_total')).toEqual([' 1']);
    expect(await told('device_taint_eviction_controller_pod_deletion_duration_seconds')).toEqual(['_count 1', '_sum 3']);
  });

  it('since their node is gone are told, and where they could not', async () => {
    cluster.server.seed(resources.pods, makePod('orphan', {}, { nodeName: 'nowhere' }));
    let refusals = 1;
    cluster.server.intercept = ({ method }) => {
      if (method === 'DELETE' && refusals-- > 0) throw failure(500, 'InternalError', 'not now');
    };
    await cluster.start(PodGCController);
    await cluster.clock.advance(61_000);
    expect(await told('pod_gc_collector_force_delete_pods_total')).toEqual(['{namespace="default",reason="orphaned"} 2']);
    expect(await told('pod_gc_collector_force_delete_pod_errors_total')).toEqual(['{namespace="default",reason="orphaned"} 1']);
  });

  it('since their node is silent are told by nodes, zone by zone', async () => {
    const zone = (name: string) => ({ 'topology.kubernetes.io/region': 'r', 'topology.kubernetes.io/zone': name });
    cluster.server.seed(resources.nodes, makeNode('silent', { labels: zone('a') }));
    for (const name of ['heard', 'heard-too']) cluster.server.seed(resources.nodes, makeNode(name, { labels: zone('b') }));
    await cluster.start(NodeLifecycleController);
    for (let i = 0; i < 12; i++) {
      for (const name of ['heard', 'heard-too'])
        cluster.server.seed(resources.leases, { metadata: { name, namespace: 'kube-node-lease' }, spec: { renewTime: new Date(cluster.clock.now()).toISOString() } });
      await cluster.clock.advance(10_000);
    }
    expect(await told('node_collector_evictions_total')).toEqual(['{zone="r:\0:a"} 1', '{zone="r:\0:b"} 0']);
  });
});

it('claims of ephemeral volumes are told, and where they could not be made', async () => {
  await cluster.start(EphemeralVolumeController);
  let refusals = 1;
  cluster.server.intercept = ({ method, path }) => {
    if (method === 'POST' && path.endsWith('/persistentvolumeclaims') && refusals-- > 0) throw failure(500, 'InternalError', 'not now');
  };
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  cluster.server.seed(resources.pods, makePod('web', {}, { volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: { spec } } }] }));
  await cluster.clock.advance(1_000);
  expect(await told('ephemeral_volume_controller_create_total')).toEqual([' 2']);
  expect(await told('ephemeral_volume_controller_create_failures_total')).toEqual([' 1']);
});

it('endpoints of Services are told with the slices that hold them', async () => {
  cluster.server.seed(resources.nodes, makeNode('node-1'));
  const service = (name: string, trafficDistribution?: string) =>
    cluster.server.seed(resources.services, { metadata: { name, namespace: 'default' }, spec: { selector: { app: name }, clusterIP: '10.96.0.7', ports: [{ port: 80 }], ...(trafficDistribution ? { trafficDistribution } : {}) } });
  for (let i = 0; i < 150; i++) cluster.server.seed(resources.pods, { ...makePod(`web-${i}`, { labels: { app: 'web' } }, { nodeName: 'node-1' }), status: { phase: 'Running', podIP: `10.244.1.${i}`, podIPs: [{ ip: `10.244.1.${i}` }] } });
  service('web', 'PreferSameZone');
  service('empty');
  await cluster.start(EndpointSliceController);
  await cluster.clock.advance(5_000);
  const gauges = () => Promise.all(['endpoints_desired', 'num_endpoint_slices', 'desired_endpoint_slices', 'services_count_by_traffic_distribution'].map((name) => told(`endpoint_slice_controller_${name}`)));
  expect(await gauges()).toEqual([[' 150'], [' 3'], [' 3'], ['{traffic_distribution="PreferSameZone"} 1']]);
  expect(await told('endpoint_slice_controller_endpoints_added_per_sync')).toContain('_sum 150');
  for (let i = 0; i < 60; i++) cluster.server.drop(resources.pods, 'default', `web-${i}`);
  await cluster.clock.advance(5_000);
  // Two slices are left, where one would do.
  expect(await gauges()).toEqual([[' 90'], [' 3'], [' 2'], ['{traffic_distribution="PreferSameZone"} 1']]);
  expect(await told('endpoint_slice_controller_endpoints_removed_per_sync')).toContain('_sum 60');
  cluster.server.drop(resources.services, 'default', 'web');
  await cluster.clock.advance(5_000);
  expect(await gauges()).toEqual([[' 0'], [' 1'], [' 1'], []]);
});

it('autoscalers are told by what they did, and what kept them from it', async () => {
  const scale = (replicas: number): Scale => ({ metadata: { name: 'web', namespace: 'default' }, spec: { replicas }, status: { replicas, selector: 'app=web' } });
  let replicas = 20;
  cluster.server.answer = ({ method, path, body }) => {
    if (!path.endsWith('/deployments/web/scale')) return undefined;
    if (method === 'PUT') replicas = (body as Scale).spec!.replicas!;
    return scale(replicas);
  };
  cluster.server.seed(resources.deployments, makeDeployment('web', 20));
  const autoscaler = (name: string, kind: string, apiVersion: string) =>
    cluster.server.seed(resources.horizontalPodAutoscalers, { metadata: { name, namespace: 'default' }, spec: { scaleTargetRef: { apiVersion, kind, name: 'web' }, minReplicas: 1, maxReplicas: 10, metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }] } });
  autoscaler('shrinking', 'Deployment', 'apps/v1');
  autoscaler('wrong', 'Deployment', 'a/b/c');
  await cluster.start(HorizontalPodAutoscalerController);
  await cluster.clock.advance(15_000);
  await settle();
  expect(await told('horizontal_pod_autoscaler_controller_reconciliations_total')).toEqual(['{action="none",error="spec"} 1', '{action="scale_down",error="none"} 1']);
  // Now that it is small enough its metric is asked for, of which nobody knows anything.
  await cluster.clock.advance(15_000);
  await settle();
  expect(await told('horizontal_pod_autoscaler_controller_metric_computation_total')).toEqual(['{action="none",error="internal",metric_type="Resource"} 1']);
});
