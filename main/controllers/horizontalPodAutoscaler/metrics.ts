import type { LabelSelector, V2CrossVersionObjectReference } from '../../api/index.ts';
import { selectorFromLabelSelector, type Selector } from '../../api/labels.ts';
import { parseApiVersion, type KubeObject } from '../../api/meta.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { isNotFound } from '../../api/status.ts';
import type { Client } from '../../client/index.ts';
import { parseGoDuration } from '../../util/goDuration.ts';
import { discover } from '../discovery.ts';

/** What one pod uses. */
export interface PodMetric {
  /** Thousandths of a unit. */
  value: number;
  /** Milliseconds since the epoch. */
  timestamp: number;
  /** Milliseconds that the value is an average of. */
  window: number;
}

/** By pod name. */
export type PodMetrics = Map<string, PodMetric>;

type PodMetricsObject = KubeObject & {
  timestamp: string;
  window: string;
  containers?: { name: string; usage: Record<string, string> }[];
};

interface MetricValue {
  describedObject: { name: string };
  timestamp: string;
  windowSeconds?: number;
  value: string;
}

interface List<T> {
  items?: T[] | null;
}

/** What an API that gives no window is taken to average over. */
const defaultWindow = 60_000;
const customVersions = ['v1beta2', 'v1beta1'];

/**
 * Asks the three metrics APIs: that of resources (metrics.k8s.io), and those that only add-ons serve. Rejects with
 * upstream's words when one does not answer or has nothing. Mirrors pkg/controller/podautoscaler/metrics/client.go.
 */
export class MetricsClient {
  constructor(private readonly client: Client) {}

  /** Of one container where it is named, else of the whole pod. */
  async resource(resource: string, namespace: string, selector: Selector, container: string): Promise<PodMetrics> {
    const api = 'resource metrics API';
    const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`;
    const items = await this.#items<PodMetricsObject>(api, [path], { labelSelector: selector.toString() });
    const metrics: PodMetrics = new Map();
    for (const { metadata, timestamp, window, containers = [] } of items) {
      const counted = container ? containers.filter((each) => each.name === container) : containers;
      const values = counted.map((each) => each.usage[resource]);
      if (values.length === 0 || values.includes(undefined as never)) continue;
      const value = values.reduce((sum, text) => sum + parseQuantity(text!).milliValue(), 0);
      metrics.set(metadata!.name!, { value, timestamp: Date.parse(timestamp), window: parseGoDuration(window) ?? 0 });
    }
    return metrics;
  }

  async pods(name: string, namespace: string, selector: Selector, metric: Selector): Promise<PodMetrics> {
    const paths = customPaths(`namespaces/${namespace}/pods/*/${name}`);
    const query = { labelSelector: selector.toString(), metricLabelSelector: metric.toString() || undefined };
    const items = await this.#items<MetricValue>('custom metrics API', paths, query);
    return new Map(
      items.map(({ describedObject, timestamp, windowSeconds, value }) => [
        describedObject.name,
        {
          value: parseQuantity(value).milliValue(),
          timestamp: Date.parse(timestamp),
          window: windowSeconds === undefined ? defaultWindow : windowSeconds * 1000,
        },
      ]),
    );
  }

  /** Thousandths. */
  async object(
    name: string,
    namespace: string,
    ref: V2CrossVersionObjectReference,
    metric: LabelSelector | undefined,
  ): Promise<number> {
    const { group } = parseApiVersion(ref.apiVersion ?? 'v1');
    const query = { metricLabelSelector: selectorFromLabelSelector(metric ?? {}).toString() || undefined };
    const api = 'custom metrics API';
    let where: string;
    if (ref.kind === 'Namespace' && group === '') where = `namespaces/${namespace}/metrics/${name}`;
    else {
      const { resources } = await discover(this.client);
      const found = resources.find((each) => each.group === group && each.kind === ref.kind);
      if (!found) throw new Error(`unable to fetch metrics from ${api}: no matches for kind "${ref.kind}"`);
      where = `namespaces/${namespace}/${found.resource}${group ? `.${group}` : ''}/${ref.name}/${name}`;
    }
    const items = await this.#items<MetricValue>(api, customPaths(where), query);
    return parseQuantity(items[0]!.value).milliValue();
  }

  /** Thousandths, all that match together. */
  async external(name: string, namespace: string, selector: LabelSelector | undefined): Promise<number> {
    const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${name}`;
    const query = { labelSelector: selectorFromLabelSelector(selector ?? {}).toString() || undefined };
    const items = await this.#items<{ value: string }>('external metrics API', [path], query);
    return items.reduce((sum, { value }) => sum + parseQuantity(value).milliValue(), 0);
  }

  async #items<T>(api: string, paths: string[], query: Record<string, string | undefined>): Promise<T[]> {
    let items: T[];
    try {
      items = (await this.#first<List<T>>(paths, query)).items ?? [];
    } catch (error) {
      throw new Error(`unable to fetch metrics from ${api}: ${(error as Error).message}`, { cause: error });
    }
    if (items.length === 0) throw new Error(`no metrics returned from ${api}`);
    return items;
  }

  /** The newest version that the add-on serves. */
  async #first<T>([path, ...older]: string[], query: Record<string, string | undefined>): Promise<T> {
    try {
      return await this.client.request<T>({ method: 'GET', path: path!, query });
    } catch (error) {
      if (!isNotFound(error) || older.length === 0) throw error;
      return this.#first(older, query);
    }
  }
}

const customPaths = (path: string) => customVersions.map((version) => `/apis/custom.metrics.k8s.io/${version}/${path}`);
