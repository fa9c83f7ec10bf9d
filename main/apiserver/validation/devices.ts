import type { CELDeviceSelector, Device, DeviceSelector, DeviceTaint, DeviceToleration, OpaqueDeviceConfiguration } from '../../api/index.ts';
import { isCIdentifier, isDns1123Label, isDns1123Subdomain, isLabelValue, isQualifiedName } from '../../api/names.ts';
import { asGiven } from '../../api/normalize.ts';
import { compileDeviceSelector } from '../deviceSelector.ts';
import type { FieldErrors } from './field.ts';
import { byteLength } from './names.ts';
import { csiDriverName } from './volumes.ts';

/* What the kinds of resource.k8s.io share. Mirrors pkg/apis/resource/validation/validation.go. */

const maxSelectors = 32;
const maxExpression = 10 * 1024;
const maxParameters = 10 * 1024;

export const driverName = csiDriverName;

export function poolName(errors: FieldErrors, path: string, name: string | undefined): void {
  if (!name) return errors.required(path);
  if (byteLength(name) > 253) errors.tooLong(path, 253);
  for (const part of name.split('/')) errors.invalidEach(path, part, isDns1123Subdomain(part));
}

export function deviceName(errors: FieldErrors, path: string, name: string | undefined): void {
  errors.invalidEach(path, name ?? '', isDns1123Label(name ?? ''));
}

/** Checks each of a list that may hold so many; of a longer one none is looked at. */
export function each<T>(errors: FieldErrors, path: string, items: readonly T[] | undefined, maximum: number, check: (item: T, path: string) => void): boolean {
  if (items && items.length > maximum) {
    errors.tooMany(path, items.length, maximum);
    return false;
  }
  items?.forEach((item, i) => check(item, `${path}[${i}]`));
  return true;
}

/** The same of a list in which nothing may stand twice. */
export function eachOnce<T>(
  errors: FieldErrors,
  path: string,
  items: readonly T[] | undefined,
  maximum: number,
  check: (item: T, path: string) => void,
  keyOf: (item: T) => unknown,
): void {
  if (!each(errors, path, items, maximum, check)) return;
  const seen = new Set<string>();
  items?.forEach((item, i) => {
    const key = keyOf(item);
    const text = JSON.stringify(key);
    if (seen.has(text)) errors.duplicate(`${path}[${i}]`, key);
    seen.add(text);
  });
}

export function selectors(errors: FieldErrors, path: string, list: DeviceSelector[] | undefined): void {
  each(errors, path, list, maxSelectors, ({ cel }, field) => {
    if (!cel) errors.required(`${field}.cel`);
    else expression(errors, `${field}.cel.expression`, cel);
  });
}

function expression(errors: FieldErrors, path: string, cel: CELDeviceSelector): void {
  const text = cel.expression ?? '';
  if (byteLength(text) > maxExpression) return errors.tooLong(path, maxExpression);
  const compiled = compileDeviceSelector(text);
  if ('matches' in compiled) return;
  if (compiled.type === 'invalid') errors.invalid(path, text, compiled.detail);
  else if (compiled.type === 'internal') errors.internal(path, compiled.detail);
  else errors.forbidden(path, compiled.detail);
}

export function opaqueConfiguration(errors: FieldErrors, path: string, opaque: OpaqueDeviceConfiguration | undefined): void {
  if (!opaque) return errors.required(`${path}.opaque`);
  driverName(errors, `${path}.opaque.driver`, opaque.driver);
  rawObject(errors, `${path}.opaque.parameters`, opaque.parameters, maxParameters);
}

/** A JSON object of any shape, of so many bytes. */
export function rawObject(errors: FieldErrors, path: string, value: unknown, maximum: number): void {
  if (value === undefined || value === null) errors.required(path);
  else if (byteLength(JSON.stringify(value)) > maximum) errors.tooLong(path, maximum);
  else if (typeof value !== 'object' || Array.isArray(value)) errors.invalid(path, '<value omitted>', 'must be a valid JSON object');
}

/** `name` or `domain/name`. */
export function deviceQualifiedName(errors: FieldErrors, path: string, name: string): void {
  const parts = name.split('/');
  if (parts.length > 2) return;
  const [domain, id] = parts.length === 2 ? parts : [undefined, parts[0]];
  if (domain === '') errors.invalid(path, '', 'the domain must not be empty');
  else if (domain !== undefined) driverName(errors, path, domain);
  if (domain !== undefined && !id) return errors.invalid(path, '', 'the name must not be empty');
  if (byteLength(id!) > 32) errors.tooLong(path, 32);
  errors.invalidEach(path, id, isCIdentifier(id!));
}

export function fullyQualifiedName(errors: FieldErrors, path: string, name: string): void {
  deviceQualifiedName(errors, path, name);
  if (!name.includes('/')) errors.invalid(path, name, 'a fully qualified name must be a domain and a name separated by a slash');
}

const effects = ['NoExecute', 'NoSchedule', 'None'];

export function deviceTaint(errors: FieldErrors, path: string, { key, value, effect }: DeviceTaint): void {
  errors.invalidEach(`${path}.key`, key ?? '', isQualifiedName(key ?? ''));
  if (value) errors.invalidEach(`${path}.value`, value, isLabelValue(value));
  if (!effect) errors.required(`${path}.effect`);
  else if (!effects.includes(effect)) errors.notSupported(`${path}.effect`, effect, effects);
}

export function deviceToleration(errors: FieldErrors, path: string, { key, operator, value = '', effect }: DeviceToleration): void {
  if (key) errors.invalidEach(`${path}.key`, key, isQualifiedName(key));
  if (operator === 'Exists') {
    if (value) errors.invalid(`${path}.value`, value, 'must be empty for operator `Exists`');
  } else if (operator === 'Equal') errors.invalidEach(`${path}.value`, value, isLabelValue(value));
  else if (!operator) errors.required(`${path}.operator`);
  else errors.notSupported(`${path}.operator`, operator, ['Equal', 'Exists']);
  if (effect && !effects.includes(effect)) errors.notSupported(`${path}.effect`, effect, effects);
}

const maxBindingConditions = 4;

/** What must be so before a pod is bound to the device's node, and what says that it never will. */
export function bindingConditions(errors: FieldErrors, path: string, device: Partial<Pick<Device, 'bindingConditions' | 'bindingFailureConditions'>>): void {
  const { bindingConditions: wanted = [], bindingFailureConditions: failing = [] } = device;
  const lists = { bindingConditions: wanted, bindingFailureConditions: failing };
  for (const [name, list] of Object.entries(lists))
    each(errors, `${path}.${name}`, list, maxBindingConditions, (condition, field) => errors.invalidEach(field, condition, isQualifiedName(condition)));
  for (const [name, list] of Object.entries(lists))
    list.forEach((condition, i) => {
      if (list.indexOf(condition) < i) errors.duplicate(`${path}.${name}[${i}]`, condition);
      if (list === failing && wanted.includes(condition))
        errors.invalid(`${path}.${name}[${i}]`, condition, 'bindingFailureConditions must not overlap with bindingConditions');
    });
  if (!wanted.length && failing.length) errors.invalid(`${path}.bindingConditions`, asGiven(device, 'bindingConditions'), 'bindingConditions are required to use bindingFailureConditions');
  if (!failing.length && wanted.length)
    errors.invalid(`${path}.bindingFailureConditions`, asGiven(device, 'bindingFailureConditions'), 'bindingFailureConditions are required to use bindingConditions');
}
