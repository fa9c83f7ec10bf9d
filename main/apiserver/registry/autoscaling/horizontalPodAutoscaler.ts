import type {
  HorizontalPodAutoscaler, V2CrossVersionObjectReference, V2HorizontalPodAutoscaler, V2HPAScalingRules, V2MetricIdentifier, V2MetricSpec,
  V2MetricStatus, V2MetricTarget,
} from '../../../api/index.ts';
import { isPathSegmentName } from '../../../api/names.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { dns1123Label, isNegative, nonNegative } from '../../validation/names.ts';
import { containerResourceName, quantityOf } from '../../validation/resources.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';
import { toV1, toV2, withDefaultRules, withStatusOf } from './v1Conversion.ts';

/* Mirrors pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go and pkg/apis/autoscaling/v2/defaults.go. */

const definition = define('autoscaling', 'v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', { shortNames: ['hpa'], categories: ['all'] });

export const horizontalPodAutoscaler: Strategy<V2HorizontalPodAutoscaler> = {
  definition,
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  defaults(object) {
    const spec = object.spec;
    if (!spec) return;
    spec.minReplicas ??= 1;
    if (!spec.metrics?.length)
      spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }];
    if (spec.behavior) spec.behavior = withDefaultRules(spec.behavior);
    object.status = { desiredReplicas: 0, currentMetrics: undefined, ...object.status } as V2HorizontalPodAutoscaler['status'];
  },
  prepareForCreate(_context, object) {
    object.status = { desiredReplicas: 0 };
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => validate(errors, object, old)),
  columns: columns('Name', 'Reference', 'Targets', 'MinPods', 'MaxPods', 'Replicas', 'Age'),
  row: (object, now) => [
    nameOf(object),
    `${object.spec?.scaleTargetRef?.kind}/${object.spec?.scaleTargetRef?.name}`,
    targets(object.spec?.metrics, object.status?.currentMetrics),
    String(object.spec?.minReplicas ?? '<unset>'),
    object.spec?.maxReplicas ?? 0,
    object.status?.currentReplicas ?? 0,
    age(object, now),
  ],
  subresources: {
    status: statusSubresource<V2HorizontalPodAutoscaler>(definition, validateStatus),
  },
};

function validateStatus(errors: FieldErrors, { status }: { status?: { currentReplicas?: number; desiredReplicas?: number } }): void {
  nonNegative(errors, 'status.currentReplicas', status?.currentReplicas);
  nonNegative(errors, 'status.desiredReplicas', status?.desiredReplicas);
}

function targets(specs: V2MetricSpec[] = [], statuses: V2MetricStatus[] = []): string {
  if (!specs.length) return '<none>';
  const list = specs.map((spec, i) => {
    const kind = ({ External: 'external', Pods: 'pods', Object: 'object', Resource: 'resource', ContainerResource: 'containerResource' } as const)[spec.type as 'Pods'];
    const target = kind && spec[kind]?.target;
    if (!target) return '<unknown type>';
    const current = statuses[i]?.[kind]?.current;
    const name = spec.resource?.name ?? spec.containerResource?.name;
    if (name) {
      if (target.averageValue !== undefined) return `${name}: ${current?.averageValue ?? '<unknown>'}/${target.averageValue}`;
      const percent = (value: number | undefined) => (value === undefined ? undefined : `${value}%`);
      return `${name}: ${percent(current?.averageUtilization) ?? '<unknown>'}/${percent(target.averageUtilization) ?? '<auto>'}`;
    }
    if (spec.type === 'Pods') return `${current?.averageValue ?? '<unknown>'}/${target.averageValue}`;
    if (target.averageValue !== undefined) return `${current?.averageValue ?? '<unknown>'}/${target.averageValue} (avg)`;
    return `${current?.value ?? '<unknown>'}/${target.value}`;
  });
  return list.length > 2 ? `${list.slice(0, 2).join(', ')} + ${list.length - 2} more...` : list.join(', ');
}

/** Mirrors pkg/apis/autoscaling/validation/validation.go; `old` may have been stored when less was checked. */
function validate(errors: FieldErrors, { spec }: V2HorizontalPodAutoscaler, old?: V2HorizontalPodAutoscaler): void {
  if (!spec) return;
  const { minReplicas = 1, maxReplicas = 0, scaleTargetRef: ref, metrics = [], behavior } = spec;
  // Scaling to none is a feature that is off; what has it keeps it.
  const lowest = old?.spec?.minReplicas === 0 ? 0 : 1;
  if (minReplicas < lowest) errors.invalid('spec.minReplicas', minReplicas, `must be greater than or equal to ${lowest}`);
  if (!maxReplicas) errors.required('spec.maxReplicas', 'must be set and greater than 0');
  else if (maxReplicas < 0) errors.invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1');
  if (maxReplicas < minReplicas) errors.invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`');
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External'))
    errors.forbidden('spec.metrics', 'must specify at least one Object or External metric to support scaling to zero replicas');
  const before = old?.spec?.scaleTargetRef;
  const sameTarget = before !== undefined && before.apiVersion === ref?.apiVersion && before.kind === ref?.kind;
  reference(errors, 'spec.scaleTargetRef', ref, sameTarget ? 'any' : ref?.kind === 'ReplicationController' ? 'core' : 'named');
  const loose = old?.spec?.metrics?.some(({ type, object }) => type === 'Object' && object && versionComplaint(object.describedObject.apiVersion, 'core'));
  metrics.forEach((metric, i) => validateMetric(errors, `spec.metrics[${i}]`, metric, loose ? 'any' : 'core'));
  for (const name of ['scaleUp', 'scaleDown'] as const) validateRules(errors, `spec.behavior.${name}`, behavior?.[name]);
}

/** Which apiVersions a reference may have: any text, one that may be of the core group, one that names its group. */
type ReferenceVersions = 'any' | 'core' | 'named';

function reference(errors: FieldErrors, path: string, ref: V2CrossVersionObjectReference | undefined, versions: ReferenceVersions): void {
  for (const key of ['kind', 'name'] as const) {
    if (!ref?.[key]) errors.required(`${path}.${key}`);
    else errors.invalidEach(`${path}.${key}`, ref[key], isPathSegmentName(ref[key]));
  }
  const complaint = versionComplaint(ref?.apiVersion, versions);
  if (complaint) errors.invalid(`${path}.apiVersion`, ref?.apiVersion ?? '', complaint);
}

function versionComplaint(apiVersion = '', versions: ReferenceVersions): string | undefined {
  if (versions === 'any') return undefined;
  if (apiVersion.split('/').length > 2) return `unexpected GroupVersion string: ${apiVersion}`;
  return versions === 'named' && apiVersion.indexOf('/') <= 0 ? 'apiVersion must specify API group' : undefined;
}

const sources = { ContainerResource: 'containerResource', External: 'external', Object: 'object', Pods: 'pods', Resource: 'resource' } as const;
// The first that is there is looked at, in this order.
const sourceOrder = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;

function validateMetric(errors: FieldErrors, path: string, metric: V2MetricSpec, versions: ReferenceVersions): void {
  if (!metric.type) errors.required(`${path}.type`, 'must specify a metric source type');
  const expected = sources[metric.type as keyof typeof sources] as (typeof sourceOrder)[number] | undefined;
  if (!expected) errors.notSupported(`${path}.type`, metric.type, Object.keys(sources));
  const present = sourceOrder.filter((name) => metric[name] !== undefined);
  if (present[0]) validateSource[present[0]](errors, `${path}.${present[0]}`, metric, versions);
  if (!expected) errors.notSupported(`${path}.type`, metric.type, Object.keys(sources));
  else if (!metric[expected]) errors.required(`${path}.${expected}`, 'must populate information for the given metric source');
  if (present.length !== 1)
    for (const name of present) if (name !== expected) errors.forbidden(`${path}.${name}`, 'must populate the given metric source only');
}

const validateSource: Record<(typeof sourceOrder)[number], (errors: FieldErrors, path: string, metric: V2MetricSpec, versions: ReferenceVersions) => void> = {
  object(errors, path, { object }, versions) {
    const { describedObject, metric, target } = object!;
    reference(errors, `${path}.describedObject`, describedObject, versions);
    identifier(errors, path, metric);
    validateTarget(errors, path, target);
    if (target?.value === undefined && target?.averageValue === undefined)
      errors.required(`${path}.target.averageValue`, 'must set either a target value or averageValue');
  },
  external(errors, path, { external }) {
    const { metric, target } = external!;
    identifier(errors, path, metric);
    validateTarget(errors, path, target);
    if (target?.value === undefined && target?.averageValue === undefined)
      errors.required(`${path}.target.averageValue`, 'must set either a target value for metric or a per-pod target');
    if (target?.value !== undefined && target.averageValue !== undefined)
      errors.forbidden(`${path}.target.value`, 'may not set both a target value for metric and a per-pod target');
  },
  pods(errors, path, { pods }) {
    identifier(errors, path, pods!.metric);
    validateTarget(errors, path, pods!.target);
    if (pods!.target?.averageValue === undefined) errors.required(`${path}.target.averageValue`, 'must specify a positive target averageValue');
  },
  resource(errors, path, { resource }) {
    if (!resource!.name) errors.required(`${path}.name`, 'must specify a resource name');
    utilizationTarget(errors, path, resource!.target);
  },
  containerResource(errors, path, { containerResource }) {
    const { name, container, target } = containerResource!;
    if (!name) errors.required(`${path}.name`, 'must specify a resource name');
    else containerResourceName(errors, `${path}.name`, name);
    if (!container) errors.required(`${path}.container`, 'must specify a container');
    else dns1123Label(errors, `${path}.container`, container);
    utilizationTarget(errors, path, target);
  },
};

function utilizationTarget(errors: FieldErrors, path: string, target: V2MetricTarget | undefined): void {
  validateTarget(errors, path, target);
  const { averageUtilization, averageValue } = target ?? {};
  if (averageUtilization === undefined && averageValue === undefined)
    errors.required(`${path}.target.averageUtilization`, 'must set either a target raw value or a target utilization');
  if (averageUtilization !== undefined && averageValue !== undefined)
    errors.forbidden(`${path}.target.averageValue`, 'may not set both a target raw value and a target utilization');
}

function validateTarget(errors: FieldErrors, path: string, target: V2MetricTarget | undefined): void {
  const { type = '', value, averageValue, averageUtilization } = target ?? {};
  if (!type) errors.required(`${path}.target.type`, 'must specify a metric target type');
  if (type !== 'Utilization' && type !== 'Value' && type !== 'AverageValue')
    errors.invalid(`${path}.target.type`, type, 'must be either Utilization, Value, or AverageValue');
  for (const [name, quantity] of [['value', value], ['averageValue', averageValue]] as const)
    if (quantity !== undefined && (quantityOf(quantity)?.sign() ?? 0) <= 0) errors.invalid(`${path}.target.${name}`, quantity, 'must be positive');
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.invalid(`${path}.target.averageUtilization`, averageUtilization, 'must be greater than 0');
}

function identifier(errors: FieldErrors, path: string, metric: V2MetricIdentifier | undefined): void {
  const name = metric?.name;
  if (!name) errors.required(`${path}.metric.name`, 'must specify a metric name');
  else errors.invalidEach(`${path}.metric.name`, name, isPathSegmentName(name));
}

function validateRules(errors: FieldErrors, path: string, rules: V2HPAScalingRules | undefined): void {
  if (!rules) return;
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  if (window !== undefined && window < 0) errors.invalid(`${path}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero');
  if (window !== undefined && window > 3600) errors.invalid(`${path}.stabilizationWindowSeconds`, window, 'must be less than or equal to 3600');
  if (selectPolicy !== undefined && !['Disabled', 'Max', 'Min'].includes(selectPolicy)) errors.notSupported(`${path}.selectPolicy`, selectPolicy, ['Disabled', 'Max', 'Min']);
  if (!policies.length) errors.required(`${path}.policies`, 'must specify at least one Policy');
  policies.forEach(({ type, value = 0, periodSeconds = 0 }, i) => {
    const field = `${path}.policies[${i}]`;
    if (type !== 'Pods' && type !== 'Percent') errors.notSupported(`${field}.type`, type, ['Percent', 'Pods']);
    if (value <= 0) errors.invalid(`${field}.value`, value, 'must be greater than zero');
    if (periodSeconds <= 0) errors.invalid(`${field}.periodSeconds`, periodSeconds, 'must be greater than zero');
    if (periodSeconds > 1800) errors.invalid(`${field}.periodSeconds`, periodSeconds, 'must be less than or equal to 1800');
  });
  if (tolerance !== undefined && (quantityOf(tolerance)?.sign() ?? 0) < 0) errors.invalid(`${path}.tolerance`, tolerance, isNegative);
}

const v1Definition = define('autoscaling', 'v1', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', { shortNames: ['hpa'], categories: ['all'] });

/** The same objects as autoscaling/v1 has them. */
export const horizontalPodAutoscalerV1: Strategy<HorizontalPodAutoscaler> = {
  definition: v1Definition,
  storedAs: { definition, toStored: (object) => toV2(object as HorizontalPodAutoscaler), fromStored: (object) => toV1(object as V2HorizontalPodAutoscaler) },
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  defaults(object) {
    if (!object.spec) return;
    object.spec.minReplicas ??= 1;
    // No metric at all is the default one; annotations that hold what v1 has no fields for are read and written again.
    const { metadata, spec } = toV1(toV2(object));
    object.spec.targetCPUUtilizationPercentage ??= spec?.targetCPUUtilizationPercentage;
    if (metadata?.annotations) (object.metadata ??= {}).annotations = metadata.annotations;
    else delete object.metadata?.annotations;
  },
  prepareForCreate(_context, object) {
    withStatusOf(object, undefined);
  },
  prepareForUpdate(_context, object, old) {
    withStatusOf(object, old);
  },
  validate: (_context, object) => check((errors) => validate(errors, toV2(object))),
  validateUpdate: (_context, object, old) => check((errors) => validate(errors, toV2(object), toV2(old))),
  columns: horizontalPodAutoscaler.columns,
  row: (object, now) => horizontalPodAutoscaler.row(toV2(object), now),
  subresources: { status: statusSubresource<HorizontalPodAutoscaler>(v1Definition, validateStatus) },
};
