import {
  isDns1035Label,
  isDns1123Label,
  isDns1123Subdomain,
  isIP,
  isLabelValue,
  isPortName,
  isPortNumber,
  isQualifiedName,
} from '../../api/names.ts';
import { asGiven } from '../../api/normalize.ts';
import type { LabelSelector, ObjectMeta } from '../../api/index.ts';
import type { FieldErrors } from './field.ts';

const httpPath = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;
const pathProblem = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";

export const fieldImmutable = 'field is immutable';
export const isNegative = 'must be greater than or equal to 0';
export const protocols = ['SCTP', 'TCP', 'UDP'] as const;

export function dns1123Label(errors: FieldErrors, field: string, value: string): void {
  errors.invalidEach(field, value, isDns1123Label(value));
}

export function dns1123Subdomain(errors: FieldErrors, field: string, value: string): void {
  errors.invalidEach(field, value, isDns1123Subdomain(value));
}

export function dns1035Label(errors: FieldErrors, field: string, value: string): void {
  errors.invalidEach(field, value, isDns1035Label(value));
}

export function qualifiedName(errors: FieldErrors, field: string, value: string): void {
  errors.invalidEach(field, value, isQualifiedName(value));
}

export function portNumberOrName(errors: FieldErrors, field: string, port: number | string | undefined): void {
  if (typeof port === 'string') errors.invalidEach(field, port, isPortName(port));
  else errors.invalidEach(field, port ?? 0, isPortNumber(port ?? 0));
}

/** Mirrors validation.IsValidIPForLegacyField; addresses that were stored before are taken as they are. */
export function ipAddress(errors: FieldErrors, field: string, value: string, existing: readonly string[] = []): boolean {
  if (existing.includes(value)) return true;
  const messages = isIP(value);
  errors.invalidEach(field, value, messages);
  return messages.length === 0;
}

export function nonNegative(errors: FieldErrors, field: string, value: number | undefined): void {
  if (value !== undefined && value < 0) errors.invalid(field, value, isNegative);
}

export function positive(errors: FieldErrors, field: string, value: number | undefined): void {
  if (value === undefined || value <= 0) errors.invalid(field, value ?? 0, 'must be greater than zero');
}

/** Mirrors k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go (ValidateLabels). */
export function labels(errors: FieldErrors, field: string, values: Record<string, string> | undefined): void {
  for (const key in values) {
    errors.invalidEach(field, key, isQualifiedName(key));
    errors.invalidEach(field, values[key], isLabelValue(values[key]!));
  }
}

/** Mirrors k8s.io/apimachinery/pkg/api/validation/objectmeta.go (ValidateAnnotations). */
export function annotations(errors: FieldErrors, field: string, values: Record<string, string> | undefined): void {
  let size = 0;
  for (const key in values) {
    errors.invalidEach(field, key, isQualifiedName(key.toLowerCase()));
    size += Buffer.byteLength(key) + Buffer.byteLength(values[key]!);
  }
  if (size > 256 * 1024) errors.tooLong(field, 256 * 1024);
}

const notOfTemplates = [
  'name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp',
  'deletionGracePeriodSeconds', 'ownerReferences', 'finalizers', 'managedFields',
] as const;

/** Claims that are made from a template get its labels and annotations, and nothing else of its metadata. Mirrors ValidateTemplateObjectMeta. */
export function templateMeta(errors: FieldErrors, field: string, metadata: ObjectMeta | undefined): void {
  annotations(errors, `${field}.annotations`, metadata?.annotations);
  labels(errors, `${field}.labels`, metadata?.labels);
  for (const name of notOfTemplates) if (asGiven(metadata, name) !== null) errors.forbidden(`${field}.${name === 'uid' ? 'uID' : name}`, 'cannot be set');
}

/** `example.com/path`. Mirrors k8s.io/apimachinery/pkg/util/validation/validation.go (IsDomainPrefixedPath). */
export function domainPrefixedPath(errors: FieldErrors, field: string, value: string): void {
  if (!value) return errors.required(field);
  const slash = value.indexOf('/');
  const [host, path] = slash < 0 ? [value, ''] : [value.slice(0, slash), value.slice(slash + 1)];
  if (!host || !path) return errors.invalid(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")');
  for (const problem of isDns1123Subdomain(host)) errors.invalid(field, host, problem);
  if (!httpPath.test(path)) errors.invalid(field, path, pathProblem);
}

/** Mirrors the same file's ValidateLabelSelector. */
export function labelSelector(errors: FieldErrors, field: string, selector: LabelSelector | undefined): void {
  if (!selector) return;
  labels(errors, `${field}.matchLabels`, selector.matchLabels);
  selector.matchExpressions?.forEach((expression, i) => {
    const path = `${field}.matchExpressions[${i}]`;
    const values = expression.values ?? [];
    if (!selectorValues(errors, path, expression.operator, values)) errors.invalid(`${path}.operator`, expression.operator, 'not a valid selector operator');
    errors.invalidEach(`${path}.key`, expression.key, isQualifiedName(expression.key ?? ''));
    values.forEach((value, j) => errors.invalidEach(`${path}.values[${j}]`, value, isLabelValue(value)));
  });
}

/** UTF-8 length. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

/** How many bytes a base64 text stands for. */
export function decodedLength(base64: string): number {
  return Buffer.byteLength(base64, 'base64');
}

/** How many values the operators that every selector has may come with; false for an operator that is none of them. */
export function selectorValues(errors: FieldErrors, path: string, operator: string | undefined, values: readonly string[]): boolean {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (!values.length) errors.required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
      return true;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length) errors.forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      return true;
    default:
      return false;
  }
}
