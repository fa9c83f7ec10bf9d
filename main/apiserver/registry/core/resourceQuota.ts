import type { ResourceQuota } from '../../../api/index.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { fieldImmutable } from '../../validation/names.ts';
import { canonicalQuantities, notAQuantity, quantityOf, quotaResourceName, quotaResources, resourceValue } from '../../validation/resources.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/core/resourcequota/strategy.go and ValidateResourceQuota. */

const definition = define('', 'v1', 'ResourceQuota', 'resourcequotas', { shortNames: ['quota'] });
const scopes = ['Terminating', 'NotTerminating', 'BestEffort', 'NotBestEffort', 'PriorityClass', 'CrossNamespacePodAffinity', 'VolumeAttributesClass'];
const pairs = [['BestEffort', 'NotBestEffort'], ['Terminating', 'NotTerminating']] as const;
const podResources = /^((requests|limits)\.)?(cpu|memory)$|^pods$/;

/** Which standard resources a scope can narrow (pkg/apis/core/helper, IsResourceQuotaScopeValidForResource). */
function fits(scope: string, name: string): boolean {
  if (scope === 'BestEffort') return name === 'pods';
  if (scope === 'VolumeAttributesClass') return name === 'persistentvolumeclaims' || name === 'requests.storage';
  return !scopes.includes(scope) || podResources.test(name);
}

/** What pods may ask for is more than what they may use. */
function orderWarnings(name: string, hard: Readonly<Record<string, string>>): string[] {
  const asked = [`requests.${name}`, ...(name === 'cpu' || name === 'memory' ? [name] : [])].find((key) => hard[key] !== undefined);
  const [request, limit] = [asked === undefined ? undefined : quantityOf(hard[asked]!), quantityOf(hard[`limits.${name}`] ?? '')];
  if (!request || !limit || request.cmp(limit) <= 0) return [];
  return [`ResourceQuota ${asked} (${request.toString()}) should be less than limits.${name} (${limit.toString()})`];
}

export const resourceQuota: Strategy<ResourceQuota> = {
  definition,
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  defaults(object) {
    canonicalQuantities(object.spec?.hard);
    object.spec ??= {};
    object.status ??= {};
  },
  prepareForCreate(_context, object) {
    object.status = {};
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    validate(errors, object);
    const key = (list: string[] | undefined) => [...new Set(list)].sort().join();
    if (key(object.spec?.scopes) !== key(old.spec?.scopes)) errors.invalid('spec.scopes', object.spec?.scopes ?? null, fieldImmutable);
  }),
  warnings: ({ spec }, old) => (old ? [] : ['cpu', 'memory', 'storage', 'ephemeral-storage'].flatMap((name) => orderWarnings(name, spec?.hard ?? {}))),
  columns: columns('Name', 'Request', 'Limit', 'Age'),
  row(object, now) {
    const { hard = {}, used = {} } = object.status ?? {};
    const cells = (limits: boolean) =>
      Object.keys(hard).sort().filter((name) => name.startsWith('limits.') === limits).map((name) => `${name}: ${used[name] ?? '0'}/${hard[name]}`).join(', ');
    return [nameOf(object), cells(false), cells(true), age(object, now)];
  },
  subresources: {
    status: statusSubresource<ResourceQuota>(definition, (errors, { status }) => {
      amounts(errors, 'status.hard', status?.hard);
      amounts(errors, 'status.used', status?.used);
    }),
  },
};

function amounts(errors: FieldErrors, field: string, list: Record<string, string> | undefined): void {
  for (const name in list) {
    const path = `${field}[${name}]`;
    quotaResourceName(errors, path, name);
    const quantity = quantityOf(list[name]!);
    if (quantity) resourceValue(errors, path, name, quantity);
    else errors.invalid(path, list[name], notAQuantity);
  }
}

function validate(errors: FieldErrors, { spec = {} }: ResourceQuota): void {
  amounts(errors, 'spec.hard', spec.hard);
  const conflict = (seen: Set<string>) => {
    for (const [a, b] of pairs) if (seen.has(a) && seen.has(b)) errors.invalid('spec.scopes', spec.scopes ?? null, 'conflicting scopes');
  };
  const unfit = (scope: string) => Object.keys(spec.hard ?? {}).filter((name) => quotaResources.has(name) && !fits(scope, name));
  for (const scope of spec.scopes ?? []) {
    if (!scopes.includes(scope)) errors.invalid('spec.scopes', spec.scopes, 'unsupported scope');
    for (const _ of unfit(scope)) errors.invalid('spec.scopes', spec.scopes, 'unsupported scope applied to resource');
  }
  conflict(new Set(spec.scopes));
  const path = 'spec.scopeSelector.matchExpressions';
  const shown = internal('core/v1.ScopeSelector', spec.scopeSelector);
  for (const requirement of spec.scopeSelector?.matchExpressions ?? []) {
    const { scopeName, operator, values = [] } = requirement;
    if (!scopes.includes(scopeName)) errors.invalid(`${path}.scopeName`, scopeName, 'unsupported scope');
    else for (const _ of unfit(scopeName)) errors.invalid(path, shown, 'unsupported scope applied to resource');
    if (scopes.includes(scopeName) && !['PriorityClass', 'VolumeAttributesClass'].includes(scopeName) && operator !== 'Exists')
      errors.invalid(
        `${path}.operator`,
        operator,
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
      );
    if (operator === 'In' || operator === 'NotIn') {
      if (!values.length) errors.required(`${path}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length) errors.invalid(`${path}.values`, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
    } else errors.invalid(`${path}.operator`, operator, 'not a valid selector operator');
  }
  conflict(new Set((spec.scopeSelector?.matchExpressions ?? []).map((requirement) => requirement.scopeName)));
}
