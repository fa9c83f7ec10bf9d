import type { FieldErrors } from './field.ts';

/* Paths in volumes and mounts. Mirrors the path checks of pkg/apis/core/validation/validation.go. */

export function noBacksteps(errors: FieldErrors, field: string, target: string): void {
  if (target.split('/').includes('..')) errors.invalid(field, target, "must not contain '..'");
}

export function localDescendingPath(errors: FieldErrors, field: string, target: string): void {
  if (target.startsWith('/')) errors.invalid(field, target, 'must be a relative path');
  noBacksteps(errors, field, target);
}

export function localNonReservedPath(errors: FieldErrors, field: string, target: string): void {
  localDescendingPath(errors, field, target);
  if (target.startsWith('..') && !target.startsWith('../')) errors.invalid(field, target, "must not start with '..'");
}

export function fileMode(errors: FieldErrors, field: string, mode: number | undefined): void {
  if (mode !== undefined && (mode > 0o777 || mode < 0))
    errors.invalid(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive');
}
