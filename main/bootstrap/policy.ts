import type { ClusterRole, ClusterRoleBinding, PolicyRule, RbacSubject, Role, RoleBinding } from '../api/index.ts';
import { aggregations, clusterRoleBindings, clusterRoles, roleBindings, roles } from './policyData.ts';

/* The default roles and bindings as objects. Mirrors plugin/pkg/auth/authorizer/rbac/bootstrappolicy. */

const group = 'rbac.authorization.k8s.io';
const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' };
const labels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
/** Role → which roles' rules it is made of. */
const aggregated: Record<string, string> = { admin: 'admin', edit: 'edit', view: 'view' };

function ruleOf(text: string): PolicyRule {
  const [verbs, second, resources, names] = text.split('|').map((part) => part.split(' '));
  if (!resources) return { nonResourceURLs: second!, verbs: verbs! };
  return {
    apiGroups: second!.map((name) => (name === 'core' ? '' : name)),
    ...(names ? { resourceNames: names } : {}),
    resources,
    verbs: verbs!,
  };
}

function subjectOf(text: string): RbacSubject {
  const [, kind, name] = /^(\w+):(.*)$/.exec(text)!;
  if (kind !== 'ServiceAccount') return { apiGroup: group, kind: kind!, name: name! };
  const [namespace, account] = name!.split('/');
  return { kind: kind, name: account!, namespace: namespace! };
}

/** `view` flows into `edit`, and `edit` into `admin`: what a controller would put together, put together. */
function aggregatedRules(name: string): string[] {
  const target = aggregated[name]!;
  return Object.entries(aggregations)
    .filter(([, into]) => into === target)
    .flatMap(([source]) => (aggregated[source] ? aggregatedRules(source) : clusterRoles[source]!));
}

/** What every kubelet may do, besides reading what its pods refer to. */
export const nodeRules = (): PolicyRule[] => clusterRoles['system:node']!.map(ruleOf);

export function defaultClusterRoles(): ClusterRole[] {
  return Object.entries(clusterRoles).map(([name, rules]) => {
    const into = aggregations[name];
    const key = `${group}/aggregate-to-`;
    return {
      apiVersion: `${group}/v1`,
      kind: 'ClusterRole',
      metadata: { name, annotations, labels: { ...labels, ...(into ? { [key + into]: 'true' } : {}) } },
      ...(aggregated[name] ? { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [key + aggregated[name]]: 'true' } }] } } : {}),
      rules: (aggregated[name] ? aggregatedRules(name) : rules).map(ruleOf),
    };
  });
}

export function defaultClusterRoleBindings(): ClusterRoleBinding[] {
  return Object.entries(clusterRoleBindings).map(([name, subjects]) => ({
    apiVersion: `${group}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name, annotations, labels },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name },
    ...(subjects.length ? { subjects: subjects.map(subjectOf) } : {}),
  }));
}

export function defaultRoles(): Role[] {
  return Object.entries(roles).map(([key, rules]) => {
    const [namespace, name] = key.split('/') as [string, string];
    return { apiVersion: `${group}/v1`, kind: 'Role', metadata: { name, namespace, annotations, labels }, rules: rules.map(ruleOf) };
  });
}

export function defaultRoleBindings(): RoleBinding[] {
  return Object.entries(roleBindings).map(([key, { role, subjects }]) => {
    const [namespace, name] = key.split('/') as [string, string];
    return {
      apiVersion: `${group}/v1`,
      kind: 'RoleBinding',
      metadata: { name, namespace, annotations, labels },
      roleRef: { apiGroup: group, kind: 'Role', name: role },
      subjects: subjects.map(subjectOf),
    };
  });
}
