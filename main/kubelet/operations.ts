import type { Runtime } from '../runtime/index.ts';
import type { Clock } from '../util/clock.ts';

/** What of the runtime is measured, by the names that `/metrics` has for it (pkg/kubelet/kuberuntime/instrumented_services.go). */
const names: Partial<Record<keyof Runtime, string>> = {
  runSandbox: 'run_podsandbox',
  stopSandbox: 'stop_podsandbox',
  removeSandbox: 'remove_podsandbox',
  listSandboxes: 'list_podsandbox',
  createContainer: 'create_container',
  startContainer: 'start_container',
  stopContainer: 'stop_container',
  removeContainer: 'remove_container',
  listContainers: 'list_containers',
  containerStatus: 'container_status',
  updateResources: 'update_container',
  updateSandboxResources: 'update_podsandbox_resources',
  execSync: 'exec_sync',
  imageStatus: 'image_status',
  pullImage: 'pull_image',
  listImages: 'list_images',
  removeImage: 'remove_image',
};

/** Counts of observations up to each of `bounds`, and beyond. */
export class Histogram {
  readonly counts: number[];
  count = 0;
  sum = 0;

  constructor(readonly bounds: readonly number[]) {
    this.counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.count++;
    this.sum += value;
    this.bounds.forEach((bound, index) => {
      if (value <= bound) this.counts[index]!++;
    });
  }
}

const operationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface Operation {
  errors: number;
  /** Seconds. */
  duration: Histogram;
}

/** What a kubelet has asked its runtime for, by kind. */
export type Operations = Map<string, Operation>;

/** The same runtime, of which it is noted how long it takes and how often it fails. */
export function measuredRuntime(runtime: Runtime, clock: Clock, operations: Operations): Runtime {
  return new Proxy(runtime, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      const call = (...args: unknown[]): unknown => value.apply(target, args);
      const name = names[property as keyof Runtime];
      return name === undefined ? call : (...args: unknown[]) => measured(clock, operations, name, () => call(...args) as Promise<unknown>);
    },
  });
}

async function measured<T>(clock: Clock, operations: Operations, name: string, call: () => Promise<T>): Promise<T> {
  const operation = operations.get(name) ?? { errors: 0, duration: new Histogram(operationBounds) };
  operations.set(name, operation);
  const began = clock.monotonic();
  try {
    return await call();
  } catch (error) {
    operation.errors++;
    throw error;
  } finally {
    operation.duration.observe((clock.monotonic() - began) / 1000);
  }
}
