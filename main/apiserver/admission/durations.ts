import type { Histogram, Metric, Registry as Metrics } from 'prom-client';

/** The durations of one kind of thing, counted by how long they were. */
export class Durations {
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(
    readonly labels: Readonly<Record<string, string>>,
    private readonly bounds: readonly number[],
  ) {
    this.#counts = bounds.map(() => 0);
  }

  add(seconds: number): void {
    const { bounds } = this;
    for (let i = 0; i < bounds.length; i++)
      if (seconds <= bounds[i]!) {
        this.#counts[i]!++;
        break;
      }
    this.#sum += seconds;
    this.#count++;
  }

  /** As Prometheus has it: each bucket counts those below it, too. */
  values(name: string): { metricName: string; labels: Record<string, string | number>; value: number }[] {
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

/**
 * A histogram for what happens a dozen times in each request: prom-client's finds its series anew for each value, which takes
 * longer than what is measured. Where there is nothing to tell, there is no series.
 */
export class DurationHistogram {
  readonly #series: Durations[] = [];

  constructor(
    metrics: Metrics,
    private readonly about: { name: string; help: string; buckets: readonly number[] },
  ) {
    const { name, help } = about;
    const get = async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: this.#series.flatMap((series) => series.values(name)) });
    metrics.registerMetric({ name, help, get } as unknown as Metric & Histogram);
  }

  /** One more series: to be asked for once for the same labels. */
  series(labels: Readonly<Record<string, string>>): Durations {
    const series = new Durations(labels, this.about.buckets);
    this.#series.push(series);
    return series;
  }
}
