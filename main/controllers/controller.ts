import type { KubeObject } from '../api/meta.ts';
import { keyOf } from '../api/meta.ts';
import { EventRecorder, WorkQueue, type Client, type ClientMetrics, type InformerFactory, type RateLimiter } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import type { ControllerMetrics } from './metrics.ts';

/** Whoever can reach the named volumes of the container engine. */
export interface EngineVolumes {
  /** Idempotent; `mode` is that of the volume's root. */
  createVolume(name: string, labels: Record<string, string>, options: { mode: number }): Promise<void>;
  /**
   * With its data; resolves also when there is no such volume. Rejects with code `conflict` while a container has it, be it
   * one that has ended.
   */
  removeVolume(name: string): Promise<void>;
  /** Whether there is a volume of this name that is this cluster's. */
  hasVolume(name: string): Promise<boolean>;
  /** Puts all that a volume holds over what another holds. */
  copyVolume(from: string, to: string): Promise<void>;
}

/** What every controller is given. */
export interface ControllerContext {
  client: Client;
  informers: InformerFactory;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Who measures the controllers' queues. */
  metrics?: ClientMetrics;
  /** Told of what the controllers do; outlives them. */
  measures?: ControllerMetrics;
  /** PEM of the authority that signed the API server's certificate, for every namespace's kube-root-ca.crt. */
  rootCA?: string;
  /** A token of a service account that lasts as long as a Secret; without it Secrets that ask for one get none. */
  issueToken?(subject: { namespace: string; name: string; uid: string; secret: { name: string; uid: string } }): Promise<string>;
  /** Signs a certificate request (DER) for `seconds`; resolves with PEM. Without it approved requests stay unsigned. */
  signCertificate?(request: Buffer, usages: readonly string[], seconds: number): Promise<string>;
  /** Holds the data of provisioned volumes; without it none can be made or removed, and they say so. */
  volumes?: EngineVolumes;
}

/** What upstream's controllers call their queues, where it is not their own name. */
const queueNames: Record<string, string> = {
  'bootstrap-signer': 'bootstrap_signer_queue',
  'clusterrole-aggregation-controller': 'ClusterRoleAggregator',
  'cronjob-controller': 'cronjob',
  csrsigning: 'certificate',
  'daemonset-controller': 'daemonset',
  'deployment-controller': 'deployment',
  'disruption-controller': 'disruption',
  'endpoint-controller': 'endpoint',
  'endpointslice-controller': 'endpoint_slice',
  'endpointslicemirroring-controller': 'endpoint_slice_mirroring',
  'ephemeral-volume-controller': 'ephemeral_volume',
  'generic-garbage-collector': 'garbage_collector_attempt_to_delete',
  'horizontal-pod-autoscaler': 'horizontalpodautoscaler',
  'job-controller': 'job',
  'namespace-controller': 'namespace',
  'node-controller': 'node_lifecycle_controller_pods',
  'persistent-volume-binder': 'claims',
  'pv-protection-controller': 'pvprotection',
  'pvc-protection-controller': 'pvcprotection',
  'replicaset-controller': 'replicaset',
  'replication-controller': 'replicationmanager',
  'resource-claim-controller': 'resource_claim',
  'resourcequota-controller': 'resourcequota_primary',
  'root-ca-cert-publisher': 'root_ca_cert_publisher',
  'service-account-controller': 'serviceaccount',
  'service-cidr-controller': 'ipaddresses',
  'statefulset-controller': 'statefulset',
  'taint-eviction-controller': 'noexec_taint_pod',
  'token-cleaner': 'token_cleaner',
  'tokens-controller': 'serviceaccount_tokens_service',
  'ttl-after-finished-controller': 'ttl_jobs_to_delete',
  'ttl-controller': 'ttlcontroller',
  'volume-expand': 'volume_expand',
  'volumeattributesclass-protection-controller': 'vacprotection',
};

/** A running loop of the controller manager. Its constructor asks for informers and puts keys into a queue. */
export interface Controller {
  readonly name: string;
  /** Called once, when every informer is in. */
  start(): void;
  /** Resolves when nothing is under way any more. */
  stop(): Promise<void>;
}

/** The source that upstream's events name, where it is not the controller's own name. */
const eventSources: Record<string, string> = {
  'disruption-controller': 'controllermanager',
  'endpointslice-controller': 'endpoint-slice-controller',
  'endpointslicemirroring-controller': 'endpoint-slice-mirroring-controller',
  'ephemeral-volume-controller': 'ephemeral_volume',
  'generic-garbage-collector': 'garbage-collector-controller',
  'persistent-volume-binder': 'persistentvolume-controller',
  'resource-claim-controller': 'resource_claim',
  'volume-expand': 'volume_expand',
};

/**
 * The one shape of a controller: an event becomes a key, the key waits in a queue, and `sync(key)` makes the cluster
 * as it should be. Whatever sync writes carries the revision of the object whose event woke it.
 */
export abstract class QueueController implements Controller {
  protected readonly client: Client;
  protected readonly clock: Clock;
  protected readonly random: Random;
  protected readonly log: Logger;
  protected readonly recorder: EventRecorder;
  protected readonly queue: WorkQueue;
  protected readonly measures: ControllerMetrics | undefined;
  readonly #causes = new Map<string, string>();

  constructor(
    context: ControllerContext,
    readonly name: string,
    private readonly workers = 5,
    rateLimiter?: RateLimiter,
  ) {
    this.client = context.client.as(name);
    this.clock = context.clock;
    this.random = context.random;
    this.log = context.log.child(name);
    this.measures = context.measures;
    this.recorder = new EventRecorder(this.client, eventSources[name] ?? name, context.clock, context.random, { log: this.log });
    this.queue = new WorkQueue(context.clock, { log: this.log, ...(rateLimiter ? { rateLimiter } : {}), ...(context.metrics ? { measured: { name: queueNames[name] ?? name, by: context.metrics } } : {}) });
  }

  /** Brings one object to where it should be; a rejection tries again later. `client` carries the cause. */
  protected abstract sync(key: string, client: Client): Promise<void>;

  start(): void {
    void this.queue.run(this.workers, (key) => this.#sync(key));
  }

  async stop(): Promise<void> {
    await this.queue.stop();
    this.recorder.stop();
  }

  /** Queues an object that has changed itself. */
  protected enqueueObject(object: KubeObject): void {
    this.enqueue(keyOf(object), object);
  }

  /** Queues `key`, because `cause` has changed. */
  protected enqueue(key: string, cause?: KubeObject): void {
    this.#because(key, cause?.metadata?.resourceVersion);
    this.queue.add(key);
  }

  /** Queues `key` after `ms`: what happens until then is dealt with together. */
  protected enqueueAfter(key: string, ms: number, cause?: KubeObject): void {
    this.#because(key, cause?.metadata?.resourceVersion);
    this.queue.addAfter(key, ms);
  }

  #because(key: string, revision: string | undefined): void {
    if (revision && Number(revision) > Number(this.#causes.get(key) ?? 0)) this.#causes.set(key, revision);
  }

  async #sync(key: string): Promise<void> {
    const cause = this.#causes.get(key);
    this.#causes.delete(key);
    try {
      await this.sync(key, this.client.because(cause));
    } catch (error) {
      this.#because(key, cause);
      throw error;
    }
  }
}
