import { isDns1123Subdomain } from '../../api/names.ts';
import type { UserInfo, RequestInfo } from '../auth/types.ts';

export const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof levels)[number];
export const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof stages)[number];

/** Which requests are told how far: audit.k8s.io/v1, Policy. */
export interface AuditPolicy {
  rules: Rule[];
  omitStages?: Stage[];
  omitManagedFields?: boolean;
}

interface Rule {
  level: Level;
  users?: string[];
  userGroups?: string[];
  verbs?: string[];
  resources?: { group?: string; resources?: string[]; resourceNames?: string[] }[];
  namespaces?: string[];
  nonResourceURLs?: string[];
  omitStages?: Stage[];
  omitManagedFields?: boolean;
}

export interface Verdict {
  level: Level;
  omitStages: ReadonlySet<Stage>;
  omitManagedFields: boolean;
}

/**
 * A policy out of a parsed file. Throws an Error that says what is wrong with it.
 * Mirrors k8s.io/apiserver/pkg/audit/policy/reader.go and pkg/apis/audit/validation.
 */
export function auditPolicy(value: unknown): AuditPolicy {
  const policy = value as (Partial<AuditPolicy> & { apiVersion?: string; kind?: string }) | undefined;
  if (policy?.apiVersion !== 'audit.k8s.io/v1' || policy.kind !== 'Policy') throw new Error('the audit policy is no Policy of audit.k8s.io/v1');
  if (!Array.isArray(policy.rules) || !policy.rules.length) throw new Error('loaded illegal policy with 0 rules');
  const stagesOf = (field: string, given: readonly string[] | undefined) =>
    given?.forEach((stage, i) => {
      if (!(stages as readonly string[]).includes(stage)) throw new Error(`${field}[${i}]: Invalid value: ${JSON.stringify(stage)}: allowed stages are ${stages.join(',')}`);
    });
  stagesOf('omitStages', policy.omitStages);
  policy.rules.forEach((rule, i) => {
    if (!levels.includes(rule.level)) throw new Error(`rules[${i}].level: Unsupported value: ${JSON.stringify(rule.level)}: supported values: ${levels.map((level) => JSON.stringify(level)).join(', ')}`);
    if (rule.nonResourceURLs?.length && (rule.resources?.length || rule.namespaces?.length)) throw new Error(`rules[${i}].nonResourceURLs: rules cannot apply to both regular resources and non-resource URLs`);
    checkPaths(`rules[${i}].nonResourceURLs`, rule.nonResourceURLs);
    for (const resources of rule.resources ?? []) checkResources(`rules[${i}].resources`, resources);
    stagesOf(`rules[${i}].omitStages`, rule.omitStages);
  });
  return policy as AuditPolicy;
}

function checkPaths(field: string, paths: readonly string[] = []): void {
  paths.forEach((path, i) => {
    if (path === '*') return;
    const wrong = (why: string) => new Error(`${field}[${i}]: Invalid value: ${JSON.stringify(path)}: ${why}`);
    if (!path.startsWith('/')) throw wrong("non-resource URL rules must begin with a '/' character");
    if (path.slice(0, -1).includes('*')) throw wrong("non-resource URL wildcards '*' must be the final character of the rule");
  });
}

function checkResources(field: string, { group, resources, resourceNames }: NonNullable<Rule['resources']>[number]): void {
  const faults = group && group !== '*' ? isDns1123Subdomain(group) : [];
  if (faults.length) throw new Error(`${field}.group: Invalid value: ${JSON.stringify(group)}: ${faults.join(',')}`);
  if (resourceNames?.length && !resources?.length) throw new Error(`${field}.resourceNames: Invalid value: ${JSON.stringify(resourceNames)}: using resourceNames requires at least one resource`);
}

/** The first rule that is about the request decides; without any nothing is told. Mirrors k8s.io/apiserver/pkg/audit/policy/checker.go. */
export function judge(policy: AuditPolicy, user: UserInfo | undefined, info: RequestInfo): Verdict {
  const rule = policy.rules.find((candidate) => matches(candidate, user, info));
  const omitStages = new Set([...(policy.omitStages ?? []), ...(rule?.omitStages ?? [])]);
  return { level: rule?.level ?? 'None', omitStages, omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields ?? false };
}

function matches(rule: Rule, user: UserInfo | undefined, info: RequestInfo): boolean {
  if (rule.users?.length && !(user && rule.users.includes(user.name))) return false;
  if (rule.userGroups?.length && !user?.groups.some((group) => rule.userGroups!.includes(group))) return false;
  if (rule.verbs?.length && !rule.verbs.includes(info.verb)) return false;
  if (rule.namespaces?.length || rule.resources?.length) return info.isResourceRequest && matchesResource(rule, info);
  if (rule.nonResourceURLs?.length) return !info.isResourceRequest && rule.nonResourceURLs.some((pattern) => matchesPath(pattern, info.path));
  return true;
}

function matchesResource({ namespaces, resources }: Rule, info: RequestInfo): boolean {
  if (namespaces?.length && !namespaces.includes(info.namespace)) return false;
  if (!resources?.length) return true;
  const combined = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
  return resources.some(({ group = '', resources: names, resourceNames }) => {
    if (group !== info.group && group !== '*') return false;
    if (!names?.length) return true;
    return names.some((name) => {
      if (resourceNames?.length && !resourceNames.includes(info.name)) return false;
      if (name === '*' || name === combined) return true;
      return (!!info.subresource && name === `*/${info.subresource}`) || name === `${info.resource}/*`;
    });
  });
}

const matchesPath = (pattern: string, path: string) => pattern === '*' || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)));
