import { mandatorySchemas } from '../../../api/flowControl.ts';
import type { FlowcontrolSubject, FlowSchema, NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../../api/names.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { check, clientMetadata, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';
import { validateConditions } from './conditions.ts';

/* Mirrors pkg/registry/flowcontrol/flowschema/strategy.go and pkg/apis/flowcontrol/validation/validation.go. */

const definition = define('flowcontrol.apiserver.k8s.io', 'v1', 'FlowSchema', 'flowschemas', { namespaced: false });
const distinguishers = ['ByNamespace', 'ByUser'];
const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];
const subjectKinds = ['Group', 'ServiceAccount', 'User'];
const maxPrecedence = 10_000;

/** Which requests are of which flow, and in which priority level they run. */
export const flowSchema: Strategy<FlowSchema> = {
  definition,
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  resetFields: (subresource) => (subresource === 'status' ? [['metadata'], ['spec']] : undefined),
  allowUnconditionalUpdate: true,
  defaults(object) {
    if (object.spec) object.spec.matchingPrecedence ||= 1000;
  },
  prepareForCreate(_context, object) {
    object.status = {};
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object) => check((errors) => validate(errors, object)),
  columns: columns('Name', 'PriorityLevel', 'MatchingPrecedence', 'DistinguisherMethod', 'Age', 'MissingPL'),
  row: (object, now) => [
    nameOf(object),
    object.spec?.priorityLevelConfiguration?.name ?? '',
    object.spec?.matchingPrecedence ?? 0,
    object.spec?.distinguisherMethod?.type ?? '<none>',
    age(object, now),
    object.status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
  ],
  subresources: { status: statusSubresource<FlowSchema>(definition, validateConditions, clientMetadata) },
};

function validate(errors: FieldErrors, object: FlowSchema): void {
  const { spec } = object;
  const name = nameOf(object);
  const precedence = spec?.matchingPrecedence ?? 0;
  const path = 'spec.matchingPrecedence';
  if (precedence <= 0) errors.invalid(path, precedence, 'must be a positive value');
  if (precedence > maxPrecedence) errors.invalid(path, precedence, `must not be greater than ${maxPrecedence}`);
  if (precedence === 1 && name !== 'exempt') errors.invalid(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
  const distinguisher = spec?.distinguisherMethod;
  if (distinguisher && !distinguishers.includes(distinguisher.type)) errors.notSupported('spec.distinguisherMethod.type', { Type: distinguisher.type }, distinguishers);
  const level = spec?.priorityLevelConfiguration?.name;
  if (level) errors.invalidEach('spec.priorityLevelConfiguration.name', level, isDns1123Subdomain(level));
  else errors.required('spec.priorityLevelConfiguration.name', 'must reference a priority level');
  spec?.rules?.forEach((rule, i) => validateRule(errors, `spec.rules[${i}]`, rule));
  const fixed = mandatorySchemas.find(({ metadata }) => metadata!.name === name);
  if (fixed && !equalJson(spec, fixed.spec)) errors.invalid('spec', internal('flowcontrol/v1.FlowSchemaSpec', spec), `spec of '${name}' must equal the fixed value`);
  validateConditions(errors, object);
}

function validateRule(errors: FieldErrors, path: string, { subjects = [], resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects): void {
  if (!subjects.length) errors.required(`${path}.subjects`, 'subjects must contain at least one value');
  subjects.forEach((subject, i) => validateSubject(errors, `${path}.subjects[${i}]`, subject));
  if (!resourceRules.length && !nonResourceRules.length) errors.required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty');
  resourceRules.forEach((rule, i) => validateResourceRule(errors, `${path}.resourceRules[${i}]`, rule));
  nonResourceRules.forEach((rule, i) => validateNonResourceRule(errors, `${path}.nonResourceRules[${i}]`, rule));
}

const members = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const;

function validateSubject(errors: FieldErrors, path: string, subject: FlowcontrolSubject): void {
  if (!(subject.kind in members)) return errors.notSupported(`${path}.kind`, subject.kind, subjectKinds);
  const kind = subject.kind as keyof typeof members;
  const own = members[kind];
  if (!subject[own]) errors.required(`${path}.${own}`, `${own} is required when subject kind is '${kind}'`);
  else if (own === 'serviceAccount') validateAccount(errors, `${path}.serviceAccount`, subject.serviceAccount!);
  else if (!subject[own].name) errors.required(`${path}.${own}.name`);
  for (const [otherKind, other] of Object.entries(members))
    if (other !== own && subject[other]) errors.forbidden(`${path}.${other}`, `${other} is forbidden when subject kind is not '${otherKind}'`);
}

function validateAccount(errors: FieldErrors, path: string, { name, namespace }: { name?: string; namespace?: string }): void {
  if (!name) errors.required(`${path}.name`);
  else if (name !== '*') errors.invalidEach(`${path}.name`, name, isDns1123Subdomain(name));
  if (namespace) errors.invalidEach(`${path}.namespace`, namespace, isDns1123Label(namespace));
  else errors.required(`${path}.namespace`, 'must specify namespace for service account');
}

function validateVerbs(errors: FieldErrors, path: string, given: string[] = []): void {
  if (!given.length) errors.required(path, 'verbs must contain at least one value');
  else if (!alone(errors, path, given, 'verbs') && !given.every((verb) => verbs.includes(verb))) errors.notSupported(path, given, verbs);
}

/** Whether `*` is among the values, which then must be the only one. */
function alone(errors: FieldErrors, path: string, given: string[], what: string): boolean {
  if (!given.includes('*')) return false;
  if (given.length > 1) errors.invalid(path, given, `if '*' is present, must not specify other ${what}`);
  return true;
}

function validateNonResourceRule(errors: FieldErrors, path: string, rule: NonResourcePolicyRule): void {
  validateVerbs(errors, `${path}.verbs`, rule.verbs);
  const urls = rule.nonResourceURLs ?? [];
  if (!urls.length) errors.required(`${path}.nonResourceURLs`, 'nonResourceURLs must contain at least one value');
  else if (!alone(errors, `${path}.nonResourceURLs`, urls, 'non-resource URLs'))
    urls.forEach((url, i) => {
      const complaint = complaintOfURL(url);
      if (complaint) errors.invalid(`${path}.nonResourceURLs[${i}]`, url, complaint);
    });
}

function complaintOfURL(url: string): string | undefined {
  if (!url) return 'must not be empty';
  if (url === '/') return undefined;
  if (!url.startsWith('/')) return 'must start with slash';
  if (url.includes(' ')) return 'must not contain white-space';
  if (url.includes('//')) return 'must not contain double slash';
  const stars = url.split('*').length - 1;
  return stars > 1 || (stars === 1 && !url.endsWith('/*')) ? 'wildcard can only do suffix matching' : undefined;
}

function validateResourceRule(errors: FieldErrors, path: string, rule: ResourcePolicyRule): void {
  validateVerbs(errors, `${path}.verbs`, rule.verbs);
  for (const [name, one, many] of [['apiGroups', 'api group', 'api groups'], ['resources', 'resource', 'resources']] as const) {
    const given = rule[name] ?? [];
    if (!given.length) errors.required(`${path}.${name}`, `resource rules must supply at least one ${one}`);
    else alone(errors, `${path}.${name}`, given, many);
  }
  const namespaces = rule.namespaces ?? [];
  if (!namespaces.length && !rule.clusterScope)
    errors.required(`${path}.namespaces`, 'resource rules that are not cluster scoped must supply at least one namespace');
  else if (!alone(errors, `${path}.namespaces`, namespaces, 'namespaces'))
    namespaces.forEach((namespace, i) => {
      for (const message of isDns1123Label(namespace))
        errors.invalid(`${path}.namespaces[${i}]`, namespace, `each member of this list must be '*' or a DNS-1123 label; ${message}`);
    });
}
