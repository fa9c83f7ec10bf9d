const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/** A duration as kubectl prints it. Mirrors HumanDuration of k8s.io/apimachinery/pkg/util/duration/duration.go. */
export function humanDuration(ms: number): string {
  if (ms < -2 * second) return '<invalid>';
  const whole = (unit: number) => Math.floor(Math.max(0, ms) / unit);
  const pair = (big: number, bigName: string, small: number, smallName: string) => {
    const rest = Math.floor((ms % big) / small);
    return rest === 0 ? `${whole(big)}${bigName}` : `${whole(big)}${bigName}${rest}${smallName}`;
  };
  if (ms < 2 * minute) return `${whole(second)}s`;
  if (ms < 10 * minute) return pair(minute, 'm', second, 's');
  if (ms < 3 * hour) return `${whole(minute)}m`;
  if (ms < 8 * hour) return pair(hour, 'h', minute, 'm');
  if (ms < 2 * day) return `${whole(hour)}h`;
  if (ms < 8 * day) return pair(day, 'd', hour, 'h');
  if (ms < 2 * year) return `${whole(day)}d`;
  if (ms < 8 * year) return pair(year, 'y', day, 'd');
  return `${whole(year)}y`;
}

export function ageOf(time: string | undefined, now: number): string {
  return time ? humanDuration(now - Date.parse(time)) : '';
}
