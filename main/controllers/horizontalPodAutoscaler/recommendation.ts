import type { LabelSelector, Pod, V2HorizontalPodAutoscaler, V2MetricSpec, V2MetricStatus } from '../../api/index.ts';
import { selectorFromLabelSelector, type Selector } from '../../api/labels.ts';
import { parseQuantity, Quantity } from '../../api/quantity.ts';
import { byAverage, byShare, byUtilization, byValue, type Situation, type Tolerances } from './calculator.ts';
import type { MetricsClient } from './metrics.ts';

const defaultTolerance = 0.1;

/** What one metric asks for. */
export interface Recommendation {
  replicas: number;
  /** The metric in words. */
  name: string;
  status: V2MetricStatus;
}

/** A metric that could not be judged: the condition's reason, and what the whole is said to have failed by. */
export class MetricError extends Error {
  constructor(
    readonly reason: string,
    /** Of the event and the condition. */
    readonly detail: string,
    message: string,
  ) {
    super(message);
  }
}

export interface Target {
  specReplicas: number;
  statusReplicas: number;
  selector: Selector;
  pods: Pod[];
}

/** Mirrors computeReplicasForMetric of pkg/controller/podautoscaler/horizontal.go. */
export class Recommender {
  constructor(private readonly metrics: MetricsClient) {}

  /** Rejects with a MetricError. */
  async recommend(hpa: V2HorizontalPodAutoscaler, spec: V2MetricSpec, target: Target, now: number): Promise<Recommendation> {
    const tolerances = tolerancesOf(hpa);
    const situation = { pods: target.pods, currentReplicas: target.specReplicas, tolerances, now };
    const namespace = hpa.metadata!.namespace!;
    switch (spec.type) {
      case 'Resource':
        return attempt('FailedGetResourceMetric', `failed to get ${spec.resource!.name} resource metric value`, () =>
          this.#resource(namespace, spec, situation, target.selector),
        );
      case 'ContainerResource': {
        const what = `failed to get ${spec.containerResource!.container} container metric value`;
        return attempt('FailedGetContainerResourceMetric', what, () =>
          this.#resource(namespace, spec, situation, target.selector),
        );
      }
      case 'Pods':
        return attempt('FailedGetPodsMetric', 'failed to get pods metric value', () =>
          this.#pods(namespace, spec, situation, target.selector),
        );
      case 'Object':
        return attempt('FailedGetObjectMetric', 'failed to get object metric value', () =>
          this.#object(namespace, spec, situation, target.statusReplicas),
        );
      case 'External':
        return attempt('FailedGetExternalMetric', `failed to get ${spec.external!.metric.name} external metric value`, () =>
          this.#external(namespace, spec, situation, target.statusReplicas),
        );
      default: {
        const message = `unknown metric source type "${spec.type}"`;
        throw new MetricError('InvalidMetricSourceType', message, message);
      }
    }
  }

  async #resource(namespace: string, spec: V2MetricSpec, situation: Situation, selector: Selector): Promise<Recommendation> {
    const { name, target } = (spec.resource ?? spec.containerResource)!;
    const container = spec.containerResource?.container ?? '';
    const average = target.averageValue;
    if (average === undefined && target.averageUtilization === undefined)
      throw new Error('invalid resource metric source: neither an average utilization target nor an average value (usage) target was set');
    const { replicas, usage, utilization } = await explained(`failed to get ${name} ${average === undefined ? 'utilization' : 'usage'}`, async () => {
      const metrics = await explained(`unable to get metrics for resource ${name}`, () =>
        this.metrics.resource(name, namespace, selector, container),
      );
      if (average !== undefined) return byAverage(situation, metrics, name, parseQuantity(average).milliValue());
      return byUtilization(situation, metrics, { resource: name, container, target: target.averageUtilization! });
    });
    const averageValue = Quantity.ofMilli(usage, name === 'memory' ? 'BinarySI' : 'DecimalSI').toString();
    const current = { ...(utilization === undefined ? {} : { averageUtilization: utilization }), averageValue };
    if (average !== undefined) return { replicas, name: `${name} resource`, status: resourceStatus(spec, current) };
    const words = `${name} ${container ? 'container ' : ''}resource utilization (percentage of request)`;
    return { replicas, name: words, status: resourceStatus(spec, current) };
  }

  async #pods(namespace: string, { pods }: V2MetricSpec, situation: Situation, selector: Selector): Promise<Recommendation> {
    const { metric, target } = pods!;
    const metrics = await explained(`unable to get metric ${metric.name}`, () =>
      this.metrics.pods(metric.name, namespace, selector, selectorFromLabelSelector(metric.selector ?? {})),
    );
    const { replicas, usage } = byAverage(situation, metrics, '', parseQuantity(target.averageValue!).milliValue());
    const status: V2MetricStatus = { type: 'Pods', pods: { metric, current: { averageValue: milli(usage) } } };
    return { replicas, name: `pods metric ${metric.name}`, status };
  }

  async #object(namespace: string, { object }: V2MetricSpec, situation: Situation, statusReplicas: number): Promise<Recommendation> {
    const { metric, target, describedObject } = object!;
    const get = async () => {
      try {
        return await this.metrics.object(metric.name, namespace, describedObject, metric.selector);
      } catch (error) {
        const where = `${describedObject.kind} ${namespace}/${describedObject.name}`;
        throw new Error(`unable to get metric ${metric.name}: ${(error as Error).message} on ${where}`, { cause: error });
      }
    };
    const statusOf = (current: object): V2MetricStatus => ({ type: 'Object', object: { describedObject, metric, current } });
    if (target.type === 'Value' && target.value !== undefined) {
      const { replicas, usage } = byValue(situation, await get(), parseQuantity(target.value).milliValue());
      return { replicas, name: `${describedObject.kind} metric ${metric.name}`, status: statusOf({ value: milli(usage) }) };
    }
    if (target.type === 'AverageValue' && target.averageValue !== undefined) {
      const { replicas, usage } = await explained(`failed to get ${metric.name} object metric`, async () =>
        byShare(situation.tolerances, statusReplicas, await get(), parseQuantity(target.averageValue!).milliValue()),
      );
      return { replicas, name: externalName(metric), status: statusOf({ averageValue: milli(usage) }) };
    }
    throw new Error('invalid object metric source: neither a value target nor an average value target was set');
  }

  async #external(namespace: string, { external }: V2MetricSpec, situation: Situation, statusReplicas: number): Promise<Recommendation> {
    const { metric, target } = external!;
    const get = () =>
      explained(`unable to get external metric ${namespace}/${metric.name}/${goSelector(metric.selector)}`, () =>
        this.metrics.external(metric.name, namespace, metric.selector),
      );
    const statusOf = (current: object): V2MetricStatus => ({ type: 'External', external: { metric, current } });
    if (target.averageValue !== undefined) {
      const { replicas, usage } = await explained(`failed to get ${metric.name} external metric`, async () =>
        byShare(situation.tolerances, statusReplicas, await get(), parseQuantity(target.averageValue!).milliValue()),
      );
      return { replicas, name: externalName(metric), status: statusOf({ averageValue: milli(usage) }) };
    }
    if (target.value !== undefined) {
      const { replicas, usage } = await explained(`failed to get external metric ${metric.name}`, async () =>
        byValue(situation, await get(), parseQuantity(target.value!).milliValue()),
      );
      return { replicas, name: externalName(metric), status: statusOf({ value: milli(usage) }) };
    }
    throw new Error('invalid external metric source: neither a value target nor an average value target was set');
  }
}

const milli = (value: number) => Quantity.ofMilli(value).toString();

function resourceStatus(spec: V2MetricSpec, current: object): V2MetricStatus {
  if (spec.resource) return { type: 'Resource', resource: { name: spec.resource.name, current } };
  const { name, container } = spec.containerResource!;
  return { type: 'ContainerResource', containerResource: { name, container, current } };
}

const externalName = ({ name, selector }: { name: string; selector?: LabelSelector }) =>
  `external metric ${name}(${goSelector(selector)})`;

/** As Go prints it. */
function goSelector(selector: LabelSelector | undefined): string {
  if (!selector) return 'nil';
  const labels = Object.entries(selector.matchLabels ?? {}).map(([name, value]) => `${name}: ${value},`);
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) => `{${key} ${operator} [${values.join(' ')}]}`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}

export function tolerancesOf({ spec: { behavior } }: V2HorizontalPodAutoscaler): Tolerances {
  const of = (text: string | undefined) => (text === undefined ? defaultTolerance : parseQuantity(text).milliValue() / 1000);
  return { up: of(behavior?.scaleUp?.tolerance), down: of(behavior?.scaleDown?.tolerance) };
}

async function explained<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

async function attempt(reason: string, what: string, work: () => Promise<Recommendation>): Promise<Recommendation> {
  try {
    return await work();
  } catch (error) {
    const detail = (error as Error).message;
    throw new MetricError(reason, detail, `${what}: ${detail}`);
  }
}
