import type { ReplicaSet } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { selectorFromLabelSelector } from '../../../api/labels.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { fieldImmutable, nonNegative } from '../../validation/names.ts';
import { workloadWarnings } from '../../validation/podWarnings.ts';
import { replicaCounts, selectorAndTemplate } from '../../validation/workloads.ts';
import { defaultPodTemplate } from '../core/podDefaults.ts';
import { check, columns, define, scaleSubresource, statusSubresource } from '../define.ts';
import { age, containerImages, containerNames, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/apps/replicaset/strategy.go. */

const definition = define('apps', 'v1', 'ReplicaSet', 'replicasets', { shortNames: ['rs'], categories: ['all'] });

const selectorText = (object: ReplicaSet) => selectorFromLabelSelector(object.spec?.selector).toString();

export const replicaSet: Strategy<ReplicaSet> = {
  definition,
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  defaults(object) {
    const spec = (object.spec ??= {} as NonNullable<ReplicaSet['spec']>);
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
  validateUpdate: (_context, object, old) => check((errors) => {
    validate(errors, object, old);
    if (!equalJson(object.spec?.selector, old.spec?.selector)) errors.invalid('spec.selector', object.spec?.selector, fieldImmutable);
  }),
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
    selectorText(object) || '<none>',
  ],
  subresources: {
    status: statusSubresource<ReplicaSet>(definition, validateStatus),
    scale: scaleSubresource<ReplicaSet>(selectorText),
  },
};

function validate(errors: FieldErrors, object: ReplicaSet, old?: ReplicaSet): void {
  const spec = object.spec!;
  nonNegative(errors, 'spec.replicas', spec.replicas);
  nonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds);
  selectorAndTemplate(errors, 'spec', spec, { empty: 'empty selector is invalid for deployment', unreadable: 'invalid label selector', before: old?.spec?.template });
}

const parts = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const;

function validateStatus(errors: FieldErrors, { status }: ReplicaSet): void {
  const counts = ['replicas', ...parts, 'observedGeneration', 'terminatingReplicas'] as const;
  replicaCounts(errors, status, counts, parts);
}
