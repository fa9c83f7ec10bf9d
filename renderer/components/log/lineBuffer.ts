/** One line of a log, as it came. */
export interface LogLine {
  /** Counts up and is never used again. */
  id: number;
  /** RFC 3339, where the log has times. */
  time: string;
  text: string;
}

/** A line longer than this is cut: one line must not fill the memory. */
const longestLine = 20_000;
const timed = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?/;

/** The last so many lines of a byte stream; lines and characters may come in pieces. */
export class LineBuffer {
  #lines: LogLine[] = [];
  #rest = '';
  #next = 0;
  #decoder = new TextDecoder();
  dropped = 0;

  constructor(private readonly most: number) {}

  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  add(bytes: Uint8Array): void {
    this.addText(this.#decoder.decode(bytes, { stream: true }));
  }

  addText(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop()!;
    if (this.#rest.length > longestLine) {
      parts.push(this.#rest);
      this.#rest = '';
    }
    for (const part of parts) this.#push(part);
    // Cut seldom and much, not with every line.
    if (this.#lines.length > this.most * 1.1) {
      const over = this.#lines.length - this.most;
      this.dropped += over;
      this.#lines = this.#lines.slice(over);
    }
  }

  /** What came without a newline is a line as well once nothing follows it. */
  end(): void {
    if (this.#rest !== '') this.#push(this.#rest);
    this.#rest = '';
  }

  #push(line: string): void {
    const time = timed.exec(line)?.[1] ?? '';
    const text = time ? line.slice(timed.exec(line)![0].length) : line;
    this.#lines.push({ id: this.#next++, time, text: text.replace(/\r$/, '').slice(0, longestLine) });
  }
}
