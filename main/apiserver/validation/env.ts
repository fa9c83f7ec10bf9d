import { isConfigMapKey, isDns1123Label, isDns1123Subdomain, isQualifiedName, isRelaxedEnvVarName } from '../../api/names.ts';
import type { EnvFromSource, EnvVar, ObjectFieldSelector, ResourceFieldSelector } from '../../api/index.ts';
import type { FieldErrors } from './field.ts';
import { noBacksteps } from './paths.ts';
import { quantityOf } from './resources.ts';

/* Mirrors pkg/apis/core/validation/validation.go (ValidateEnv, ValidateEnvFrom). */

const envFieldPaths = [
  'metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName', 'spec.serviceAccountName',
  'status.hostIP', 'status.hostIPs', 'status.podIP', 'status.podIPs',
];
/** What a downward API field label may be at all (pkg/apis/core/pods/helpers.go). */
const downwardLabels = new Set([
  'metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName',
  'spec.restartPolicy', 'spec.serviceAccountName', 'spec.schedulerName', 'status.phase', 'status.hostIP', 'status.hostIPs',
  'status.podIP', 'status.podIPs',
]);
const resourceFields = ['limits.cpu', 'limits.ephemeral-storage', 'limits.memory', 'requests.cpu', 'requests.ephemeral-storage', 'requests.memory'];
const byteDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

export function validateEnv(errors: FieldErrors, field: string, variables: EnvVar[] | undefined): void {
  variables?.forEach((variable, i) => {
    const path = `${field}[${i}]`;
    if (!variable.name) errors.required(`${path}.name`);
    else errors.invalidEach(`${path}.name`, variable.name, isRelaxedEnvVarName(variable.name));
    valueFrom(errors, `${path}.valueFrom`, variable);
  });
}

function valueFrom(errors: FieldErrors, field: string, variable: EnvVar): void {
  const from = variable.valueFrom;
  if (!from) return;
  let count = 0;
  if (from.fieldRef) {
    count++;
    objectFieldSelector(errors, `${field}.fieldRef`, from.fieldRef, envFieldPaths);
  }
  if (from.resourceFieldRef) {
    count++;
    resourceFieldSelector(errors, `${field}.resourceFieldRef`, from.resourceFieldRef, false);
  }
  for (const kind of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const ref = from[kind];
    if (!ref) continue;
    count++;
    errors.invalidEach(`${field}.${kind}.name`, ref.name ?? '', isDns1123Subdomain(ref.name ?? ''));
    if (!ref.key) errors.required(`${field}.${kind}.key`);
    else errors.invalidEach(`${field}.${kind}.key`, ref.key, isConfigMapKey(ref.key));
  }
  if (from.fileKeyRef) {
    count++;
    const ref = from.fileKeyRef;
    const path = `${field}.fileKeyRef`;
    if (!ref.key) errors.required(`${path}.key`);
    else errors.invalidEach(`${path}.key`, ref.key, isRelaxedEnvVarName(ref.key));
    if (!ref.volumeName) errors.required(`${path}.volumeName`);
    else errors.invalidEach(`${path}.volumeName`, ref.volumeName, isDns1123Label(ref.volumeName));
    if (!ref.path) errors.required(`${path}.path`);
    else noBacksteps(errors, `${path}.path`, ref.path);
  }
  if (!count) errors.invalid(field, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`');
  else if (variable.value) errors.invalid(field, '', 'may not be specified when `value` is not empty');
  else if (count > 1) errors.invalid(field, '', 'may not have more than one field specified at a time');
}

export function validateEnvFrom(errors: FieldErrors, field: string, sources: EnvFromSource[] | undefined): void {
  sources?.forEach((source, i) => {
    const path = `${field}[${i}]`;
    if (source.prefix) errors.invalidEach(`${path}.prefix`, source.prefix, isRelaxedEnvVarName(source.prefix));
    let count = 0;
    for (const kind of ['configMapRef', 'secretRef'] as const) {
      const ref = source[kind];
      if (!ref) continue;
      count++;
      if (!ref.name) errors.required(`${path}.${kind}.name`);
      else errors.invalidEach(`${path}.${kind}.name`, ref.name, isDns1123Subdomain(ref.name.replace(/-$/, 'a')));
    }
    if (!count) errors.invalid(field, '', 'must specify one of: `configMapRef` or `secretRef`');
    else if (count > 1) errors.invalid(field, '', 'may not have more than one field specified at a time');
  });
}

export function objectFieldSelector(errors: FieldErrors, field: string, selector: ObjectFieldSelector, allowed: string[]): void {
  if (!selector.apiVersion) return errors.required(`${field}.apiVersion`);
  if (!selector.fieldPath) return errors.required(`${field}.fieldPath`);
  const subscripted = /^(.+?)\['(.*)'\]$/.exec(selector.fieldPath);
  const label = subscripted?.[1] ?? (selector.fieldPath === 'spec.host' ? 'spec.nodeName' : selector.fieldPath);
  if (selector.apiVersion !== 'v1')
    return errors.invalid(`${field}.fieldPath`, selector.fieldPath, `error converting fieldPath: unsupported pod version: ${selector.apiVersion}`);
  if (subscripted && label !== 'metadata.annotations' && label !== 'metadata.labels')
    return errors.invalid(`${field}.fieldPath`, selector.fieldPath, `error converting fieldPath: field label does not support subscript: ${selector.fieldPath}`);
  if (!downwardLabels.has(label))
    return errors.invalid(`${field}.fieldPath`, selector.fieldPath, `error converting fieldPath: field label not supported: ${selector.fieldPath}`);
  if (subscripted) {
    const key = subscripted[2]!;
    if (label === 'metadata.annotations') errors.invalidEach(field, key.toLowerCase(), isQualifiedName(key.toLowerCase()));
    else errors.invalidEach(field, key, isQualifiedName(key));
  } else if (!allowed.includes(label)) {
    errors.notSupported(`${field}.fieldPath`, label, allowed);
  }
}

export function resourceFieldSelector(errors: FieldErrors, field: string, selector: ResourceFieldSelector, volume: boolean): void {
  const resource = selector.resource;
  const isHugePage = /^(requests|limits)\.hugepages-/.test(resource ?? '');
  if (volume && !selector.containerName) errors.required(`${field}.containerName`);
  else if (!resource) errors.required(`${field}.resource`);
  else if (!resourceFields.includes(resource) && !isHugePage) errors.notSupported(`${field}.resource`, resource, resourceFields);
  const divisor = selector.divisor === undefined ? undefined : quantityOf(selector.divisor);
  if (!divisor || divisor.isZero()) return;
  const text = divisor.toString();
  if (resource === 'limits.cpu' || resource === 'requests.cpu') {
    if (text !== '1m' && text !== '1') errors.invalid(`${field}.divisor`, resource, "only divisor's values 1m and 1 are supported with the cpu resource");
    return;
  }
  const name = isHugePage ? 'hugepages' : resource?.endsWith('.memory') ? 'memory' : resource?.endsWith('.ephemeral-storage') ? 'local ephemeral storage' : '';
  if (name && !byteDivisors.includes(text))
    errors.invalid(`${field}.divisor`, resource, `only divisor's values ${byteDivisors.join(', ')} are supported with the ${name} resource`);
}
