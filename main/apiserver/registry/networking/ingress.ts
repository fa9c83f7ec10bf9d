import type { Ingress, IngressBackend, IngressRule, IngressClass } from '../../../api/index.ts';
import { parseIP } from '../../../api/ip.ts';
import { isDns1123Label, isDns1123Subdomain, isPathSegmentName, isPortName, isPortNumber, isWildcardDns1123Subdomain } from '../../../api/names.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { fieldImmutable, ipAddress } from '../../validation/names.ts';
import { loadBalancerWarnings } from '../../validation/warnings.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/networking/{ingress,ingressclass}/strategy.go and pkg/apis/networking/validation. */

const definition = define('networking.k8s.io', 'v1', 'Ingress', 'ingresses', { shortNames: ['ing'] });
const classAnnotation = 'kubernetes.io/ingress.class';
const badSequences = ['//', '/./', '/../', '%2f', '%2F'];
const badEnds = ['/..', '/.'];
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];

export const ingress: Strategy<Ingress> = {
  definition,
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  defaults(object) {
    object.spec ??= {};
    (object.status ??= {}).loadBalancer ??= {};
  },
  prepareForCreate(_context, object) {
    object.status = { loadBalancer: {} };
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => {
    validate(errors, object);
    const annotation = object.metadata?.annotations?.[classAnnotation];
    if (annotation !== undefined && object.spec?.ingressClassName !== undefined && annotation !== object.spec.ingressClassName)
      errors.invalid(`annotations.${classAnnotation}`, annotation, 'must match `ingressClassName` when both are specified');
  }),
  validateUpdate: (_context, object, old) => check((errors) => validate(errors, object, old)),
  warnings: (object, old) =>
    old || object.spec?.ingressClassName !== undefined || object.metadata?.annotations?.[classAnnotation] === undefined
      ? []
      : [`annotation ${JSON.stringify(classAnnotation)} is deprecated, please use 'spec.ingressClassName' instead`],
  columns: columns('Name', 'Class', 'Hosts', 'Address', 'Ports', 'Age'),
  row: (object, now) => [
    nameOf(object),
    object.spec?.ingressClassName ?? '<none>',
    hosts(object),
    [...new Set((object.status?.loadBalancer?.ingress ?? []).map((entry) => entry.ip || entry.hostname || ''))].filter(Boolean).sort().join(','),
    object.spec?.tls?.length ? '80, 443' : '80',
    age(object, now),
  ],
  subresources: {
    status: {
      ...statusSubresource<Ingress>(definition, (errors, object, old) =>
        object.status?.loadBalancer?.ingress?.forEach((entry, i) => {
          const path = `status.loadBalancer.ingress[${i}]`;
          if (entry.ip) ipAddress(errors, `${path}.ip`, entry.ip, old.status?.loadBalancer?.ingress?.map(({ ip }) => ip ?? ''));
          if (!entry.hostname) return;
          errors.invalidEach(`${path}.hostname`, entry.hostname, isDns1123Subdomain(entry.hostname));
          if (parseIP(entry.hostname)) errors.invalid(`${path}.hostname`, entry.hostname, 'must be a DNS name, not an IP address');
        }),
      ),
      warnings: loadBalancerWarnings,
    },
  },
};

function hosts({ spec }: Ingress): string {
  const rules = spec?.rules ?? [];
  const list = rules.map((rule) => rule.host ?? '').filter(Boolean).slice(0, 3);
  if (!list.length) return '*';
  return rules.length > 3 ? `${list.join(',')} + ${rules.length - 3} more...` : list.join(',');
}

/** What is wrong with a rule's paths. */
function rulePaths(errors: FieldErrors, path: string, { http }: IngressRule): void {
  if (!http) return;
  if (!http.paths?.length) errors.required(`${path}.http.paths`);
  http.paths?.forEach((entry, j) => {
    const field = `${path}.http.paths[${j}]`;
    const text = entry.path ?? '';
    if (entry.pathType === undefined) return errors.required(`${field}.pathType`, 'pathType must be specified');
    if (entry.pathType === 'Exact' || entry.pathType === 'Prefix') {
      if (!text.startsWith('/')) errors.invalid(`${field}.path`, text, 'must be an absolute path');
      for (const bad of badSequences) if (text.includes(bad)) errors.invalid(`${field}.path`, text, `must not contain '${bad}'`);
      for (const bad of badEnds) if (text.endsWith(bad)) errors.invalid(`${field}.path`, text, `cannot end with '${bad}'`);
    } else if (entry.pathType === 'ImplementationSpecific') {
      if (text && !text.startsWith('/')) errors.invalid(`${field}.path`, text, 'must be an absolute path');
    } else errors.notSupported(`${field}.pathType`, entry.pathType, pathTypes);
    backend(errors, `${field}.backend`, entry.backend ?? {});
  });
}

const isWildcard = ({ host }: IngressRule) => !!host?.includes('*');

/** `old`: what had bad names of secrets, or bad paths of hosts with a wildcard, may go on having such. */
function validate(errors: FieldErrors, { spec = {} }: Ingress, old?: Ingress): void {
  const { rules = [], tls = [], defaultBackend, ingressClassName } = spec;
  const anyPaths = old?.spec?.rules?.some((rule) => isWildcard(rule) && check((found) => rulePaths(found, '', rule)).length);
  const anySecret = old?.spec?.tls?.some(({ secretName }) => secretName && isDns1123Subdomain(secretName).length);
  if (!rules.length && !defaultBackend) errors.invalid('spec', rules.length ? rules : null, 'either `defaultBackend` or `rules` must be specified');
  if (defaultBackend) backend(errors, 'spec.defaultBackend', defaultBackend);
  rules.forEach((rule, i) => {
    const path = `spec.rules[${i}]`;
    if (rule.host) {
      if (parseIP(rule.host)) errors.invalid(`${path}.host`, rule.host, 'must be a DNS name, not an IP address');
      host(errors, `${path}.host`, rule.host);
    }
    if (!isWildcard(rule) || !anyPaths) rulePaths(errors, path, rule);
  });
  tls.forEach((entry, i) => {
    entry.hosts?.forEach((name, j) => host(errors, `spec.tls[${i}].hosts[${j}]`, name));
    if (entry.secretName && !anySecret) errors.invalidEach(`spec.tls[${i}].secretName`, entry.secretName, isDns1123Subdomain(entry.secretName));
  });
  if (ingressClassName !== undefined) errors.invalidEach('spec.ingressClassName', ingressClassName, isDns1123Subdomain(ingressClassName));
}

const host = (errors: FieldErrors, field: string, name: string) =>
  errors.invalidEach(field, name, name.includes('*') ? isWildcardDns1123Subdomain(name) : isDns1123Subdomain(name));

function backend(errors: FieldErrors, field: string, { service, resource }: IngressBackend): void {
  if (service && resource) return errors.invalid(field, '', 'cannot set both resource and service backends');
  if (resource) return reference(errors, `${field}.resource`, resource);
  if (!service) return errors.invalid(field, '', 'resource or service backend is required');
  if (!service.name) errors.required(`${field}.service.name`);
  else errors.invalidEach(`${field}.service.name`, service.name, isDns1123Label(service.name));
  const { name, number } = service.port ?? {};
  if (name && number) errors.invalid(field, '', 'cannot set both port name & port number');
  else if (name) errors.invalidEach(`${field}.service.port.name`, name, isPortName(name));
  else if (number) errors.invalidEach(`${field}.service.port.number`, number, isPortNumber(number));
  else errors.required(field, 'port name or number is required');
}

function reference(errors: FieldErrors, field: string, { apiGroup, kind, name }: { apiGroup?: string; kind?: string; name?: string }): void {
  if (apiGroup !== undefined) errors.invalidEach(`${field}.apiGroup`, apiGroup, isDns1123Subdomain(apiGroup));
  for (const [key, value] of [['kind', kind], ['name', name]] as const) {
    if (!value) errors.required(`${field}.${key}`);
    else errors.invalidEach(`${field}.${key}`, value, isPathSegmentName(value));
  }
}

export const ingressClass: Strategy<IngressClass> = {
  definition: define('networking.k8s.io', 'v1', 'IngressClass', 'ingressclasses', { namespaced: false }),
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  defaults(object) {
    if (object.spec?.parameters) object.spec.parameters.scope ??= 'Cluster';
  },
  validate: (_context, object) => check((errors) => validateClass(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    if (object.spec?.controller !== old.spec?.controller) errors.invalid('spec.controller', object.spec?.controller ?? '', fieldImmutable);
    validateClass(errors, object);
  }),
  columns: columns('Name', 'Controller', 'Parameters', 'Age'),
  row(object, now) {
    const { controller = '', parameters } = object.spec ?? {};
    const isDefault = object.metadata?.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true';
    const group = parameters?.apiGroup === undefined ? '' : `.${parameters.apiGroup}`;
    return [
      isDefault ? `${nameOf(object)} (default)` : nameOf(object),
      controller,
      parameters ? `${parameters.kind}${group}/${parameters.name}` : '<none>',
      age(object, now),
    ];
  },
};

function validateClass(errors: FieldErrors, { spec = {} }: IngressClass): void {
  const controller = spec.controller ?? '';
  if (controller.length > 250) errors.tooLong('spec.controller', 250);
  if (!controller) errors.required('spec.controller');
  else if (!controller.includes('/')) errors.invalid('spec.controller', controller, 'must be a domain-prefixed path (such as "acme.io/foo")');
  else errors.invalidEach('spec.controller', controller, isDns1123Subdomain(controller.slice(0, controller.indexOf('/'))));
  const parameters = spec.parameters;
  if (!parameters) return;
  reference(errors, 'spec.parameters', parameters);
  const { scope, namespace } = parameters;
  if (scope === undefined) errors.required('spec.parameters.scope');
  else if (scope !== 'Cluster' && scope !== 'Namespace') errors.notSupported('spec.parameters.scope', scope, ['Cluster', 'Namespace']);
  else if (scope === 'Namespace' && namespace === undefined) errors.required('spec.parameters.namespace', "`parameters.scope` is set to 'Namespace'");
  else if (scope === 'Namespace') errors.invalidEach('spec.parameters.namespace', namespace, isDns1123Label(namespace ?? ''));
  else if (scope === 'Cluster' && namespace !== undefined) errors.forbidden('spec.parameters.namespace', "`parameters.scope` is set to 'Cluster'");
}
