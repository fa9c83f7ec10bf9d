import type { Pod } from '../api/index.ts';
import type { ExtensionPoint, ProfileConfiguration } from './configuration.ts';
import { CycleState, type Plugin } from './framework.ts';
import type { NodeInfo } from './nodeInfo.ts';
import type { PodInfo } from './podInfo.ts';
import type { ProfileMetrics } from './profileMetrics.ts';
import { failed, type Status } from './status.ts';

/** Filters take less time than it takes to measure them, and nodes are many and alike. */
const nodesASample = 10;

/** What the first round of plugins has to say about a pod. */
export interface PreFiltered {
  state: CycleState;
  /** Set when the pod cannot go anywhere. */
  status?: Status;
  /** The only nodes to look at; undefined: all. */
  nodes?: ReadonlySet<string>;
  /** Plugins that restricted `nodes`. */
  restrictedBy: string[];
  filters: Plugin[];
  /** Measured plugin by plugin. */
  sampled: boolean;
  /** On how many more nodes filters are measured. */
  nodesToMeasure: number;
}

/** One node's scores: by plugin, weighted, in the order of `plugins`. */
export interface Scores {
  plugins: string[];
  /** Plugin → node. */
  weighted: number[][];
  totals: number[];
}

/**
 * The plugins of one scheduler name at their extension points. Mirrors pkg/scheduler/framework/runtime/framework.go.
 */
export class Profile {
  readonly #preEnqueues: Plugin[];
  readonly #preFilters: Plugin[];
  readonly #filters: Plugin[];
  readonly #postFilters: Plugin[];
  readonly #preScores: ReadonlySet<Plugin>;
  readonly #scorers: { plugin: Plugin; weight: number }[];
  readonly #reserves: Plugin[];
  readonly #preBinds: Plugin[];
  readonly #byName: ReadonlyMap<string, Plugin>;

  /** `plugins`: all that there are; the configuration says which take part, where and in which order. */
  constructor(
    readonly configuration: ProfileConfiguration,
    plugins: readonly Plugin[],
    private readonly metrics?: ProfileMetrics,
  ) {
    this.#byName = new Map(plugins.map((plugin) => [plugin.name, plugin]));
    this.#preEnqueues = this.#at('preEnqueue', 'preEnqueue');
    this.#preFilters = this.#at('preFilter', 'preFilter');
    this.#filters = this.#at('filter', 'filter');
    this.#postFilters = this.#at('postFilter', 'postFilter');
    this.#preScores = new Set(this.#at('preScore', 'preScore'));
    this.#reserves = this.#at('reserve', 'reserve', 'unreserve');
    this.#preBinds = this.#at('preBind', 'preBind');
    this.#scorers = configuration.plugins.score.flatMap(({ name, weight }) => {
      const plugin = this.#byName.get(name);
      return plugin?.score ? [{ plugin, weight }] : [];
    });
  }

  get name(): string {
    return this.configuration.schedulerName;
  }

  /** Whether pods of this profile may make others leave. */
  get preempts(): boolean {
    return this.configuration.plugins.postFilter.some(({ name }) => name === 'DefaultPreemption');
  }

  /** Names of all plugins that have a say. */
  get pluginNames(): string[] {
    return [...this.#byName.keys()];
  }

  plugin(name: string): Plugin | undefined {
    return this.#byName.get(name);
  }

  #at(point: ExtensionPoint, ...functions: (keyof Plugin)[]): Plugin[] {
    return this.configuration.plugins[point].flatMap(({ name }) => {
      const plugin = this.#byName.get(name);
      return plugin && functions.some((each) => plugin[each]) ? [plugin] : [];
    });
  }

  /** The plugin that keeps the pod out of the queue. */
  gate(pod: Pod): string | undefined {
    return this.#preEnqueues.find((plugin) => plugin.preEnqueue!(pod))?.name;
  }

  preFilter(pod: PodInfo, all: readonly NodeInfo[]): PreFiltered {
    const { metrics } = this;
    const state = new CycleState();
    const sampled = metrics?.samples() ?? false;
    const since = metrics?.now() ?? 0;
    const skipped = new Set<Plugin>();
    const restrictedBy: string[] = [];
    let nodes: ReadonlySet<string> | undefined;
    for (const plugin of this.#preFilters) {
      const begun = sampled ? metrics!.now() : 0;
      const result = plugin.preFilter!(state, pod, all);
      if (sampled) metrics!.plugin(plugin, 'PreFilter', begun, result && 'status' in result ? result.status.code : result && 'skip' in result ? 'Skip' : 'Success');
      if (!(result && 'skip' in result)) metrics?.asked(plugin, 'PreFilter');
      if (!result) continue;
      if ('status' in result) {
        metrics?.point('PreFilter', since, result.status);
        return { state, status: result.status, restrictedBy, filters: [], sampled, nodesToMeasure: 0 };
      }
      if ('skip' in result) skipped.add(plugin);
      else {
        const before = nodes;
        nodes = before ? new Set([...result.nodes].filter((name) => before.has(name))) : result.nodes;
        restrictedBy.push(plugin.name);
      }
    }
    const filters = this.#filters.filter((plugin) => !skipped.has(plugin));
    metrics?.point('PreFilter', since);
    return { state, nodes, restrictedBy, filters, sampled, nodesToMeasure: sampled ? nodesASample : 0 };
  }

  /** The first objection, or undefined. */
  filter(found: PreFiltered, pod: PodInfo, node: NodeInfo): Status | undefined {
    const { state, filters } = found;
    if (found.nodesToMeasure > 0) {
      found.nodesToMeasure--;
      return this.#filterMeasured(state, filters, pod, node);
    }
    for (const plugin of filters) {
      const status = plugin.filter!(state, pod, node);
      if (status) return status;
    }
    return undefined;
  }

  #filterMeasured(state: CycleState, filters: readonly Plugin[], pod: PodInfo, node: NodeInfo): Status | undefined {
    for (const plugin of filters) {
      const begun = this.metrics!.now();
      const status = plugin.filter!(state, pod, node);
      this.metrics!.plugin(plugin, 'Filter', begun, status?.code);
      if (status) return status;
    }
    return undefined;
  }

  /** So many nodes have been looked at since then, with these objections. */
  filtered({ filters }: PreFiltered, since: number, looked: number, statuses: ReadonlyMap<string, Status>, error: Status | undefined): void {
    const { metrics } = this;
    if (!metrics) return;
    metrics.point('Filter', since, error);
    const objections = new Map<string, number>();
    for (const { plugin } of statuses.values()) objections.set(plugin, (objections.get(plugin) ?? 0) + 1);
    let asked = looked;
    for (const plugin of filters) {
      if (asked <= 0) return;
      metrics.asked(plugin, 'Filter', asked);
      // Nobody is asked about a node after the first objection.
      asked -= objections.get(plugin.name) ?? 0;
    }
  }

  /** The time from which something is measured. */
  now(): number {
    return this.metrics?.now() ?? 0;
  }

  /** A point whose plugins are not all run here is done. */
  passed(point: 'PostFilter' | 'Bind', since: number, status?: Status): void {
    this.metrics?.point(point, since, status);
  }

  /**
   * Whether a pod was turned away before a plugin had seen it that would now look for a way out. Nobody does then, nor
   * makes room (upstream: such a plugin misses its state, and its error ends RunPostFilterPlugins).
   */
  isUnseen({ status }: PreFiltered): boolean {
    if (!status) return false;
    const rejecting = this.#preFilters.findIndex(({ name }) => name === status.plugin);
    return this.#postFilters.some((plugin) => this.#preFilters.indexOf(plugin) > rejecting);
  }

  /** What the plugins have to say about a pod that fits nowhere, preemption left aside. */
  postFilter({ state }: PreFiltered, pod: PodInfo): string[] {
    return this.#postFilters.map((plugin) => plugin.postFilter!(state, pod));
  }

  /** Keeps the state right while pods are tried on and off a node. */
  tryPod({ state }: PreFiltered, pod: PodInfo, tried: PodInfo, node: NodeInfo, sign: 1 | -1): void {
    for (const plugin of this.#preFilters) plugin.tryPod?.(state, pod, tried, node, sign);
  }

  score({ state, sampled }: PreFiltered, pod: PodInfo, nodes: readonly NodeInfo[]): Scores {
    const { metrics } = this;
    const scorers = this.#preScore(state, pod, nodes, sampled);
    const since = this.now();
    const plugins: string[] = [];
    const weighted: number[][] = [];
    const totals = new Array<number>(nodes.length).fill(0);
    for (const { plugin, weight } of scorers) {
      const begun = sampled ? metrics!.now() : 0;
      const scores = new Array<number>(nodes.length);
      for (let i = 0; i < scores.length; i++) scores[i] = plugin.score!(state, pod, nodes[i]!);
      if (sampled) metrics!.plugin(plugin, 'Score', begun, 'Success', nodes.length);
      metrics?.asked(plugin, 'Score', nodes.length);
      plugin.normalize?.(state, pod, scores, nodes);
      for (let i = 0; i < scores.length; i++) {
        scores[i] = scores[i]! * weight;
        totals[i] = totals[i]! + scores[i]!;
      }
      plugins.push(plugin.name);
      weighted.push(scores);
    }
    metrics?.point('Score', since);
    return { plugins, weighted, totals };
  }

  /** Those that have a preference. */
  #preScore(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[], sampled: boolean): { plugin: Plugin; weight: number }[] {
    const { metrics } = this;
    const since = this.now();
    const scorers = this.#scorers.filter(({ plugin }) => {
      if (!this.#preScores.has(plugin)) return true;
      const begun = sampled ? metrics!.now() : 0;
      const skips = plugin.preScore!(state, pod, nodes) === 'skip';
      if (sampled) metrics!.plugin(plugin, 'PreScore', begun, skips ? 'Skip' : 'Success');
      if (!skips) metrics?.asked(plugin, 'PreScore');
      return !skips;
    });
    metrics?.point('PreScore', since);
    return scorers;
  }

  /** The first objection; what was reserved before it is given back. */
  reserve(state: CycleState, pod: PodInfo, node: string): Status | undefined {
    const since = this.now();
    for (const plugin of this.#reserves) {
      const status = plugin.reserve?.(state, pod, node);
      if (status) {
        this.metrics?.point('Reserve', since, status);
        this.unreserve(state, pod, node);
        return status;
      }
    }
    this.metrics?.point('Reserve', since);
    return undefined;
  }

  unreserve(state: CycleState, pod: PodInfo, node: string): void {
    const since = this.now();
    for (const plugin of this.#reserves) plugin.unreserve?.(state, pod, node);
    this.metrics?.point('Unreserve', since);
  }

  /** Whether anything has to be done before the pod may be bound; for most there is nothing. */
  preBindPreFlight(state: CycleState, pod: PodInfo, node: string): boolean {
    return this.#preBinds.some((plugin) => plugin.preBindPreFlight!(state, pod, node));
  }

  /** Settles when no plugin is at it any more: `cancel` ends it early, and is used when one fails, so that the others need not go on. */
  async preBind(state: CycleState, pod: PodInfo, node: string, cancel: AbortController): Promise<void> {
    const { signal } = cancel;
    const since = this.now();
    let failure: Error | undefined;
    const concerned = this.#preBinds.filter((plugin) => plugin.preBindPreFlight!(state, pod, node));
    await Promise.all(
      concerned.map((plugin) =>
        plugin.preBind!(state, pod, node, signal).catch((error: unknown) => {
          const { message } = (signal.aborted ? signal.reason : error) as Error;
          failure ??= new Error(`running PreBind plugin "${plugin.name}": ${message}`);
          cancel.abort(failure);
        }),
      ),
    );
    this.metrics?.point('PreBind', since, failure && failed('', failure.message));
    if (failure) throw failure;
  }
}
