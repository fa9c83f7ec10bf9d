/**
 * The Common Expression Language as Kubernetes 1.36 has it: what custom resources' validation rules and admission
 * policies are written in.
 *
 * Declare variables and types in an `Environment`, `compile` an expression once, `evaluate` its program many times with
 * a budget. Values are made from JSON by `schemaValue` (with a schema: what `declaredType` declares) or by
 * `dynamicValue` (without).
 */
export { Environment, instantiationFailed, type Compiled, type EnvironmentOptions } from './environment.ts';
export type { Evaluation, EvaluationFault, Program, Variables } from './program.ts';
export type { SizeEstimate } from './estimate.ts';
export { celLimits } from './cost.ts';
export { escapeField, unescapeField } from './escape.ts';
export { declaredType, maxCardinality, sizesOf, withTypeAndMetadata, type CelSchema, type DeclaredType } from './schema.ts';
export { dynamicValue, parseLongDuration, schemaValue, toJson } from './json.ts';
export { matches, re2 } from './regex.ts';
export { parseDuration, parseTimestamp } from './time.ts';
export {
  anyType, boolType, bytesType, doubleType, durationType, dynType, formatType, intType, listType, mapType, nullType, objectType, opaqueType, optionalType, sameType,
  stringType, timestampType, uintType, type CelType,
} from './types.ts';
export {
  ArrayList, Bytes, CelError, CelList, CelMap, CelObject, CostLimitExceeded, Duration, EntryMap, equal, Opaque, Optional, Timestamp, typeNameOf, Uint, type Value,
} from './values.ts';
export {
  authorizerType, AuthorizerValue, ResourceCheck, resourceCheckType, type CelAccess, type CelAuthorizer,
} from './library/authorizer.ts';
export { quantityType, quantityValue } from './library/quantity.ts';
export { semverValue } from './library/semver.ts';
export { urlFault } from './library/urls.ts';
export { formatValue } from './library/stringFormat.ts';
