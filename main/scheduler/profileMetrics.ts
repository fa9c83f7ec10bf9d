import type { Registry } from 'prom-client';
import { Counts, Distributions, type Count, type Distribution } from '../util/series.ts';
import type { Plugin } from './framework.ts';
import type { Status, StatusCode } from './status.ts';

/** Where plugins have a say, by the names that upstream measures them under. */
export type Point = 'PreFilter' | 'Filter' | 'PostFilter' | 'PreScore' | 'Score' | 'Reserve' | 'Unreserve' | 'PreBind' | 'Bind';
/** What a point or a plugin has come to. */
export type PointStatus = StatusCode | 'Success' | 'Skip';

/** Of so many cycles the plugins are measured one by one in one (upstream: pluginMetricsSamplePercent). */
const cyclesASample = 10;

const powers = (first: number, factor: number, count: number) => Array.from({ length: count }, (_, i) => first * factor ** i);

/** The series of all profiles. */
export class PluginSeries {
  readonly points: Distributions;
  readonly plugins: Distributions;
  readonly evaluations: Counts;

  constructor(register: Registry) {
    this.points = new Distributions(register, {
      name: 'scheduler_framework_extension_point_duration_seconds', help: 'How long all plugins of a point took.', buckets: powers(0.0001, 2, 12),
    });
    this.plugins = new Distributions(register, {
      name: 'scheduler_plugin_execution_duration_seconds', help: 'How long a plugin took at a point, in one of ten cycles.', buckets: powers(0.00001, 1.5, 20),
    });
    this.evaluations = new Counts(register, { name: 'scheduler_plugin_evaluation_total', help: 'How often plugins were asked, by where.' });
  }
}

/** What the plugins of one profile take, and how often they are asked. Times are milliseconds of the monotonic clock. */
export class ProfileMetrics {
  #cycles = 0;
  /** Kept by what is known where something is measured: to find a series by its labels takes longer than a plugin. */
  readonly #points = new Map<Point, Map<PointStatus, Distribution>>();
  readonly #plugins = new Map<Point, Map<string, Distribution>>();
  readonly #evaluations = new Map<Point, Map<string, Count>>();

  constructor(
    private readonly series: PluginSeries,
    private readonly profile: string,
    readonly now: () => number,
  ) {}

  /** Asked at the beginning of a cycle: whether its plugins are to be measured one by one. */
  samples(): boolean {
    return this.#cycles++ % cyclesASample === 0;
  }

  /** All plugins of a point are done. */
  point(point: Point, since: number, status?: Status): void {
    const code = status?.code ?? 'Success';
    const known = within(this.#points, point);
    let series = known.get(code);
    if (!series) known.set(code, (series = this.series.points.series({ extension_point: point, status: code, profile: this.profile })));
    series.add((this.now() - since) / 1000);
  }

  /** A plugin of a cycle that is sampled is done, `times` times since then. */
  plugin({ name }: Plugin, point: Point, since: number, status: PointStatus = 'Success', times = 1): void {
    const known = within(this.#plugins, point);
    const key = `${name} ${status}`;
    let series = known.get(key);
    if (!series) known.set(key, (series = this.series.plugins.series({ plugin: name, extension_point: point, status })));
    if (times > 0) series.add((this.now() - since) / 1000 / times, times);
  }

  asked({ name }: Plugin, point: Point, times = 1): void {
    const known = within(this.#evaluations, point);
    let count = known.get(name);
    if (!count) known.set(name, (count = this.series.evaluations.series({ plugin: name, extension_point: point, profile: this.profile })));
    count.add(times);
  }
}

function within<K, V>(map: Map<K, Map<string, V>>, key: K): Map<string, V> {
  let inner = map.get(key);
  if (!inner) map.set(key, (inner = new Map()));
  return inner;
}
