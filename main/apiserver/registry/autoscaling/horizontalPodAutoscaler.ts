import type { V2HorizontalPodAutoscaler, V2HPAScalingRules, V2MetricSpec, V2MetricStatus } from '../../../api/index.ts';
import { isPathSegmentName } from '../../../api/names.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { nonNegative } from '../../validation/names.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go and pkg/apis/autoscaling/v2/defaults.go. */

const definition = define('autoscaling', 'v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', { shortNames: ['hpa'], categories: ['all'] });
const percentPolicy = { type: 'Percent', value: 100, periodSeconds: 15 };
const upRules: V2HPAScalingRules = { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, percentPolicy] };
const downRules: V2HPAScalingRules = { selectPolicy: 'Max', policies: [percentPolicy] };

export const horizontalPodAutoscaler: Strategy<V2HorizontalPodAutoscaler> = {
  definition,
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  defaults(object) {
    const spec = object.spec;
    if (!spec) return;
    spec.minReplicas ??= 1;
    if (!spec.metrics?.length)
      spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }];
    if (spec.behavior) {
      spec.behavior.scaleUp = { ...upRules, ...spec.behavior.scaleUp };
      spec.behavior.scaleDown = { ...downRules, ...spec.behavior.scaleDown };
    }
    object.status = { desiredReplicas: 0, currentMetrics: undefined, ...object.status } as V2HorizontalPodAutoscaler['status'];
  },
  prepareForCreate(_context, object) {
    object.status = { desiredReplicas: 0 };
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object) => check((errors) => validate(errors, object)),
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
    status: statusSubresource<V2HorizontalPodAutoscaler>(definition, (errors, { status }) => {
      nonNegative(errors, 'status.currentReplicas', status?.currentReplicas);
      nonNegative(errors, 'status.desiredReplicas', status?.desiredReplicas);
    }),
  },
};

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

function validate(errors: FieldErrors, { spec }: V2HorizontalPodAutoscaler): void {
  if (!spec) return;
  const { minReplicas = 1, maxReplicas = 0, scaleTargetRef: ref, metrics = [], behavior } = spec;
  if (minReplicas < 1) errors.invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1');
  if (!maxReplicas) errors.required('spec.maxReplicas', 'must be set and greater than 0');
  else if (maxReplicas < 0) errors.invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1');
  if (maxReplicas < minReplicas) errors.invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`');
  for (const key of ['kind', 'name'] as const) {
    if (!ref?.[key]) errors.required(`spec.scaleTargetRef.${key}`);
    else errors.invalidEach(`spec.scaleTargetRef.${key}`, ref[key], isPathSegmentName(ref[key]));
  }
  metrics.forEach((metric, i) => {
    if (!metric.type) errors.required(`spec.metrics[${i}].type`, 'must specify a metric source type');
  });
  for (const name of ['scaleUp', 'scaleDown'] as const) {
    const rules = behavior?.[name];
    if (!rules) continue;
    const path = `spec.behavior.${name}`;
    const window = rules.stabilizationWindowSeconds;
    if (window !== undefined && window < 0) errors.invalid(`${path}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero');
    if (window !== undefined && window > 3600) errors.invalid(`${path}.stabilizationWindowSeconds`, window, 'must be less than or equal to 3600');
    const select = rules.selectPolicy;
    if (select !== undefined && !['Disabled', 'Max', 'Min'].includes(select)) errors.notSupported(`${path}.selectPolicy`, select, ['Disabled', 'Max', 'Min']);
    if (!rules.policies?.length) errors.required(`${path}.policies`, 'must specify at least one Policy');
    rules.policies?.forEach((policy, i) => {
      const field = `${path}.policies[${i}]`;
      if (policy.type !== 'Pods' && policy.type !== 'Percent') errors.notSupported(`${field}.type`, policy.type, ['Percent', 'Pods']);
      if (policy.value <= 0) errors.invalid(`${field}.value`, policy.value, 'must be greater than zero');
      if (policy.periodSeconds <= 0) errors.invalid(`${field}.periodSeconds`, policy.periodSeconds, 'must be greater than zero');
      if (policy.periodSeconds > 1800) errors.invalid(`${field}.periodSeconds`, policy.periodSeconds, 'must be less than or equal to 1800');
    });
  }
}
