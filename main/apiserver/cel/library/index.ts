import { Functions, type Declare } from '../functions.ts';
import { stringType, type CelType } from '../types.ts';
import { authorizerLibrary, authorizerType, decisionType, groupCheckType, pathCheckType, resourceCheckType } from './authorizer.ts';
import { formatsLibrary, formatType } from './formats.ts';
import { listsLibrary } from './lists.ts';
import { cidrType, ipType, networkLibrary } from './network.ts';
import { optionalsLibrary, optionalTypes } from './optionals.ts';
import { quantityLibrary, quantityType } from './quantity.ts';
import { regexLibrary } from './regex.ts';
import { semverLibrary, semverType } from './semver.ts';
import { standardLibrary, standardTypes } from './standard.ts';
import { stringsLibrary } from './strings.ts';
import { urlsLibrary, urlType } from './urls.ts';

/** Keys in a JSON Patch's paths; mirrors k8s.io/apiserver/pkg/cel/library (jsonpatch.go). */
function jsonPatchLibrary(add: Declare): void {
  add('jsonpatch.escapeKey', 'string_jsonpatch_escapeKey_string', [stringType], stringType, (key: string) => key.replace(/[~/]/g, (c) => (c === '~' ? '~0' : '~1')));
}

const libraries = [
  standardLibrary, optionalsLibrary, stringsLibrary, listsLibrary, regexLibrary, urlsLibrary, networkLibrary, quantityLibrary, semverLibrary, formatsLibrary,
  authorizerLibrary,
];

/** All that Kubernetes 1.36 offers; mirrors k8s.io/apiserver/pkg/cel/environment (base.go). */
export const baseFunctions = new Functions(...libraries);
/** The same with what only mutating policies have. */
export const mutationFunctions = new Functions(...libraries, jsonPatchLibrary);

export const baseTypes: ReadonlyMap<string, CelType> = new Map([
  ...Object.entries({ ...standardTypes, ...optionalTypes }),
  ...[
    authorizerType, decisionType, groupCheckType, pathCheckType, resourceCheckType, formatType, cidrType, ipType, quantityType, semverType, urlType,
  ].map((type): [string, CelType] => [type.name, type]),
]);
