import type { Device } from '../../api/index.ts';
import { parseQuantity, type Quantity } from '../../api/quantity.ts';
import type { DevicesInUse } from './devicesInUse.ts';
import { deviceId, type Candidate, type Pool, type Pools } from './pools.ts';

/** What parts of a machine have in common: of one that can be cut in several ways, only so many pieces can be had at once. */
export class Counters {
  /** By pool: counter → what is left. */
  readonly #left = new Map<string, Map<string, Quantity>>();

  constructor(
    private readonly pools: Pools,
    private readonly inUse: DevicesInUse,
  ) {}

  /** Takes what the device needs, if there is as much. */
  take({ pool, device }: Candidate): boolean {
    if (!device.consumesCounters?.length) return true;
    const left = this.#of(pool);
    change(left, device, -1);
    if (needs(device).every(([counter]) => left.get(counter)!.sign() >= 0)) return true;
    change(left, device, 1);
    return false;
  }

  giveBack({ pool, device }: Candidate): void {
    if (device.consumesCounters?.length) change(this.#of(pool), device, 1);
  }

  #of(pool: Pool): Map<string, Quantity> {
    const key = `${pool.driver}/${pool.name}`;
    let left = this.#left.get(key);
    if (!left) {
      left = new Map();
      for (const { name, counters } of pool.counterSets.values())
        for (const [counter, { value }] of Object.entries(counters)) left.set(`${name}/${counter}`, parseQuantity(value));
      for (const { device } of this.pools.devicesOf(pool)) {
        const id = deviceId(pool.driver, pool.name, device.name);
        if (this.inUse.isWhole(id) || this.inUse.isShared(id)) change(left, device, -1);
      }
      this.#left.set(key, left);
    }
    return left;
  }
}

const needs = (device: Device) =>
  (device.consumesCounters ?? []).flatMap(({ counterSet, counters }) => Object.entries(counters).map(([name, { value }]) => [`${counterSet}/${name}`, parseQuantity(value)] as const));

function change(left: Map<string, Quantity>, device: Device, sign: 1 | -1): void {
  for (const [counter, amount] of needs(device)) {
    const before = left.get(counter);
    if (before) left.set(counter, sign === 1 ? before.add(amount) : before.sub(amount));
  }
}
