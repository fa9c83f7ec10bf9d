import { Gauge, type Registry } from 'prom-client';

/** By the names that they have in upstream's cloud-controller-manager. */
export type CloudController = 'cloud-node' | 'cloud-node-lifecycle' | 'route' | 'service';

/** Tells which controllers of the cloud run here. Mirrors k8s.io/component-base/metrics/prometheus/controllers. */
export class CloudMetrics {
  readonly #running: Gauge<'name' | 'manager'>;

  constructor(register: Registry) {
    this.#running = new Gauge({ name: 'running_managed_controllers', help: 'Controllers of the cloud: 1 for those that run here.', labelNames: ['name', 'manager'], registers: [register] });
  }

  /** They have started; what is returned says that they have stopped. */
  started(...names: CloudController[]): () => void {
    const set = (value: number) => {
      for (const name of names) this.#running.set({ name, manager: 'cloud-controller-manager' }, value);
    };
    set(1);
    return () => set(0);
  }
}
