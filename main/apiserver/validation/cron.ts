/* Schedules of CronJobs as robfig/cron reads them (ParseStandard), whose messages users see. */

const fields: { min: number; max: number; names: string[] }[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  { min: 0, max: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];
const descriptors = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];

/** What is wrong with a schedule; undefined when nothing is. */
export function cronProblem(schedule: string): string | undefined {
  // Upstream's reader falls over the missing space.
  if (/^(CRON_)?TZ=[^ ]*$/.test(schedule)) return 'invalid schedule format: runtime error: slice bounds out of range [:-1]';
  const text = schedule.trim().replace(/^(TZ|CRON_TZ)=\S+\s+/, '');
  if (text.startsWith('@')) {
    if (descriptors.includes(text)) return undefined;
    if (/^@every (\d+(\.\d+)?(h|m|s|ms|us|µs|ns))+$/.test(text)) return undefined;
    return `unrecognized descriptor: ${text}`;
  }
  const parts = text.split(/\s+/).filter(Boolean);
  if (parts.length !== fields.length) return `expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`;
  for (const [i, part] of parts.entries())
    for (const range of part.split(',')) {
      const problem = rangeProblem(range, fields[i]!);
      if (problem) return problem;
    }
  return undefined;
}

function rangeProblem(text: string, { min, max, names }: (typeof fields)[number]): string | undefined {
  const [span = '', step, ...more] = text.split('/');
  if (more.length) return `too many slashes: ${text}`;
  const number = (part: string): number | string => {
    const named = names.indexOf(part.toLowerCase());
    if (named >= 0) return named + min;
    return /^\d+$/.test(part) ? Number(part) : `failed to parse int from ${part}: strconv.Atoi: parsing ${JSON.stringify(part)}: invalid syntax`;
  };
  let [start, end] = [min, max];
  const ends = span.split('-');
  if (ends.length > 2) return `too many hyphens: ${text}`;
  if (span !== '*' && span !== '?') {
    const first = number(ends[0]!);
    if (typeof first === 'string') return first;
    const last = ends[1] === undefined ? (step === undefined ? first : max) : number(ends[1]);
    if (typeof last === 'string') return last;
    [start, end] = [first, last];
  }
  if (step !== undefined) {
    const size = number(step);
    if (typeof size === 'string') return size;
    if (size === 0) return `step of range should be a positive number: ${text}`;
  }
  if (start < min) return `beginning of range (${start}) below minimum (${min}): ${text}`;
  if (end > max) return `end of range (${end}) above maximum (${max}): ${text}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${text}`;
  return undefined;
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return !/^[+-]/.test(name);
  } catch {
    return false;
  }
}
