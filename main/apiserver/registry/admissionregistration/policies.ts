import type {
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Variable,
} from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { isDns1035Label, isDns1123Subdomain, isPathSegmentName, isQualifiedName } from '../../../api/names.ts';
import { failurePolicies, matchConditions, matchResources, reinvocationPolicies } from '../../validation/admissionRules.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { labelSelector } from '../../validation/names.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';
import type { CheckExpression, ExpressionScope } from '../../admission/expressions/index.ts';
import { admissionGroup as group } from './webhookConfigurations.ts';

/* Mirrors pkg/registry/admissionregistration/*policy* and pkg/apis/admissionregistration/{v1/defaults.go,validation}. */

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const actions = ['Audit', 'Deny', 'Warn'];
const patchTypes = ['ApplyConfiguration', 'JSONPatch'];
const mutatingOperations = ['*', 'CONNECT', 'CREATE', 'UPDATE'];
const maxAuditAnnotations = 20;
const maxAuditExpression = 5 * 1024;

export type AdmissionPolicies = [
  Strategy<ValidatingAdmissionPolicy>,
  Strategy<ValidatingAdmissionPolicyBinding>,
  Strategy<MutatingAdmissionPolicy>,
  Strategy<MutatingAdmissionPolicyBinding>,
];

export function admissionPolicies(expression: CheckExpression): AdmissionPolicies {
  const validating = define(group, 'v1', 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies', { namespaced: false, categories: ['api-extensions'] });
  return [
    {
      definition: validating,
      ...clusterKind,
      hasGeneration: true,
      defaults: ({ spec }) => policyDefaults(spec),
      prepareForCreate: (_context, object) => void (object.status = {}),
      prepareForUpdate: (_context, object, old) => void (object.status = old.status),
      validate: (_context, object) => check((errors) => validatingPolicy(errors, object, undefined, expression)),
      validateUpdate: (_context, object, old) => check((errors) => validatingPolicy(errors, object, old, expression)),
      columns: columns('Name', 'Validations#', 'ParamKind', 'Age'),
      row: (object, now) => [nameOf(object), object.spec?.validations?.length ?? 0, shownKind(object.spec?.paramKind), age(object, now)],
      subresources: { status: statusSubresource<ValidatingAdmissionPolicy>(validating, statusFindings) },
    },
    {
      definition: define(group, 'v1', 'ValidatingAdmissionPolicyBinding', 'validatingadmissionpolicybindings', { namespaced: false, categories: ['api-extensions'] }),
      ...clusterKind,
      defaults: ({ spec }) => matchDefaults(spec?.matchResources),
      validate: (_context, object) => check((errors) => validatingBinding(errors, object)),
      validateUpdate: (_context, object) => check((errors) => validatingBinding(errors, object)),
      columns: columns('Name', 'PolicyName', 'ParamRef', 'Age'),
      row: (object, now) => [nameOf(object), object.spec?.policyName ?? '', shownRef(object.spec?.paramRef), age(object, now)],
    },
    {
      definition: define(group, 'v1', 'MutatingAdmissionPolicy', 'mutatingadmissionpolicies', { namespaced: false, categories: ['api-extensions'] }),
      ...clusterKind,
      defaults({ spec }) {
        policyDefaults(spec);
      },
      validate: (_context, object) => check((errors) => mutatingPolicy(errors, object, undefined, expression)),
      validateUpdate: (_context, object, old) => check((errors) => mutatingPolicy(errors, object, old, expression)),
      columns: columns('Name', 'Mutations#', 'ParamKind', 'Age'),
      row: (object, now) => [nameOf(object), object.spec?.mutations?.length ?? 0, shownKind(object.spec?.paramKind), age(object, now)],
    },
    {
      definition: define(group, 'v1', 'MutatingAdmissionPolicyBinding', 'mutatingadmissionpolicybindings', { namespaced: false, categories: ['api-extensions'] }),
      ...clusterKind,
      defaults: ({ spec }) => matchDefaults(spec?.matchResources),
      validate: (_context, object) => check((errors) => mutatingBinding(errors, object)),
      validateUpdate: (_context, object) => check((errors) => mutatingBinding(errors, object)),
      columns: columns('Name', 'PolicyName', 'ParamRef', 'Age'),
      row: (object, now) => [nameOf(object), object.spec?.policyName ?? '', shownRef(object.spec?.paramRef), age(object, now)],
    },
  ];
}

const clusterKind = { hasGeneration: true, nameRule: 'dnsSubdomain' as const, plainFinalizers: true, allowUnconditionalUpdate: false };

const shownKind = (kind: ParamKind | undefined) => (kind ? `${kind.apiVersion}/${kind.kind}` : '<unset>');

function shownRef(ref: ParamRef | undefined): string {
  if (ref?.name) return `${ref.namespace || '*'}/${ref.name}`;
  return ref?.selector ? '<selector>' : '<unset>';
}

interface PolicySpec {
  failurePolicy?: string;
  paramKind?: ParamKind;
  matchConstraints?: MatchResources;
  matchConditions?: { name: string; expression: string }[];
  variables?: Variable[];
}

function policyDefaults(spec: PolicySpec | undefined): void {
  if (!spec) return;
  spec.failurePolicy ??= 'Fail';
  matchDefaults(spec.matchConstraints);
}

function matchDefaults(match: MatchResources | undefined): void {
  if (!match) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) rule.scope ??= '*';
}

/** What both kinds of policies have in common; returns what their expressions may speak of. */
function policySpec(errors: FieldErrors, spec: PolicySpec, old: PolicySpec | undefined, expression: CheckExpression): Omit<ExpressionScope, 'result'> {
  if (spec.failurePolicy === undefined) errors.required('spec.failurePolicy');
  else if (!failurePolicies.includes(spec.failurePolicy)) errors.notSupported('spec.failurePolicy', spec.failurePolicy, failurePolicies);
  if (spec.paramKind) paramKind(errors, 'spec.paramKind', spec.paramKind);
  if (!spec.matchConstraints) errors.required('spec.matchConstraints');
  else {
    matchResources(errors, 'spec.matchConstraints', spec.matchConstraints);
    if (!spec.matchConstraints.resourceRules?.length) errors.required('spec.matchConstraints.resourceRules');
  }
  const scope = { params: !!spec.paramKind, authorizer: true };
  const unchanged = !!old && equalJson(spec.paramKind, old.paramKind) && equalJson(spec.matchConditions, old.matchConditions);
  if (!unchanged) matchConditions(errors, 'spec.matchConditions', spec.matchConditions, (at, text) => expression(errors, at, text, { ...scope, result: 'bool' }));
  const variables: Variable[] = [];
  spec.variables?.forEach((variable, i) => {
    const field = `spec.variables[${i}]`;
    if (!variable.name?.trim()) errors.required(`${field}.name`, 'name is not specified');
    else if (!isIdentifier(variable.name)) errors.invalid(`${field}.name`, variable.name, 'must be a valid CEL identifier');
    if (!variable.expression?.trim()) errors.required(`${field}.expression`, 'expression is not specified');
    else expression(errors, `${field}.expression`, variable.expression, { ...scope, variables: [...variables], result: 'any' });
    variables.push(variable);
  });
  return { ...scope, variables };
}

function validatingPolicy(errors: FieldErrors, object: ValidatingAdmissionPolicy, old: ValidatingAdmissionPolicy | undefined, expression: CheckExpression): void {
  const spec = object.spec ?? {};
  const scope = policySpec(errors, spec, old?.spec, expression);
  const { validations = [], auditAnnotations = [] } = spec;
  if (!validations.length && !auditAnnotations.length) {
    errors.required('spec.validations', 'validations or auditAnnotations must contain at least one item');
    errors.required('spec.auditAnnotations', 'validations or auditAnnotations must contain at least one item');
    return;
  }
  validations.forEach(({ expression: text, message, messageExpression, reason }, i) => {
    const field = `spec.validations[${i}]`;
    if (!text?.trim()) errors.required(`${field}.expression`, 'expression is not specified');
    else expression(errors, `${field}.expression`, text, { ...scope, result: 'bool' });
    if (messageExpression && !messageExpression.trim()) errors.invalid(`${field}.messageExpression`, messageExpression, 'must be non-empty if specified');
    else if (messageExpression) expression(errors, `${field}.messageExpression`, messageExpression, { ...scope, authorizer: false, result: 'string' });
    if (message && !message.trim()) errors.invalid(`${field}.message`, message, 'must be non-empty if specified');
    else if (message && /[\n\r]/.test(message.trim())) errors.invalid(`${field}.message`, message, 'must not contain line breaks');
    if (reason !== undefined && !reasons.includes(reason)) errors.notSupported(`${field}.reason`, reason, reasons);
  });
  if (auditAnnotations.length > maxAuditAnnotations) errors.invalid('spec.auditAnnotations', auditAnnotations, `must not have more than ${maxAuditAnnotations} auditAnnotations`);
  auditAnnotations.forEach(({ key, valueExpression }, i) => {
    const field = `spec.auditAnnotations[${i}]`;
    const name = object.metadata?.name;
    if (name) errors.invalidEach(`${field}.key`, `${name}/${key}`, isQualifiedName(`${name}/${key}`));
    else errors.invalid(`${field}.key`, key, 'requires metadata.name be non-empty');
    const trimmed = valueExpression?.trim();
    if (!trimmed) errors.required(`${field}.valueExpression`, 'valueExpression is not specified');
    else if (trimmed.length > maxAuditExpression) errors.required(`${field}.valueExpression`, `must not exceed ${maxAuditExpression} bytes in length`);
    else expression(errors, `${field}.valueExpression`, trimmed, { ...scope, result: 'string or null' });
    if (auditAnnotations.findIndex((other) => other.key === key) < i) errors.duplicate(`${field}.key`, key);
  });
}

function mutatingPolicy(errors: FieldErrors, object: MutatingAdmissionPolicy, old: MutatingAdmissionPolicy | undefined, expression: CheckExpression): void {
  const spec = object.spec ?? {};
  const scope = policySpec(errors, spec, old?.spec, expression);
  onlyMutable(errors, 'spec.matchConstraints.resourceRules.operations', spec.matchConstraints);
  if (!spec.mutations?.length) errors.required('spec.mutations', 'mutations must contain at least one item');
  spec.mutations?.forEach((mutation, i) => validateMutation(errors, `spec.mutations[${i}]`, mutation, scope, expression));
  if (!spec.reinvocationPolicy) errors.required('spec.reinvocationPolicy');
  else if (!reinvocationPolicies.includes(spec.reinvocationPolicy)) errors.notSupported('spec.reinvocationPolicy', spec.reinvocationPolicy, reinvocationPolicies);
}

function validateMutation(errors: FieldErrors, field: string, mutation: Mutation, scope: Omit<ExpressionScope, 'result'>, expression: CheckExpression): void {
  const { patchType, jsonPatch, applyConfiguration } = mutation;
  if (!patchType) return errors.required(`${field}.patchType`);
  if (!patchTypes.includes(patchType)) return errors.notSupported(`${field}.patchType`, patchType, patchTypes);
  const [wanted, other] = patchType === 'JSONPatch' ? (['jsonPatch', 'applyConfiguration'] as const) : (['applyConfiguration', 'jsonPatch'] as const);
  if (!mutation[wanted]) errors.required(`${field}.${wanted}`, `must be specified when patchType is ${patchType}`);
  else {
    const text = (patchType === 'JSONPatch' ? jsonPatch : applyConfiguration)?.expression?.trim();
    if (!text) errors.required(`${field}.${wanted}.expression`);
    else expression(errors, `${field}.${wanted}.expression`, text, { ...scope, result: patchType === 'JSONPatch' ? 'JSON patch' : 'object' });
  }
  if (mutation[other]) errors.invalid(`${field}.${other}`, `{${other}}`, `must not be specified when patchType is ${patchType}`);
}

/** A deletion cannot be mutated. */
function onlyMutable(errors: FieldErrors, field: string, match: MatchResources | undefined): void {
  for (const rule of match?.resourceRules ?? [])
    for (const operation of rule.operations ?? []) if (!mutatingOperations.includes(operation)) errors.notSupported(field, operation, mutatingOperations);
}

function binding(errors: FieldErrors, spec: { policyName?: string; paramRef?: ParamRef; matchResources?: MatchResources }): void {
  if (!spec.policyName) errors.required('spec.policyName');
  else errors.invalidEach('spec.policyName', spec.policyName, isDns1123Subdomain(spec.policyName));
  if (spec.paramRef) paramRef(errors, 'spec.paramRef', spec.paramRef);
  if (spec.matchResources) matchResources(errors, 'spec.matchResources', spec.matchResources);
}

function validatingBinding(errors: FieldErrors, { spec }: ValidatingAdmissionPolicyBinding): void {
  binding(errors, spec ?? {});
  const chosen = spec?.validationActions ?? [];
  chosen.forEach((action, i) => {
    if (!actions.includes(action)) errors.notSupported(`spec.validationActions[${i}]`, action, actions);
    if (chosen.indexOf(action) < i) errors.duplicate(`spec.validationActions[${i}]`, action);
  });
  if (chosen.includes('Deny') && chosen.includes('Warn'))
    errors.invalid('spec.validationActions', chosen, 'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)');
  if (!chosen.length) errors.required('spec.validationActions', 'at least one validation action is required');
}

function mutatingBinding(errors: FieldErrors, { spec = {} }: MutatingAdmissionPolicyBinding): void {
  binding(errors, spec);
  onlyMutable(errors, 'spec.matchResources.resourceRules.operations', spec.matchResources);
}

function paramRef(errors: FieldErrors, field: string, { name, selector, parameterNotFoundAction: action }: ParamRef): void {
  if (name) errors.invalidEach(`${field}.name`, name, isPathSegmentName(name));
  if (name && selector) errors.forbidden(`${field}.name`, 'name and selector are mutually exclusive');
  if (selector) labelSelector(errors, `${field}.selector`, selector);
  if (name && selector) errors.forbidden(`${field}.selector`, 'name and selector are mutually exclusive');
  if (!name && !selector) errors.required(field, 'one of name or selector must be specified');
  if (!action) errors.required(`${field}.parameterNotFoundAction`);
  else if (action !== 'Deny' && action !== 'Allow') errors.notSupported(`${field}.parameterNotFoundAction`, action, ['Deny', 'Allow']);
}

function paramKind(errors: FieldErrors, field: string, { apiVersion = '', kind = '' }: ParamKind): void {
  const parts = apiVersion.split('/');
  const [groupName, version] = parts.length === 1 ? ['', parts[0]!] : (parts as [string, string]);
  if (!apiVersion) errors.required(`${field}.apiVersion`);
  else if (parts.length > 2) errors.invalid(`${field}.apiVersion`, apiVersion, `unexpected GroupVersion string: ${apiVersion}`);
  else {
    const bad = groupName ? isDns1123Subdomain(groupName) : [];
    if (bad.length) errors.invalid(`${field}.apiVersion`, groupName, bad.join(','));
    if (!version) errors.invalid(`${field}.apiVersion`, apiVersion, 'version must be specified');
    else if (isDns1035Label(version).length) errors.invalid(`${field}.apiVersion`, version, isDns1035Label(version).join(','));
  }
  if (!kind) errors.required(`${field}.kind`);
  else if (isDns1035Label(kind.toLowerCase()).length)
    errors.invalid(`${field}.kind`, kind, `may have mixed case, but should otherwise match: ${isDns1035Label(kind.toLowerCase()).join(',')}`);
}

const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);
const isIdentifier = (name: string) => /^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) && !reserved.has(name);

function statusFindings(errors: FieldErrors, { status }: ValidatingAdmissionPolicy): void {
  status?.typeChecking?.expressionWarnings?.forEach(({ warning, fieldRef }, i) => {
    const field = `status.typeChecking.expressionWarnings[${i}]`;
    if (!warning) errors.required(`${field}.warning`);
    if (!fieldRef?.trim()) errors.required(`${field}.fieldRef`);
  });
}
