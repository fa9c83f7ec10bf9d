import type { MatchCondition, MatchResources, NamedRuleWithOperations, RuleWithOperations } from '../../api/index.ts';
import { isPathSegmentName, isQualifiedName } from '../../api/names.ts';
import type { FieldErrors } from './field.ts';
import { labelSelector } from './names.ts';

/* Which requests webhooks and policies are about. Mirrors pkg/apis/admissionregistration/validation/validation.go. */

export const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const scopes = ['*', 'Cluster', 'Namespaced'];
export const failurePolicies = ['Fail', 'Ignore'];
export const matchPolicies = ['Equivalent', 'Exact'];
export const reinvocationPolicies = ['IfNeeded', 'Never'];
const maxMatchConditions = 64;

export function ruleWithOperations(errors: FieldErrors, field: string, rule: RuleWithOperations): void {
  if (!rule.operations?.length) errors.required(`${field}.operations`);
  if ((rule.operations?.length ?? 0) > 1 && rule.operations!.includes('*')) errors.invalid(`${field}.operations`, rule.operations, "if '*' is present, must not specify other operations");
  rule.operations?.forEach((operation, i) => {
    if (!operations.includes(operation)) errors.notSupported(`${field}.operations[${i}]`, operation, operations);
  });
  all(errors, `${field}.apiGroups`, rule.apiGroups, 'API groups');
  all(errors, `${field}.apiVersions`, rule.apiVersions, 'API versions');
  rule.apiVersions?.forEach((version, i) => {
    if (!version) errors.required(`${field}.apiVersions[${i}]`);
  });
  ruleResources(errors, `${field}.resources`, rule.resources ?? []);
  if (rule.scope !== undefined && !scopes.includes(rule.scope)) errors.notSupported(`${field}.scope`, rule.scope, scopes);
}

function all(errors: FieldErrors, field: string, values: string[] | undefined, what: string): void {
  if (!values?.length) errors.required(field);
  else if (values.length > 1 && values.includes('*')) errors.invalid(field, values, `if '*' is present, must not specify other ${what}`);
}

/** `pods`, `pods/status`, `pods/*`, `*`, `*` with a subresource; what a wildcard covers must not be named besides it. */
function ruleResources(errors: FieldErrors, field: string, resources: string[]): void {
  if (!resources.length) errors.required(field);
  const allParts = new Set<string>();
  const everywhere = new Set<string>();
  let plain = false;
  resources.forEach((text, i) => {
    if (!text) return errors.required(`${field}[${i}]`);
    const slash = text.indexOf('/');
    if (slash < 0) {
      plain = text !== '*';
      return;
    }
    const resource = text.slice(0, slash);
    const part = text.slice(slash + 1);
    if (allParts.has(resource)) errors.invalid(`${field}[${i}]`, text, `if '${resource}/*' is present, must not specify ${text}`);
    if (everywhere.has(part)) errors.invalid(`${field}[${i}]`, text, `if '*/${part}' is present, must not specify ${text}`);
    if (part === '*') allParts.add(resource);
    if (resource === '*') everywhere.add(part);
  });
  if (resources.length > 1 && resources.includes('*/*')) errors.invalid(field, resources, "if '*/*' is present, must not specify other resources");
  if (resources.includes('*') && plain) errors.invalid(field, resources, "if '*' is present, must not specify other resources without subresources");
}

export function matchResources(errors: FieldErrors, field: string, match: MatchResources): void {
  if (match.matchPolicy === undefined) errors.required(`${field}.matchPolicy`);
  else if (!matchPolicies.includes(match.matchPolicy)) errors.notSupported(`${field}.matchPolicy`, match.matchPolicy, matchPolicies);
  for (const name of ['namespaceSelector', 'objectSelector'] as const)
    if (match[name]) labelSelector(errors, `${field}.${name}`, match[name]);
    else errors.required(`${field}.${name}`);
  match.resourceRules?.forEach((rule, i) => namedRule(errors, `${field}.resourceRules[${i}]`, rule));
  match.excludeResourceRules?.forEach((rule, i) => namedRule(errors, `${field}.excludeResourceRules[${i}]`, rule));
}

function namedRule(errors: FieldErrors, field: string, rule: NamedRuleWithOperations): void {
  rule.resourceNames?.forEach((name, i) => {
    errors.invalidEach(`${field}.resourceNames[${i}]`, name, isPathSegmentName(name));
    if (rule.resourceNames!.indexOf(name) < i) errors.duplicate(`${field}.resourceNames[${i}]`, name);
  });
  ruleWithOperations(errors, field, rule);
}

/** `expression` judges the CEL of a condition that is new. */
export function matchConditions(errors: FieldErrors, field: string, conditions: MatchCondition[] | undefined, expression: (field: string, text: string) => void): void {
  if (!conditions) return;
  if (conditions.length > maxMatchConditions) errors.tooMany(field, conditions.length, maxMatchConditions);
  conditions.forEach(({ name, expression: text }, i) => {
    if (!text?.trim()) errors.required(`${field}[${i}].expression`);
    else expression(`${field}[${i}].expression`, text.trim());
    if (!name) return errors.required(`${field}[${i}].name`);
    errors.invalidEach(`${field}[${i}].name`, name, isQualifiedName(name));
    if (conditions.findIndex((other) => other.name === name) < i) errors.duplicate(`${field}[${i}].name`, name);
  });
}
