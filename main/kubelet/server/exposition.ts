import type { Histogram } from '../operations.ts';

/** Metrics as Prometheus reads them: families, each with its samples. */
export class Exposition {
  readonly #lines: string[] = [];
  #name = '';

  family(name: string, type: 'counter' | 'gauge' | 'histogram', help: string): void {
    this.#name = name;
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  /** One of the family that was named last. `timestamp`: milliseconds since the epoch. */
  sample(labels: Record<string, string>, value: number, timestamp?: number): void {
    const names = Object.entries(labels).map(([name, text]) => `${name}=${JSON.stringify(text)}`);
    this.#lines.push(`${this.#name}${names.length > 0 ? `{${names.join(',')}}` : ''} ${value}${timestamp === undefined ? '' : ` ${timestamp}`}`);
  }

  histogram(labels: Record<string, string>, { bounds, counts, count, sum }: Histogram): void {
    const family = this.#name;
    const part = (suffix: string, value: number, le?: string) => {
      this.#name = `${family}_${suffix}`;
      this.sample(le === undefined ? labels : { ...labels, le }, value);
    };
    bounds.forEach((bound, index) => part('bucket', counts[index]!, String(bound)));
    part('bucket', count, '+Inf');
    part('sum', sum);
    part('count', count);
    this.#name = family;
  }

  text(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}
