import type { MutatingWebhook, MutatingWebhookConfiguration, ValidatingWebhook, ValidatingWebhookConfiguration } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { isDns1123Subdomain } from '../../../api/names.ts';
import { failurePolicies, matchConditions, matchPolicies, reinvocationPolicies, ruleWithOperations } from '../../validation/admissionRules.ts';
import { FieldErrors } from '../../validation/field.ts';
import { labelSelector } from '../../validation/names.ts';
import { reviewVersions, webhookClientConfig } from '../../validation/webhooks.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';
import type { CheckExpression } from '../../admission/expressions/index.ts';

/* Mirrors pkg/registry/admissionregistration/*webhookconfiguration and pkg/apis/admissionregistration/{v1/defaults.go,validation}. */

export const admissionGroup = 'admissionregistration.k8s.io';
const acceptedReviews = ['v1', 'v1beta1'];
const harmless = ['None', 'NoneOnDryRun'];
const sideEffects = ['None', 'NoneOnDryRun', 'Some', 'Unknown'];

type Webhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;
type Configuration = ValidatingWebhookConfiguration | MutatingWebhookConfiguration;

export function webhookConfigurations(expression: CheckExpression): [Strategy<ValidatingWebhookConfiguration>, Strategy<MutatingWebhookConfiguration>] {
  return [
    configuration<ValidatingWebhookConfiguration>('ValidatingWebhookConfiguration', 'validatingwebhookconfigurations', false, expression),
    configuration<MutatingWebhookConfiguration>('MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', true, expression),
  ];
}

function configuration<T extends Configuration>(kind: string, resource: string, mutating: boolean, expression: CheckExpression): Strategy<T> {
  return {
    definition: define(admissionGroup, 'v1', kind, resource, { namespaced: false, categories: ['api-extensions'] }),
    hasGeneration: true,
    nameRule: 'dnsSubdomain',
    plainFinalizers: true,
    allowUnconditionalUpdate: false,
    defaults(object) {
      for (const hook of (object.webhooks ?? []) as Webhook[]) setDefaults(hook, mutating);
    },
    validate: (_context, object) => check((errors) => validate(errors, object, undefined, mutating, expression)),
    validateUpdate: (_context, object, old) => check((errors) => validate(errors, object, old, mutating, expression)),
    columns: columns('Name', 'Webhooks#', 'Age'),
    row: (object, now) => [nameOf(object), object.webhooks?.length ?? 0, age(object, now)],
  };
}

function setDefaults(hook: Webhook, mutating: boolean): void {
  hook.failurePolicy ??= 'Fail';
  hook.matchPolicy ??= 'Equivalent';
  hook.namespaceSelector ??= {};
  hook.objectSelector ??= {};
  hook.timeoutSeconds ??= 10;
  if (mutating) hook.reinvocationPolicy ??= 'Never';
  for (const rule of hook.rules ?? []) rule.scope ??= '*';
  if (hook.clientConfig?.service) hook.clientConfig.service.port ??= 443;
}

/** What was stored before a rule was made stays allowed. */
function validate(errors: FieldErrors, { webhooks = [] }: Configuration, old: Configuration | undefined, mutating: boolean, expression: CheckExpression): void {
  const before = (old?.webhooks ?? []) as Webhook[];
  const every = (holds: (hook: Webhook) => boolean) => !old || before.every(holds);
  const onlyHarmless = every((hook) => harmless.includes(hook.sideEffects));
  const onlyAccepted = every(({ admissionReviewVersions: versions }) => !versions?.length || versions.some((version) => acceptedReviews.includes(version)));
  const unique = !old || new Set(before.map(({ name }) => name)).size === before.length;
  const sameConditions = !!old && before.length === webhooks.length && before.every((hook, i) => equalJson(hook.matchConditions, webhooks[i]!.matchConditions));
  const laxSelectors = before.some((hook) => selectorFindings(hook).length > 0);
  (webhooks as Webhook[]).forEach((hook, i) => {
    const field = `webhooks[${i}]`;
    fullyQualifiedName(errors, `${field}.name`, hook.name);
    hook.rules?.forEach((rule, j) => ruleWithOperations(errors, `${field}.rules[${j}]`, rule));
    oneOf(errors, `${field}.failurePolicy`, hook.failurePolicy, failurePolicies);
    oneOf(errors, `${field}.matchPolicy`, hook.matchPolicy, matchPolicies);
    const allowed = onlyHarmless ? harmless : sideEffects;
    if (hook.sideEffects === undefined) errors.required(`${field}.sideEffects`, `must specify one of ${allowed.join(', ')}`);
    oneOf(errors, `${field}.sideEffects`, hook.sideEffects, allowed);
    const timeout = hook.timeoutSeconds;
    if (timeout !== undefined && (timeout > 30 || timeout < 1)) errors.invalid(`${field}.timeoutSeconds`, timeout, 'the timeout value must be between 1 and 30 seconds');
    if (!laxSelectors) selectors(errors, field, hook);
    if (mutating) oneOf(errors, `${field}.reinvocationPolicy`, hook.reinvocationPolicy, reinvocationPolicies);
    webhookClientConfig(errors, `${field}.clientConfig`, hook.clientConfig);
    if (!sameConditions)
      matchConditions(errors, `${field}.matchConditions`, hook.matchConditions, (at, text) => expression(errors, at, text, { params: false, authorizer: true, result: 'bool' }));
    reviewVersions(errors, `${field}.admissionReviewVersions`, hook.admissionReviewVersions, acceptedReviews, onlyAccepted);
    if (unique && hook.name && webhooks.findIndex(({ name }) => name === hook.name) < i) errors.duplicate(`${field}.name`, hook.name);
  });
}

function selectors(errors: FieldErrors, field: string, hook: Webhook): void {
  labelSelector(errors, `${field}.namespaceSelector`, hook.namespaceSelector);
  labelSelector(errors, `${field}.objectSelector`, hook.objectSelector);
}

function selectorFindings(hook: Webhook) {
  const errors = new FieldErrors();
  selectors(errors, '', hook);
  return errors.all;
}

function oneOf(errors: FieldErrors, field: string, value: string | undefined, allowed: readonly string[]): void {
  if (value !== undefined && !allowed.includes(value)) errors.notSupported(field, value, allowed);
}

function fullyQualifiedName(errors: FieldErrors, field: string, name: string | undefined): void {
  if (!name) return errors.required(field);
  const messages = isDns1123Subdomain(name);
  if (messages.length) errors.invalid(field, name, messages.join(','));
  else if (name.split('.').length < 3) errors.invalid(field, name, 'should be a domain with at least three segments separated by dots');
}
