import { Gauge, type Registry } from 'prom-client';
import { Counts, Distributions, type Count, type Distribution } from '../util/series.ts';
import { PluginSeries, ProfileMetrics } from './profileMetrics.ts';
import type { QueuePart } from './queue.ts';

/** How a try to find a pod a node has ended. */
export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

/** What is counted of a scheduler when it is asked. */
export interface SchedulerSizes {
  /** Pods that wait, by where. */
  pending: Record<'active' | 'backoff' | 'unschedulable' | 'gated', number>;
  cache: Record<'nodes' | 'pods' | 'assumed_pods', number>;
  /** Pods that are being bound, or wait for something before. */
  bindings: number;
  /** Pods that wait and that a plugin has rejected, or keeps out. */
  rejections: { plugin: string; profile: string; pods: number }[];
}

/** `count` bounds, each `factor` times the one before. */
const powers = (first: number, factor: number, count: number) => Array.from({ length: count }, (_, i) => first * factor ** i);

/** Tries that pods with more of them are told apart by no more. */
const manyAttempts = 15;

/** What schedulers do, under the names of pkg/scheduler/metrics/metrics.go. Times are given in milliseconds. */
export class SchedulerMetrics {
  readonly #tries: Counts;
  readonly #latencies: Distributions;
  readonly #algorithm: Distribution;
  readonly #attempts: Distribution;
  readonly #waits: Distributions;
  readonly #preemptions: Count;
  readonly #victims: Distribution;
  readonly #plugins: PluginSeries;
  readonly #incoming: Counts;
  /** By part and reason. */
  readonly #entered = new Map<string, Count>();
  /** By result and profile. */
  readonly #known = new Map<string, { tries: Count; latencies: Distribution }>();
  #sizes: (() => SchedulerSizes) | undefined;

  constructor(register: Registry) {
    this.#tries = new Counts(register, { name: 'scheduler_schedule_attempts_total', help: 'Tries to find a pod a node, by what came of them.' });
    this.#latencies = new Distributions(register, {
      name: 'scheduler_scheduling_attempt_duration_seconds', help: 'How long tries took, with the binding.', buckets: powers(0.001, 2, 15),
    });
    const algorithm = { name: 'scheduler_scheduling_algorithm_duration_seconds', help: 'How long it took to choose a node.', buckets: powers(0.001, 2, 15) };
    this.#algorithm = new Distributions(register, algorithm).series({});
    const attempts = { name: 'scheduler_pod_scheduling_attempts', help: 'How many tries pods needed that have a node.', buckets: powers(1, 2, 5) };
    this.#attempts = new Distributions(register, attempts).series({});
    this.#waits = new Distributions(register, {
      name: 'scheduler_pod_scheduling_sli_duration_seconds', help: 'From the first try until the pod had a node.', buckets: powers(0.01, 2, 20),
    });
    this.#preemptions = new Counts(register, { name: 'scheduler_preemption_attempts_total', help: 'Tries to make room for a pod by taking others away.' }).series({});
    this.#preemptions.add(0);
    const victims = { name: 'scheduler_preemption_victims', help: 'Pods that were chosen to make room for one.', buckets: powers(1, 2, 7) };
    this.#victims = new Distributions(register, victims).series({});
    this.#plugins = new PluginSeries(register);
    this.#incoming = new Counts(register, { name: 'scheduler_queue_incoming_pods_total', help: 'Pods that came into a part of the queue, by what brought them there.' });
    this.#rejections(register);
    this.#gauge(register, 'scheduler_pending_pods', 'Pods that wait, by where in the queue.', 'queue', ({ pending }) => pending);
    this.#gauge(register, 'scheduler_goroutines', 'What goes on beside the choice of nodes, by what it is.', 'operation', ({ bindings }) => ({ binding: bindings }));
    this.#gauge(register, 'scheduler_cache_size', 'Nodes and pods that are known, and pods on their way to a node.', 'type', ({ cache }) => cache);
  }

  /** Whose sizes are told from now on; undefined: nobody's. */
  follow(sizes: (() => SchedulerSizes) | undefined): void {
    this.#sizes = sizes;
  }

  /** For the plugins of a profile; `now`: milliseconds on the monotonic clock. */
  ofProfile(name: string, now: () => number): ProfileMetrics {
    return new ProfileMetrics(this.#plugins, name, now);
  }

  /** A pod has come into a part of the queue. */
  entered(queue: QueuePart, event: string): void {
    const key = `${queue} ${event}`;
    let count = this.#entered.get(key);
    if (!count) this.#entered.set(key, (count = this.#incoming.series({ queue, event })));
    count.add();
  }

  attempt(profile: string, result: AttemptResult, took: number): void {
    const key = `${result} ${profile}`;
    let known = this.#known.get(key);
    if (!known) {
      known = { tries: this.#tries.series({ profile, result }), latencies: this.#latencies.series({ profile, result }) };
      this.#known.set(key, known);
    }
    known.tries.add();
    known.latencies.add(took / 1000);
  }

  chosen(took: number): void {
    this.#algorithm.add(took / 1000);
  }

  /** A pod has a node after so many tries. */
  scheduled(attempts: number, sinceFirst: number): void {
    this.#attempts.add(attempts);
    this.#waits.series({ attempts: attempts >= manyAttempts ? `${manyAttempts}+` : String(attempts) }).add(sinceFirst / 1000);
  }

  /** `victims`: undefined when nothing would help. */
  preempted(victims: number | undefined): void {
    this.#preemptions.add();
    if (victims !== undefined) this.#victims.add(victims);
  }

  #rejections(register: Registry): void {
    const sizes = () => this.#sizes?.();
    new Gauge({
      name: 'scheduler_unschedulable_pods',
      help: 'Pods that wait, by each plugin that has rejected them.',
      labelNames: ['plugin', 'profile'],
      registers: [register],
      collect() {
        this.reset();
        for (const { plugin, profile, pods } of sizes()?.rejections ?? []) this.set({ plugin, profile }, pods);
      },
    });
  }

  #gauge(register: Registry, name: string, help: string, label: string, read: (sizes: SchedulerSizes) => Record<string, number>): void {
    const sizes = () => this.#sizes?.();
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [register],
      collect() {
        this.reset();
        const current = sizes();
        if (current) for (const [what, count] of Object.entries(read(current))) this.set({ [label]: what }, count);
      },
    });
  }
}
