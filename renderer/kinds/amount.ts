const units = ['Ki', 'Mi', 'Gi', 'Ti'];

/** A quantity that is easier to read, rounded down to hundredths of a larger unit: `23.44Gi` for `24581692Ki`. */
export function readableAmount(text: string): string {
  const [, digits, unit] = /^(\d+)(Ki|Mi|Gi|Ti)?$/.exec(text) ?? [];
  if (digits === undefined || (unit === undefined && Number(digits) < 2 ** 20)) return text;
  let amount = Number(digits);
  let step = unit === undefined ? -1 : units.indexOf(unit);
  while (amount >= 1024 && step < units.length - 1) {
    amount /= 1024;
    step++;
  }
  return `${Math.floor(amount * 100) / 100}${units[step] ?? ''}`;
}
