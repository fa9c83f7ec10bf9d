/** Requests are of half a millisecond or so: what comes from outside waits some ten. */
const perTurn = 16;

/** Nodes do what the control plane asks of them: however many they are, it has its half of each turn. */
export type Party = 'nodes' | 'control plane';

/**
 * Lets few of the requests that come from inside this process begin in one turn of the event loop. A thousand kubelets
 * have work for seconds: were all of it begun as it comes, nobody who asks over the network would be heard meanwhile.
 */
export class Turns {
  #begun = 0;
  #planned = false;
  readonly #waiting: Record<Party, (() => void)[]> = { nodes: [], 'control plane': [] };

  /** Undefined: it may begin now; otherwise when it may. In the order of the calls of one party. */
  begin(party: Party): Promise<void> | undefined {
    this.#plan();
    const waiting = this.#waiting[party];
    if (this.#begun < perTurn && waiting.length === 0) {
      this.#begun++;
      return undefined;
    }
    return new Promise((resolve) => waiting.push(resolve));
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      const { nodes, 'control plane': control } = this.#waiting;
      const half = perTurn / 2;
      const ofControl = Math.min(control.length, Math.max(half, perTurn - nodes.length));
      const next = [...control.splice(0, ofControl), ...nodes.splice(0, perTurn - ofControl)];
      this.#begun = next.length;
      if (next.length > 0) this.#plan();
      for (const resolve of next) resolve();
    });
  }
}
