import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { isDns1123Subdomain } from '../../../api/names.ts';
import { forbidden, notFound } from '../../../api/status.ts';
import type { RbacAuthorizer } from '../../auth/rbac.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { labelSelector } from '../../validation/names.ts';
import { readableSelector } from '../../validation/workloads.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { RequestContext, Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/rbac/*, pkg/apis/rbac/validation/validation.go and pkg/apis/rbac/v1/defaults.go. */

const group = 'rbac.authorization.k8s.io';

type AnyRole = Role | ClusterRole;
type AnyBinding = RoleBinding | ClusterRoleBinding;

/** The four kinds of RBAC; writes that would give somebody more than the writer has are refused. */
export function rbacStrategies(rbac: RbacAuthorizer): [Strategy<Role>, Strategy<RoleBinding>, Strategy<ClusterRole>, Strategy<ClusterRoleBinding>] {
  return [
    role<Role>(rbac, 'Role', 'roles', true),
    binding<RoleBinding>(rbac, 'RoleBinding', 'rolebindings', true),
    role<ClusterRole>(rbac, 'ClusterRole', 'clusterroles', false),
    binding<ClusterRoleBinding>(rbac, 'ClusterRoleBinding', 'clusterrolebindings', false),
  ];
}

function role<T extends AnyRole>(rbac: RbacAuthorizer, kind: string, resource: string, namespaced: boolean): Strategy<T> {
  return {
    definition: define(group, 'v1', kind, resource, { namespaced }),
    hasGeneration: false,
    nameRule: 'pathSegment',
    judgedAgain: true,
    allowCreateOnUpdate: true,
    allowUnconditionalUpdate: true,
    async validate(context, object) {
      const errors = check((found) => validateRole(found, object, namespaced));
      if (!errors.length) await mayGrant(rbac, context, object, resource);
      return errors;
    },
    async validateUpdate(context, object, old) {
      const errors = check((found) => validateRole(found, object, namespaced));
      const aggregates = equalJson((object as ClusterRole).aggregationRule, (old as ClusterRole).aggregationRule);
      if (!errors.length && !(equalJson(object.rules ?? [], old.rules ?? []) && aggregates)) await mayGrant(rbac, context, object, resource);
      return errors;
    },
    columns: namespaced ? columns('Name', 'Created At@') : columns('Name', 'Created At@'),
    row: (object) => [nameOf(object), object.metadata?.creationTimestamp ?? ''],
  };
}

function binding<T extends AnyBinding>(rbac: RbacAuthorizer, kind: string, resource: string, namespaced: boolean): Strategy<T> {
  return {
    definition: define(group, 'v1', kind, resource, { namespaced }),
    hasGeneration: false,
    nameRule: 'pathSegment',
    judgedAgain: true,
    allowCreateOnUpdate: true,
    allowUnconditionalUpdate: true,
    defaults(object) {
      if (object.roleRef) object.roleRef.apiGroup ||= group;
      for (const subject of object.subjects ?? [])
        if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= group;
    },
    async validate(context, object) {
      const errors = check((found) => validateBinding(found, object, namespaced));
      if (!errors.length) await mayBind(rbac, context, object, resource);
      return errors;
    },
    async validateUpdate(context, object, old) {
      const errors = check((found) => {
        validateBinding(found, object, namespaced);
        if (!equalJson(object.roleRef, old.roleRef)) found.invalid('roleRef', internal('rbac/v1.RoleRef', object.roleRef), 'cannot change roleRef');
      });
      if (!errors.length && !(equalJson(object.subjects, old.subjects) && equalJson(object.roleRef, old.roleRef)))
        await mayBind(rbac, context, object, resource);
      return errors;
    },
    columns: columns('Name', 'Role', 'Age', 'Users!', 'Groups!', 'ServiceAccounts!'),
    row(object, now) {
      const of = (wanted: string) =>
        (object.subjects ?? [])
          .filter((subject) => subject.kind === wanted)
          .map((subject) => (wanted === 'ServiceAccount' ? `${subject.namespace}/${subject.name}` : subject.name))
          .join(', ');
      return [nameOf(object), `${object.roleRef?.kind}/${object.roleRef?.name}`, age(object, now), of('User'), of('Group'), of('ServiceAccount')];
    },
  };
}

function validateRole(errors: FieldErrors, object: AnyRole, namespaced: boolean): void {
  object.rules?.forEach((rule, i) => validateRule(errors, `rules[${i}]`, rule, namespaced));
  const aggregation = (object as ClusterRole).aggregationRule;
  if (!aggregation) return;
  const selectors = aggregation.clusterRoleSelectors ?? [];
  if (!selectors.length) errors.required('aggregationRule.clusterRoleSelectors', 'at least one clusterRoleSelector required if aggregationRule is non-nil');
  selectors.forEach((selector, i) => {
    const path = `aggregationRule.clusterRoleSelectors[${i}]`;
    labelSelector(errors, path, selector);
    if (!readableSelector(selector)) errors.invalid(path, undefined, 'invalid label selector.');
  });
}

function validateRule(errors: FieldErrors, path: string, rule: PolicyRule, namespaced: boolean): void {
  if (!rule.verbs?.length) errors.required(`${path}.verbs`, 'verbs must contain at least one value');
  if (rule.nonResourceURLs?.length) {
    if (namespaced) errors.invalid(`${path}.nonResourceURLs`, rule.nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs');
    if (rule.apiGroups?.length || rule.resources?.length || rule.resourceNames?.length)
      errors.invalid(`${path}.nonResourceURLs`, rule.nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs');
    return;
  }
  if (!rule.apiGroups?.length) errors.required(`${path}.apiGroups`, 'resource rules must supply at least one api group');
  if (!rule.resources?.length) errors.required(`${path}.resources`, 'resource rules must supply at least one resource');
}

function validateBinding(errors: FieldErrors, object: AnyBinding, namespaced: boolean): void {
  const { roleRef, subjects = [] } = object;
  if (roleRef?.apiGroup !== group) errors.notSupported('roleRef.apiGroup', roleRef?.apiGroup ?? '', [group]);
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  if (!kinds.includes(roleRef?.kind)) errors.notSupported('roleRef.kind', roleRef?.kind ?? '', kinds);
  if (!roleRef?.name) errors.required('roleRef.name');
  subjects.forEach((subject, i) => {
    const path = `subjects[${i}]`;
    if (!subject.name) errors.required(`${path}.name`);
    if (subject.kind === 'ServiceAccount') {
      if (subject.name) errors.invalidEach(`${path}.name`, subject.name, isDns1123Subdomain(subject.name));
      if (subject.apiGroup) errors.notSupported(`${path}.apiGroup`, subject.apiGroup, ['']);
      if (!namespaced && !subject.namespace) errors.required(`${path}.namespace`);
    } else if (subject.kind === 'User' || subject.kind === 'Group') {
      if (subject.apiGroup !== group) errors.notSupported(`${path}.apiGroup`, subject.apiGroup ?? '', [group]);
    } else errors.notSupported(`${path}.kind`, subject.kind ?? '', ['ServiceAccount', 'User', 'Group']);
  });
}

/** A role may be written by who has all that it grants, or may `escalate`. Mirrors clusterrole/policybased/storage.go. */
async function mayGrant(rbac: RbacAuthorizer, context: RequestContext, object: AnyRole, resource: string): Promise<void> {
  const name = nameOf(object);
  if (await isPrivileged(rbac, context, 'escalate', resource, name)) return;
  if ((object as ClusterRole).aggregationRule) {
    const full: PolicyRule[] = [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['*'], nonResourceURLs: ['*'] },
    ];
    const why = await rbac.escalation(context.user, context.namespace, full);
    if (why) throw forbidden({ group, kind: resource }, name, `must have cluster-admin privileges to use the aggregationRule`);
  }
  const why = await rbac.escalation(context.user, context.namespace, object.rules ?? []);
  if (why) throw forbidden({ group, kind: resource }, name, why);
}

/** A binding may be written by who has all that the role grants, or may `bind` it. */
async function mayBind(rbac: RbacAuthorizer, context: RequestContext, object: AnyBinding, resource: string): Promise<void> {
  const { kind, name } = object.roleRef;
  const roles = kind === 'Role' ? 'roles' : 'clusterroles';
  if (await isPrivileged(rbac, context, 'bind', roles, name)) return;
  const rules = await rbac.rulesOfRole(object.roleRef, context.namespace);
  // Upstream says the binding is missing, though it is the role.
  if (!rules) throw notFound({ group, kind: resource }, name);
  const why = await rbac.escalation(context.user, context.namespace, rules);
  if (why) throw forbidden({ group, kind: resource }, nameOf(object), why);
}

function isPrivileged(rbac: RbacAuthorizer, { user, namespace }: RequestContext, verb: string, resource: string, name: string): Promise<boolean> {
  return rbac.allows(user, namespace, { isResourceRequest: true, verb, group, resource, subresource: '', name, path: '' });
}

