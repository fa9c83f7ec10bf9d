import type { FlowcontrolSubject, FlowDistinguisherMethod, FlowSchema, NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule } from '../../api/index.ts';
import type { RequestInfo, UserInfo } from '../auth/types.ts';

/* Which requests a schema is about. Mirrors k8s.io/apiserver/pkg/util/flowcontrol/rule.go. */

export function matchesSchema({ spec }: FlowSchema, user: UserInfo, info: RequestInfo): boolean {
  return !!spec?.rules?.some((rule) => matches(rule, user, info));
}

/** What tells the flows of one schema apart: each user or namespace has one, or all requests are of one. */
export function distinguisher(method: FlowDistinguisherMethod | undefined, user: UserInfo, info: RequestInfo): string {
  switch (method?.type) {
    case 'ByUser':
      return user.name;
    case 'ByNamespace':
      return info.namespace;
    default:
      return '';
  }
}

function matches({ subjects = [], resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects, user: UserInfo, info: RequestInfo): boolean {
  if (!subjects.some((subject) => isSubject(subject, user))) return false;
  return info.isResourceRequest ? resourceRules.some((rule) => ofResource(rule, info)) : nonResourceRules.some((rule) => ofPath(rule, info));
}

function isSubject({ user, group, serviceAccount }: FlowcontrolSubject, who: UserInfo): boolean {
  if (user) return user.name === '*' || user.name === who.name;
  if (group) return group.name === '*' || who.groups.includes(group.name);
  if (!serviceAccount) return false;
  const { namespace, name } = serviceAccount;
  const prefix = `system:serviceaccount:${namespace}:`;
  return name === '*' ? who.name.startsWith(prefix) : who.name === prefix + name;
}

const has = (list: readonly string[] | undefined, value: string) => list !== undefined && (list.includes('*') || list.includes(value));

function ofResource(rule: ResourcePolicyRule, { verb, group, resource, subresource, namespace }: RequestInfo): boolean {
  const what = subresource ? `${resource}/${subresource}` : resource;
  return has(rule.verbs, verb) && has(rule.apiGroups, group) && has(rule.resources, what) && (namespace ? has(rule.namespaces, namespace) : rule.clusterScope === true);
}

function ofPath(rule: NonResourcePolicyRule, { verb, path }: RequestInfo): boolean {
  return has(rule.verbs, verb) && rule.nonResourceURLs.some((url) => url === '*' || url === path || path.startsWith(url.endsWith('/*') ? url.slice(0, -1) : url.endsWith('/') ? url : `${url}/`));
}
