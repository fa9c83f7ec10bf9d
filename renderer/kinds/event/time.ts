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

/** In milliseconds, microseconds being their fraction. Objects of lists do not change: each is read once, however often it is compared. */
const read = new WeakMap<Event, number>();

/** When an event was last seen, in milliseconds, to the microsecond; NaN where it does not tell. */
export function lastSeenAt(event: Event): number {
  const known = read.get(event);
  if (known !== undefined) return known;
  const time = lastSeen(event) ?? '';
  // Date does not keep what is below the millisecond.
  const at = Date.parse(time) + Number(/\.\d{3}(\d{1,3})/.exec(time)?.[1]?.padEnd(3, '0') ?? 0) / 1_000;
  read.set(event, at);
  return at;
}

/** The latest first. A time in whole seconds and one in microseconds are not in order as texts: `05Z` is after `05.1Z`. */
export const byLastSeen = (a: Event, b: Event): number => lastSeenAt(b) - lastSeenAt(a);
