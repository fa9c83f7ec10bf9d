import type { APIService } from '../../../api/index.ts';
import { isDns1035Label, isDns1123Subdomain, isPortNumber } from '../../../api/names.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors k8s.io/kube-aggregator/pkg/registry/apiservice and pkg/apis/apiregistration/{v1/defaults.go,validation}. */

const definition = define('apiregistration.k8s.io', 'v1', 'APIService', 'apiservices', { namespaced: false, categories: ['api-extensions'] });

export const apiService: Strategy<APIService> = {
  definition,
  hasGeneration: false,
  nameRule: 'pathSegment',
  resetFields: (subresource) => (subresource === 'status' ? [['metadata'], ['spec']] : undefined),
  plainFinalizers: true,
  allowUnconditionalUpdate: false,
  defaults({ spec }) {
    if (spec?.service) spec.service.port ??= 443;
  },
  prepareForCreate(_context, object) {
    object.status = {};
    // What this server serves itself is always there.
    if (!object.spec?.service) object.status.conditions = [localCondition(object.metadata?.creationTimestamp)];
  },
  prepareForUpdate: (_context, object, old) => void (object.status = old.status),
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object) => check((errors) => validate(errors, object)),
  columns: columns('Name', 'Service', 'Available', 'Age'),
  row(object, now) {
    const { service } = object.spec ?? {};
    const available = object.status?.conditions?.find(({ type }) => type === 'Available');
    const shown = !available ? 'Unknown' : available.status === 'True' ? 'True' : `${available.status} (${available.reason})`;
    return [nameOf(object), service ? `${service.namespace}/${service.name}` : 'Local', shown, age(object, now)];
  },
  subresources: { status: statusSubresource<APIService>(definition) },
};

const localCondition = (since: string | undefined) => ({
  type: 'Available',
  status: 'True',
  ...(since ? { lastTransitionTime: since } : {}),
  reason: 'Local',
  message: 'Local APIServices are always available',
});

function validate(errors: FieldErrors, { metadata, spec }: APIService): void {
  const { group = '', version = '', service, insecureSkipTLSVerify, caBundle, groupPriorityMinimum = 0, versionPriority = 0 } = spec ?? {};
  const wanted = `${version}.${group}`;
  if (metadata?.name && metadata.name !== wanted) errors.invalid('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`);
  if (group === '' && version !== 'v1') errors.required('spec.group', 'only v1 may have an empty group and it better be legacy kube');
  if (group) errors.invalidEach('spec.group', group, isDns1123Subdomain(group));
  errors.invalidEach('spec.version', version, isDns1035Label(version));
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > 20_000) errors.invalid('spec.groupPriorityMinimum', groupPriorityMinimum, 'must be positive and less than 20000');
  if (versionPriority <= 0 || versionPriority > 1000) errors.invalid('spec.versionPriority', versionPriority, 'must be positive and less than 1000');
  if (!service) {
    if (caBundle) errors.invalid('spec.caBundle', `${Buffer.from(caBundle, 'base64').length} bytes`, 'local APIServices may not have a caBundle');
    if (insecureSkipTLSVerify) errors.invalid('spec.insecureSkipTLSVerify', insecureSkipTLSVerify, 'local APIServices may not have insecureSkipTLSVerify');
    return;
  }
  for (const name of ['namespace', 'name'] as const) if (!service[name]) errors.required(`spec.service.${name}`);
  const problems = isPortNumber(service.port ?? 443);
  if (problems.length) errors.invalid('spec.service.port', service.port, `port is not valid: ${problems.join(', ')}`);
  if (insecureSkipTLSVerify && caBundle) errors.invalid('spec.insecureSkipTLSVerify', insecureSkipTLSVerify, 'may not be true if caBundle is present');
}
