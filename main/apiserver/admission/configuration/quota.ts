import type { ScopedResourceSelectorRequirement } from '../../../api/index.ts';
import { schemaById } from '../../../api/schema.ts';
import { FieldErrors } from '../../validation/field.ts';
import { fileKind, listOf, messageOf, objectOf, readFileOf, structure, text, type FileKind } from './read.ts';

/** What nobody may use in a namespace that has no quota for it. */
export interface LimitedResource {
  apiGroup?: string;
  resource: string;
  /** Amounts that an object asks for, by a part of their names in quotas. */
  matchContains?: string[];
  /** Objects that a scope of this name selects. */
  matchScopes?: ScopedResourceSelectorRequirement[];
}

let known: FileKind | undefined;

function kind(): FileKind {
  const limited = structure('LimitedResource', {
    apiGroup: text,
    resource: text,
    matchContains: listOf(text),
    matchScopes: listOf(objectOf(schemaById('core/v1.ScopedResourceSelectorRequirement')!)),
  });
  return (known ??= fileKind(
    ['apiserver.config.k8s.io/v1 ResourceQuotaConfiguration', 'resourcequota.admission.k8s.io/v1beta1 Configuration', 'resourcequota.admission.k8s.io/v1alpha1 Configuration'],
    'pkg/admission/plugin/resourcequota/config.go:31',
    'Configuration',
    { limitedResources: listOf(objectOf(limited)) },
  ));
}

/** Throws an Error that says what is wrong. Mirrors k8s.io/apiserver/pkg/admission/plugin/resourcequota/config.go and its validation. */
export function readQuotaConfiguration(content: string): LimitedResource[] {
  const { limitedResources = [] } = readFileOf(kind(), content) as { limitedResources?: LimitedResource[] };
  const errors = new FieldErrors();
  for (const [i, { resource }] of limitedResources.entries()) if (!resource) errors.required(`limitedResources[${i}].resource`);
  if (errors.length > 0) throw new Error(messageOf(errors));
  return limitedResources;
}
