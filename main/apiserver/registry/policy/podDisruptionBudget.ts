import type { PodDisruptionBudget } from '../../../api/index.ts';
import { conditions } from '../../validation/conditions.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { labelSelector, nonNegative } from '../../validation/names.ts';
import { notMoreThan100Percent, positiveIntOrPercent } from '../../validation/workloads.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/policy/poddisruptionbudget/strategy.go. */

const definition = define('policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets', { shortNames: ['pdb'] });
const evictions = ['AlwaysAllow', 'IfHealthyBudget'];
const counts = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const;
const noStatus = () => ({ currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 });

export const podDisruptionBudget: Strategy<PodDisruptionBudget> = {
  definition,
  hasGeneration: true,
  allowUnconditionalUpdate: false,
  nameRule: 'pathSegment',
  plainFinalizers: true,
  defaults(object) {
    object.spec ??= {};
    object.status = { ...noStatus(), ...object.status };
  },
  prepareForCreate(_context, object) {
    object.status = noStatus();
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object) => check((errors) => validate(errors, object)),
  columns: columns('Name', 'Min Available', 'Max Unavailable', 'Allowed Disruptions#', 'Age'),
  row: (object, now) => [
    nameOf(object),
    String(object.spec?.minAvailable ?? 'N/A'),
    String(object.spec?.maxUnavailable ?? 'N/A'),
    object.status?.disruptionsAllowed ?? 0,
    age(object, now),
  ],
  subresources: {
    status: statusSubresource<PodDisruptionBudget>(definition, (errors, { status }) => {
      conditions(errors, 'status.conditions', status?.conditions);
      for (const name of counts) nonNegative(errors, `status.${name}`, status?.[name]);
    }),
  },
};

function validate(errors: FieldErrors, { spec = {} }: PodDisruptionBudget): void {
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined)
    errors.invalid('spec', internal('policy/v1.PodDisruptionBudgetSpec', spec), 'minAvailable and maxUnavailable cannot be both set');
  for (const name of ['minAvailable', 'maxUnavailable'] as const) {
    positiveIntOrPercent(errors, `spec.${name}`, spec[name]);
    notMoreThan100Percent(errors, `spec.${name}`, spec[name]);
  }
  labelSelector(errors, 'spec.selector', spec.selector);
  const eviction = spec.unhealthyPodEvictionPolicy;
  if (eviction !== undefined && !evictions.includes(eviction)) errors.notSupported('spec.unhealthyPodEvictionPolicy', eviction, evictions);
}
