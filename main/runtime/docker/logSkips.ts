/** Milliseconds: an engine needs at least so long to write a whole file of a log. */
const leastGap = 100;
/** Bytes that come at least between two alarms, most of which are false. */
const leastBytes = 64 * 1024;

/**
 * Sees where an engine's follower has left lines out. An engine (up to Docker 20.10 at least) that is behind by more than a file when
 * the log is turned over goes on with the newest file. What gives it away: the next line is much later than the one before it, and had
 * been written already when that one came. All times are milliseconds.
 */
export class LogSkips {
  #bytes = 0;
  #time = Infinity;
  #received = -Infinity;
  /** By how much the times of the engine's clock lie before ours, as far as is known: no line comes before it is written. */
  #clocks = Infinity;

  /** Lines up to the time at which the log was asked for come from files that do not go away. */
  constructor(private readonly asked: number) {}

  /** A line that is new, with the time that the engine gave it and that at which it came. */
  isSkip(time: number, received: number, bytes: number): boolean {
    const gap = time - this.#time;
    this.#clocks = Math.min(this.#clocks, received - time);
    const isLate = this.#received - this.#clocks >= time;
    const skipped = time > this.asked && gap >= leastGap && isLate && this.#bytes >= leastBytes;
    this.#bytes += bytes;
    this.#time = time;
    this.#received = received;
    return skipped;
  }

  /** A line that had come before. */
  repeated(received: number): void {
    this.#received = received;
  }
}
