import { parseSchedule } from '../../../api/cronSchedule.ts';
import type { CronJob } from '../../../api/index.ts';
import { selectorFromLabelSelector } from '../../../api/labels.ts';
import { locationFault } from '../../../api/timeZone.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { nonNegative } from '../../validation/names.ts';
import { workloadWarnings } from '../../validation/podWarnings.ts';
import { defaultPodTemplate } from '../core/podDefaults.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, containerImages, containerNames, nameOf, since } from '../printers.ts';
import type { Strategy } from '../strategy.ts';
import { manyIndexesWarnings, validateJobSpec } from './job.ts';

/* Mirrors pkg/registry/batch/cronjob/strategy.go. */

const definition = define('batch', 'v1', 'CronJob', 'cronjobs', { shortNames: ['cj'], categories: ['all'] });
const policies = ['Allow', 'Forbid', 'Replace'];

export const cronJob: Strategy<CronJob> = {
  definition,
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  defaults(object) {
    const spec = (object.spec ??= {} as NonNullable<CronJob['spec']>);
    spec.concurrencyPolicy ||= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    if (spec.jobTemplate) {
      spec.jobTemplate.metadata ??= {};
      // A job made from it gets the defaults of jobs then; here only its pods get theirs.
      defaultPodTemplate(spec.jobTemplate.spec?.template);
    }
    object.status ??= {};
  },
  prepareForCreate(_context, object) {
    object.status = {};
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => {
    validate(errors, object);
    if (nameOf(object).length > 52) errors.invalid('metadata.name', nameOf(object), 'must be no more than 52 characters');
  }),
  validateUpdate: (_context, object, old) => check((errors) => validate(errors, object, old)),
  warnings(object, old) {
    const zone = old && object.spec?.schedule?.includes('TZ')
      ? ['cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details']
      : [];
    const jobs = manyIndexesWarnings('spec.jobTemplate.spec', object.spec?.jobTemplate?.spec, old?.spec?.jobTemplate?.spec);
    return [...zone, ...jobs, ...workloadWarnings('spec.jobTemplate.spec.template', object, object.spec?.jobTemplate?.spec?.template, old?.spec?.jobTemplate?.spec?.template)];
  },
  columns: columns('Name', 'Schedule', 'Timezone', 'Suspend?', 'Active#', 'Last Schedule', 'Age', 'Containers!', 'Images!', 'Selector!'),
  row(object, now) {
    const template = object.spec?.jobTemplate?.spec;
    const last = object.status?.lastScheduleTime;
    return [
      nameOf(object),
      object.spec?.schedule ?? '',
      object.spec?.timeZone ?? '<none>',
      object.spec?.suspend === undefined ? '<unset>' : object.spec.suspend ? 'True' : 'False',
      object.status?.active?.length ?? 0,
      last ? since(last, now) : '<none>',
      age(object, now),
      containerNames(template?.template?.spec?.containers),
      containerImages(template?.template?.spec?.containers),
      selectorFromLabelSelector(template?.selector).toString() || '<none>',
    ];
  },
  subresources: { status: statusSubresource<CronJob>(definition) },
};

function validate(errors: FieldErrors, { spec }: CronJob, old?: CronJob): void {
  if (!spec) return;
  if (!spec.schedule) errors.required('spec.schedule');
  else {
    try {
      parseSchedule(spec.schedule);
    } catch (error) {
      errors.invalid('spec.schedule', spec.schedule, (error as Error).message);
    }
    if (spec.schedule.includes('TZ')) {
      if (!old?.spec?.schedule?.includes('TZ')) errors.invalid('spec.schedule', spec.schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead');
      else if (spec.timeZone !== undefined) errors.invalid('spec.schedule', spec.schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule');
    }
  }
  nonNegative(errors, 'spec.startingDeadlineSeconds', spec.startingDeadlineSeconds);
  if (spec.timeZone !== old?.spec?.timeZone) validateTimeZone(errors, spec.timeZone);
  if (!spec.concurrencyPolicy) errors.required('spec.concurrencyPolicy');
  else if (!policies.includes(spec.concurrencyPolicy)) errors.notSupported('spec.concurrencyPolicy', spec.concurrencyPolicy, policies);
  nonNegative(errors, 'spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit);
  nonNegative(errors, 'spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit);
  const template = spec.jobTemplate?.spec;
  if (!template) return errors.required('spec.jobTemplate.spec.template.spec.containers');
  if (template.selector) errors.invalid('spec.jobTemplate.spec.selector', template.selector, '`selector` will be auto-generated');
  if (template.manualSelector) errors.notSupported('spec.jobTemplate.spec.manualSelector', true, ['nil', 'false']);
  validateJobSpec(errors, 'spec.jobTemplate.spec', template, old?.spec?.jobTemplate?.spec);
}

/** Mirrors validateTimeZone of pkg/apis/batch/validation/validation.go. */
function validateTimeZone(errors: FieldErrors, timeZone: string | undefined): void {
  if (timeZone === undefined) return;
  const invalid = (message: string) => errors.invalid('spec.timeZone', timeZone, message);
  if (!timeZone) return invalid('timeZone must be nil or non-empty string');
  if (timeZone.split('/').some((part) => part === '.' || part === '..' || !/^(?!-)[\w.+-]{1,14}$/.test(part))) return invalid(`unknown time zone ${timeZone}`);
  if (timeZone.toLowerCase() === 'local') invalid('timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones');
  const fault = locationFault(timeZone);
  if (fault) invalid(fault);
}
