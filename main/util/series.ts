import type { Counter, Histogram, Metric, Registry } from 'prom-client';

/*
 * Counters and histograms for what happens several times in each request: prom-client's find their series anew for each value,
 * which takes longer than what is measured.
 */

export type Labels = Readonly<Record<string, string>>;

interface About {
  name: string;
  help: string;
}

interface Value {
  metricName?: string;
  labels: Record<string, string | number>;
  value: number;
}

/** All series of one name, by their labels. */
class SeriesOf<S> {
  readonly #series = new Map<string, S>();

  constructor(
    register: Registry,
    { name, help }: About,
    type: 'counter' | 'histogram',
    private readonly make: (labels: Labels) => S,
    valuesOf: (series: S) => Value[],
  ) {
    const get = async () => ({ name, help, type, aggregator: 'sum', values: [...this.#series.values()].flatMap(valuesOf) });
    register.registerMetric({ name, help, get } as unknown as Metric & Counter & Histogram);
  }

  /** The one of these labels: to be asked for once, and kept. */
  series(labels: Labels): S {
    const key = JSON.stringify(labels);
    let series = this.#series.get(key);
    if (!series) this.#series.set(key, (series = this.make(labels)));
    return series;
  }
}

/** How often one kind of thing happened. */
export class Count {
  #value: number | undefined;

  constructor(readonly labels: Labels) {}

  /** Nothing has been counted as long as this is undefined, and nothing is told. */
  get value(): number | undefined {
    return this.#value;
  }

  add(times = 1): void {
    this.#value = (this.#value ?? 0) + times;
  }
}

/** A Prometheus counter. */
export class Counts extends SeriesOf<Count> {
  constructor(register: Registry, about: About) {
    super(register, about, 'counter', (labels) => new Count(labels), ({ labels, value }) => (value === undefined ? [] : [{ labels: { ...labels }, value }]));
  }
}

/** How large the values of one kind of thing were. */
export class Distribution {
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(
    readonly labels: Labels,
    private readonly bounds: readonly number[],
  ) {
    this.#counts = bounds.map(() => 0);
  }

  add(value: number, times = 1): void {
    const { bounds } = this;
    for (let i = 0; i < bounds.length; i++)
      if (value <= bounds[i]!) {
        this.#counts[i]! += times;
        break;
      }
    this.#sum += value * times;
    this.#count += times;
  }

  /** As Prometheus has it: each bucket counts those below it, too. */
  values(name: string): Value[] {
    if (this.#count === 0) return [];
    let below = 0;
    const { labels } = this;
    return [
      ...this.bounds.map((le, i) => ({ metricName: `${name}_bucket`, labels: { le, ...labels }, value: (below += this.#counts[i]!) })),
      { metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: this.#count },
      { metricName: `${name}_sum`, labels: { ...labels }, value: this.#sum },
      { metricName: `${name}_count`, labels: { ...labels }, value: this.#count },
    ];
  }
}

/** Tells of a distribution that others fill, wherever they are. */
export function publish(register: Registry, about: About, distribution: Distribution): void {
  new SeriesOf<Distribution>(register, about, 'histogram', () => distribution, (series) => series.values(about.name)).series(distribution.labels);
}

/** A Prometheus histogram; `buckets`: upper bounds, the smallest first. */
export class Distributions extends SeriesOf<Distribution> {
  constructor(register: Registry, about: About & { buckets: readonly number[] }) {
    super(register, about, 'histogram', (labels) => new Distribution(labels, about.buckets), (series) => series.values(about.name));
  }
}
