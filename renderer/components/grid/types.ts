import type { RouteLocationRaw } from 'vue-router';

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'idle';

/** A state in one word, and how to feel about it. */
export interface StatusText {
  text: string;
  tone: Tone;
  /** More words, shown on hover. */
  title?: string;
  /** Key of what the word means, shown on hover as well: the word itself is Kubernetes' own in every language. */
  means?: string | undefined;
}

/** What one column of a grid shows of a row. */
export interface Column<Row> {
  id: string;
  /** Key of its title, or the title itself with `literal`. */
  title: string;
  literal?: boolean;
  /** Pixels, until the user drags it. */
  width: number;
  /** Share of the room that is left over. */
  grow?: number;
  align?: 'end';
  mono?: boolean;
  /** Hidden until the user asks for it. */
  optional?: boolean;
  /** How much it matters where there is no room for all: what matters least is left out first. 1 where absent. */
  keep?: number;
  /** Pixels to which it may be made narrower; by what it shows where absent. */
  least?: number;
  /** It says which of several the first column means, and is shown under its text where there is no room for all. */
  below?: boolean;
  /** What is shown, searched and copied. */
  text(row: Row): string;
  /** What to sort by, where that is not the text. */
  sortBy?(row: Row): string | number;
  /** Shown as a chip. */
  status?(row: Row): StatusText;
  /** A time, shown as an age that goes on counting. */
  time?(row: Row): string | undefined;
  /** A time to come, in milliseconds since the epoch, shown as how far away it is; its text is shown on hover. */
  until?(row: Row): number | undefined;
  to?(row: Row): RouteLocationRaw | undefined;
}

/** What the user did to a grid, remembered. */
export interface GridLayout {
  /** Column ids shown or hidden against their default. */
  shown: Record<string, boolean>;
  /** Pixels. */
  widths: Record<string, number>;
  sort?: { column: string; descending: boolean };
}

export const emptyLayout: GridLayout = { shown: {}, widths: {} };
