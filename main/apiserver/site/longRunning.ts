import { Gauge, type Registry as Metrics } from 'prom-client';
import type { Call } from '../call.ts';
import { shownScope } from '../requestLabels.ts';

/**
 * Counts what other processes watch, and the streams that they have open, as long as that goes on. Mirrors
 * k8s.io/apiserver/pkg/endpoints/metrics/metrics.go (RecordLongRunning).
 */
export class LongRunning {
  readonly #open = new Map<string, { labels: Record<string, string>; count: number }>();

  constructor(metrics: Metrics) {
    const open = this.#open;
    new Gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Watches and streams that are open.',
      labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'],
      registers: [metrics],
      collect() {
        for (const { labels, count } of open.values()) this.set(labels, count);
      },
    });
  }

  /** One more, until its client has gone, or what is returned is called. */
  begin({ info, onGone }: Pick<Call, 'info' | 'onGone'>): () => void {
    const { group, version, resource, subresource } = info;
    const labels = { verb: info.verb === 'watch' ? 'WATCH' : 'CONNECT', group, version, resource, subresource, scope: shownScope(info), component: 'apiserver' };
    const key = JSON.stringify(labels);
    let of = this.#open.get(key);
    if (!of) this.#open.set(key, (of = { labels, count: 0 }));
    const counted = of;
    counted.count++;
    let goes = true;
    const end = () => {
      if (goes) counted.count--;
      goes = false;
    };
    onGone(end);
    return end;
  }
}
