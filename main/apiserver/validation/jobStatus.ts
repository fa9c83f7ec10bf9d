import type { Job } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import type { FieldErrors } from './field.ts';
import { internal } from './internal.ts';
import { countIndexes, intervalsOf } from './jobPolicies.ts';
import { fieldImmutable, nonNegative } from './names.ts';

/*
 * What a job's status may say, whoever controls it: what was wrong before and is not touched may stay. Mirrors
 * pkg/apis/batch/validation/validation.go (validateJobStatus, ValidateJobStatusUpdate) and pkg/registry/batch/job/strategy.go.
 */

/** True or False, which neither is what an absent condition is. */
const conditionIs = (object: Job, type: string, status = 'True') => !!object.status?.conditions?.some((condition) => condition.type === type && condition.status === status);
const finished = (object: Job) => conditionIs(object, 'Complete') || conditionIs(object, 'Failed');
const isIndexed = ({ spec }: Job) => spec?.completionMode === 'Indexed';

const conditions = 'status.conditions';
const together = (one: string, other: string) => `cannot set ${one}=True and ${other}=true conditions`;

export function validateJobStatus(errors: FieldErrors, object: Job, old: Job): void {
  const { spec, status = {} } = object;
  const before = old.status ?? {};
  const changed = (...names: (keyof typeof status)[]) => names.some((name) => !equalJson(status[name], before[name]));
  const turned = (...types: string[]) => types.some((type) => conditionIs(object, type) !== conditionIs(old, type));
  const [complete, failed, met] = ['Complete', 'Failed', 'SuccessCriteriaMet'].map((type) => conditionIs(object, type));
  const done = finished(object);
  const doneChanged = done !== finished(old);

  for (const name of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const) nonNegative(errors, `status.${name}`, status[name]);
  uncounted(errors, object);
  const bad = (when: boolean, detail: string) => {
    if (when) errors.invalidWithoutValue(conditions, detail);
  };
  bad(turned('Complete', 'Failed') && !!complete && !!failed, together('Complete', 'Failed'));
  bad(turned('Complete', 'FailureTarget') && !!complete && conditionIs(object, 'FailureTarget'), together('Complete', 'FailureTarget'));
  const { completionTime, startTime } = status;
  if (turned('Complete') || changed('completionTime')) {
    if (completionTime && !complete) errors.invalid('status.completionTime', completionTime, 'cannot set completionTime when there is no Complete=True condition');
    if (!completionTime && complete) errors.required('status.completionTime', 'completionTime is required for Complete jobs');
  }
  if (changed('startTime', 'completionTime') && startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime))
    errors.invalid('status.completionTime', completionTime, 'must be equal to or after `startTime`');
  bad((turned('Failed') || changed('failedIndexes')) && !!failed && !conditionIs(object, 'FailureTarget'), 'cannot set Failed=True condition without the FailureTarget=true condition');
  bad(turned('Complete', 'SuccessCriteriaMet') && !!complete && !met, 'cannot set Complete=True condition without the SuccessCriteriaMet=true condition');
  if ((doneChanged || changed('active')) && done && (status.active ?? 0) > 0) errors.invalid('status.active', status.active, 'active>0 is invalid for finished job');
  if ((doneChanged || changed('startTime')) && done && !startTime && !(spec?.suspend && spec.completions === 0))
    errors.required('status.startTime', 'startTime is required for finished job');
  const open = status.uncountedTerminatedPods;
  if ((doneChanged || changed('uncountedTerminatedPods')) && done && (open?.failed?.length || open?.succeeded?.length))
    errors.invalid('status.uncountedTerminatedPods', internal('batch/v1.UncountedTerminatedPods', open), 'must be empty for finished job');
  indexes(errors, object, changed('completedIndexes'), changed('failedIndexes'));
  if ((doneChanged || changed('terminating')) && done && (status.terminating ?? 0) > 0) errors.invalid('status.terminating', status.terminating, 'terminating>0 is invalid for finished job');
  if (changed('ready', 'active') && status.ready !== undefined && status.ready > (status.active ?? 0)) errors.invalid('status.ready', status.ready, 'cannot set more ready pods than active');
  bad(!!met && !!failed, together('SuccessCriteriaMet', 'Failed'));
  bad(!!met && conditionIs(object, 'FailureTarget'), together('SuccessCriteriaMet', 'FailureTarget'));
  bad(!!spec?.successPolicy && !met && !!complete, 'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True');

  for (const type of ['Failed', 'Complete', 'FailureTarget']) bad(conditionIs(old, type) && !conditionIs(object, type), `cannot disable the terminal ${type}=True condition`);
  if ((status.failed ?? 0) < (before.failed ?? 0)) errors.invalid('status.failed', status.failed ?? 0, 'cannot decrease the failed counter');
  const scalable = isIndexed(object) && spec?.completions === spec?.parallelism;
  if (!scalable && (status.succeeded ?? 0) < (before.succeeded ?? 0)) errors.invalid('status.succeeded', status.succeeded ?? 0, 'cannot decrease the succeeded counter');
  if (completionTime && before.completionTime && changed('completionTime')) errors.invalid('status.completionTime', completionTime, fieldImmutable);
  const resumes = conditionIs(old, 'Suspended') && conditionIs(object, 'Suspended', 'False');
  if (changed('startTime') && !resumes && before.startTime && !spec?.suspend) errors.invalid('status.startTime', startTime, 'field is immutable for unsuspended job once set');
  bad(conditionIs(old, 'SuccessCriteriaMet') && !met, 'cannot disable the SuccessCriteriaMet=True condition');
  bad(conditionIs(old, 'Complete') && !conditionIs(old, 'SuccessCriteriaMet') && !!met, 'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions');
}

function uncounted(errors: FieldErrors, { status }: Job): void {
  const seen = new Set<string>();
  for (const name of ['succeeded', 'failed'] as const)
    status?.uncountedTerminatedPods?.[name]?.forEach((uid, i) => {
      const field = `status.uncountedTerminatedPods.${name}[${i}]`;
      if (!uid) errors.invalid(field, uid, 'must not be empty');
      else if (seen.has(uid)) errors.duplicate(field, uid);
      seen.add(uid);
    });
}

function indexes(errors: FieldErrors, object: Job, completedChanged: boolean, failedChanged: boolean): void {
  const { spec, status } = object;
  const completions = spec?.completions;
  const completed = status?.completedIndexes ?? '';
  const failed = status?.failedIndexes;
  const check = (name: 'completedIndexes' | 'failedIndexes', text: string) => {
    const found = countIndexes(text, completions ?? 0);
    if (typeof found === 'string') errors.invalid(`status.${name}`, text, `error parsing ${name}: ${found}`);
  };
  if (completedChanged && completions !== undefined) check('completedIndexes', completed);
  if (failedChanged && completions !== undefined && spec?.backoffLimitPerIndex !== undefined && failed !== undefined) check('failedIndexes', failed);
  if (completedChanged && completed && !isIndexed(object))
    errors.invalid('status.completedIndexes', completed, 'cannot set non-empty completedIndexes when non-indexed completion mode');
  if (failed === undefined) return;
  if (failedChanged && spec?.backoffLimitPerIndex === undefined)
    errors.invalid('status.failedIndexes', failed, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null');
  if (!(completedChanged || failedChanged) || completions === undefined) return;
  const both = overlap(completed, failed, completions);
  if (both !== undefined) errors.invalid('status.failedIndexes', failed, `failedIndexes and completedIndexes overlap at index: ${both}`);
}

/** The first index that both name; intervals that cannot be read are passed over. */
function overlap(one: string, other: string, completions: number): number | undefined {
  for (const [from, to] of intervalsOf(one, completions))
    for (const [first, last] of intervalsOf(other, completions)) if (from <= last && first <= to) return Math.max(from, first);
  return undefined;
}
