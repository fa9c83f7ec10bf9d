import type { HorizontalPodAutoscaler, V2HorizontalPodAutoscaler, V2HorizontalPodAutoscalerBehavior, V2HPAScalingRules, V2MetricSpec, V2MetricStatus } from '../../../api/index.ts';
import { cloneJson } from '../../../api/json.ts';
import { asGiven, normalizeObject } from '../../../api/normalize.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { schemaOf } from '../../../api/schema.ts';

/*
 * autoscaling/v1 and v2 of one autoscaler: what v1 has no fields for travels in annotations.
 * Mirrors pkg/apis/autoscaling/v1/conversion.go and pkg/apis/autoscaling/annotations.go.
 */

const metricsAnnotation = 'autoscaling.alpha.kubernetes.io/metrics';
const currentMetricsAnnotation = 'autoscaling.alpha.kubernetes.io/current-metrics';
const conditionsAnnotation = 'autoscaling.alpha.kubernetes.io/conditions';
const behaviorAnnotation = 'autoscaling.alpha.kubernetes.io/behavior';
const roundTrip = [metricsAnnotation, currentMetricsAnnotation, conditionsAnnotation, behaviorAnnotation];
const defaultUtilization = 80;

const autoscaler = (version: string) => schemaOf({ group: 'autoscaling', version, kind: 'HorizontalPodAutoscaler' })!;
const cpuTarget = (averageUtilization: number): V2MetricSpec => ({ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } });
const isCpuTarget = ({ type, resource }: V2MetricSpec) =>
  type === 'Resource' && resource?.name === 'cpu' && resource.target.averageUtilization !== undefined;

export function toV1(object: V2HorizontalPodAutoscaler): HorizontalPodAutoscaler {
  const { spec, status } = object;
  const metrics = spec?.metrics ?? [];
  const annotations = withoutRoundTrip(object.metadata?.annotations);
  const others = metrics.filter((metric) => !isCpuTarget(metric));
  if (others.length) annotations[metricsAnnotation] = JSON.stringify(others.map(specToV1));
  const currents = status?.currentMetrics ?? [];
  if (currents.length) annotations[currentMetricsAnnotation] = JSON.stringify(currents.map(statusToV1));
  if (spec?.behavior) annotations[behaviorAnnotation] = JSON.stringify(internalBehavior(spec.behavior));
  if (status?.conditions?.length) annotations[conditionsAnnotation] = JSON.stringify(status.conditions);
  const current = currents.find(({ type, resource }) => type === 'Resource' && resource?.name === 'cpu' && resource.current.averageUtilization !== undefined);
  return written('v1', {
    ...object,
    metadata: { ...object.metadata, annotations },
    spec: {
      scaleTargetRef: spec?.scaleTargetRef,
      minReplicas: spec?.minReplicas,
      maxReplicas: spec?.maxReplicas,
      targetCPUUtilizationPercentage: metrics.find(isCpuTarget)?.resource?.target.averageUtilization,
    },
    status: {
      observedGeneration: status?.observedGeneration,
      lastScaleTime: status?.lastScaleTime,
      currentReplicas: status?.currentReplicas,
      desiredReplicas: status?.desiredReplicas,
      currentCPUUtilizationPercentage: current?.resource?.current.averageUtilization,
    },
  });
}

export function toV2(object: HorizontalPodAutoscaler): V2HorizontalPodAutoscaler {
  const { spec, status } = object;
  const given = object.metadata?.annotations;
  const target = spec?.targetCPUUtilizationPercentage;
  const others = parsed<V1Metric[]>(given?.[metricsAnnotation]) ?? [];
  const metrics = [...others.map(specToV2), ...(target === undefined ? [] : [cpuTarget(target)])];
  const behavior = parsed<object>(given?.[behaviorAnnotation]);
  const currents = parsed<V1Metric[]>(given?.[currentMetricsAnnotation])?.map(statusToV2);
  const current = status?.currentCPUUtilizationPercentage;
  return written('v2', {
    ...object,
    metadata: { ...object.metadata, annotations: withoutRoundTrip(given) },
    spec: {
      scaleTargetRef: spec?.scaleTargetRef,
      minReplicas: spec?.minReplicas,
      maxReplicas: spec?.maxReplicas,
      metrics: metrics.length ? metrics : [cpuTarget(defaultUtilization)],
      ...(behavior && Object.keys(behavior).length ? { behavior: withDefaultRules(renamed(behavior, lower) as V2HorizontalPodAutoscalerBehavior) } : {}),
    },
    status: {
      observedGeneration: status?.observedGeneration,
      lastScaleTime: status?.lastScaleTime,
      currentReplicas: status?.currentReplicas,
      desiredReplicas: status?.desiredReplicas,
      currentMetrics: currents ?? (current === undefined ? undefined : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }]),
      conditions: parsed<object[]>(given?.[conditionsAnnotation]),
    },
  });
}

/** The same with the status that another one has, which v1 holds in annotations too. */
export function withStatusOf(object: HorizontalPodAutoscaler, from: HorizontalPodAutoscaler | undefined): void {
  const metadata = (object.metadata ??= {});
  const annotations = { ...metadata.annotations };
  for (const name of [currentMetricsAnnotation, conditionsAnnotation]) {
    const value = from?.metadata?.annotations?.[name];
    if (value === undefined) delete annotations[name];
    else annotations[name] = value;
  }
  if (Object.keys(annotations).length) metadata.annotations = annotations;
  else delete metadata.annotations;
  object.status = from ? from.status : { currentReplicas: 0, desiredReplicas: 0 };
}

const percentPolicy = { type: 'Percent', value: 100, periodSeconds: 15 };
const upRules: V2HPAScalingRules = { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, percentPolicy] };
const downRules: V2HPAScalingRules = { selectPolicy: 'Max', policies: [percentPolicy] };

/** A list of no policies is not filled in, but refused. */
const withDefaults = (defaults: V2HPAScalingRules, given: V2HPAScalingRules | undefined): V2HPAScalingRules => ({
  ...defaults,
  ...given,
  policies: asGiven(given, 'policies') ?? defaults.policies,
});

/** How fast an autoscaler goes up and down where it is not said (pkg/apis/autoscaling/v2/defaults.go). */
export function withDefaultRules({ scaleUp, scaleDown }: V2HorizontalPodAutoscalerBehavior): V2HorizontalPodAutoscalerBehavior {
  return { scaleUp: withDefaults(upRules, scaleUp), scaleDown: withDefaults(downRules, scaleDown) };
}

/** As Go would write it, and the caller's own. */
function written<T extends KubeObject>(version: 'v1' | 'v2', object: object): T {
  const { metadata, ...rest } = object as KubeObject;
  const { annotations, ...others } = metadata ?? {};
  const own = { ...rest, metadata: { ...others, ...(Object.keys(annotations ?? {}).length ? { annotations } : {}) } };
  return cloneJson(normalizeObject(autoscaler(version), own)) as T;
}

function withoutRoundTrip(annotations: Record<string, string> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations ?? {}).filter(([name]) => !roundTrip.includes(name)));
}

/** undefined for what cannot be read, which counts as absent. */
function parsed<T>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

// The behavior is written with Go's own names of its fields, since it is an internal type there.
const lower = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);

function internalBehavior({ scaleUp, scaleDown }: V2HorizontalPodAutoscalerBehavior): unknown {
  const rules = (given: V2HPAScalingRules | undefined) =>
    given
      ? {
          StabilizationWindowSeconds: given.stabilizationWindowSeconds ?? null,
          SelectPolicy: given.selectPolicy ?? null,
          Policies: given.policies?.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })) ?? null,
          Tolerance: given.tolerance ?? null,
        }
      : null;
  return { ScaleUp: rules(scaleUp), ScaleDown: rules(scaleDown) };
}

function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((element) => renamed(element, rename));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [rename(name), renamed(member, rename)]));
}

/** A metric as the annotations have it: the types of autoscaling/v1, which no kind of that version holds. */
interface V1Metric {
  type: string;
  object?: Values & { target?: object; metricName?: string; selector?: object };
  pods?: Values & { metricName?: string; selector?: object };
  resource?: Values & { name?: string };
  containerResource?: Values & { name?: string; container?: string };
  external?: Values & { metricName?: string; metricSelector?: object };
}

interface Values {
  targetValue?: string;
  averageValue?: string;
  targetAverageValue?: string;
  targetAverageUtilization?: number;
  currentValue?: string;
  currentAverageValue?: string;
  currentAverageUtilization?: number;
}

function specToV1({ type, object, pods, resource, containerResource, external }: V2MetricSpec): V1Metric {
  const metric: V1Metric = { type };
  if (object)
    metric.object = {
      target: object.describedObject, metricName: object.metric.name, targetValue: object.target.value ?? '0',
      selector: object.metric.selector, averageValue: object.target.averageValue,
    };
  if (pods) metric.pods = { metricName: pods.metric.name, targetAverageValue: pods.target.averageValue ?? '0', selector: pods.metric.selector };
  if (resource)
    metric.resource = { name: resource.name, targetAverageUtilization: resource.target.averageUtilization, targetAverageValue: resource.target.averageValue };
  if (containerResource)
    metric.containerResource = {
      name: containerResource.name, targetAverageUtilization: containerResource.target.averageUtilization,
      targetAverageValue: containerResource.target.averageValue, container: containerResource.container,
    };
  if (external)
    metric.external = {
      metricName: external.metric.name, metricSelector: external.metric.selector,
      targetValue: external.target.value, targetAverageValue: external.target.averageValue,
    };
  return metric;
}

function specToV2({ type, object, pods, resource, containerResource, external }: V1Metric): V2MetricSpec {
  const metric: Record<string, unknown> = { type };
  const utilization = ({ targetAverageUtilization: averageUtilization, targetAverageValue: averageValue }: Values) => ({
    type: averageUtilization === undefined ? 'AverageValue' : 'Utilization', averageUtilization, averageValue,
  });
  if (object) {
    const { averageValue, targetValue } = object;
    // v1 cannot leave the value out, and writes 0 for none.
    const value = averageValue === undefined || targetValue !== '0' ? targetValue : undefined;
    metric.object = {
      describedObject: object.target ?? {}, metric: { name: object.metricName, selector: object.selector },
      target: { type: averageValue === undefined ? 'Value' : 'AverageValue', value, averageValue },
    };
  }
  if (pods) metric.pods = { metric: { name: pods.metricName, selector: pods.selector }, target: { type: 'AverageValue', averageValue: pods.targetAverageValue } };
  if (resource) metric.resource = { name: resource.name, target: utilization(resource) };
  if (containerResource) metric.containerResource = { name: containerResource.name, container: containerResource.container, target: utilization(containerResource) };
  if (external) {
    const { targetValue: value, targetAverageValue: averageValue } = external;
    metric.external = {
      metric: { name: external.metricName, selector: external.metricSelector },
      target: { type: value === undefined ? 'AverageValue' : 'Value', value, averageValue },
    };
  }
  return metric as unknown as V2MetricSpec;
}

function statusToV1({ type, object, pods, resource, containerResource, external }: V2MetricStatus): V1Metric {
  const metric: V1Metric = { type };
  if (object)
    metric.object = {
      target: object.describedObject, metricName: object.metric.name, currentValue: object.current.value ?? '0',
      selector: object.metric.selector, averageValue: object.current.averageValue,
    };
  if (pods) metric.pods = { metricName: pods.metric.name, currentAverageValue: pods.current.averageValue ?? '0', selector: pods.metric.selector };
  if (resource)
    metric.resource = {
      name: resource.name, currentAverageUtilization: resource.current.averageUtilization, currentAverageValue: resource.current.averageValue ?? '0',
    };
  if (containerResource)
    metric.containerResource = {
      name: containerResource.name, currentAverageUtilization: containerResource.current.averageUtilization,
      currentAverageValue: containerResource.current.averageValue ?? '0', container: containerResource.container,
    };
  if (external)
    metric.external = {
      metricName: external.metric.name, metricSelector: external.metric.selector,
      currentValue: external.current.value ?? '0', currentAverageValue: external.current.averageValue,
    };
  return metric;
}

function statusToV2({ type, object, pods, resource, containerResource, external }: V1Metric): V2MetricStatus {
  const metric: Record<string, unknown> = { type };
  const used = ({ currentAverageUtilization: averageUtilization, currentAverageValue: averageValue }: Values) => ({ averageUtilization, averageValue });
  if (object)
    metric.object = {
      describedObject: object.target ?? {}, metric: { name: object.metricName, selector: object.selector },
      current: { value: object.currentValue, averageValue: object.averageValue },
    };
  if (pods) metric.pods = { metric: { name: pods.metricName, selector: pods.selector }, current: { averageValue: pods.currentAverageValue } };
  if (resource) metric.resource = { name: resource.name, current: used(resource) };
  if (containerResource) metric.containerResource = { name: containerResource.name, container: containerResource.container, current: used(containerResource) };
  if (external)
    metric.external = {
      metric: { name: external.metricName, selector: external.metricSelector },
      current: { value: external.currentValue, averageValue: external.currentAverageValue },
    };
  return metric as unknown as V2MetricStatus;
}
