import type { Event } from '../../../main/api/index.ts';

/**
 * When an event was last seen: events of events.k8s.io have eventTime and, once they happen again, a series; older ones
 * have lastTimestamp. RFC 3339, to the second or to the microsecond.
 */
export function lastSeen(event: Event): string | undefined {
  return event.series?.lastObservedTime || event.lastTimestamp || event.eventTime || event.metadata.creationTimestamp;
}

/** When it was seen first. */
export function firstSeen(event: Event): string | undefined {
  return event.eventTime || event.firstTimestamp || event.metadata.creationTimestamp;
}

export function timesSeen(event: Event): number {
  return event.series?.count || event.count || 1;
}

/** The component that tells of it: reportingComponent in events of events.k8s.io, source.component in older ones. */
export function sourceOf({ source, reportingComponent }: Event): string {
  return source?.component || reportingComponent || '';
}

/** The latest first. A time in whole seconds and one in microseconds are not in order as texts: `05Z` is after `05.1Z`. */
export function byLastSeen(a: Event, b: Event): number {
  return Date.parse(lastSeen(b) ?? '') - Date.parse(lastSeen(a) ?? '') || finer(b) - finer(a);
}

/** The microseconds below the millisecond, which Date does not keep. */
function finer(event: Event): number {
  return Number(/\.\d{3}(\d{1,3})/.exec(lastSeen(event) ?? '')?.[1]?.padEnd(3, '0') ?? 0);
}
