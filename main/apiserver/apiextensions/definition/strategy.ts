import type { CustomResourceDefinition } from '../../../api/index.ts';
import { columns, define, statusSubresource } from '../../registry/define.ts';
import { nameOf } from '../../registry/printers.ts';
import type { Strategy } from '../../registry/strategy.ts';
import { isKnownFormat } from '../schema/formats.ts';
import { anySchema } from '../schema/types.ts';
import { schemaOfVersion, validateDefinition } from './validation.ts';

export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

const definition = define('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition', 'customresourcedefinitions', {
  namespaced: false,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
});

/** Mirrors apiextensions' pkg/registry/customresourcedefinition/strategy.go; v1 defaults. */
export const customResourceDefinition: Strategy<CustomResourceDefinition> = {
  definition,
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  plainFinalizers: true,
  resetFields: (subresource) => (subresource === 'status' ? [['metadata'], ['spec']] : undefined),
  allowUnconditionalUpdate: false,
  defaults(object) {
    const { spec } = object;
    if (!spec) return;
    const { names } = spec;
    if (names) {
      if (!names.singular && names.kind) names.singular = names.kind.toLowerCase();
      if (!names.listKind && names.kind) names.listKind = `${names.kind}List`;
    }
    spec.conversion ??= { strategy: 'None' };
    const service = spec.conversion.webhook?.clientConfig?.service;
    if (service) service.port ??= 443;
  },
  prepareForCreate(_context, object) {
    object.status = { conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions: [] };
    storeVersion(object);
  },
  holdsBack(object) {
    const metadata = (object.metadata ??= {});
    if (metadata.deletionTimestamp) return false;
    // What it has made goes first.
    if (!metadata.finalizers?.includes(cleanupFinalizer)) metadata.finalizers = [...(metadata.finalizers ?? []), cleanupFinalizer];
    return true;
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status && { ...old.status, storedVersions: [...(old.status.storedVersions ?? [])] };
    storeVersion(object);
  },
  validate: (_context, object) => validateDefinition(object).all,
  validateUpdate: (_context, object, old) => validateDefinition(object, old).all,
  warnings(object, old) {
    const before = old ? formatsOf(old) : new Set<string>();
    return [...formatsOf(object)].filter((format) => !before.has(format)).map((format) => `unrecognized format ${JSON.stringify(format)}`);
  },
  columns: columns('Name', 'Created At@'),
  row: (object) => [nameOf(object), object.metadata?.creationTimestamp ?? ''],
  subresources: { status: statusSubresource<CustomResourceDefinition>(definition) },
};

/** The version that is stored from now on is one that has been stored. */
function storeVersion({ spec, status }: CustomResourceDefinition): void {
  const storage = spec.versions?.find((version) => version.storage)?.name;
  const stored = (status!.storedVersions ??= []);
  if (storage !== undefined && !stored.includes(storage)) stored.push(storage);
}

/** Formats that nobody checks. */
function formatsOf({ spec }: CustomResourceDefinition): Set<string> {
  const found = new Set<string>();
  for (const version of spec.versions ?? [])
    anySchema(schemaOfVersion(version), (schema) => {
      if (schema.format && !isKnownFormat(schema.format, schema.type)) found.add(schema.format);
      return false;
    });
  return found;
}
