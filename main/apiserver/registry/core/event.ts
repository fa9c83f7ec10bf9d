import type { Event as CoreEvent } from '../../../api/index.ts';
import { isQualifiedName } from '../../../api/names.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { check, columns, define } from '../define.ts';
import { nameOf, since } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/core/event/strategy.go and pkg/apis/core/validation/events.go. */

export const event: Strategy<CoreEvent> = {
  definition: define('', 'v1', 'Event', 'events', { shortNames: ['ev'] }),
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  defaults(object) {
    object.source ??= {};
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object) => check((errors) => validate(errors, object)),
  fields,
  columns: columns('Last Seen', 'Type', 'Reason', 'Object', 'Subobject!', 'Source!', 'Message', 'First Seen!', 'Count!', 'Name!'),
  row,
};

function validate(errors: FieldErrors, object: CoreEvent): void {
  const namespace = object.metadata?.namespace ?? '';
  const involved = object.involvedObject?.namespace ?? '';
  const mismatch = () => errors.invalid('involvedObject.namespace', involved, 'does not match event.namespace');
  if (!object.eventTime) {
    if (involved ? namespace !== involved : namespace !== '' && namespace !== 'default') mismatch();
  } else {
    if (!involved && namespace !== 'default' && namespace !== 'kube-system') mismatch();
    const controller = object.reportingComponent ?? '';
    if (!controller) errors.required('reportingComponent');
    errors.invalidEach('reportingComponent', controller, isQualifiedName(controller));
    limited(errors, 'reportingInstance', object.reportingInstance, 128);
    limited(errors, 'action', object.action, 128);
    limited(errors, 'reason', object.reason, 128);
    if ((object.message ?? '').length > 1024) errors.invalid('message', '', 'can have at most 1024 characters');
  }
  const clusterScoped = ['Node', 'Namespace', 'PersistentVolume'].includes(object.involvedObject?.kind ?? '') && object.involvedObject?.apiVersion === 'v1';
  if (clusterScoped && involved && object.eventTime) errors.invalid('involvedObject.namespace', involved, `not allowed for ${object.involvedObject.kind}`);
}

function limited(errors: FieldErrors, field: string, value: string | undefined, maximum: number): void {
  if (!value) errors.required(field);
  else if (value.length > maximum) errors.invalid(field, '', `can have at most ${maximum} characters`);
}

function fields(object: CoreEvent): Record<string, string> {
  const { kind = '', namespace = '', name = '', uid = '', apiVersion = '', resourceVersion = '', fieldPath = '' } = object.involvedObject ?? {};
  const source = object.source?.component || object.reportingComponent || '';
  return {
    'involvedObject.kind': kind,
    'involvedObject.namespace': namespace,
    'involvedObject.name': name,
    'involvedObject.uid': uid,
    'involvedObject.apiVersion': apiVersion,
    'involvedObject.resourceVersion': resourceVersion,
    'involvedObject.fieldPath': fieldPath,
    reason: object.reason ?? '',
    reportingComponent: object.reportingComponent ?? '',
    source,
    type: object.type ?? '',
  };
}

function row(object: CoreEvent, now: number): unknown[] {
  const first = since(object.firstTimestamp ?? object.eventTime, now);
  const last = object.series ? since(object.series.lastObservedTime, now) : object.lastTimestamp ? since(object.lastTimestamp, now) : first;
  const { kind = '', name = '', fieldPath = '' } = object.involvedObject ?? {};
  const component = object.source?.component || object.reportingComponent || '';
  const instance = object.source?.host || object.reportingInstance || '';
  return [
    last,
    object.type ?? '',
    object.reason ?? '',
    name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase(),
    fieldPath,
    instance ? `${component}, ${instance}` : component,
    (object.message ?? '').trim(),
    first,
    object.series?.count ?? (object.count || 1),
    nameOf(object),
  ];
}
