import type { DaemonSet } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { selectorFromLabelSelector } from '../../../api/labels.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { fieldImmutable, nonNegative } from '../../validation/names.ts';
import { podTemplateWarnings } from '../../validation/podWarnings.ts';
import { isZero, notMoreThan100Percent, positiveIntOrPercent, selectorAndTemplate } from '../../validation/workloads.ts';
import { defaultPodTemplate } from '../core/podDefaults.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, containerImages, containerNames, formatLabels, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/apps/daemonset/strategy.go. */

const definition = define('apps', 'v1', 'DaemonSet', 'daemonsets', { shortNames: ['ds'], categories: ['all'] });
const noStatus = () => ({ currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 });
/** Where apps/v1 keeps how often the template changed (pkg/apis/apps/v1/conversion.go). */
const templateGeneration = 'deprecated.daemonset.template.generation';

const status = statusSubresource<DaemonSet>(definition, (errors, object) => {
  for (const name of ['currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled', 'numberReady', 'observedGeneration', 'updatedNumberScheduled', 'numberAvailable', 'numberUnavailable', 'collisionCount'] as const)
    nonNegative(errors, `status.${name}`, object.status?.[name]);
});

export const daemonSet: Strategy<DaemonSet> = {
  definition,
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  defaults(object) {
    const spec = (object.spec ??= {} as NonNullable<DaemonSet['spec']>);
    const strategy = (spec.updateStrategy ??= {});
    strategy.type ||= 'RollingUpdate';
    if (strategy.type === 'RollingUpdate') {
      const rolling = (strategy.rollingUpdate ??= {});
      rolling.maxUnavailable ??= 1;
      rolling.maxSurge ??= 0;
    }
    spec.revisionHistoryLimit ??= 10;
    defaultPodTemplate(spec.template);
    object.status = { ...noStatus(), ...object.status };
    (object.metadata ??= {}).annotations = { ...object.metadata.annotations, [templateGeneration]: object.metadata.annotations?.[templateGeneration] ?? '0' };
  },
  prepareForCreate(_context, object) {
    object.status = noStatus();
    setTemplateGeneration(object, 1);
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
    const changed = !equalJson(object.spec?.template, old.spec?.template);
    setTemplateGeneration(object, templateGenerationOf(old) + (changed ? 1 : 0));
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    if (!equalJson(object.spec?.selector, old.spec?.selector)) errors.invalid('spec.selector', object.spec?.selector, fieldImmutable);
    validate(errors, object, old);
  }),
  warnings: (object, old) => podTemplateWarnings('spec.template', object.spec?.template, old?.spec?.template),
  columns: columns('Name', 'Desired#', 'Current#', 'Ready#', 'Up-to-date#', 'Available#', 'Node Selector', 'Age', 'Containers!', 'Images!', 'Selector!'),
  row: (object, now) => [
    nameOf(object),
    object.status?.desiredNumberScheduled ?? 0,
    object.status?.currentNumberScheduled ?? 0,
    object.status?.numberReady ?? 0,
    object.status?.updatedNumberScheduled ?? 0,
    object.status?.numberAvailable ?? 0,
    formatLabels(object.spec?.template?.spec?.nodeSelector),
    age(object, now),
    containerNames(object.spec?.template?.spec?.containers),
    containerImages(object.spec?.template?.spec?.containers),
    selectorFromLabelSelector(object.spec?.selector).toString() || '<none>',
  ],
  subresources: {
    status: {
      ...status,
      prepareForUpdate(context, object, old) {
        status.prepareForUpdate(context, object, old);
        setTemplateGeneration(object, templateGenerationOf(old));
      },
    },
  },
};

// Upstream keeps it in the spec, where its annotation is not served.
const templateGenerationOf = ({ metadata }: DaemonSet) => Number(metadata?.annotations?.[templateGeneration] ?? 1);

function setTemplateGeneration(object: DaemonSet, generation: number): void {
  object.metadata!.annotations = { ...object.metadata!.annotations, [templateGeneration]: String(generation) };
}

function validate(errors: FieldErrors, object: DaemonSet, old?: DaemonSet): void {
  const spec = object.spec!;
  selectorAndTemplate(errors, 'spec', spec, { empty: 'empty selector is invalid for daemonset', required: false, restartPolicy: false, before: old?.spec?.template });
  const template = spec.template?.spec;
  if (template?.restartPolicy !== 'Always') errors.notSupported('spec.template.spec.restartPolicy', template?.restartPolicy ?? '', ['Always']);
  if (template?.activeDeadlineSeconds !== undefined)
    errors.forbidden('spec.template.spec.activeDeadlineSeconds', 'activeDeadlineSeconds in DaemonSet is not Supported');
  nonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds);
  nonNegative(errors, 'spec.revisionHistoryLimit', spec.revisionHistoryLimit);
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  if (type !== 'RollingUpdate' && type !== 'OnDelete') return errors.notSupported('spec.updateStrategy', internal('apps/v1.DaemonSetUpdateStrategy', spec.updateStrategy), ['RollingUpdate', 'OnDelete']);
  if (type !== 'RollingUpdate' || !rollingUpdate) return;
  const path = 'spec.updateStrategy.rollingUpdate';
  for (const name of ['maxUnavailable', 'maxSurge'] as const) {
    positiveIntOrPercent(errors, `${path}.${name}`, rollingUpdate[name]);
    notMoreThan100Percent(errors, `${path}.${name}`, rollingUpdate[name]);
  }
  const [surge, unavailable] = [isZero(rollingUpdate.maxSurge), isZero(rollingUpdate.maxUnavailable)];
  if (surge && unavailable) errors.required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0');
  if (!surge && !unavailable) errors.invalid(`${path}.maxSurge`, rollingUpdate.maxSurge, 'may not be set when maxUnavailable is non-zero');
}
