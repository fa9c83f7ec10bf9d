import type { Event } from '../../../main/api/index.ts';
import { byLastSeen, lastSeen } from '../event/time.ts';

/** Milliseconds. A controller tries again with growing pauses; its longest is a quarter of an hour. */
const staleAfter = 16 * 60_000;

/**
 * The controller's latest word on a pod that it could not make: a quota, an admission or a validation refused it. What
 * it made later ends the complaint.
 */
export function refusalOf(events: readonly Event[], now: number): Event | undefined {
  const [latest] = events.filter(({ reason }) => reason === 'FailedCreate' || reason === 'SuccessfulCreate').sort(byLastSeen);
  return latest?.reason === 'FailedCreate' && now - Date.parse(lastSeen(latest) ?? '') < staleAfter ? latest : undefined;
}
