import type { V2HorizontalPodAutoscaler, V2MetricSpec, V2MetricStatus, V2MetricTarget, V2MetricValueStatus } from '../../../main/api/index.ts';

/** One metric that an autoscaler goes by: what it is now and what it should be. */
export interface MetricRow {
  name: string;
  /** Empty while nothing has been measured. */
  current: string;
  target: string;
}

/** The metrics of the spec, each with what was measured of it last. */
export function metricsOf({ spec, status }: V2HorizontalPodAutoscaler): MetricRow[] {
  return (spec?.metrics ?? []).map((metric) => {
    const name = nameOf(metric);
    // The status lists those that could be had, in the order of the spec, which leaves gaps where others could not.
    const measured = status?.currentMetrics?.find((each) => each.type === metric.type && nameOf(each) === name);
    return { name, current: valueText(partOf(measured)?.current), target: valueText(partOf(metric)?.target) };
  });
}

interface Part {
  target?: V2MetricTarget;
  current?: V2MetricValueStatus;
}

const partOf = (metric: V2MetricSpec | V2MetricStatus | undefined): Part | undefined =>
  metric?.resource ?? metric?.containerResource ?? metric?.pods ?? metric?.object ?? metric?.external;

function nameOf({ type, resource, containerResource, pods, object, external }: V2MetricSpec | V2MetricStatus): string {
  if (resource) return resource.name;
  if (containerResource) return `${containerResource.container}: ${containerResource.name}`;
  if (pods) return `Pods: ${pods.metric.name}`;
  if (object) return `${object.describedObject.kind} ${object.describedObject.name}: ${object.metric.name}`;
  return external ? `External: ${external.metric.name}` : type;
}

function valueText(value: V2MetricTarget | V2MetricValueStatus | undefined): string {
  if (value?.averageUtilization !== undefined && value.averageUtilization !== null) return `${value.averageUtilization} %`;
  return value?.averageValue ?? value?.value ?? '';
}
