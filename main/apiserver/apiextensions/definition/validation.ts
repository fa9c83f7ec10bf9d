import type { CustomResourceDefinition, CustomResourceDefinitionNames, CustomResourceDefinitionSpec, CustomResourceDefinitionVersion } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { isDns1035Label, isDns1123Subdomain } from '../../../api/names.ts';
import type { FieldError } from '../../../api/status.ts';
import { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { holdsCertificate } from '../../validation/keyPair.ts';
import { webhookClientConfig } from '../../validation/webhooks.ts';
import { resolvePath } from '../schema/fieldPath.ts';
import { anySchema, type JsonSchema } from '../schema/types.ts';
import { approvalNeeded, approvalOf, approvalText, approvedAnnotation, isProtectedGroup, seeApproval } from './approval.ts';
import { validateDefaults } from './schemaDefaults.ts';
import { validateOpenApiSchema, type SentSchema } from './openApiSchema.ts';
import { validateStructural } from './structural.ts';

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const maxSelectableFields = 8;
const noBundle = 'unable to parse bytes as PEM block';
const isNoBundle = (bundle: string | undefined) => !!bundle && !holdsCertificate(bundle);

export const isEstablished = (definition: CustomResourceDefinition) => conditionOf(definition, 'Established') === 'True';
export const conditionOf = (definition: CustomResourceDefinition, type: string) => definition.status?.conditions?.find((condition) => condition.type === type)?.status;
export const schemaOfVersion = (version: CustomResourceDefinitionVersion): JsonSchema | undefined => version.schema?.openAPIV3Schema as JsonSchema | undefined;

/**
 * What is wrong with a CustomResourceDefinition; with `old`, as an update of it. What all versions have in common upstream
 * keeps once, outside of the versions, and so its paths say. Mirrors apiextensions' pkg/apis/apiextensions/validation/validation.go.
 */
export function validateDefinition(definition: CustomResourceDefinition, old?: CustomResourceDefinition): FieldErrors {
  const errors = new FieldErrors();
  if (!old && definition.metadata?.name && definition.metadata.name !== `${definition.spec.names.plural}.${definition.spec.group}`)
    errors.invalid('metadata.name', definition.metadata.name, 'must be spec.names.plural+"."+spec.group');
  validateSpec(definition.spec, errors, old);
  if (old) validateImmutable(definition.spec, old, errors);
  validateNames(definition.status?.acceptedNames, 'status.acceptedNames', errors);
  validateStoredVersions(definition, errors);
  validateApproval(definition, old, errors);
  if (definition.spec.preserveUnknownFields && !old?.spec.preserveUnknownFields)
    errors.invalid('spec.preserveUnknownFields', true, 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead');
  return errors;
}

function validateSpec(spec: CustomResourceDefinitionSpec, errors: FieldErrors, old: CustomResourceDefinition | undefined): void {
  if (!spec.group) errors.required('spec.group');
  else {
    const messages = isDns1123Subdomain(spec.group);
    if (messages.length) errors.invalid('spec.group', spec.group, messages.join(','));
    else if (!spec.group.includes('.')) errors.invalid('spec.group', spec.group, 'should be a domain with at least one dot');
  }
  if (!spec.scope) errors.required('spec.scope');
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced') errors.notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']);
  const versions = spec.versions ?? [];
  const mustHaveSchemas = !old || old.spec.versions.every(schemaOfVersion);
  versions.forEach((version, i) => {
    if (!version.schema?.openAPIV3Schema && mustHaveSchemas) errors.required(`spec.versions[${i}].schema.openAPIV3Schema`);
    label(version.name, `spec.versions[${i}].name`, errors);
    validateDeprecation(version, `spec.versions[${i}].deprecationWarning`, errors);
  });
  validateParts(versions, errors, old);
  if (spec.preserveUnknownFields && versions.some((version) => hasDefaults(schemaOfVersion(version))))
    errors.invalid('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema');
  if (new Set(versions.map(({ name }) => name)).size !== versions.length) errors.invalid('spec.versions', shownVersions(versions), 'must contain unique version names');
  if (versions.filter(({ storage }) => storage).length !== 1) errors.invalid('spec.versions', spec.versions ? shownVersions(versions) : null, 'must have exactly one version marked as storage version');
  // The first version has a place of its own as well.
  if (versions[0]?.name) label(versions[0].name, 'spec.version', errors);
  for (const name of ['plural', 'singular', 'kind', 'listKind'] as const) if (!spec.names?.[name]) errors.required(`spec.names.${name}`);
  validateNames(spec.names, 'spec.names', errors);
  validateConversion(spec, errors, old);
}

function isShared<T>(versions: readonly CustomResourceDefinitionVersion[], part: (version: CustomResourceDefinitionVersion) => T | undefined): boolean {
  return versions.length > 0 && versions.every((version) => part(version) !== undefined && equalJson(part(version), part(versions[0]!)));
}

/** As upstream keeps them: without what they have in common. */
function shownVersions(versions: readonly CustomResourceDefinitionVersion[]): unknown {
  const common = (['schema', 'subresources', 'additionalPrinterColumns', 'selectableFields'] as const).filter((name) => isShared(versions, (version) => version[name]));
  return internal('apiextensions/v1.CustomResourceDefinitionVersion', versions.map((version) => ({ ...version, ...Object.fromEntries(common.map((name) => [name, undefined])) })));
}

/** What a version has in common with all others is judged once. */
function validateParts(versions: readonly CustomResourceDefinitionVersion[], errors: FieldErrors, old: CustomResourceDefinition | undefined): void {
  const each = <T>(name: string, common: string, part: (version: CustomResourceDefinitionVersion) => T | undefined, validate: (value: T, path: string, version: CustomResourceDefinitionVersion) => void) => {
    const once = isShared(versions, part);
    (once ? versions.slice(0, 1) : versions).forEach((version, i) => {
      const value = part(version);
      if (value !== undefined) validate(value, once ? `spec.${common}` : `spec.versions[${i}].${name}`, version);
    });
  };
  each('schema', 'validation', (version) => version.schema, (_schema, path, version) => validateSchema(version, `${path}.openAPIV3Schema`, errors, old));
  each('subresources', 'subresources', (version) => version.subresources, (subresources, path) => validateScale(subresources.scale, `${path}.scale`, errors));
  each('additionalPrinterColumns', 'additionalPrinterColumns', (version) => (version.additionalPrinterColumns?.length ? version.additionalPrinterColumns : undefined), (list, path) => {
    list.forEach((column, i) => validateColumn(column, `${path}[${i}]`, errors));
  });
  each('selectableFields', 'selectableFields', (version) => (version.selectableFields?.length ? version.selectableFields : undefined), (fields, path, version) => {
    // Paths that all versions have in common lead into a schema that they have in common.
    if (path === 'spec.selectableFields' && !isShared(versions, (each) => each.schema)) errors.invalid(path, '', 'may only be set when validations.schema is included');
    else validateSelectable(fields, schemaOfVersion(version), path, errors, equalJson(old?.spec.versions.find(({ name }) => name === version.name)?.selectableFields, fields));
  });
}

function validateSchema(version: CustomResourceDefinitionVersion, path: string, errors: FieldErrors, old: CustomResourceDefinition | undefined): void {
  const schema = schemaOfVersion(version) as SentSchema | undefined;
  if (!schema) return;
  const oldVersion = old?.spec.versions.find(({ name }) => name === version.name);
  const found = new FieldErrors();
  if (version.subresources?.status !== undefined) validateRoot(schema, path, found);
  if (schema.nullable) found.forbidden(`${path}.nullable`, 'nullable cannot be true at the root');
  const structural = new FieldErrors();
  // What has none of its own form is not looked at as one: what is wrong with it is told by the check of values.
  const hasStructure = !anySchema(schema as JsonSchema, (part) => part['x-kubernetes-preserve-unknown-fields'] === false || Array.isArray(part.items));
  if (hasStructure) validateStructural(schema as JsonSchema, structural, path);
  if (hasStructure && !structural.length) {
    const pruned = !old?.spec.versions.some((candidate) => hasDefaults(schemaOfVersion(candidate)) && equalJson(candidate.schema, version.schema));
    validateDefaults(schema as JsonSchema, structural, path, pruned);
  }
  // What was taken before stays, as it is.
  if (!oldVersion || !equalJson(oldVersion.schema, version.schema) || !structural.length) found.add(structural.all);
  validateOpenApiSchema(schema, found, path, { suppressRuleCost: oldVersion !== undefined && equalJson(oldVersion.schema, version.schema), rules: !structural.length });
  const had = old ? badParts(old) : [];
  errors.add(found.all.filter((error) => !had.some((is) => is(error))));
}

/** Faults of schemas that upstream did not always look for. What has one may go on having such. */
const lateChecks: ((error: FieldError) => boolean)[] = [
  ({ reason, field }) => reason === 'FieldValueNotSupported' && field.endsWith('.type'),
  ({ message }) => message.includes('must be atomic as item of a list with x-kubernetes-list-type=set'),
  ({ message }) => message.includes('this property is in x-kubernetes-list-map-keys') || message.includes('cannot be nullable when x-kubernetes-list-type is'),
];

function badParts({ spec }: CustomResourceDefinition) {
  const found = new FieldErrors();
  for (const version of spec.versions) {
    const schema = schemaOfVersion(version);
    if (!schema) continue;
    validateStructural(schema, found, '');
    validateOpenApiSchema(schema as SentSchema, found, '', { suppressRuleCost: true, rules: false });
  }
  return lateChecks.filter((is) => found.all.some(is));
}

const hasDefaults = (schema: JsonSchema | undefined) => anySchema(schema, (part) => part.default !== undefined);

const allowedAtRoot = [
  'Description', 'Type', 'Format', 'Title', 'Maximum', 'ExclusiveMaximum', 'Minimum', 'ExclusiveMinimum', 'MaxLength', 'MinLength', 'Pattern', 'MaxItems', 'MinItems', 'UniqueItems',
  'MultipleOf', 'Required', 'Items', 'Properties', 'ExternalDocs', 'Example', 'XPreserveUnknownFields', 'XValidations',
];
const goNames: Record<string, string> = { 'x-kubernetes-preserve-unknown-fields': 'XPreserveUnknownFields', 'x-kubernetes-validations': 'XValidations' };

/** With a status of its own the root may hold nothing that would be lost for the status. */
function validateRoot(schema: SentSchema, path: string, errors: FieldErrors): void {
  for (const [key, value] of Object.entries(schema)) {
    if (value === undefined || value === false || key === 'nullable') continue;
    if (key === 'type') {
      if (value !== 'object') return errors.invalid(`${path}.type`, value, 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled');
    } else if (!allowedAtRoot.includes(goNames[key] ?? key[0]!.toUpperCase() + key.slice(1)))
      return errors.invalid(path, schema, `only [${allowedAtRoot.join(' ')}] fields are allowed at the root of the schema if the status subresource is enabled`);
  }
}

function validateScale(scale: NonNullable<CustomResourceDefinitionVersion['subresources']>['scale'], path: string, errors: FieldErrors): void {
  if (!scale) return;
  const check = (name: 'specReplicasPath' | 'statusReplicasPath', under: string) => {
    const value = scale[name];
    if (!value) errors.required(`${path}.${name}`);
    else if (simplePath(value, `${path}.${name}`, errors) && !value.startsWith(`${under}.`)) errors.invalid(`${path}.${name}`, value, `should be a json path under ${under}`);
  };
  check('specReplicasPath', '.spec');
  check('statusReplicasPath', '.status');
  const selector = scale.labelSelectorPath;
  if (selector && simplePath(selector, `${path}.labelSelectorPath`, errors) && !/^\.(spec|status)\./.test(selector))
    errors.invalid(`${path}.labelSelectorPath`, selector, 'should be a json path under either .spec or .status');
}

function simplePath(path: string, field: string, errors: FieldErrors): boolean {
  if (path.startsWith('.')) return true;
  errors.invalid(field, path, 'must be a simple json path starting with .');
  return false;
}

function validateColumn(column: NonNullable<CustomResourceDefinitionVersion['additionalPrinterColumns']>[number], path: string, errors: FieldErrors): void {
  if (!column.name) errors.required(`${path}.name`);
  const oneOf = `must be one of ${columnTypes.join(',')}`;
  if (!column.type) errors.required(`${path}.type`, oneOf);
  else if (!columnTypes.includes(column.type)) errors.invalid(`${path}.type`, column.type, oneOf);
  if (column.format && !columnFormats.includes(column.format)) errors.invalid(`${path}.format`, column.format, `must be one of ${columnFormats.join(',')}`);
  if (!column.jsonPath) errors.required(`${path}.JSONPath`);
  else simplePath(column.jsonPath, `${path}.JSONPath`, errors);
}

function validateSelectable(fields: readonly { jsonPath: string }[], schema: JsonSchema | undefined, path: string, errors: FieldErrors, isOld: boolean): void {
  if (!schema) return errors.invalid(path, '', 'may only be set when `version.schema.openAPIV3Schema` is not included');
  const known = new Set<string>();
  fields.forEach(({ jsonPath }, i) => {
    const at = `${path}[${i}].jsonPath`;
    if (!jsonPath) return errors.required(at);
    const resolved = resolvePath(jsonPath, schema, false);
    if (typeof resolved === 'string') return errors.invalid(at, jsonPath, `is an invalid path: ${resolved}`);
    if (resolved.path === 'metadata' || resolved.path.startsWith('metadata.')) errors.invalid(at, jsonPath, 'must not point to fields in metadata');
    if (!['string', 'boolean', 'integer'].includes(resolved.schema?.type ?? ''))
      errors.invalid(at, jsonPath, 'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.');
    if (known.has(resolved.path)) errors.duplicate(at, jsonPath);
    known.add(resolved.path);
  });
  if (known.size > maxSelectableFields && !isOld) errors.tooMany(path, known.size, maxSelectableFields);
}

function label(value: string, path: string, errors: FieldErrors): void {
  const messages = isDns1035Label(value ?? '');
  if (messages.length) errors.invalid(path, value ?? '', messages.join(','));
}

function validateNames(names: CustomResourceDefinitionNames | undefined, path: string, errors: FieldErrors): void {
  if (!names) return;
  if (names.plural) label(names.plural, `${path}.plural`, errors);
  if (names.singular) label(names.singular, `${path}.singular`, errors);
  for (const name of ['kind', 'listKind'] as const) {
    const value = names[name];
    const messages = value ? isDns1035Label(value.toLowerCase()) : [];
    if (messages.length) errors.invalid(`${path}.${name}`, value, `may have mixed case, but should otherwise match: ${messages.join(',')}`);
  }
  names.shortNames?.forEach((name, i) => label(name, `${path}.shortNames[${i}]`, errors));
  if (names.kind && names.kind === names.listKind) errors.invalid(`${path}.listKind`, names.listKind, 'kind and listKind may not be the same');
  names.categories?.forEach((name, i) => label(name, `${path}.categories[${i}]`, errors));
}

function validateDeprecation(version: CustomResourceDefinitionVersion, path: string, errors: FieldErrors): void {
  const text = version.deprecationWarning;
  if (text === undefined) return;
  if (!version.deprecated) return errors.invalid(path, text, 'can only be set for deprecated versions');
  if (Buffer.byteLength(text) > 256) errors.invalid(path, text, 'must be <= 256 characters long');
  if (!text) errors.invalid(path, text, 'must not be an empty string');
  const at = text.search(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u);
  if (at >= 0) errors.invalid(path, text, `must only contain printable UTF-8 characters; non-printable character found at index ${Buffer.byteLength(text.slice(0, at))}`);
}

function validateConversion(spec: CustomResourceDefinitionSpec, errors: FieldErrors, old: CustomResourceDefinition | undefined): void {
  const { conversion } = spec;
  if (!conversion) return;
  const path = 'spec.conversion';
  if (!conversion.strategy) errors.required(`${path}.strategy`);
  else if (conversion.strategy !== 'None' && conversion.strategy !== 'Webhook') errors.notSupported(`${path}.strategy`, conversion.strategy, ['None', 'Webhook']);
  if (spec.preserveUnknownFields && conversion.strategy !== 'None') errors.invalid(`${path}.strategy`, conversion.strategy, 'must be None if spec.preserveUnknownFields is true');
  const { webhook } = conversion;
  if (conversion.strategy !== 'Webhook') {
    if (webhook?.clientConfig) errors.forbidden(`${path}.webhookClientConfig`, 'should not be set when strategy is not set to Webhook');
    if (webhook?.conversionReviewVersions?.length) errors.forbidden(`${path}.conversionReviewVersions`, 'should not be set when strategy is not set to Webhook');
    return;
  }
  const client = webhook?.clientConfig;
  const at = `${path}.webhookClientConfig`;
  if (!client) errors.required(at, 'required when strategy is set to Webhook');
  else {
    webhookClientConfig(errors, at, client);
    // Before it is established, a bundle may still be filled in.
    if (old && isEstablished(old) && isNoBundle(client.caBundle) && !isNoBundle(old.spec.conversion?.webhook?.clientConfig?.caBundle))
      errors.invalid(`${at}.caBundle`, client.caBundle, `unable to load root certificates: ${noBundle}`);
  }
  const versions = webhook?.conversionReviewVersions ?? [];
  if (!versions.length) errors.required(`${path}.conversionReviewVersions`);
  versions.forEach((version, i) => {
    if (versions.indexOf(version) < i) errors.invalid(`${path}.conversionReviewVersions[${i}]`, version, 'duplicate version');
    else label(version, `${path}.conversionReviewVersions[${i}]`, errors);
  });
  const before = old?.spec.conversion?.webhook?.conversionReviewVersions;
  const recognized = (list: readonly string[]) => list.some((version) => version === 'v1' || version === 'v1beta1');
  if (versions.length && !recognized(versions) && (!before?.length || recognized(before))) errors.invalid(`${path}.conversionReviewVersions`, versions, 'must include at least one of v1, v1beta1');
}

function validateImmutable(spec: CustomResourceDefinitionSpec, old: CustomResourceDefinition, errors: FieldErrors): void {
  const fixed = (path: string, value: unknown, before: unknown) => {
    if (value !== before) errors.invalid(path, value ?? '', 'field is immutable');
  };
  if (isEstablished(old)) {
    fixed('spec.scope', spec.scope, old.spec.scope);
    fixed('spec.names.kind', spec.names.kind, old.spec.names.kind);
  }
  fixed('spec.group', spec.group, old.spec.group);
  fixed('spec.names.plural', spec.names.plural, old.spec.names.plural);
}

function validateStoredVersions({ spec, status }: CustomResourceDefinition, errors: FieldErrors): void {
  const stored = status?.storedVersions ?? [];
  const path = 'status.storedVersions';
  if (!stored.length) return errors.invalid(path, null, 'must have at least one stored version');
  for (const { name, storage } of spec.versions ?? []) if (storage && !stored.includes(name)) errors.invalid(path, stored, `must have the storage version ${name}`);
  stored.forEach((name, i) => {
    if (spec.versions?.some((version) => version.name === name)) return;
    errors.invalid(
      `${path}[${i}]`,
      name,
      `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
    );
  });
}

/** Groups of the Kubernetes project ask for a link to their approval. */
function validateApproval(definition: CustomResourceDefinition, old: CustomResourceDefinition | undefined, errors: FieldErrors): void {
  if (!isProtectedGroup(definition.spec.group ?? '')) return;
  const state = approvalOf(definition);
  if (old && approvalOf(old) === state) return;
  const path = `metadata.annotations[${approvedAnnotation}]`;
  if (state === 'missing') errors.required(path, `${approvalNeeded}, ${seeApproval}`);
  if (state === 'invalid') errors.invalid(path, approvalText(definition), `${approvalNeeded} with either a URL or a reason starting with "unapproved", ${seeApproval}`);
}

/** What of a stored definition is not structural, for its condition; empty: it is. */
export function nonStructural(definition: CustomResourceDefinition): string {
  const errors = new FieldErrors();
  if (definition.spec.preserveUnknownFields) errors.invalid('spec.preserveUnknownFields', true, 'must be false');
  definition.spec.versions.forEach((version, i) => {
    const schema = schemaOfVersion(version);
    if (schema) validateStructural(schema, errors, `spec.versions[${i}].schema.openAPIV3Schema`);
  });
  const texts = errors.all.map(({ field, message }) => `${field}: ${message}`);
  return texts.length > 1 ? `[${texts.join(', ')}]` : (texts[0] ?? '');
}

