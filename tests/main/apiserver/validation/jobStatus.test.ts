import { expect, it } from 'vitest';
import type { Job, JobSpec, JobStatus } from '../../../../main/api/index.ts';
import { FieldErrors } from '../../../../main/apiserver/validation/field.ts';
import { validateJobStatus } from '../../../../main/apiserver/validation/jobStatus.ts';

const condition = (...types: string[]) => ({ conditions: types.map((type) => ({ type, status: 'True' })) });
const [start, end] = ['2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'];
const complete: JobStatus = { ...condition('SuccessCriteriaMet', 'Complete'), startTime: start, completionTime: end };

function findings(status: JobStatus, before: JobStatus = {}, spec: Partial<JobSpec> = {}): string[] {
  const job = (of: JobStatus): Job => ({ spec: { template: {}, completions: 3, parallelism: 1, ...spec }, status: of });
  const errors = new FieldErrors();
  validateJobStatus(errors, job(status), job(before));
  return errors.all.map(({ field, message }) => `${field}: ${message}`);
}

it('takes a job from its start to its end', () => {
  expect(findings({ startTime: start, active: 1, ready: 1 })).toEqual([]);
  expect(findings(complete, { startTime: start, active: 1, ready: 1 })).toEqual([]);
  expect(findings({ ...condition('FailureTarget', 'Failed'), startTime: start }, { startTime: start, ...condition('FailureTarget') })).toEqual([]);
});

it.each<[string, JobStatus, JobStatus, Partial<JobSpec>, string[]]>([
  ['fewer than no pods', { active: -1 }, {}, {}, ['status.active: Invalid value: -1: must be greater than or equal to 0']],
  ['more ready pods than there are', { ready: 2, active: 1 }, {}, {}, ['status.ready: Invalid value: 2: cannot set more ready pods than active']],
  ['a pod that ended twice', { uncountedTerminatedPods: { succeeded: ['a'], failed: ['a', ''] } }, {}, {}, [
    'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"', 'status.uncountedTerminatedPods.failed[1]: Invalid value: "": must not be empty',
  ]],
  ['an end without success', { ...condition('Complete'), startTime: start, completionTime: end }, {}, {}, ['status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition']],
  ['an end of which nobody knows when', { ...complete, completionTime: undefined }, {}, {}, ['status.completionTime: Required value: completionTime is required for Complete jobs']],
  ['an end before the start', { ...complete, startTime: end, completionTime: start }, {}, {}, [`status.completionTime: Invalid value: "${start}": must be equal to or after \`startTime\``]],
  ['an end with pods that run', { ...complete, active: 1 }, {}, {}, ['status.active: Invalid value: 1: active>0 is invalid for finished job']],
  ['an end with pods that are not counted', { ...complete, uncountedTerminatedPods: { failed: ['a'] } }, {}, {}, ['status.uncountedTerminatedPods: Invalid value: {"Succeeded":null,"Failed":["a"]}: must be empty for finished job']],
  ['a failure without a reason to fail', { ...condition('Failed'), startTime: start }, {}, {}, ['status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition']],
  ['success and failure', { ...condition('SuccessCriteriaMet', 'FailureTarget') }, {}, {}, ['status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and FailureTarget=true conditions']],
  ['an end that is taken back', { startTime: start }, complete, {}, [
    'status.conditions: Invalid value: cannot disable the terminal Complete=True condition', 'status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition',
  ]],
  ['counts that go down', { startTime: start, failed: 1, succeeded: 1 }, { startTime: start, failed: 2, succeeded: 2 }, {}, [
    'status.failed: Invalid value: 1: cannot decrease the failed counter', 'status.succeeded: Invalid value: 1: cannot decrease the succeeded counter',
  ]],
  ['another start', { startTime: end }, { startTime: start }, {}, [`status.startTime: Invalid value: "${end}": field is immutable for unsuspended job once set`]],
  ['indexes of a job without indexes', { completedIndexes: '1' }, {}, {}, ['status.completedIndexes: Invalid value: "1": cannot set non-empty completedIndexes when non-indexed completion mode']],
  ['indexes that there are not', { completedIndexes: '0-5' }, {}, { completionMode: 'Indexed' }, ['status.completedIndexes: Invalid value: "0-5": error parsing completedIndexes: too large index: "5"']],
  ['indexes that failed and did not', { completedIndexes: '0-1', failedIndexes: '1' }, {}, { completionMode: 'Indexed', backoffLimitPerIndex: 1 }, ['status.failedIndexes: Invalid value: "1": failedIndexes and completedIndexes overlap at index: 1']],
])('refuses %s', (_name, status, before, spec, expected) => {
  expect(findings(status, before, spec)).toEqual(expected);
});

it('leaves what was wrong before and is not touched', () => {
  expect(findings({ ready: 2, active: 1, failed: 1 }, { ready: 2, active: 1 })).toEqual([]);
});
