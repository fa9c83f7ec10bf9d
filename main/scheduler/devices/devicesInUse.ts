import type { AllocationResult } from '../../api/index.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { noAmounts, sum, type Amounts } from './capacity.ts';
import { deviceId } from './pools.ts';

/** What claims have of the devices. Mirrors pkg/scheduler/framework/plugins/dynamicresources/allocateddevices.go. */
export class DevicesInUse {
  readonly #whole = new Set<string>();
  readonly #shares = new Map<string, Amounts>();

  constructor(allocations: Iterable<AllocationResult>) {
    for (const { devices } of allocations) {
      for (const { driver, pool, device, adminAccess, shareID, consumedCapacity } of devices?.results ?? []) {
        // Who looks after a device does not keep others from it.
        if (adminAccess) continue;
        const id = deviceId(driver, pool, device);
        if (shareID === undefined) this.#whole.add(id);
        else this.#shares.set(id, sum(this.shared(id), new Map(Object.entries(consumedCapacity ?? {}).map(([name, amount]) => [name, parseQuantity(amount)]))));
      }
    }
  }

  isWhole(id: string): boolean {
    return this.#whole.has(id);
  }

  isShared(id: string): boolean {
    return this.#shares.has(id);
  }

  /** What is taken of a device that several claims may have. */
  shared(id: string): Amounts {
    return this.#shares.get(id) ?? noAmounts;
  }
}
