import { Gauge, type Registry } from 'prom-client';
import { Counts, Distributions, type Count, type Distribution } from '../util/series.ts';

/** `count` bounds, each `factor` times the one before. */
const powers = (first: number, factor: number, count: number) => Array.from({ length: count }, (_, i) => first * factor ** i);

/** Bounds for how late pods were told to go, in seconds. */
const latenesses = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240];

/** What a controller for jobs did in one look at a job. */
export type JobAction = 'reconciling' | 'tracking' | 'pods_created' | 'pods_deleted';
type JobEnd = 'succeeded' | 'failed';

/** What an autoscaler did with its target, and what kept it from more. */
export interface Reconciliation {
  action: 'scale_up' | 'scale_down' | 'none';
  error: 'spec' | 'internal' | 'none';
}

/** What there is of a Service in slices, and what one look at it has changed. */
export interface SlicedService {
  endpoints: number;
  slices: number;
  /** Slices that would do. */
  desired: number;
  added: number;
  removed: number;
  /** The way of traffic that the Service asks for, where that counts. */
  distribution: string | undefined;
}

/** What controllers do, under the names that they have in pkg/controller, each in its folder's `metrics`. Times are given in milliseconds. */
export class ControllerMetrics {
  readonly #jobSyncs: Counts;
  readonly #jobSyncTimes: Distributions;
  readonly #jobsFinished: Counts;
  readonly #foreignJobs: Counts;
  readonly #jobPodsFinished: Counts;
  readonly #jobIndexes: Counts;
  readonly #jobPodsCreated: Counts;
  readonly #policyFailures: Counts;
  readonly #tracked: Counts;
  readonly #jobExpiries: Distribution;
  readonly #cronJobSkew: Distribution;
  readonly #nodeEvictions: Counts;
  readonly #taintEvictions: Evictions;
  readonly #deviceEvictions: Evictions;
  readonly #collected: Counts;
  readonly #collectErrors: Counts;
  readonly #ephemeralClaims: Count;
  readonly #ephemeralFailures: Count;
  readonly #reconciliations: Counts;
  readonly #reconciliationTimes: Distributions;
  readonly #computations: Counts;
  readonly #computationTimes: Distributions;
  readonly #endpointsAdded: Distribution;
  readonly #endpointsRemoved: Distribution;
  /** By `namespace/name` of the Service. */
  readonly #sliced = new Map<string, SlicedService>();

  constructor(register: Registry) {
    const counts = (name: string, help: string) => new Counts(register, { name, help });
    const times = (name: string, help: string, buckets: number[]) => new Distributions(register, { name, help, buckets });
    /** What has no labels is told from the beginning. */
    const count = (name: string, help: string) => {
      const only = counts(name, help).series({});
      only.add(0);
      return only;
    };
    const evictions = (prefix: string, what: string): Evictions => ({
      pods: count(`${prefix}_pod_deletions_total`, `Pods that were deleted ${what}.`),
      delays: times(`${prefix}_pod_deletion_duration_seconds`, 'How long after they had to go pods were deleted.', latenesses).series({}),
    });
    this.#jobSyncs = counts('job_controller_job_syncs_total', 'Looks at jobs, by what was done and what came of it.');
    this.#jobSyncTimes = times('job_controller_job_sync_duration_seconds', 'How long a look at a job took.', powers(0.004, 2, 15));
    this.#jobsFinished = counts('job_controller_jobs_finished_total', 'Jobs that have ended, by result and reason.');
    this.#foreignJobs = counts('job_controller_jobs_by_external_controller_total', 'Jobs that another controller looks after, by its name.');
    this.#jobPodsFinished = counts('job_controller_job_pods_finished_total', 'Pods of jobs that have ended and been counted.');
    this.#jobIndexes = counts('job_controller_job_finished_indexes_total', 'Indexes that have ended, by result and by what limits failures.');
    this.#jobPodsCreated = counts('job_controller_job_pods_creation_total', 'Pods that were to be made for jobs, by why and what came of it.');
    this.#policyFailures = counts('job_controller_pod_failures_handled_by_failure_policy_total', 'Failed pods that a rule of a pod failure policy fitted, by its action.');
    this.#tracked = counts('job_controller_terminated_pods_tracking_finalizer_total', 'Ended pods that came to have the finalizer of jobs (add) or lost it (delete).');
    this.#jobExpiries = times('ttl_after_finished_controller_job_deletion_duration_seconds', 'How long after their time jobs were deleted.', powers(0.1, 2, 14)).series({});
    this.#cronJobSkew = times('cronjob_controller_job_creation_skew_duration_seconds', 'How long after its time in the schedule a job was made.', powers(1, 2, 10)).series({});
    this.#nodeEvictions = counts('node_collector_evictions_total', 'Nodes whose pods had to go, by zone.');
    this.#taintEvictions = evictions('taint_eviction_controller', 'for taints of their nodes');
    this.#deviceEvictions = evictions('device_taint_eviction_controller', 'for taints of their devices');
    this.#collected = counts('pod_gc_collector_force_delete_pods_total', 'Pods that were deleted since nobody else would, by namespace and reason.');
    this.#collectErrors = counts('pod_gc_collector_force_delete_pod_errors_total', 'How often that failed, by namespace and reason.');
    this.#ephemeralClaims = count('ephemeral_volume_controller_create_total', 'Claims that were to be made for ephemeral volumes.');
    this.#ephemeralFailures = count('ephemeral_volume_controller_create_failures_total', 'How often that failed.');
    this.#reconciliations = counts('horizontal_pod_autoscaler_controller_reconciliations_total', 'Looks at autoscalers, by what was done and what went wrong.');
    this.#reconciliationTimes = times('horizontal_pod_autoscaler_controller_reconciliation_duration_seconds', 'How long a look at an autoscaler took.', powers(0.001, 2, 15));
    this.#computations = counts('horizontal_pod_autoscaler_controller_metric_computation_total', "Looks at an autoscaler's metrics, by their type, what they ask for and what went wrong.");
    this.#computationTimes = times('horizontal_pod_autoscaler_controller_metric_computation_duration_seconds', 'How long a look at one metric took.', powers(0.001, 2, 15));
    const slices = 'endpoint_slice_controller';
    this.#endpointsAdded = times(`${slices}_endpoints_added_per_sync`, 'Endpoints that a look at a Service has added.', powers(2, 2, 15)).series({});
    this.#endpointsRemoved = times(`${slices}_endpoints_removed_per_sync`, 'Endpoints that a look at a Service has removed.', powers(2, 2, 15)).series({});
    this.#gauge(register, `${slices}_endpoints_desired`, 'Endpoints that are wanted.', ({ endpoints }) => endpoints);
    this.#gauge(register, `${slices}_num_endpoint_slices`, 'EndpointSlices that there are.', (service) => service.slices);
    this.#gauge(register, `${slices}_desired_endpoint_slices`, 'EndpointSlices that would do.', ({ desired }) => desired);
    const distributions = () => this.#distributions();
    new Gauge({
      name: `${slices}_services_count_by_traffic_distribution`, help: 'Services that ask for a way of traffic, by which.', labelNames: ['traffic_distribution'], registers: [register],
      collect() {
        this.reset();
        for (const [traffic_distribution, services] of distributions()) this.set({ traffic_distribution }, services);
      },
    });
  }

  #gauge(register: Registry, name: string, help: string, of: (service: SlicedService) => number): void {
    const sum = () => [...this.#sliced.values()].reduce((all, service) => all + of(service), 0);
    new Gauge({
      name, help, registers: [register],
      collect() {
        this.set(sum());
      },
    });
  }

  #distributions(): Map<string, number> {
    const found = new Map<string, number>();
    for (const { distribution } of this.#sliced.values()) if (distribution !== undefined) found.set(distribution, (found.get(distribution) ?? 0) + 1);
    return found;
  }

  serviceSliced(key: string, service: SlicedService): void {
    this.#sliced.set(key, service);
    this.#endpointsAdded.add(service.added);
    this.#endpointsRemoved.add(service.removed);
  }

  serviceGone(key: string): void {
    this.#sliced.delete(key);
  }

  jobSynced(mode: string, action: JobAction, failed: boolean, took: number): void {
    const labels = { completion_mode: mode, result: failed ? 'error' : 'success', action };
    this.#jobSyncs.series(labels).add();
    this.#jobSyncTimes.series(labels).add(took / 1000);
  }

  jobFinished(mode: string, result: JobEnd, reason: string): void {
    this.#jobsFinished.series({ completion_mode: mode, result, reason }).add();
  }

  foreignJob(controller: string): void {
    this.#foreignJobs.series({ controller_name: controller }).add();
  }

  jobPodsFinished(mode: string, result: JobEnd, pods: number): void {
    this.#jobPodsFinished.series({ completion_mode: mode, result }).add(Math.max(0, pods));
  }

  /** `perIndex`: failures are limited for each of them. */
  jobIndexesFinished(status: JobEnd, perIndex: boolean, indexes: number): void {
    this.#jobIndexes.series({ status, backoffLimit: perIndex ? 'perIndex' : 'global' }).add(Math.max(0, indexes));
  }

  jobPodsCreated(reason: string, status: JobEnd, pods: number): void {
    if (pods > 0) this.#jobPodsCreated.series({ reason, status }).add(pods);
  }

  podFailureHandled(action: string): void {
    this.#policyFailures.series({ action }).add();
  }

  endedPodTracked(event: 'add' | 'delete'): void {
    this.#tracked.series({ event }).add();
  }

  jobExpired(late: number): void {
    this.#jobExpiries.add(late / 1000);
  }

  cronJobStarted(late: number): void {
    this.#cronJobSkew.add(late / 1000);
  }

  /** None as well: then the zone is known. */
  nodesEvicted(zone: string, nodes: number): void {
    this.#nodeEvictions.series({ zone }).add(nodes);
  }

  taintEvicted(late: number): void {
    told(this.#taintEvictions, late);
  }

  deviceTaintEvicted(late: number): void {
    told(this.#deviceEvictions, late);
  }

  podCollected(namespace: string, reason: string, failed: boolean): void {
    this.#collected.series({ namespace, reason }).add();
    if (failed) this.#collectErrors.series({ namespace, reason }).add();
  }

  ephemeralClaim(failed: boolean): void {
    this.#ephemeralClaims.add();
    if (failed) this.#ephemeralFailures.add();
  }

  autoscalerReconciled({ action, error }: Reconciliation, took: number): void {
    this.#reconciliations.series({ action, error }).add();
    this.#reconciliationTimes.series({ action, error }).add(took / 1000);
  }

  /** What one metric alone would have the autoscaler do. */
  metricComputed({ action, error }: Reconciliation, type: string, took: number): void {
    const labels = { action, error, metric_type: type };
    this.#computations.series(labels).add();
    this.#computationTimes.series(labels).add(took / 1000);
  }
}

interface Evictions {
  pods: Count;
  delays: Distribution;
}

function told({ pods, delays }: Evictions, late: number): void {
  pods.add();
  delays.add(late / 1000);
}
