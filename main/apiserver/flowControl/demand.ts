/** How many seats were wanted over a time. */
export interface DemandSummary {
  /** Milliseconds. */
  duration: number;
  average: number;
  deviation: number;
  max: number;
}

/** Adds up a number that changes from time to time. Mirrors k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/integrator.go. */
export class DemandIntegrator {
  #value = 0;
  #since: number;
  #duration = 0;
  #sum = 0;
  #squares = 0;
  #max = 0;

  /** `now` is on a clock that never goes back, in milliseconds. */
  constructor(now: number) {
    this.#since = now;
  }

  set(value: number, now: number): void {
    this.#pass(now);
    this.#value = value;
    if (value > this.#max) this.#max = value;
  }

  /** What was since the last reset; the value stays. */
  reset(now: number): DemandSummary {
    this.#pass(now);
    const duration = this.#duration;
    const average = duration > 0 ? this.#sum / duration : 0;
    const variance = duration > 0 ? this.#squares / duration - average * average : 0;
    const summary = { duration, average, deviation: Math.sqrt(Math.max(0, variance)), max: this.#max };
    this.#duration = this.#sum = this.#squares = 0;
    this.#max = this.#value;
    return summary;
  }

  #pass(now: number): void {
    const passed = now - this.#since;
    if (passed <= 0) return;
    this.#since = now;
    this.#duration += passed;
    this.#sum += passed * this.#value;
    this.#squares += passed * this.#value * this.#value;
  }
}
