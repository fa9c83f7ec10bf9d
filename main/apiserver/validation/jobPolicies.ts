import type { JobSpec, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule, SuccessPolicyRule } from '../../api/index.ts';
import { isQualifiedName } from '../../api/names.ts';
import { goQuote } from '../../util/goQuote.ts';
import type { FieldErrors } from './field.ts';
import { byteLength, nonNegative } from './names.ts';

/* When a job's pods count as failed, and when a job has succeeded. Mirrors pkg/apis/batch/validation/validation.go. */

const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const operators = ['In', 'NotIn'];
const statuses = ['False', 'True', 'Unknown'];
const maxFailureRules = 20;
const maxConditions = 20;
const maxExitCodes = 255;
const maxSuccessRules = 20;
const maxIndexesText = 64 * 1024;
const shown = (values: string[]) => `valid values: [${values.map((value) => JSON.stringify(value)).join(' ')}]`;

export function podFailurePolicy(errors: FieldErrors, path: string, spec: JobSpec): void {
  const rules = spec.podFailurePolicy?.rules ?? [];
  if (rules.length > maxFailureRules) errors.tooMany(`${path}.rules`, rules.length, maxFailureRules);
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {};
  const names = new Set([...containers, ...initContainers].map(({ name }) => name));
  rules.forEach((rule, i) => failureRule(errors, `${path}.rules[${i}]`, rule, spec, names));
}

function failureRule(errors: FieldErrors, path: string, rule: PodFailurePolicyRule, spec: JobSpec, names: Set<string>): void {
  const { action, onExitCodes, onPodConditions = [] } = rule;
  if (!action) errors.required(`${path}.action`, shown(actions));
  else if (action === 'FailIndex') {
    if (spec.backoffLimitPerIndex === undefined) errors.invalid(`${path}.action`, action, 'requires the backoffLimitPerIndex to be set');
  } else if (!actions.includes(action)) errors.notSupported(`${path}.action`, action, actions);
  if (onExitCodes) exitCodes(errors, `${path}.onExitCodes`, onExitCodes, names);
  if (onPodConditions.length > maxConditions) errors.tooMany(`${path}.onPodConditions`, onPodConditions.length, maxConditions);
  onPodConditions.forEach(({ type = '', status }, i) => {
    const field = `${path}.onPodConditions[${i}]`;
    errors.invalidEach(`${field}.type`, type, isQualifiedName(type));
    if (!status) errors.required(`${field}.status`, shown(statuses));
    else if (!statuses.includes(status)) errors.notSupported(`${field}.status`, status, statuses);
  });
  if (onExitCodes && onPodConditions.length) errors.invalidWithoutValue(path, 'specifying both OnExitCodes and OnPodConditions is not supported');
  if (!onExitCodes && !onPodConditions.length) errors.invalidWithoutValue(path, 'specifying one of OnExitCodes and OnPodConditions is required');
}

function exitCodes(errors: FieldErrors, path: string, requirement: PodFailurePolicyOnExitCodesRequirement, names: Set<string>): void {
  const { operator, containerName, values } = requirement;
  if (!operator) errors.required(`${path}.operator`, shown(operators));
  else if (!operators.includes(operator)) errors.notSupported(`${path}.operator`, operator, operators);
  if (containerName !== undefined && !names.has(containerName))
    errors.invalid(`${path}.containerName`, containerName, 'must be one of the container or initContainer names in the pod template');
  if (!values?.length) return errors.invalid(`${path}.values`, values, 'at least one value is required');
  if (values.length > maxExitCodes) errors.tooMany(`${path}.values`, values.length, maxExitCodes);
  values.forEach((value, i) => {
    if (operator === 'In' && value === 0) errors.invalid(`${path}.values[${i}]`, value, 'must not be 0 for the In operator');
    if (values.indexOf(value) < i) errors.duplicate(`${path}.values[${i}]`, value);
  });
  if (values.some((value, i) => i > 0 && values[i - 1]! > value)) errors.invalid(`${path}.values`, values, 'must be ordered');
}

export function successPolicy(errors: FieldErrors, path: string, { successPolicy: policy, completions = 0 }: JobSpec): void {
  const rules = policy?.rules ?? [];
  if (!rules.length) errors.required(`${path}.rules`, 'at least one rules must be specified when the successPolicy is specified');
  if (rules.length > maxSuccessRules) errors.tooMany(`${path}.rules`, rules.length, maxSuccessRules);
  rules.forEach((rule, i) => successRule(errors, `${path}.rules[${i}]`, rule, completions));
}

function successRule(errors: FieldErrors, path: string, { succeededCount: count, succeededIndexes: text }: SuccessPolicyRule, completions: number): void {
  if (count === undefined && text === undefined) errors.required(path, 'at least one of succeededCount or succeededIndexes must be specified');
  let total = 0;
  if (text !== undefined) {
    if (byteLength(text) > maxIndexesText) errors.tooLong(`${path}.succeededIndexes`, maxIndexesText);
    const found = countIndexes(text, completions);
    if (typeof found === 'number') total = found;
    else errors.invalid(`${path}.succeededIndexes`, text, `error parsing succeededIndexes: ${found}`);
  }
  if (count === undefined) return;
  nonNegative(errors, `${path}.succeededCount`, count);
  if (count > completions) errors.invalid(`${path}.succeededCount`, count, `must be less than or equal to ${completions} (the number of specified completions)`);
  if (text !== undefined && count > total)
    errors.invalid(`${path}.succeededCount`, count, `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`);
}

/** How many indexes `1,3-5` names, in order and below `completions`; a text says why it names none. */
export function countIndexes(text: string, completions: number): number | string {
  if (!text) return 0;
  let total = 0;
  let last = -1;
  for (const fragment of text.split(',')) {
    const interval = intervalOf(fragment, completions);
    if (typeof interval === 'string') return interval;
    const [first, end] = interval;
    if (last >= first) return `non-increasing order, previous: ${last}, current: ${first}`;
    last = end;
    total += end - first + 1;
  }
  return total;
}

/** The intervals that such a text names, without those that cannot be read. */
export function intervalsOf(text: string, completions: number): [number, number][] {
  return text.split(',').map((fragment) => intervalOf(fragment, completions)).filter((interval) => typeof interval !== 'string');
}

function intervalOf(fragment: string, completions: number): [number, number] | string {
  const limits = fragment.split('-');
  if (limits.length > 2) return `the fragment ${goQuote(fragment)} violates the requirement that an index interval can have at most two parts separated by '-'`;
  for (const limit of limits) {
    if (!/^[+-]?\d+$/.test(limit)) return `cannot convert string to integer for index: ${goQuote(limit)}`;
    if (Number(limit) >= completions) return `too large index: ${goQuote(limit)}`;
  }
  const [first, end = first] = limits.map(Number) as [number, number?];
  return limits.length > 1 && first >= end! ? `non-increasing order, previous: ${first}, current: ${end}` : [first, end!];
}
