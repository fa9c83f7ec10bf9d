import { FieldSelector, parseFieldSelector, type FieldRequirement } from '../../../api/fields.ts';
import type { LocalSubjectAccessReview, PolicyRule, ResourceAttributes, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview } from '../../../api/index.ts';
import { parseSelector, selectorFromLabelSelector } from '../../../api/labels.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { badRequest } from '../../../api/status.ts';
import { isLabelValue, isQualifiedName } from '../../../api/names.ts';
import type { RbacAuthorizer } from '../../auth/rbac.ts';
import type { Authorizer, RequestInfo, UserInfo } from '../../auth/types.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
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
    const { fields, labels } = selectorsOf(spec.resourceAttributes);
    const { allowed, reason, ...rest } = await authorizer.authorize(user, { ...requestOf(spec), fieldSelector: fields.text, labelSelector: labels.text });
    const evaluationError = [fields.fault, labels.fault].filter(Boolean).join('; ');
    return { allowed, ...('denied' in rest && rest.denied ? { denied: true } : {}), ...(reason ? { reason } : {}), ...(evaluationError ? { evaluationError } : {}) };
  }
  return [
    {
      ...base('SubjectAccessReview', 'subjectaccessreviews', false),
      validate: (_context, object) =>
        check((errors) => {
          validateSubject(errors, object.spec ?? {});
          validateNoMetadata(errors, object);
        }),
      review: async (_context, object) => ({ ...object, status: await decide(userOf(object.spec ?? {}), object.spec ?? {}) }),
    },
    {
      ...base('SelfSubjectAccessReview', 'selfsubjectaccessreviews', false),
      validate: (_context, object) =>
        check((errors) => {
          validateAttributes(errors, object.spec ?? {});
          validateNoMetadata(errors, object);
        }),
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
        const all: PolicyRule[] = await rbac.rulesFor(context.user, namespace);
        return {
          metadata: {},
          spec: {},
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

/** A question has no metadata of its own but who asked it. */
function validateNoMetadata(errors: FieldErrors, { metadata }: KubeObject, allowed: { namespace?: string } = {}): void {
  const { managedFields: _managedFields, ...rest } = { ...metadata, ...allowed };
  const given = Object.values(rest).some((value) => value !== undefined && value !== '');
  if (given) errors.invalid('metadata', metadata, `must be empty${'namespace' in allowed ? ' except for namespace' : ''}`);
}

function validateAttributes(errors: FieldErrors, spec: Attributes): void {
  if (spec.resourceAttributes && spec.nonResourceAttributes) errors.invalid('spec.nonResourceAttributes', internal('authorization/v1.NonResourceAttributes', spec.nonResourceAttributes), 'cannot be specified in combination with resourceAttributes');
  if (!spec.resourceAttributes && !spec.nonResourceAttributes)
    errors.invalid('spec.resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified');
  const { fieldSelector, labelSelector } = spec.resourceAttributes ?? {};
  validateSelector(errors, 'spec.resourceAttributes.fieldSelector', fieldSelector);
  validateSelector(errors, 'spec.resourceAttributes.labelSelector', labelSelector);
}

type Selection = ResourceAttributes['fieldSelector'];

function validateSelector(errors: FieldErrors, path: string, selection: Selection): void {
  if (!selection) return;
  const { rawSelector, requirements = [] } = selection;
  if (rawSelector && requirements.length) errors.invalid(`${path}.rawSelector`, rawSelector, 'may not specified at the same time as requirements');
  if (!rawSelector && !requirements.length) errors.required(`${path}.requirements`, `when ${path} is specified, requirements or rawSelector is required`);
  requirements.forEach(({ key, operator, values = [] }, i) => {
    const at = `${path}.requirements[${i}]`;
    const ofLabels = path.endsWith('labelSelector');
    if (!ofLabels && !key) errors.required(`${at}.key`, 'must be specified');
    if (operator === 'In' || operator === 'NotIn') {
      if (!values.length) errors.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
    } else if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length) errors.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    if (!ofLabels) return;
    errors.invalidEach(`${at}.key`, key, isQualifiedName(key));
    values.forEach((value, j) => errors.invalidEach(`${at}.values[${j}]`, value, isLabelValue(value)));
  });
}

/** A selector as text, of what could be understood, and what to say where not all could. */
interface Understood {
  text?: string;
  fault?: string;
}

/** Mirrors pkg/registry/authorization/util/helpers.go: what cannot be understood narrows nothing. */
function selectorsOf({ fieldSelector, labelSelector }: ResourceAttributes = {}): { fields: Understood; labels: Understood } {
  return {
    fields: understood('fieldSelector', fieldSelector, (raw) => parseFieldSelector(raw).toString(), fieldTerm),
    labels: understood('labelSelector', labelSelector, (raw) => parseSelector(raw).toString(), (requirement) => selectorFromLabelSelector({ matchExpressions: [requirement] }).toString()),
  };
}

type Requirement = { key: string; operator: string; values?: string[] };

function understood(name: string, selection: Selection, parse: (raw: string) => string, term: (requirement: Requirement) => string): Understood {
  if (!selection) return {};
  const terms: string[] = [];
  let faults = 0;
  const attempt = (make: () => string) => {
    try {
      terms.push(make());
    } catch {
      faults++;
    }
  };
  const { rawSelector, requirements = [] } = selection;
  if (rawSelector) attempt(() => parse(rawSelector));
  for (const requirement of requirements) attempt(() => term(requirement as Requirement));
  const fault = `spec.resourceAttributes.${name} ${terms.length ? 'partially ' : ''}ignored due to parse error`;
  return { text: terms.join(',') || undefined, ...(faults ? { fault } : {}) };
}

/** Field selectors know one value only, which a field has or has not. */
function fieldTerm({ key, operator, values = [] }: Requirement): string {
  if (values.length !== 1 || (operator !== 'In' && operator !== 'NotIn')) throw badRequest(`fieldSelectors do not yet support ${operator}`);
  const requirement: FieldRequirement = { field: key, operator: operator === 'In' ? '=' : '!=', value: values[0]! };
  return new FieldSelector([requirement]).toString();
}

function validateSubject(errors: FieldErrors, spec: Spec): void {
  validateAttributes(errors, spec);
  if (!spec.user && !spec.groups?.length) errors.invalid('spec.user', spec.user ?? '', 'at least one of user or group must be specified');
}

function validateLocal(errors: FieldErrors, { namespace }: RequestContext, object: LocalSubjectAccessReview): void {
  const { spec = {} } = object;
  validateSubject(errors, spec);
  validateNoMetadata(errors, object, { namespace: '' });
  const given = spec.resourceAttributes && (spec.resourceAttributes.namespace ?? '');
  if (given !== undefined && given !== namespace) errors.invalid('spec.resourceAttributes.namespace', given, 'must match metadata.namespace');
  if (spec.nonResourceAttributes) errors.invalid('spec.nonResourceAttributes', internal('authorization/v1.NonResourceAttributes', spec.nonResourceAttributes), 'disallowed on this kind of request');
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

