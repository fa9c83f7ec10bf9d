import type { PolicyRule } from '../../api/index.ts';
import type { RequestInfo } from './types.ts';

/* What a rule of RBAC covers. Mirrors pkg/apis/rbac/v1/evaluation_helpers.go and k8s.io/component-helpers/auth/rbac/validation. */

const all = '*';
const has = (list: readonly string[] | undefined, value: string) => !!list && (list.includes(value) || list.includes(all));

export type RequestAttributes = Pick<RequestInfo, 'isResourceRequest' | 'verb' | 'group' | 'resource' | 'subresource' | 'name' | 'path'>;

export function ruleAllows(rule: PolicyRule, info: RequestAttributes): boolean {
  if (!has(rule.verbs, info.verb)) return false;
  if (!info.isResourceRequest) return (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, info.path));
  return has(rule.apiGroups, info.group) && resourceMatches(rule, info) && (!rule.resourceNames?.length || rule.resourceNames.includes(info.name));
}

function resourceMatches({ resources = [] }: PolicyRule, { resource, subresource }: RequestAttributes): boolean {
  const combined = subresource ? `${resource}/${subresource}` : resource;
  return resources.some((pattern) => pattern === all || pattern === combined || (!!subresource && pattern === `*/${subresource}`));
}

const pathMatches = (pattern: string, path: string) =>
  pattern === all || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)));

/** The parts of `wanted` that `held` does not cover, one verb, group, resource and name each. */
export function missingRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(breakdown).filter((rule) => !held.some((owner) => covers(owner, rule)));
}

function breakdown(rule: PolicyRule): PolicyRule[] {
  const parts: PolicyRule[] = [];
  for (const verb of rule.verbs ?? []) {
    for (const apiGroup of rule.apiGroups ?? [])
      for (const resource of rule.resources ?? []) {
        const base: PolicyRule = { verbs: [verb], apiGroups: [apiGroup], resources: [resource] };
        if (rule.resourceNames?.length) for (const name of rule.resourceNames) parts.push({ ...base, resourceNames: [name] });
        else parts.push(base);
      }
    for (const url of rule.nonResourceURLs ?? []) parts.push({ verbs: [verb], nonResourceURLs: [url] });
  }
  return parts;
}

function covers(owner: PolicyRule, part: PolicyRule): boolean {
  if (!has(owner.verbs, part.verbs![0]!)) return false;
  const url = part.nonResourceURLs?.[0];
  if (url !== undefined) return (owner.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, url));
  const [resource = '', subresource] = part.resources![0]!.split('/');
  const name = part.resourceNames?.[0];
  const covered = owner.resources?.includes(all) || owner.resources?.includes(part.resources![0]!) || (subresource && owner.resources?.includes(`*/${subresource}`));
  return (
    has(owner.apiGroups, part.apiGroups![0]!) && !!covered && resource !== undefined && (!owner.resourceNames?.length || (name !== undefined && owner.resourceNames.includes(name)))
  );
}

/** Joins what differs in verbs only, as upstream shows missing rights. */
export function describeRules(rules: readonly PolicyRule[]): string[] {
  const joined = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const key = JSON.stringify([rule.apiGroups, rule.resources, rule.resourceNames, rule.nonResourceURLs]);
    const same = joined.get(key);
    joined.set(key, same ? { ...same, verbs: [...same.verbs!, ...rule.verbs!] } : rule);
  }
  return [...joined.values()].map(describe).sort();
}

function describe(rule: PolicyRule): string {
  const part = (name: string, values: string[] | undefined) => (values?.length ? [`${name}:[${values.map((v) => JSON.stringify(v)).join(' ')}]`] : []);
  const parts = [
    ...part('APIGroups', rule.apiGroups),
    ...part('Resources', rule.resources),
    ...part('NonResourceURLs', rule.nonResourceURLs),
    ...part('ResourceNames', rule.resourceNames),
    ...part('Verbs', rule.verbs),
  ];
  return `{${parts.join(', ')}}`;
}
