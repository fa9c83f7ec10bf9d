import type { Event } from '../../../main/api/index.ts';

/** When an event was last seen: newer clients fill the series or eventTime, older ones lastTimestamp. */
export function lastSeen(event: Event): string | undefined {
  return event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
}

export function timesSeen(event: Event): number {
  return event.series?.count ?? event.count ?? 1;
}

export function byLastSeen(a: Event, b: Event): number {
  return Date.parse(lastSeen(b) ?? '') - Date.parse(lastSeen(a) ?? '');
}
