export type ProbeKind = 'readiness' | 'liveness' | 'startup';
export type Outcome = 'success' | 'failure';

/** What probes have found out about containers, by container id. Mirrors pkg/kubelet/prober/results. */
export class ProbeResults {
  readonly #results: Record<ProbeKind, Map<string, Outcome>> = { readiness: new Map(), liveness: new Map(), startup: new Map() };

  /** Called for every change with the pod's uid. */
  constructor(private readonly onChange: (podUid: string) => void) {}

  get(kind: ProbeKind, containerId: string): Outcome | undefined {
    return this.#results[kind].get(containerId);
  }

  set(kind: ProbeKind, containerId: string, outcome: Outcome, podUid: string): void {
    if (this.#results[kind].get(containerId) === outcome) return;
    this.#results[kind].set(containerId, outcome);
    this.onChange(podUid);
  }

  remove(kind: ProbeKind, containerId: string): void {
    this.#results[kind].delete(containerId);
  }
}
