import type { Event as CoreEvent, EventsEvent } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { isQualifiedName } from '../../../api/names.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { fieldImmutable } from '../../validation/names.ts';
import { check, columns, define } from '../define.ts';
import { nameOf, since } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/core/event/strategy.go, pkg/apis/core/validation/events.go and pkg/apis/events/v1/conversion.go. */

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
  validate: (_context, object) => check((errors) => validate(errors, object, 'reportingComponent')),
  validateUpdate: (_context, object) => check((errors) => validate(errors, object, 'reportingComponent')),
  fields,
  columns: columns('Last Seen', 'Type', 'Reason', 'Object', 'Subobject!', 'Source!', 'Message', 'First Seen!', 'Count!', 'Name!'),
  row,
};

/** The same objects in the shape of events.k8s.io/v1. */
export const eventsEvent: Strategy<EventsEvent> = {
  definition: define('events.k8s.io', 'v1', 'Event', 'events', { shortNames: ['ev'] }),
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  storedAs: {
    resource: { group: '', version: 'v1', resource: 'events' },
    toStored: (object) => toCore(object as EventsEvent),
    fromStored: (stored) => fromCore(stored as CoreEvent),
  },
  validate: (_context, object) => check((errors) => {
    validate(errors, toCore(object), 'reportingController');
    validateSeries(errors, object);
    if (!object.eventTime) errors.required('eventTime');
    if (object.type !== 'Normal' && object.type !== 'Warning') errors.invalid('type', '', `has invalid value: ${object.type ?? ''}`);
    if (object.deprecatedFirstTimestamp) errors.invalid('firstTimestamp', '', 'needs to be unset');
    if (object.deprecatedLastTimestamp) errors.invalid('lastTimestamp', '', 'needs to be unset');
    if (object.deprecatedCount) errors.invalid('count', '', 'needs to be unset');
    if (object.deprecatedSource?.component || object.deprecatedSource?.host) errors.invalid('source', '', 'needs to be unset');
  }),
  validateUpdate: (_context, object, old) => check((errors) => {
    validate(errors, toCore(object), 'reportingController');
    if (!equalJson(object.series, old.series)) validateSeries(errors, object);
    const [after, before] = [toCore(object), toCore(old)];
    for (const name of ['involvedObject', 'reason', 'message', 'source', 'firstTimestamp', 'lastTimestamp', 'count', 'type', 'eventTime', 'action', 'related', 'reportingInstance'] as const)
      if (!equalJson(after[name], before[name])) errors.invalid(name, after[name] ?? '', fieldImmutable);
    if (after.reportingComponent !== before.reportingComponent) errors.invalid('reportingController', after.reportingComponent ?? '', fieldImmutable);
  }),
  fields: (object) => fields(toCore(object)),
  columns: event.columns,
  row: (object, now) => row(toCore(object), now),
};

function toCore({ apiVersion: _, kind: __, metadata, regarding, note, reportingController, deprecatedCount, deprecatedFirstTimestamp, deprecatedLastTimestamp, deprecatedSource, ...rest }: EventsEvent): CoreEvent {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: metadata!,
    involvedObject: regarding ?? {},
    ...rest,
    ...(note === undefined ? {} : { message: note }),
    ...(reportingController === undefined ? {} : { reportingComponent: reportingController }),
    ...(deprecatedCount === undefined ? {} : { count: deprecatedCount }),
    ...(deprecatedFirstTimestamp === undefined ? {} : { firstTimestamp: deprecatedFirstTimestamp }),
    ...(deprecatedLastTimestamp === undefined ? {} : { lastTimestamp: deprecatedLastTimestamp }),
    ...(deprecatedSource === undefined ? {} : { source: deprecatedSource }),
  };
}

function fromCore({ apiVersion: _, kind: __, involvedObject, message, reportingComponent, count, firstTimestamp, lastTimestamp, source, ...rest }: CoreEvent): EventsEvent {
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    ...rest,
    regarding: involvedObject,
    ...(message === undefined ? {} : { note: message }),
    ...(reportingComponent === undefined ? {} : { reportingController: reportingComponent }),
    ...(count === undefined ? {} : { deprecatedCount: count }),
    ...(firstTimestamp === undefined ? {} : { deprecatedFirstTimestamp: firstTimestamp }),
    ...(lastTimestamp === undefined ? {} : { deprecatedLastTimestamp: lastTimestamp }),
    ...(source === undefined ? {} : { deprecatedSource: source }),
  } as EventsEvent;
}

function validateSeries(errors: FieldErrors, { series }: EventsEvent): void {
  if (!series) return;
  if ((series.count ?? 0) < 2) errors.invalid('series.count', '', 'should be at least 2');
  if (!series.lastObservedTime) errors.required('series.lastObservedTime');
}

function validate(errors: FieldErrors, object: CoreEvent, controllerField: string): void {
  const namespace = object.metadata?.namespace ?? '';
  const involved = object.involvedObject?.namespace ?? '';
  const mismatch = () => errors.invalid('involvedObject.namespace', involved, 'does not match event.namespace');
  if (!object.eventTime) {
    if (involved ? namespace !== involved : namespace !== '' && namespace !== 'default') mismatch();
  } else {
    if (!involved && namespace !== 'default' && namespace !== 'kube-system') mismatch();
    const controller = object.reportingComponent ?? '';
    if (!controller) errors.required(controllerField);
    errors.invalidEach(controllerField, controller, isQualifiedName(controller));
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
