import type { Event as CoreEvent, EventsEvent } from '../../../api/index.ts';
import { cloneJson, equalJson } from '../../../api/json.ts';
import { isDns1123Subdomain, isQualifiedName } from '../../../api/names.ts';
import { normalizeObject } from '../../../api/normalize.ts';
import { schemaOf } from '../../../api/schema.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { fieldImmutable } from '../../validation/names.ts';
import { check, columns, define } from '../define.ts';
import { nameOf, since } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Events of both groups. Mirrors pkg/registry/core/event/strategy.go and pkg/apis/core/validation/events.go. */

const definition = define('', 'v1', 'Event', 'events', { shortNames: ['ev'] });
const eventsDefinition = define('events.k8s.io', 'v1', 'Event', 'events', { shortNames: ['ev'] });

export const event: Strategy<CoreEvent> = {
  definition,
  hasGeneration: false,
  nameRule: 'pathSegment',
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: true,
  validate: (_context, object) => check((errors) => validate(errors, object, 'reportingComponent')),
  validateUpdate: (_context, object) => check((errors) => validate(errors, object, 'reportingComponent')),
  fields,
  columns: columns('Last Seen', 'Type', 'Reason', 'Object', 'Subobject!', 'Source!', 'Message', 'First Seen!', 'Count!', 'Name!'),
  row,
};

/** The same objects as events.k8s.io has them, which is stricter about what is written. */
export const eventsEvent: Strategy<EventsEvent> = {
  definition: eventsDefinition,
  storedAs: { definition, toStored: (object) => toCore(object as EventsEvent), fromStored: (object) => fromCore(object as CoreEvent) },
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: true,
  validate: (_context, object) => check((errors) => validateStrictly(errors, toCore(object))),
  validateUpdate: (_context, object, old) => check((errors) => validateChange(errors, toCore(object), toCore(old))),
  fields(object) {
    const all = fields(toCore(object));
    const renamed: Record<string, string> = { reason: all['reason']!, reportingController: all['reportingComponent']!, type: all['type']! };
    for (const name in all) if (name.startsWith('involvedObject.')) renamed[name.replace('involvedObject.', 'regarding.')] = all[name]!;
    return renamed;
  },
  columns: event.columns,
  row: (object, now) => row(toCore(object), now),
};

const schema = (group: string) => schemaOf({ group, version: 'v1', kind: 'Event' })!;

/** Mirrors pkg/apis/events/v1/conversion.go. */
function toCore({ regarding, note, reportingController, deprecatedSource, deprecatedFirstTimestamp, deprecatedLastTimestamp, deprecatedCount, ...rest }: EventsEvent): CoreEvent {
  return cloneJson(
    normalizeObject(schema(''), {
      ...rest, involvedObject: regarding, message: note, reportingComponent: reportingController, source: deprecatedSource,
      firstTimestamp: deprecatedFirstTimestamp, lastTimestamp: deprecatedLastTimestamp, count: deprecatedCount,
    }),
  ) as unknown as CoreEvent;
}

function fromCore({ involvedObject, message, reportingComponent, source, firstTimestamp, lastTimestamp, count, ...rest }: CoreEvent): EventsEvent {
  return cloneJson(
    normalizeObject(schema('events.k8s.io'), {
      ...rest, regarding: involvedObject, note: message, reportingController: reportingComponent, deprecatedSource: source,
      deprecatedFirstTimestamp: firstTimestamp, deprecatedLastTimestamp: lastTimestamp, deprecatedCount: count,
    }),
  ) as unknown as EventsEvent;
}

/** What events of every version must keep to. `controller` is what the version calls the reporting component. */
function validate(errors: FieldErrors, object: CoreEvent, controller: string): void {
  const namespace = object.metadata?.namespace ?? '';
  const involved = object.involvedObject?.namespace ?? '';
  const mismatch = () => errors.invalid('involvedObject.namespace', involved, 'does not match event.namespace');
  if (!object.eventTime) {
    if (involved ? namespace !== involved : namespace !== '' && namespace !== 'default') mismatch();
  } else {
    if (!involved && namespace !== 'default' && namespace !== 'kube-system') mismatch();
    const reporter = object.reportingComponent ?? '';
    if (!reporter) errors.required(controller);
    errors.invalidEach(controller, reporter, isQualifiedName(reporter));
    limited(errors, 'reportingInstance', object.reportingInstance, 128);
    limited(errors, 'action', object.action, 128);
    limited(errors, 'reason', object.reason, 128);
    if (Buffer.byteLength(object.message ?? '') > 1024) errors.invalid('message', '', 'can have at most 1024 characters');
  }
  errors.invalidEach('namespace', namespace, isDns1123Subdomain(namespace));
}

function limited(errors: FieldErrors, field: string, value: string | undefined, maximum: number): void {
  if (!value) errors.required(field);
  else if (Buffer.byteLength(value) > maximum) errors.invalid(field, '', `can have at most ${maximum} characters`);
}

/** What a new event may hold in events.k8s.io; the deprecated fields belong to the old version. */
function validateStrictly(errors: FieldErrors, object: CoreEvent): void {
  validate(errors, object, 'reportingController');
  validateSeries(errors, object);
  if (!object.eventTime) errors.required('eventTime');
  if (object.type !== 'Normal' && object.type !== 'Warning') errors.invalid('type', '', `has invalid value: ${object.type ?? ''}`);
  for (const field of ['firstTimestamp', 'lastTimestamp', 'count'] as const) if (object[field]) errors.invalid(field, '', 'needs to be unset');
  if (object.source?.component || object.source?.host) errors.invalid('source', '', 'needs to be unset');
}

const immutable = [
  'involvedObject', 'reason', 'message', 'source', 'firstTimestamp', 'lastTimestamp', 'count', 'reason', 'type', 'eventTime', 'action', 'related',
  'reportingComponent', 'reportingInstance',
] as const;

function validateChange(errors: FieldErrors, object: CoreEvent, old: CoreEvent): void {
  validate(errors, object, 'reportingController');
  if (!equalJson(object.series, old.series)) validateSeries(errors, object);
  for (const field of immutable)
    if (!equalJson(object[field], old[field])) errors.invalid(field === 'reportingComponent' ? 'reportingController' : field, shown(field, object), fieldImmutable);
}

function shown(field: (typeof immutable)[number], object: CoreEvent): unknown {
  switch (field) {
    case 'involvedObject':
    case 'related':
      return internal('core/v1.ObjectReference', object[field]);
    case 'source':
      return internal('core/v1.EventSource', object.source ?? {});
    case 'firstTimestamp':
    case 'lastTimestamp':
    case 'eventTime':
      return object[field] ?? null;
    case 'count':
      return object.count ?? 0;
    default:
      return object[field] ?? '';
  }
}

function validateSeries(errors: FieldErrors, { series }: CoreEvent): void {
  if (!series) return;
  if ((series.count ?? 0) < 2) errors.invalid('series.count', '', 'should be at least 2');
  if (!series.lastObservedTime) errors.required('series.lastObservedTime');
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
