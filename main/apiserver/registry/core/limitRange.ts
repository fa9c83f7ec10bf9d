import type { LimitRange, LimitRangeItem } from '../../../api/index.ts';
import { isQualifiedName } from '../../../api/names.ts';
import type { Quantity } from '../../../api/quantity.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { canonicalQuantities, containerResourceName, isOvercommitAllowed, quantityOf, resourceName } from '../../validation/resources.ts';
import { check, columns, define } from '../define.ts';
import { nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/core/limitrange/strategy.go and ValidateLimitRange. */

const lists = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

export const limitRange: Strategy<LimitRange> = {
  definition: define('', 'v1', 'LimitRange', 'limitranges', { shortNames: ['limits'] }),
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  defaults(object) {
    for (const item of object.spec?.limits ?? []) {
      for (const name of lists) canonicalQuantities(item[name]);
      if (item.type !== 'Container') continue;
      item.default = { ...item.max, ...item.default };
      item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
    }
  },
  prepareForCreate(_context, object) {
    object.metadata!.name ||= object.metadata!.uid;
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object) => check((errors) => validate(errors, object)),
  columns: columns('Name', 'Created At@'),
  row: (object) => [nameOf(object), object.metadata?.creationTimestamp ?? ''],
};

function validate(errors: FieldErrors, object: LimitRange): void {
  const types = new Set<string>();
  object.spec?.limits?.forEach((item, i) => {
    const path = `spec.limits[${i}]`;
    const messages = isQualifiedName(item.type ?? '');
    errors.invalidEach(`${path}.type`, item.type, messages);
    if (!messages.length && !item.type?.includes('/') && !['Pod', 'Container', 'PersistentVolumeClaim'].includes(item.type))
      errors.invalid(`${path}.type`, item.type, 'must be a standard limit type or fully qualified');
    if (types.has(item.type)) errors.duplicate(`${path}.type`, item.type);
    types.add(item.type);
    validateItem(errors, path, item);
  });
}

function validateItem(errors: FieldErrors, path: string, item: LimitRangeItem): void {
  const keys = new Set<string>();
  for (const list of lists) {
    if (item.type === 'Pod' && (list === 'default' || list === 'defaultRequest')) {
      if (Object.keys(item[list] ?? {}).length) errors.forbidden(`${path}.${list}`, "may not be specified when `type` is 'Pod'");
      continue;
    }
    for (const name in item[list]) {
      (item.type === 'Pod' || item.type === 'Container' ? containerResourceName : resourceName)(errors, `${path}.${list}[${name}]`, name);
      keys.add(name);
    }
  }
  if (item.type === 'PersistentVolumeClaim' && item.min?.storage === undefined && item.max?.storage === undefined)
    errors.required(`${path}.limits`, 'either minimum or maximum storage value is required, but neither was provided');
  for (const key of keys) {
    const amount = (list: (typeof lists)[number]): Quantity | undefined => (item[list]?.[key] === undefined ? undefined : quantityOf(item[list][key]));
    const [max, min, standard, request, ratio] = lists.map(amount);
    const order = (list: string, shown: Quantity, low: [string, Quantity | undefined], high: [string, Quantity | undefined]) => {
      if (low[1] && high[1] && low[1].cmp(high[1]) > 0)
        errors.invalid(`${path}.${list}[${key}]`, shown.toString(), `${low[0]} value ${low[1].toString()} is greater than ${high[0]} value ${high[1].toString()}`);
    };
    if (min) order('min', min, ['min', min], ['max', max]);
    if (request) {
      order('defaultRequest', request, ['min', min], ['default request', request]);
      order('defaultRequest', request, ['default request', request], ['max', max]);
      order('defaultRequest', request, ['default request', request], ['default limit', standard]);
    }
    if (standard && min) order('default', min, ['min', min], ['default', standard]);
    if (standard && max) order('default', max, ['default', standard], ['max', max]);
    if (ratio && ratio.milliValue() < 1000) errors.invalid(`${path}.maxLimitRequestRatio[${key}]`, ratio.toString(), `ratio ${ratio.toString()} is less than 1`);
    if (ratio && min && max) {
      const limit = max.milliValue() / min.milliValue();
      if (ratio.milliValue() / 1000 > limit)
        errors.invalid(`${path}.maxLimitRequestRatio[${key}]`, ratio.toString(), `ratio ${ratio.toString()} is greater than max/min = ${limit.toFixed(6)}`);
    }
    if (!isOvercommitAllowed(key) && standard && request && standard.cmp(request) !== 0)
      errors.invalid(`${path}.defaultRequest[${key}]`, request.toString(), `default value ${standard.toString()} must equal to defaultRequest value ${request.toString()} in ${key}`);
  }
}
