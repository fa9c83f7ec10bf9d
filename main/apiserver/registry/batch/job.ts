import type { Job, JobSpec, PodTemplateSpec } from '../../../api/index.ts';
import { cloneJson, equalJson, sortedJson } from '../../../api/json.ts';
import { selectorFromLabelSelector } from '../../../api/labels.ts';
import { isDns1123Label } from '../../../api/names.ts';
import { asGiven } from '../../../api/normalize.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { podFailurePolicy, successPolicy } from '../../validation/jobPolicies.ts';
import { validateJobStatus } from '../../validation/jobStatus.ts';
import { internal } from '../../validation/internal.ts';
import { byteLength, domainPrefixedPath, fieldImmutable, labelSelector, nonNegative } from '../../validation/names.ts';
import { validatePodTemplateSpec } from '../../validation/pod.ts';
import { workloadWarnings } from '../../validation/podWarnings.ts';
import { labelsDiffer, readableSelector } from '../../validation/workloads.ts';
import { defaultPodTemplate } from '../core/podDefaults.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, containerImages, containerNames, humanDuration, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/batch/job/strategy.go, pkg/apis/batch/v1/defaults.go and pkg/apis/batch/validation. */

const definition = define('batch', 'v1', 'Job', 'jobs', { categories: ['all'] });
const uidLabels = ['controller-uid', 'batch.kubernetes.io/controller-uid'];
const nameLabels = ['job-name', 'batch.kubernetes.io/job-name'];
const shown = [
  ['Complete', 'Complete'],
  ['Failed', 'Failed'],
] as const;

export const job: Strategy<Job> = {
  definition,
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  defaultPropagation: 'Orphan',
  defaults(object) {
    const spec = (object.spec ??= {} as JobSpec);
    defaultJobSpec(spec);
    takeLabels(object);
    object.status ??= {};
  },
  prepareForCreate(_context, object) {
    generateSelector(object);
    takeLabels(object);
    object.status = {};
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => validateUpdate(errors, object, old)),
  warnings: (object, old) => [
    ...manyIndexesWarnings('spec', object.spec, old?.spec),
    ...workloadWarnings('spec.template', object, object.spec?.template, old?.spec?.template),
  ],
  fields: (object) => ({ 'status.successful': String(object.status?.succeeded ?? 0) }),
  columns: columns('Name', 'Status', 'Completions', 'Duration', 'Age', 'Containers!', 'Images!', 'Selector!'),
  row(object, now) {
    const { startTime, completionTime, succeeded = 0 } = object.status ?? {};
    const { completions, parallelism = 0, template, selector } = object.spec ?? ({} as Partial<JobSpec>);
    const end = completionTime ? Date.parse(completionTime) : now;
    return [
      nameOf(object),
      statusOf(object),
      completions !== undefined ? `${succeeded}/${completions}` : parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`,
      startTime ? humanDuration(end - Date.parse(startTime)) : '',
      age(object, now),
      containerNames(template?.spec?.containers),
      containerImages(template?.spec?.containers),
      selectorFromLabelSelector(selector).toString() || '<none>',
    ];
  },
  subresources: {
    status: statusSubresource<Job>(definition, validateJobStatus),
  },
};

export function defaultJobSpec(spec: JobSpec): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2147483647;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
  spec.manualSelector ??= false;
  for (const rule of spec.podFailurePolicy?.rules ?? []) for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True';
  defaultPodTemplate(spec.template);
}

/** Mirrors pkg/api/job/warnings.go. */
export function manyIndexesWarnings(field: string, spec: JobSpec | undefined, old: JobSpec | undefined): string[] {
  const isMany = (of: JobSpec | undefined) => of?.completionMode === 'Indexed' && (of.completions ?? 0) > 100_000 && (of.parallelism ?? 0) > 10_000;
  if (!isMany(spec) || (old && equalJson(spec, old))) return [];
  return [
    `${field}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail`,
  ];
}

/** A job without labels has those of its pods: the same object, so that what the selector needs comes to both. */
function takeLabels(object: Job): void {
  const labels = object.spec?.template?.metadata?.labels;
  if (labels && !Object.keys(object.metadata?.labels ?? {}).length) (object.metadata ??= {}).labels = labels;
}

/** A job finds its pods by its uid, unless its maker insists on a selector of their own. */
function generateSelector({ spec, metadata }: Job): void {
  if (!spec || spec.manualSelector) return;
  const labels: Record<string, string> = (((spec.template ??= {}).metadata ??= {}).labels ??= {});
  const { uid = '', name = '' } = metadata ?? {};
  for (const key of nameLabels) labels[key] ??= name;
  for (const key of uidLabels) labels[key] ??= uid;
  const selector = (spec.selector ??= {});
  selector.matchLabels = { ...selector.matchLabels, 'batch.kubernetes.io/controller-uid': selector.matchLabels?.['batch.kubernetes.io/controller-uid'] ?? uid };
}

function statusOf({ status, metadata }: Job): string {
  const is = (type: string) => status?.conditions?.find((condition) => condition.type === type)?.status === 'True';
  for (const [type, text] of shown) if (is(type)) return text;
  if (metadata?.deletionTimestamp) return 'Terminating';
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find(is) ?? 'Running';
}

/** Where the cluster chose the selector, what it chose is there. `old` may be from before the labels with a prefix. */
function generatedSelector(errors: FieldErrors, { spec, metadata }: Job, old: Job | undefined): void {
  if (!spec?.selector || spec.manualSelector) return;
  const { uid = '', name = '' } = metadata ?? {};
  const before = old?.spec?.template?.metadata?.labels;
  const prefixed = !old || (before?.[nameLabels[1]!] !== undefined && before[uidLabels[1]!] !== undefined);
  const expected: Record<string, string> = {};
  const labels = spec.template?.metadata?.labels;
  for (const i of prefixed ? [0, 1] : [0])
    for (const [key, value] of [[uidLabels[i]!, uid], [nameLabels[i]!, name]] as const) {
      expected[key] = value;
      if (labels?.[key] === undefined) errors.required(`spec.template.metadata.labels[${key}]`, `must be '${value}'`);
      else if (labels[key] !== value) errors.invalid(`spec.template.metadata.labels[${key}]`, sortedJson(labels), `must be '${value}'`);
    }
  const selector = readableSelector(spec.selector);
  if (selector && !selector.matches(expected)) errors.invalid('spec.selector', spec.selector, '`selector` not auto-generated');
}

function validateWithSelector(errors: FieldErrors, spec: JobSpec): void {
  validateJobSpec(errors, 'spec', spec);
  if (!spec.selector) errors.required('spec.selector');
  else labelSelector(errors, 'spec.selector', spec.selector);
  const selector = readableSelector(spec.selector);
  if (selector && !selector.matches(spec.template?.metadata?.labels)) errors.invalid('spec.template.metadata.labels', sortedJson(asGiven(spec.template?.metadata, 'labels')), labelsDiffer);
}

function validate(errors: FieldErrors, object: Job, old?: Job): void {
  const spec = object.spec!;
  generatedSelector(errors, object, old);
  validateWithSelector(errors, spec);
  if (spec.completionMode !== 'Indexed' || !spec.completions) return;
  const host = `${nameOf(object)}-${spec.completions - 1}`;
  if (isDns1123Label(host).length) errors.invalid('metadata.name', nameOf(object), `will not able to create pod with invalid DNS label: ${host}`);
}

/** `before`: what an update may leave as bad as it was. */
export function validateJobSpec(errors: FieldErrors, field: string, spec: JobSpec, before?: JobSpec): void {
  for (const name of ['parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'ttlSecondsAfterFinished', 'backoffLimitPerIndex', 'maxFailedIndexes'] as const)
    nonNegative(errors, `${field}.${name}`, spec[name]);
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    errors.required(`${field}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified');
  if (spec.managedBy !== undefined) {
    domainPrefixedPath(errors, `${field}.managedBy`, spec.managedBy);
    if (byteLength(spec.managedBy) > 63) errors.tooLong(`${field}.managedBy`, 63);
  }
  const mode = spec.completionMode;
  if (mode !== undefined && mode !== 'NonIndexed' && mode !== 'Indexed') errors.notSupported(`${field}.completionMode`, mode, ['NonIndexed', 'Indexed']);
  if (mode === 'Indexed') {
    if (spec.completions === undefined) errors.required(`${field}.completions`, 'when completion mode is Indexed');
    if ((spec.parallelism ?? 0) > 100000)
      errors.invalid(`${field}.parallelism`, spec.parallelism, 'must be less than or equal to 100000 when completion mode is Indexed');
    if (spec.maxFailedIndexes !== undefined && spec.maxFailedIndexes > (spec.completions ?? Infinity))
      errors.invalid(`${field}.maxFailedIndexes`, spec.maxFailedIndexes, 'must be less than or equal to completions');
    if (spec.maxFailedIndexes !== undefined && spec.maxFailedIndexes > 100000)
      errors.invalid(`${field}.maxFailedIndexes`, spec.maxFailedIndexes, 'must be less than or equal to 100000');
    const many = 100_000;
    if ((spec.completions ?? 0) > many && spec.backoffLimitPerIndex !== undefined) {
      const when = `when completions are above ${many} and used with backoff limit per index`;
      if (spec.maxFailedIndexes === undefined) errors.required(`${field}.maxFailedIndexes`, `must be specified when completions is above ${many}`);
      if ((spec.parallelism ?? 0) > 10_000) errors.invalid(`${field}.parallelism`, spec.parallelism, `must be less than or equal to 10000 ${when}`);
      if ((spec.maxFailedIndexes ?? 0) > 10_000) errors.invalid(`${field}.maxFailedIndexes`, spec.maxFailedIndexes, `must be less than or equal to 10000 ${when}`);
    }
  } else if (mode === undefined || mode === 'NonIndexed') {
    for (const name of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const)
      if (spec[name] !== undefined) errors.invalid(`${field}.${name}`, spec[name], 'requires indexed completion mode');
  }
  if (spec.podFailurePolicy) podFailurePolicy(errors, `${field}.podFailurePolicy`, spec);
  if (spec.successPolicy) {
    if (mode === 'Indexed') successPolicy(errors, `${field}.successPolicy`, spec);
    else errors.invalid(`${field}.successPolicy`, internal('batch/v1.SuccessPolicy', spec.successPolicy), 'requires indexed completion mode');
  }
  const replacement = spec.podReplacementPolicy;
  const allowed = spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  if (replacement !== undefined && !allowed.includes(replacement)) errors.notSupported(`${field}.podReplacementPolicy`, replacement, allowed);
  validatePodTemplateSpec(errors, `${field}.template`, spec.template ?? {}, before?.template);
  const restart = spec.template?.spec?.restartPolicy;
  const path = `${field}.template.spec.restartPolicy`;
  if (!restart || restart === 'Always') errors.required(path, 'valid values: "OnFailure", "Never"');
  else if (restart !== 'OnFailure' && restart !== 'Never') errors.notSupported(path, restart, ['OnFailure', 'Never']);
  else if (spec.podFailurePolicy && restart !== 'Never') errors.invalid(path, restart, 'only "Never" is supported when podFailurePolicy is specified');
}

function validateUpdate(errors: FieldErrors, object: Job, old: Job): void {
  validate(errors, object, old);
  const [after, before] = [object.spec!, old.spec!];
  const same = (name: keyof JobSpec, shown: unknown = after[name]) => {
    if (!equalJson(after[name], before[name])) errors.invalid(`spec.${name}`, shown, fieldImmutable);
  };
  validateWithSelector(errors, after);
  if (after.completionMode !== 'Indexed') same('completions');
  else if (after.completions !== undefined && after.completions !== before.completions && after.completions !== after.parallelism)
    errors.invalid('spec.completions', after.completions, 'can only be modified in tandem with spec.parallelism');
  same('selector');
  templateUpdate(errors, after.template, before.template, old);
  same('completionMode');
  same('podFailurePolicy', internal('batch/v1.PodFailurePolicy', after.podFailurePolicy));
  same('backoffLimitPerIndex');
  same('managedBy');
  same('successPolicy', internal('batch/v1.SuccessPolicy', after.successPolicy));
}

/** A suspended job none of whose pods run may still be told where they go and what they get. */
function templateUpdate(errors: FieldErrors, after: PodTemplateSpec, before: PodTemplateSpec, { spec, status = {} }: Job): void {
  const rests = !status.startTime || status.conditions?.some(({ type, status: is }) => type === 'Suspended' && is === 'True');
  if (!(spec?.suspend && rests && !status.active)) {
    if (!equalJson(after, before)) errors.invalid('spec.template', internal('core/v1.PodTemplateSpec', after), fieldImmutable);
    return;
  }
  const [given, kept] = [after.spec ?? { containers: [] }, cloneJson(before.spec ?? { containers: [] })];
  for (const name of ['nodeSelector', 'tolerations', 'schedulingGates'] as const) Object.assign(kept, { [name]: given[name] });
  const others = { ...kept.affinity, nodeAffinity: undefined };
  kept.affinity = given.affinity ? { ...others, nodeAffinity: given.affinity.nodeAffinity } : others.podAffinity || others.podAntiAffinity ? others : undefined;
  for (const kind of ['containers', 'initContainers'] as const)
    if (given[kind]?.length === kept[kind]?.length)
      kept[kind]?.forEach((container, i) => {
        if (given[kind]![i]!.name === container.name) container.resources = given[kind]![i]!.resources;
      });
  if (!equalJson(given, kept)) errors.invalid('spec.template.spec', internal('core/v1.PodSpec', given), fieldImmutable);
}
