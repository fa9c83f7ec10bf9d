import type { FieldError } from '../api/status.ts';
import { goQuote } from '../util/goQuote.ts';

/** Findings worded as k8s.io/apimachinery/pkg/util/validation/field/errors.go words them. */
const shown = (value: unknown): string => (typeof value === 'string' ? goQuote(value) : value === undefined ? 'null' : JSON.stringify(value));

export const requiredField = (field: string, detail = ''): FieldError => ({
  reason: 'FieldValueRequired',
  field,
  message: detail ? `Required value: ${detail}` : 'Required value',
});

export const invalidField = (field: string, value: unknown, detail: string): FieldError => ({
  reason: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${shown(value)}: ${detail}`,
});

export const forbiddenField = (field: string, detail: string): FieldError => ({
  reason: 'FieldValueForbidden',
  field,
  message: `Forbidden: ${detail}`,
});

export const unsupportedField = (field: string, value: unknown, supported: string[]): FieldError => ({
  reason: 'FieldValueNotSupported',
  field,
  message: `Unsupported value: ${shown(value)}: supported values: ${supported.map((v) => JSON.stringify(v)).join(', ')}`,
});

export const tooLongField = (field: string, max: number): FieldError => ({
  reason: 'FieldValueTooLong',
  field,
  message: `Too long: may not be more than ${max} bytes`,
});
