import type { Status, StatusCause } from './generated/types.ts';

/** metav1.StatusReason: what clients switch on. */
export type StatusReason =
  | 'Unauthorized' | 'Forbidden' | 'NotFound' | 'AlreadyExists' | 'Conflict' | 'Gone' | 'Invalid' | 'ServerTimeout'
  | 'Timeout' | 'TooManyRequests' | 'BadRequest' | 'MethodNotAllowed' | 'NotAcceptable' | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType' | 'InternalError' | 'Expired' | 'ServiceUnavailable' | 'StoreReadError' | '';

/** An error that is a Kubernetes Status: what the apiserver answers and what a client throws. */
export class StatusError extends Error {
  constructor(readonly status: Status) {
    super(status.message);
  }
  get code(): number {
    return this.status.code ?? 500;
  }
  get reason(): StatusReason {
    return (this.status.reason ?? '') as StatusReason;
  }
}

/** What an error is about: `{group: 'apps', kind: 'deployments'}` as upstream puts it (the resource in `kind`, except for Invalid). */
export interface ErrorSubject {
  group: string;
  kind: string;
}

/** One finding of validation; the strings are Kubernetes' own (field.Error of k8s.io/apimachinery/pkg/util/validation/field). */
export interface FieldError {
  /** `FieldValueRequired`, `FieldValueInvalid`, `FieldValueNotSupported`, `FieldValueForbidden`, … */
  reason: string;
  /** `spec.containers[0].image` */
  field: string;
  /** `Required value`, `Invalid value: "x": must be …` */
  message: string;
}

export function failure(code: number, reason: StatusReason, message: string, details?: Status['details']): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details ? { details } : {}),
    code,
  });
}

/** The error that an answer of `code` with `body` tells of: the Status in it, or what else it says. */
export function errorOf(code: number, body: unknown): StatusError {
  if (typeof body === 'object' && body !== null && (body as Status).kind === 'Status') return new StatusError(body as Status);
  return failure(code, '', typeof body === 'string' && body ? body : `the server answered ${code}`);
}

const qualified = (subject: ErrorSubject) => (subject.group ? `${subject.kind}.${subject.group}` : subject.kind);
const named = (subject: ErrorSubject, name: string) => ({
  ...(name ? { name } : {}),
  ...(subject.group ? { group: subject.group } : {}),
  ...(subject.kind ? { kind: subject.kind } : {}),
});

// The messages mirror k8s.io/apimachinery/pkg/api/errors/errors.go.
export const notFound = (subject: ErrorSubject, name: string) =>
  failure(404, 'NotFound', `${qualified(subject)} "${name}" not found`, named(subject, name));
export const alreadyExists = (subject: ErrorSubject, name: string) =>
  failure(409, 'AlreadyExists', `${qualified(subject)} "${name}" already exists`, named(subject, name));
export const conflict = (subject: ErrorSubject, name: string, why: string) =>
  failure(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(subject)} "${name}": ${why}`, named(subject, name));
export const forbidden = (subject: ErrorSubject, name: string, why: string) =>
  failure(403, 'Forbidden', `${qualified(subject)}${name ? ` "${name}"` : ''} is forbidden: ${why}`, named(subject, name));
export const badRequest = (message: string) => failure(400, 'BadRequest', message);
export const unauthorized = () => failure(401, 'Unauthorized', 'Unauthorized');
export const expired = (message: string) => failure(410, 'Expired', message);
export const internalError = (message: string) =>
  failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
export const tooManyRequests = (message: string, retryAfterSeconds: number) =>
  failure(429, 'TooManyRequests', message, { retryAfterSeconds });
export const serviceUnavailable = (why: string) => failure(503, 'ServiceUnavailable', why);

/** 422 with one cause a finding, as `kubectl` prints it. */
export function invalid(kind: ErrorSubject, name: string, errors: FieldError[]): StatusError {
  const causes: StatusCause[] = errors.map((e) => ({ reason: e.reason, message: e.message, field: e.field }));
  const texts = [...new Set(errors.map((e) => `${e.field}: ${e.message}`))];
  const joined = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return failure(422, 'Invalid', `${qualified(kind)} "${name}" is invalid${errors.length ? `: ${joined}` : ''}`, {
    ...named(kind, name),
    causes,
  });
}

export const isStatus = (error: unknown, reason: StatusReason): error is StatusError =>
  error instanceof StatusError && error.reason === reason;
export const isNotFound = (error: unknown) => isStatus(error, 'NotFound');
export const isAlreadyExists = (error: unknown) => isStatus(error, 'AlreadyExists');
export const isConflict = (error: unknown) => isStatus(error, 'Conflict');
