import type { LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview } from '../../../api/index.ts';
import { badRequest } from '../../../api/status.ts';
import type { RbacAuthorizer } from '../../auth/rbac.ts';
import type { Authorizer, RequestInfo, UserInfo } from '../../auth/types.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { check, define } from '../define.ts';
import type { RequestContext, Strategy } from '../strategy.ts';

/* `kubectl auth can-i`. Mirrors pkg/registry/authorization and pkg/apis/authorization/validation. */

const group = 'authorization.k8s.io';
type Spec = NonNullable<SubjectAccessReview['spec']>;
type Attributes = Pick<Spec, 'resourceAttributes' | 'nonResourceAttributes'>;

function base(kind: string, resource: string, namespaced: boolean) {
  return {
    definition: define(group, 'v1', kind, resource, { namespaced, verbs: ['create'] }),
    hasGeneration: false,
    nameRule: 'pathSegment' as const,
    validateUpdate: () => [],
    columns: [],
    row: () => [],
  };
}

export function accessReviews(
  authorizer: Authorizer,
  rbac: RbacAuthorizer,
): [Strategy<SubjectAccessReview>, Strategy<SelfSubjectAccessReview>, Strategy<LocalSubjectAccessReview>, Strategy<SelfSubjectRulesReview>] {
  async function decide(user: UserInfo, spec: Attributes) {
    const { allowed, reason, ...rest } = await authorizer.authorize(user, requestOf(spec));
    return { allowed, ...('denied' in rest && rest.denied ? { denied: true } : {}), ...(reason ? { reason } : {}) };
  }
  return [
    {
      ...base('SubjectAccessReview', 'subjectaccessreviews', false),
      validate: (_context, object) => check((errors) => validateSubject(errors, object.spec ?? {})),
      review: async (_context, object) => ({ ...object, status: await decide(userOf(object.spec ?? {}), object.spec ?? {}) }),
    },
    {
      ...base('SelfSubjectAccessReview', 'selfsubjectaccessreviews', false),
      validate: (_context, object) => check((errors) => validateAttributes(errors, object.spec ?? {})),
      review: async (context, object) => ({ ...object, status: await decide(context.user, object.spec ?? {}) }),
    },
    {
      ...base('LocalSubjectAccessReview', 'localsubjectaccessreviews', true),
      validate: (context, object) => check((errors) => validateLocal(errors, context, object)),
      review: async (_context, object) => ({ ...object, status: await decide(userOf(object.spec ?? {}), object.spec ?? {}) }),
    },
    {
      ...base('SelfSubjectRulesReview', 'selfsubjectrulesreviews', false),
      validate: () => [],
      async review(context, object) {
        const namespace = object.spec?.namespace;
        if (!namespace) throw badRequest('no namespace on request');
        const rules = await rbac.rulesFor(context.user, namespace);
        const all = context.user.groups.includes('system:masters')
          ? [
              { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
              { verbs: ['*'], nonResourceURLs: ['*'] },
            ]
          : rules;
        return {
          ...object,
          status: {
            incomplete: false,
            resourceRules: all.filter((rule) => rule.resources?.length).map(({ verbs = [], apiGroups = [], resources = [], resourceNames }) => ({ verbs, apiGroups, resources, ...(resourceNames ? { resourceNames } : {}) })),
            nonResourceRules: all.filter((rule) => rule.nonResourceURLs?.length).map(({ verbs = [], nonResourceURLs = [] }) => ({ verbs, nonResourceURLs })),
          },
        };
      },
    },
  ];
}

function validateAttributes(errors: FieldErrors, spec: Attributes): void {
  if (spec.resourceAttributes && spec.nonResourceAttributes) errors.invalid('spec.nonResourceAttributes', spec.nonResourceAttributes, 'cannot be specified in combination with resourceAttributes');
  if (!spec.resourceAttributes && !spec.nonResourceAttributes)
    errors.invalid('spec.resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified');
}

function validateSubject(errors: FieldErrors, spec: Spec): void {
  validateAttributes(errors, spec);
  if (!spec.user && !spec.groups?.length) errors.invalid('spec.user', spec.user ?? '', 'at least one of user or group must be specified');
}

function validateLocal(errors: FieldErrors, { namespace }: RequestContext, { spec = {} }: LocalSubjectAccessReview): void {
  validateSubject(errors, spec);
  const given = spec.resourceAttributes?.namespace ?? '';
  if (given !== namespace) errors.invalid('spec.resourceAttributes.namespace', given, 'must match metadata.namespace');
  if (spec.nonResourceAttributes) errors.invalid('spec.nonResourceAttributes', spec.nonResourceAttributes, 'disallowed on this kind of request');
}

const userOf = ({ user = '', uid, groups = [], extra }: Spec): UserInfo => ({ name: user, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) });

function requestOf({ resourceAttributes: resource, nonResourceAttributes: path }: Attributes): RequestInfo {
  return {
    isResourceRequest: !!resource,
    path: path?.path ?? '',
    verb: (resource ?? path)?.verb ?? '',
    apiPrefix: '',
    group: resource?.group ?? '',
    version: resource?.version || '*',
    namespace: resource?.namespace ?? '',
    resource: resource?.resource ?? '',
    subresource: resource?.subresource ?? '',
    name: resource?.name ?? '',
    parts: [],
  };
}

