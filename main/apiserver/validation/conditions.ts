import type { Condition } from '../../api/index.ts';
import { isQualifiedName } from '../../api/names.ts';
import type { FieldErrors } from './field.ts';
import { byteLength } from './names.ts';

const statuses = ['False', 'True', 'Unknown'];
const reasonPattern = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const badReason =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";
const maxReason = 1024;
const maxMessage = 32 * 1024;

/** Mirrors k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go (ValidateConditions). */
export function conditions(errors: FieldErrors, path: string, list: Condition[] | undefined): void {
  const seen = new Set<string>();
  list?.forEach((condition, i) => {
    const field = `${path}[${i}]`;
    const { type = '', status = '', observedGeneration = 0, lastTransitionTime, reason, message = '' } = condition;
    if (seen.has(type)) errors.duplicate(`${field}.type`, type);
    seen.add(type);
    errors.invalidEach(`${field}.type`, type, isQualifiedName(type));
    if (!statuses.includes(status)) errors.notSupported(`${field}.status`, status, statuses);
    if (observedGeneration < 0) errors.invalid(`${field}.observedGeneration`, observedGeneration, 'must be greater than or equal to zero');
    if (!lastTransitionTime) errors.required(`${field}.lastTransitionTime`);
    if (!reason) errors.required(`${field}.reason`);
    else {
      if (!reasonPattern.test(reason)) errors.invalid(`${field}.reason`, reason, badReason);
      if (byteLength(reason) > maxReason) errors.tooLong(`${field}.reason`, maxReason);
    }
    if (byteLength(message) > maxMessage) errors.tooLong(`${field}.message`, maxMessage);
  });
}
