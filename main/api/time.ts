/** A point in time as the API writes it. */
export interface ApiTime {
  /** Since 1970. */
  seconds: number;
  /** The part below a second, in microseconds. */
  micros: number;
}

type Step = [element: string, pattern: RegExp];

const seconds: Step[] = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d{2}/],
  ['-', /^-/],
  ['02', /^\d{2}/],
  ['T', /^T/],
  ['15', /^\d{2}/],
  [':', /^:/],
  ['04', /^\d{2}/],
  [':', /^:/],
  ['05', /^\d{2}(?:[.,]\d+)?/],
];
const layouts = {
  time: { text: '2006-01-02T15:04:05Z07:00', steps: [...seconds, ['Z07:00', /^(?:Z|[+-]\d{2}:\d{2})/] as Step] },
  microTime: {
    text: '2006-01-02T15:04:05.000000Z07:00',
    steps: [
      ...seconds.slice(0, -1),
      ['05', /^\d{2}/] as Step,
      ['.000000', /^[.,]\d{6}/] as Step,
      ['Z07:00', /^(?:Z|[+-]\d{2}:\d{2})/] as Step,
    ],
  },
};

const wellFormed = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** Reads metav1.Time or metav1.MicroTime; throws an Error that reads as Go's. */
export function parseApiTime(text: string, layout: 'time' | 'microTime'): ApiTime {
  const { text: pattern, steps } = layouts[layout];
  let rest = text;
  for (const [element, step] of steps) {
    const found = step.exec(rest);
    if (!found) throw new Error(`parsing time ${JSON.stringify(text)} as "${pattern}": cannot parse ${JSON.stringify(rest)} as "${element}"`);
    rest = rest.slice(found[0].length);
  }
  if (rest) throw new Error(`parsing time ${JSON.stringify(text)}: extra text: ${JSON.stringify(rest)}`);
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHours = '0', offsetMinutes = '0'] = wellFormed.exec(text)!;
  const outOfRange = (what: string) => new Error(`parsing time ${JSON.stringify(text)}: ${what} out of range`);
  if (+month! < 1 || +month! > 12) throw outOfRange('month');
  if (+day! < 1 || +day! > new Date(Date.UTC(2000 + (+year! % 400), +month!, 0)).getUTCDate()) throw outOfRange('day');
  if (+hour! > 23) throw outOfRange('hour');
  if (+minute! > 59) throw outOfRange('minute');
  if (+second! > 59) throw outOfRange('second');
  const offset = (sign === '-' ? -1 : 1) * (+offsetHours * 3600 + +offsetMinutes * 60);
  const date = new Date(0);
  date.setUTCFullYear(+year!, +month! - 1, +day!);
  date.setUTCHours(+hour!, +minute!, +second!);
  return { seconds: date.getTime() / 1000 - offset, micros: Number(fraction.slice(0, 6).padEnd(6, '0')) };
}

/** UTC, to the second. */
export function formatTime({ seconds }: ApiTime): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}

/** UTC, to the microsecond. */
export function formatMicroTime(time: ApiTime): string {
  return `${formatTime(time).slice(0, -1)}.${String(time.micros).padStart(6, '0')}Z`;
}
