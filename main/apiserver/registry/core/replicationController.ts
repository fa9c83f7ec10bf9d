import type { ReplicationController } from '../../../api/index.ts';
import { sortedJson } from '../../../api/json.ts';
import { selectorFromSet } from '../../../api/labels.ts';
import { asGiven } from '../../../api/normalize.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { nonNegative } from '../../validation/names.ts';
import { validatePodTemplateSpec } from '../../validation/pod.ts';
import { workloadWarnings } from '../../validation/podWarnings.ts';
import { replicaCounts } from '../../validation/workloads.ts';
import { check, columns, define, scaleSubresource, statusSubresource } from '../define.ts';
import { age, containerImages, containerNames, formatLabels, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';
import { defaultPodTemplate } from './podDefaults.ts';

/* Mirrors pkg/registry/core/replicationcontroller/strategy.go. */

const definition = define('', 'v1', 'ReplicationController', 'replicationcontrollers', { shortNames: ['rc'], categories: ['all'] });

const parts = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const;

export const replicationController: Strategy<ReplicationController> = {
  definition,
  hasGeneration: true,
  nameRule: 'longName',
  allowUnconditionalUpdate: true,
  defaultPropagation: 'Orphan',
  defaults(object) {
    const spec = (object.spec ??= {});
    const labels = spec.template?.metadata?.labels;
    if (labels) {
      if (!Object.keys(spec.selector ?? {}).length) spec.selector = { ...labels };
      if (!Object.keys(object.metadata?.labels ?? {}).length) (object.metadata ??= {}).labels = { ...labels };
    }
    spec.replicas ??= 1;
    defaultPodTemplate(spec.template);
    (object.status ??= { replicas: 0 }).replicas ??= 0;
  },
  prepareForCreate(_context, object) {
    object.status = { replicas: 0 };
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => validate(errors, object, old)),
  warnings: (object, old) => workloadWarnings('spec.template', object, object.spec?.template, old?.spec?.template),
  fields: (object) => ({ 'status.replicas': String(object.status?.replicas ?? 0) }),
  columns: columns('Name', 'Desired#', 'Current#', 'Ready#', 'Age', 'Containers!', 'Images!', 'Selector!'),
  row: (object, now) => [
    nameOf(object),
    object.spec?.replicas ?? 0,
    object.status?.replicas ?? 0,
    object.status?.readyReplicas ?? 0,
    age(object, now),
    containerNames(object.spec?.template?.spec?.containers),
    containerImages(object.spec?.template?.spec?.containers),
    formatLabels(object.spec?.selector),
  ],
  subresources: {
    status: statusSubresource<ReplicationController>(definition, (errors, { status }) => replicaCounts(errors, status, ['replicas', ...parts, 'observedGeneration'], parts)),
    scale: scaleSubresource<ReplicationController>((object) => selectorFromSet(object.spec?.selector).toString()),
  },
};

function validate(errors: FieldErrors, { spec = {} }: ReplicationController, old?: ReplicationController): void {
  nonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds);
  if (!Object.keys(spec.selector ?? {}).length) errors.required('spec.selector');
  nonNegative(errors, 'spec.replicas', spec.replicas);
  const template = spec.template;
  if (!template) return errors.required('spec.template');
  const selector = selectorFromSet(spec.selector);
  if (!selector.empty && !selector.matches(template.metadata?.labels))
    errors.invalid('spec.template.metadata.labels', sortedJson(asGiven(template.metadata, 'labels')), '`selector` does not match template `labels`');
  validatePodTemplateSpec(errors, 'spec.template', template, old?.spec?.template);
  if (template.spec?.restartPolicy !== 'Always') errors.notSupported('spec.template.spec.restartPolicy', template.spec?.restartPolicy ?? '', ['Always']);
  if (template.spec?.activeDeadlineSeconds !== undefined)
    errors.forbidden('spec.template.spec.activeDeadlineSeconds', 'activeDeadlineSeconds in ReplicationController is not Supported');
}
