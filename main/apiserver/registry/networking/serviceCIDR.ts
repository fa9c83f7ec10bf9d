import type { IPAddress, ServiceCIDR } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { isCanonicalCIDR, isDns1123Subdomain, isPathSegmentName } from '../../../api/names.ts';
import { asGiven } from '../../../api/normalize.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { fieldImmutable } from '../../validation/names.ts';
import { check, clientMetadata, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/networking/{servicecidr,ipaddress}/strategy.go and pkg/apis/networking/validation. */

const definition = define('networking.k8s.io', 'v1', 'ServiceCIDR', 'servicecidrs', { namespaced: false });

/** Ranges that Services get their addresses from. */
export const serviceCIDR: Strategy<ServiceCIDR> = {
  definition,
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  resetFields: (subresource) => (subresource === 'status' ? [['metadata'], ['spec']] : undefined),
  allowUnconditionalUpdate: true,
  prepareForCreate(_context, object) {
    object.status = {};
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validateRanges(errors, object.spec?.cidrs ?? [])),
  validateUpdate: (_context, object, old) => check((errors) => {
    const [now, before] = [object.spec?.cidrs ?? [], old.spec?.cidrs ?? []];
    if (now.length === before.length) {
      for (const [i, range] of before.entries()) if (range !== now[i]) errors.invalid(`spec.cidrs[${i}]`, now[i], fieldImmutable);
    } else if (before.length === 1 && now.length === 2) {
      if (now[0] !== before[0]) errors.invalid('spec.cidrs[0]', now[0], fieldImmutable);
      validateRanges(errors, now);
    } else errors.invalid('spec.cidrs', asGiven(object.spec, 'cidrs'), fieldImmutable);
  }),
  fields: () => ({}),
  columns: columns('Name', 'CIDRs', 'Age'),
  row: (object, now) => [nameOf(object), (object.spec?.cidrs ?? []).join(','), age(object, now)],
  subresources: { status: statusSubresource<ServiceCIDR>(definition, () => {}, clientMetadata) },
};

function validateRanges(errors: FieldErrors, ranges: string[]): void {
  if (!ranges.length) return errors.required('spec.cidrs', 'at least one CIDR required');
  if (ranges.length > 2) return errors.invalid('spec.cidrs', { CIDRs: ranges }, 'may only hold up to 2 values');
  ranges.forEach((range, i) => errors.invalidEach(`spec.cidrs[${i}]`, range, isCanonicalCIDR(range)));
  const [first, second] = ranges;
  if (second !== undefined && isCanonicalCIDR(first!).length + isCanonicalCIDR(second).length === 0 && first!.includes(':') === second.includes(':'))
    errors.invalid('spec.cidrs', ranges, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64');
}

/** That an address is taken, and by what. */
export const ipAddress: Strategy<IPAddress> = {
  definition: define('networking.k8s.io', 'v1', 'IPAddress', 'ipaddresses', { namespaced: false, shortNames: ['ip'] }),
  hasGeneration: false,
  nameRule: 'ipAddress',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  validate: (_context, object) => check((errors) => validateAddress(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    validateAddress(errors, object);
    if (!equalJson(object.spec?.parentRef, old.spec?.parentRef)) errors.invalid('spec.parentRef', internal('networking/v1.ParentReference', object.spec?.parentRef), fieldImmutable);
  }),
  fields: ({ spec }) => ({
    'spec.parentRef.group': spec?.parentRef?.group ?? '',
    'spec.parentRef.resource': spec?.parentRef?.resource ?? '',
    'spec.parentRef.namespace': spec?.parentRef?.namespace ?? '',
    'spec.parentRef.name': spec?.parentRef?.name ?? '',
  }),
  columns: columns('Name', 'ParentRef'),
  row(object, now) {
    const ref = object.spec?.parentRef;
    const resource = [ref?.resource, ref?.group].filter(Boolean).join('.').toLowerCase();
    return [nameOf(object), ref ? [resource, ref.namespace, ref.name].filter(Boolean).join('/') : '<none>', age(object, now)];
  },
};

function validateAddress(errors: FieldErrors, { spec }: IPAddress): void {
  const ref = spec?.parentRef;
  if (!ref) return errors.required('spec.parentRef');
  const path = 'spec.parentRef';
  if (ref.group) errors.invalidEach(`${path}.group`, ref.group, isDns1123Subdomain(ref.group));
  for (const name of ['resource', 'name'] as const) {
    if (!ref[name]) errors.required(`${path}.${name}`);
    else errors.invalidEach(`${path}.${name}`, ref[name], isPathSegmentName(ref[name]));
  }
  if (ref.namespace) errors.invalidEach(`${path}.namespace`, ref.namespace, isPathSegmentName(ref.namespace));
}
