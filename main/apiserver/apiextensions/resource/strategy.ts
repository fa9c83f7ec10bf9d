import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { isQualifiedName } from '../../../api/names.ts';
import { failure, type FieldError } from '../../../api/status.ts';
import { definitionName } from '../../openapi/operations.ts';
import type { RequestContext, ResourceDefinition, Strategy, Subresource } from '../../registry/strategy.ts';
import { FieldErrors } from '../../validation/field.ts';
import { schemaOfVersion } from '../definition/validation.ts';
import { Correlation } from '../schema/correlate.ts';
import { applyDefaults } from '../schema/defaults.ts';
import { settleEmbedded, validateEmbedded } from '../schema/embedded.ts';
import { validateListTypes } from '../schema/listTypes.ts';
import { prune } from '../schema/prune.ts';
import { RuleValidator } from '../schema/rules.ts';
import type { JsonSchema } from '../schema/types.ts';
import { validateValue } from '../schema/validate.ts';
import { columnsOf } from './columns.ts';
import { jsonPath } from './jsonPath.ts';
import { publishedSchemas } from './openApi.ts';
import { patchSchemaOfResource } from './patchSchema.ts';
import { scaleOf, validateScale } from './scale.ts';

/** Findings that leave rules nothing to rely on. */
const blocking = new Set(['FieldValueNotSupported', 'FieldValueRequired', 'FieldValueTooLong', 'FieldValueTooMany', 'FieldValueTypeInvalid']);
const unchecked: FieldError = {
  reason: 'FieldValueInvalid',
  field: '<nil>',
  message: 'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
};

type CustomResource = KubeObject & { status?: unknown } & Record<string, unknown>;

/** What the version of a definition says its objects are, ready for many of them. */
export class ResourceSchema {
  readonly schema: JsonSchema | undefined;
  readonly #rules: RuleValidator | undefined;

  constructor(
    definition: CustomResourceDefinition,
    readonly version: CustomResourceDefinitionVersion,
  ) {
    this.schema = schemaOfVersion(version);
    if (definition.spec.preserveUnknownFields && this.schema) this.schema = { ...this.schema, 'x-kubernetes-preserve-unknown-fields': true };
    this.#rules = this.schema && RuleValidator.of(this.schema, true);
  }

  /** Gives an object the form of the schema, in place; returns the paths of what it had besides. Throws a DecodeError. */
  settle(object: KubeObject, dropInvalid: boolean): string[] {
    const unknown = [...settleEmbedded(object, this.schema, dropInvalid), ...prune(object, this.schema, true)];
    applyDefaults(object, this.schema);
    return unknown;
  }

  validate(object: CustomResource, old: CustomResource | undefined, warnings: string[]): FieldError[] {
    const errors = new FieldErrors();
    const { schema, version } = this;
    if (!schema) return [];
    const correlation = old && new Correlation(object, old, schema);
    validateValue(object, schema, errors, '', correlation);
    if (version.subresources?.scale) validateScale(object, version.subresources.scale, 'all', errors);
    validateEmbedded(object, schema, errors);
    this.#ratchetLists(object, old, errors);
    this.#judge(object, old, correlation, errors, warnings);
    return errors.all;
  }

  validateStatus(object: CustomResource, old: CustomResource, warnings: string[]): FieldError[] {
    const errors = new FieldErrors();
    const { schema, version } = this;
    if (!schema) return [];
    const correlation = new Correlation(object, old, schema);
    const status = schema.properties?.status;
    if (status && object.status !== undefined) validateValue(object.status, status, errors, 'status', correlation.member('status'));
    if (version.subresources?.scale) validateScale(object, version.subresources.scale, 'status', errors);
    this.#ratchetLists(object, old, errors);
    this.#judge(object, old, correlation, errors, warnings);
    return errors.all;
  }

  /** Lists that were wrong before may stay so. */
  #ratchetLists(object: CustomResource, old: CustomResource | undefined, errors: FieldErrors): void {
    const before = new FieldErrors();
    if (old) validateListTypes(old, this.schema, before);
    if (!before.length) validateListTypes(object, this.schema, errors);
  }

  #judge(object: CustomResource, old: CustomResource | undefined, correlation: Correlation | undefined, errors: FieldErrors, warnings: string[]): void {
    if (!this.#rules) return;
    // Metadata is judged elsewhere; of it only a name can be missing.
    if (!object.metadata?.name || errors.all.some(({ reason }) => blocking.has(reason))) errors.add([unchecked]);
    else errors.add(this.#rules.validate(object, old, '', correlation, warnings));
  }
}

/**
 * A version of a custom resource as the generic registry serves it. `terminating`: its definition is on its way out, and
 * nothing new may come. Mirrors apiextensions' pkg/registry/customresource (strategy.go, status_strategy.go).
 */
export function customResource(definition: CustomResourceDefinition, schema: ResourceSchema, terminating: boolean): Strategy {
  const { version } = schema;
  const { spec, status } = definition;
  const names = { ...spec.names, ...status?.acceptedNames };
  const about: ResourceDefinition = {
    group: spec.group,
    version: version.name,
    kind: names.kind,
    resource: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    listKind: names.listKind ?? `${names.kind}List`,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: spec.scope === 'Namespaced',
    storedVersion: spec.versions.find(({ storage }) => storage)?.name,
  };
  const hasStatus = version.subresources?.status !== undefined && version.subresources.status !== null;
  const selectable = (version.selectableFields ?? []).map(({ jsonPath: path }) => ({ name: path.replace(/^\./, ''), read: jsonPath(path) }));
  const { columns, row } = columnsOf(version.additionalPrinterColumns);
  const strategy: Strategy = {
    definition: about,
    hasGeneration: true,
    generationChanged: (object, old) => !equalJson(counted(object, hasStatus), counted(old, hasStatus)),
    nameRule: 'dnsSubdomain',
    plainFinalizers: true,
    allowUnconditionalUpdate: false,
    complaints: (object) => schema.settle(object, false).map((path) => `unknown field ${JSON.stringify(path)}`),
    defaults: (object) => void schema.settle(object, true),
    prepareForCreate(_context, object) {
      if (terminating)
        throw failure(405, 'MethodNotAllowed', 'create not allowed while custom resource definition is terminating', { group: about.group, kind: about.resource });
      if (hasStatus) delete (object as CustomResource).status;
    },
    prepareForUpdate(_context, object, old) {
      if (hasStatus) restoreStatus(object as CustomResource, old as CustomResource);
    },
    validate: (context, object) => schema.validate(object as CustomResource, undefined, context.warnings),
    validateUpdate: (context, object, old) => schema.validate(object as CustomResource, old as CustomResource, context.warnings),
    warnings: (object, old) => finalizerWarnings(object, old),
    ...(selectable.length
      ? { fields: (object: KubeObject) => Object.fromEntries(selectable.map(({ name, read }) => [name, textOf(read(object)[0])])) }
      : {}),
    columns,
    row,
    patchSchema: patchSchemaOfResource(schema.schema),
    resetFields: (subresource) => (subresource === 'status' ? [['metadata'], ['spec']] : hasStatus ? [['status']] : []),
    openApi: publishedSchemas(schema.schema, {
      ...about,
      plural: about.resource,
      definition: definitionName(about),
      selectableFields: selectable.map(({ name }) => name),
    }),
    ...(version.deprecated ? { deprecation: version.deprecationWarning ?? `${spec.group}/${version.name} ${names.kind} is deprecated` } : {}),
    subresources: {
      ...(hasStatus ? { status: statusOf(about, schema) } : {}),
      ...(version.subresources?.scale ? { scale: scaleOf(version.subresources.scale) } : {}),
    },
  };
  return strategy;
}

/** What a generation counts: a status of its own is no wish. */
function counted(object: KubeObject, hasStatus: boolean): object {
  const { metadata: _metadata, status, ...rest } = object as CustomResource;
  return hasStatus ? rest : { ...rest, status };
}

const textOf = (value: unknown) => (value === undefined || value === null ? '' : String(value));

function restoreStatus(object: CustomResource, old: CustomResource): void {
  if (old.status !== undefined) object.status = old.status;
  else delete object.status;
}

function statusOf({ group, version, kind }: ResourceDefinition, schema: ResourceSchema): Subresource<KubeObject> {
  return {
    type: 'object',
    kind: { group, version, kind },
    verbs: ['get', 'patch', 'update'],
    prepareForUpdate(_context, object, old) {
      const { status } = object as CustomResource;
      const managedFields = object.metadata?.managedFields;
      const written = object as CustomResource;
      for (const name of Object.keys(written)) delete written[name];
      Object.assign(written, old, { metadata: { ...old.metadata, ...(managedFields ? { managedFields } : {}) } });
      if (status === undefined) delete written.status;
      else written.status = status;
    },
    validateUpdate: (context: RequestContext, object, old) => schema.validateStatus(object as CustomResource, old as CustomResource, context.warnings),
  };
}

const ownFinalizers = new Set(['orphan', 'foregroundDeletion', 'kubernetes']);

/** Mirrors validateKubeFinalizerName of pkg/registry/customresource/validator.go. */
function finalizerWarnings(object: KubeObject, old: KubeObject | undefined): string[] {
  const before = new Set(old?.metadata?.finalizers);
  const added = (object.metadata?.finalizers ?? []).filter((name) => !before.has(name)).sort();
  return added.flatMap((name) => {
    const start = `metadata.finalizers: ${JSON.stringify(name)}: `;
    const found = isQualifiedName(name).map((message) => start + message);
    if (name.includes('/') || ownFinalizers.has(name)) return found;
    return [...found, `${start}prefer a domain-qualified finalizer name ${name.includes('.') ? 'including a path (/) ' : ''}to avoid accidental conflicts with other finalizer writers`];
  });
}
