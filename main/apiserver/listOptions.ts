import { badRequest, invalid, type FieldError } from '../api/status.ts';
import type { Call } from './call.ts';
import { forbiddenField, unsupportedField } from './fieldErrors.ts';
import type { Registry } from './registry/generic.ts';
import { Selection } from './registry/selection.ts';

/** What the query of a list, watch or deletecollection says. */
export interface ListOptions {
  namespace: string;
  selection: Selection;
  resourceVersion?: string;
  resourceVersionMatch?: string;
  limit?: number;
  continue?: string;
  sendInitialEvents?: boolean;
  allowWatchBookmarks: boolean;
  timeoutSeconds?: number;
}

/** A limit of nothing, or less, is none. */
const positive = (limit: number | undefined) => (limit !== undefined && limit > 0 ? limit : undefined);

/** Throws 400 and 422. Mirrors k8s.io/apimachinery/pkg/apis/meta/internalversion/validation/validation.go. */
export function listOptions({ query, info }: Call, registry: Registry, watch: boolean): ListOptions {
  const fieldSelector = query.get('fieldSelector');
  if (info.parts.length > 1 && fieldSelector && fieldSelector !== `metadata.name=${info.name}`)
    throw badRequest("fieldSelector metadata.name doesn't match requested name");
  const options: ListOptions = {
    namespace: info.namespace,
    selection: Selection.of(registry.strategy, query.get('labelSelector'), info.parts.length > 1 ? `metadata.name=${info.name}` : fieldSelector),
    resourceVersion: query.get('resourceVersion') || undefined,
    resourceVersionMatch: query.get('resourceVersionMatch') || undefined,
    limit: positive(query.integer('limit')),
    continue: query.get('continue') || undefined,
    sendInitialEvents: query.flag('sendInitialEvents'),
    allowWatchBookmarks: query.flag('allowWatchBookmarks') ?? false,
    timeoutSeconds: query.integer('timeoutSeconds'),
  };
  const errors = watch ? checkWatch(options) : checkList(options);
  if (errors.length) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors);
  return options;
}

function checkList({ resourceVersionMatch: match, resourceVersion, continue: token, sendInitialEvents }: ListOptions): FieldError[] {
  const errors: FieldError[] = [];
  if (match !== undefined) {
    if (!resourceVersion) errors.push(forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    if (token) errors.push(forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'));
    if (match !== 'Exact' && match !== 'NotOlderThan') errors.push(unsupportedField('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']));
    if (match === 'Exact' && resourceVersion === '0')
      errors.push(forbiddenField('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (sendInitialEvents !== undefined) errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  return errors;
}

function checkWatch({ resourceVersionMatch: match, continue: token, sendInitialEvents }: ListOptions): FieldError[] {
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
    errors.push(forbiddenField('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  if (match === undefined) return errors;
  if (sendInitialEvents === undefined)
    errors.push(forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
  if (match !== 'NotOlderThan') errors.push(unsupportedField('resourceVersionMatch', match, ['NotOlderThan']));
  if (token) errors.push(forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'));
  return errors;
}
