import type { Deployment } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { selectorFromLabelSelector } from '../../../api/labels.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { fieldImmutable, nonNegative } from '../../validation/names.ts';
import { workloadWarnings } from '../../validation/podWarnings.ts';
import { isZero, notMoreThan100Percent, positiveIntOrPercent, replicaCounts, selectorAndTemplate } from '../../validation/workloads.ts';
import { defaultPodTemplate } from '../core/podDefaults.ts';
import { check, columns, define, scaleSubresource, statusSubresource } from '../define.ts';
import { age, containerImages, containerNames, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/apps/deployment/strategy.go, pkg/apis/apps/v1/defaults.go and pkg/apis/apps/validation. */

const definition = define('apps', 'v1', 'Deployment', 'deployments', { shortNames: ['deploy'], categories: ['all'] });

const selectorText = (object: Deployment) => selectorFromLabelSelector(object.spec?.selector).toString();

export const deployment: Strategy<Deployment> = {
  definition,
  hasGeneration: true,
  // Annotations count too, but for those that the controller writes together with the status: the revision.
  generationChanged: (object, old, bySubresource) => !equalJson(object.spec, old.spec) || (!bySubresource && !equalJson(object.metadata?.annotations, old.metadata?.annotations)),
  nameRule: 'dnsSubdomain',
  resetFields: (subresource) => (subresource === 'status' ? [['spec'], ['metadata', 'labels']] : undefined),
  allowUnconditionalUpdate: true,
  defaults(object) {
    const spec = (object.spec ??= {} as NonNullable<Deployment['spec']>);
    spec.replicas ??= 1;
    const strategy = (spec.strategy ??= {});
    strategy.type ||= 'RollingUpdate';
    if (strategy.type === 'RollingUpdate') {
      const rolling = (strategy.rollingUpdate ??= {});
      rolling.maxUnavailable ??= '25%';
      rolling.maxSurge ??= '25%';
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    defaultPodTemplate(spec.template);
    object.status ??= {};
  },
  prepareForCreate(_context, object) {
    object.status = {};
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validateSpec(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    validateSpec(errors, object, old);
    if (!equalJson(object.spec?.selector, old.spec?.selector)) errors.invalid('spec.selector', object.spec?.selector, fieldImmutable);
  }),
  warnings: (object, old) => workloadWarnings('spec.template', object, object.spec?.template, old?.spec?.template),
  columns: columns('Name', 'Ready', 'Up-to-date', 'Available', 'Age', 'Containers!', 'Images!', 'Selector!'),
  row: (object, now) => [
    nameOf(object),
    `${object.status?.readyReplicas ?? 0}/${object.spec?.replicas ?? 0}`,
    object.status?.updatedReplicas ?? 0,
    object.status?.availableReplicas ?? 0,
    age(object, now),
    containerNames(object.spec?.template?.spec?.containers),
    containerImages(object.spec?.template?.spec?.containers),
    selectorText(object) || '<none>',
  ],
  subresources: {
    status: statusSubresource<Deployment>(definition, validateStatus, ['labels']),
    scale: scaleSubresource<Deployment>(selectorText),
  },
};

function validateSpec(errors: FieldErrors, object: Deployment, old?: Deployment): void {
  const spec = object.spec!;
  nonNegative(errors, 'spec.replicas', spec.replicas);
  selectorAndTemplate(errors, 'spec', spec, { empty: 'empty selector is invalid for deployment', unreadable: 'invalid label selector', before: old?.spec?.template });
  const { type, rollingUpdate } = spec.strategy ?? {};
  const path = 'spec.strategy.rollingUpdate';
  if (type === 'Recreate') {
    if (rollingUpdate) errors.forbidden(path, "may not be specified when strategy `type` is 'Recreate'");
  } else if (type !== 'RollingUpdate') {
    errors.notSupported('spec.strategy', internal('apps/v1.DeploymentStrategy', spec.strategy), ['Recreate', 'RollingUpdate']);
  } else if (rollingUpdate) {
    positiveIntOrPercent(errors, `${path}.maxUnavailable`, rollingUpdate.maxUnavailable);
    positiveIntOrPercent(errors, `${path}.maxSurge`, rollingUpdate.maxSurge);
    if (isZero(rollingUpdate.maxUnavailable) && isZero(rollingUpdate.maxSurge))
      errors.invalid(`${path}.maxUnavailable`, rollingUpdate.maxUnavailable, 'may not be 0 when `maxSurge` is 0');
    notMoreThan100Percent(errors, `${path}.maxUnavailable`, rollingUpdate.maxUnavailable);
  }
  nonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds);
  nonNegative(errors, 'spec.revisionHistoryLimit', spec.revisionHistoryLimit);
  const deadline = spec.progressDeadlineSeconds;
  if (deadline === undefined) return;
  nonNegative(errors, 'spec.progressDeadlineSeconds', deadline);
  if (deadline <= (spec.minReadySeconds ?? 0)) errors.invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds');
}

function validateStatus(errors: FieldErrors, { status = {} }: Deployment, old: Deployment): void {
  const parts = ['updatedReplicas', 'readyReplicas', 'availableReplicas'] as const;
  replicaCounts(errors, status, ['observedGeneration', 'replicas', ...parts, 'unavailableReplicas', 'terminatingReplicas', 'collisionCount'], parts);
  const before = old.status?.collisionCount;
  if (before !== undefined && (status.collisionCount ?? -1) < before) errors.invalid('status.collisionCount', status.collisionCount ?? 0, 'cannot be decremented');
}
