/** How many lines are remembered at least: more than fit into one file of an engine's log. */
const remembered = 1 << 17;

/**
 * Knows the lines that come twice. An engine (up to Docker 20.10 at least) begins the new file anew when it turns over a log that is
 * followed, and sends lines again that it has sent before. Within one stream of a container times only rise, so a time that has been
 * there before, after the end of its line, is such a line; a time that was never there is news even when the clock was set back.
 */
export class LogRepeats {
  /** In nanoseconds since the first line, ascending; parts of one line have the same. */
  #times: number[] = [];
  #firstSecond: number | undefined;
  /** Where among the times the line stands that is to come again next. */
  #next: number | undefined;
  #whole = true;

  /** `timestamp` as the engine writes it: UTC, with nine digits behind the dot. `whole`: this ends its line. */
  isRepeat(timestamp: string, whole: boolean): boolean {
    const time = this.#nanoseconds(timestamp);
    if (this.#next === undefined || this.#times[this.#next] !== time) this.#next = this.#whole ? this.#firstAt(time) : undefined;
    if (this.#next !== undefined) {
      this.#next = this.#next + 1 < this.#times.length ? this.#next + 1 : undefined;
      return true;
    }
    if (time < (this.#times.at(-1) ?? time)) this.#times = [];
    this.#times.push(time);
    this.#whole = whole;
    if (this.#times.length >= 2 * remembered) this.#times = this.#times.slice(-remembered);
    return false;
  }

  /** The line that was news just now was not taken: it is to come again. */
  forgetLast(): void {
    this.#times.pop();
    this.#whole = true;
  }

  #nanoseconds(timestamp: string): number {
    const second = Date.parse(`${timestamp.slice(0, 19)}Z`) / 1000;
    this.#firstSecond ??= second;
    return (second - this.#firstSecond) * 1e9 + Number(timestamp.slice(20, 29));
  }

  /** The first place of a time, undefined if it is not there. */
  #firstAt(time: number): number | undefined {
    // What comes is news nearly always.
    if (time > (this.#times.at(-1) ?? -Infinity)) return undefined;
    let low = 0;
    let high = this.#times.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#times[middle]! < time) low = middle + 1;
      else high = middle;
    }
    return this.#times[low] === time ? low : undefined;
  }
}
