import type { Column, GridLayout } from './types.ts';

/** Pixels to which a column may be made narrower before another is left out: one of text, of a state in a word, and of an age. */
const narrow = { text: 104, status: 140, time: 64 };
const usual = 1;
/** What the user has asked for goes before all but an object's state. */
const asked = 4;

export interface Fit<Row> {
  columns: readonly Column<Row>[];
  /** Shown below the text of the first column. */
  below?: Column<Row> | undefined;
  /** Ids of those for which there is no room. */
  left: readonly string[];
  /** For grid-template-columns. */
  tracks: string;
  /** Pixels below which it must be scrolled sideways. */
  least: number;
}

export const isShown = (column: Pick<Column<never>, 'id' | 'optional'>, { shown }: GridLayout): boolean => shown[column.id] ?? !column.optional;

/**
 * What can be shown in `room` pixels. Where all columns cannot have their width, they are made narrower, and those that
 * matter least are left out, so that nobody has to scroll sideways: the first column always stays, and a column that says
 * which of several is meant (`below`) goes under its text.
 */
export function fit<Row>(columns: readonly Column<Row>[], layout: GridLayout, room: number): Fit<Row> {
  const shown = columns.filter((column) => isShown(column, layout));
  const widthOf = (column: Column<Row>) => layout.widths[column.id] ?? column.width;
  const least = shown.reduce((sum, column) => sum + widthOf(column), 0);
  if (least <= room) {
    const track = (column: Column<Row>) => (layout.widths[column.id] === undefined ? `minmax(${column.width}px, ${column.grow ?? 0.0001}fr)` : `${layout.widths[column.id]}px`);
    return { columns: shown, left: [], tracks: shown.map(track).join(' '), least };
  }
  const floorOf = (column: Column<Row>) => Math.min(widthOf(column), column.least ?? (column.status ? narrow.status : column.time || column.until ? narrow.time : narrow.text));
  const worth = (column: Column<Row>) => Math.max(column.keep ?? usual, layout.shown[column.id] ? asked : 0);
  const [first, ...others] = shown;
  if (!first) return { columns: [], left: [], tracks: '', least: 0 };
  const total = shown.reduce((sum, column) => sum + floorOf(column), 0);
  const below = total > room ? others.find((column) => column.below) : undefined;
  const kept = new Set([first]);
  let taken = floorOf(first);
  for (const column of others.filter((each) => each !== below).sort((a, b) => worth(b) - worth(a))) {
    if (taken + floorOf(column) > room) continue;
    kept.add(column);
    taken += floorOf(column);
  }
  const fitting = shown.filter((column) => kept.has(column));
  return {
    columns: fitting,
    below,
    left: shown.filter((column) => column !== below && !kept.has(column)).map(({ id }) => id),
    tracks: fitting.map((column) => `minmax(${floorOf(column)}px, ${widthOf(column)}fr)`).join(' '),
    least: taken,
  };
}
