import type { CapacityRequirements, Device, DeviceCapacity } from '../../api/index.ts';
import { parseQuantity, Quantity } from '../../api/quantity.ts';

// How much of a device's capacity a request takes. Mirrors structured/internal/incubating/consumable_capacity.go.

/** Amounts by the name of the capacity. */
export type Amounts = ReadonlyMap<string, Quantity>;

export const noAmounts: Amounts = new Map();

export function sum(a: Amounts, b: Amounts): Amounts {
  const both = new Map(a);
  for (const [name, amount] of b) both.set(name, both.get(name)?.add(amount) ?? amount);
  return both;
}

/** What the request takes of the device, where `taken` is gone already; undefined: there is not enough, or it may not have so much. */
export function consumed({ capacity = {} }: Device, wanted: CapacityRequirements | undefined, taken: Amounts): Amounts | undefined {
  const requests = wanted?.requests ?? {};
  if (Object.keys(requests).some((name) => !(name in capacity))) return undefined;
  const amounts = new Map<string, Quantity>();
  for (const [name, offered] of Object.entries(capacity)) {
    const amount = roundedUp(requests[name], offered);
    if (violates(amount, offered)) return undefined;
    const total = taken.get(name)?.add(amount) ?? amount;
    if (total.cmp(parseQuantity(offered.value)) > 0) return undefined;
    amounts.set(name, amount);
  }
  return amounts;
}

/** By the device's policy, which may know only some amounts. */
function roundedUp(request: string | undefined, { value, requestPolicy }: DeviceCapacity): Quantity {
  if (request === undefined) return parseQuantity(requestPolicy?.default ?? value);
  const wanted = parseQuantity(request);
  const { validRange, validValues } = requestPolicy ?? {};
  if (validRange) {
    const min = parseQuantity(validRange.min);
    if (wanted.cmp(min) < 0) return min;
    if (!validRange.step) return wanted;
    const step = parseQuantity(validRange.step).value();
    const steps = Math.ceil((wanted.value() - min.value()) / step);
    return Quantity.of(min.value() + steps * step).as('BinarySI');
  }
  return validValues?.map((valid) => parseQuantity(valid)).find((valid) => wanted.cmp(valid) <= 0) ?? wanted;
}

function violates(amount: Quantity, { requestPolicy }: DeviceCapacity): boolean {
  const { default: usual, validRange, validValues } = requestPolicy ?? {};
  if (usual !== undefined && amount.cmp(parseQuantity(usual)) === 0) return false;
  if (validRange) {
    if (validRange.max !== undefined && amount.cmp(parseQuantity(validRange.max)) > 0) return true;
    const min = parseQuantity(validRange.min).value();
    return validRange.step !== undefined && (amount.value() - min) % parseQuantity(validRange.step).value() !== 0;
  }
  return Boolean(validValues?.length) && !validValues!.some((valid) => amount.cmp(parseQuantity(valid)) === 0);
}
