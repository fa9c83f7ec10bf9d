/** Seconds. */
const longest = 32;

/**
 * When those should come again who were turned away: twice as late as long as many are, a second earlier each second
 * when few are. Mirrors k8s.io/apiserver/pkg/util/flowcontrol/dropped_requests_tracker.go.
 */
export class RetryAfter {
  #seconds = 1;
  #changed = 0;
  #second = 0;
  #count = 0;
  #history: { second: number; count: number }[] = [];

  /** Notes one who is turned away at `now`, milliseconds, and says how many seconds to wait. */
  turnedAway(now: number): number {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#history.push({ second: this.#second, count: this.#count });
      this.#history = this.#history.filter((past) => second - past.second <= Math.min(longest, 2 * this.#seconds));
      this.#second = second;
      this.#count = 0;
      this.#adjust(second);
    }
    this.#count++;
    return this.#seconds;
  }

  #adjust(second: number): void {
    let dropped = 0;
    for (const past of this.#history) if (second - past.second <= this.#seconds) dropped += past.count;
    if (second - this.#changed >= this.#seconds && dropped >= 3 * this.#seconds) {
      this.#seconds = Math.min(longest, 2 * this.#seconds);
      this.#changed = second;
    } else if (dropped < this.#seconds && this.#seconds > 1) this.#seconds--;
  }
}
