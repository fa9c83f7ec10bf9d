import type { Pod } from '../api/index.ts';
import type { ExtensionPoint, ProfileConfiguration } from './configuration.ts';
import { CycleState, type Plugin } from './framework.ts';
import type { NodeInfo } from './nodeInfo.ts';
import type { PodInfo } from './podInfo.ts';
import type { Status } from './status.ts';

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
    const state = new CycleState();
    const skipped = new Set<Plugin>();
    const restrictedBy: string[] = [];
    let nodes: ReadonlySet<string> | undefined;
    for (const plugin of this.#preFilters) {
      const result = plugin.preFilter!(state, pod, all);
      if (!result) continue;
      if ('status' in result) return { state, status: result.status, restrictedBy, filters: [] };
      if ('skip' in result) skipped.add(plugin);
      else {
        const before = nodes;
        nodes = before ? new Set([...result.nodes].filter((name) => before.has(name))) : result.nodes;
        restrictedBy.push(plugin.name);
      }
    }
    const filters = this.#filters.filter((plugin) => !skipped.has(plugin));
    return { state, nodes, restrictedBy, filters };
  }

  /** The first objection, or undefined. */
  filter({ state, filters }: PreFiltered, pod: PodInfo, node: NodeInfo): Status | undefined {
    for (const plugin of filters) {
      const status = plugin.filter!(state, pod, node);
      if (status) return status;
    }
    return undefined;
  }

  /** What the plugins have to say about a pod that fits nowhere, preemption left aside. */
  postFilter({ state }: PreFiltered, pod: PodInfo): string[] {
    return this.#postFilters.map((plugin) => plugin.postFilter!(state, pod));
  }

  /** Keeps the state right while pods are tried on and off a node. */
  tryPod({ state }: PreFiltered, pod: PodInfo, tried: PodInfo, node: NodeInfo, sign: 1 | -1): void {
    for (const plugin of this.#preFilters) plugin.tryPod?.(state, pod, tried, node, sign);
  }

  score({ state }: PreFiltered, pod: PodInfo, nodes: readonly NodeInfo[]): Scores {
    const plugins: string[] = [];
    const weighted: number[][] = [];
    const totals = new Array<number>(nodes.length).fill(0);
    for (const { plugin, weight } of this.#scorers) {
      if (this.#preScores.has(plugin) && plugin.preScore!(state, pod, nodes) === 'skip') continue;
      const scores = nodes.map((node) => plugin.score!(state, pod, node));
      plugin.normalize?.(state, pod, scores, nodes);
      for (let i = 0; i < scores.length; i++) {
        scores[i] = scores[i]! * weight;
        totals[i] = totals[i]! + scores[i]!;
      }
      plugins.push(plugin.name);
      weighted.push(scores);
    }
    return { plugins, weighted, totals };
  }

  /** The first objection; what was reserved before it is given back. */
  reserve(state: CycleState, pod: PodInfo, node: string): Status | undefined {
    for (const plugin of this.#reserves) {
      const status = plugin.reserve?.(state, pod, node);
      if (status) {
        this.unreserve(state, pod, node);
        return status;
      }
    }
    return undefined;
  }

  unreserve(state: CycleState, pod: PodInfo, node: string): void {
    for (const plugin of this.#reserves) plugin.unreserve?.(state, pod, node);
  }

  /** Undefined when there is nothing to wait for. */
  preBind(state: CycleState, pod: PodInfo, node: string): Promise<unknown> | undefined {
    const waits = this.#preBinds.map((plugin) => plugin.preBind!(state, pod, node)).filter((wait) => wait !== undefined);
    return waits.length > 0 ? Promise.all(waits) : undefined;
  }
}
