/** Requests are of half a millisecond or so: what comes from outside waits some ten. */
const perTurn = 16;

/**
 * Lets few of the requests that come from inside this process begin in one turn of the event loop. A thousand kubelets
 * have work for seconds: were all of it begun as it comes, nobody who asks over the network would be heard meanwhile.
 */
export class Turns {
  #begun = 0;
  #planned = false;
  readonly #waiting: (() => void)[] = [];

  /** Undefined: it may begin now; otherwise when it may. In the order of the calls. */
  begin(): Promise<void> | undefined {
    this.#plan();
    if (this.#begun < perTurn) {
      this.#begun++;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      const next = this.#waiting.splice(0, perTurn);
      this.#begun = next.length;
      if (next.length > 0) this.#plan();
      for (const resolve of next) resolve();
    });
  }
}
