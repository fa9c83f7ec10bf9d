import { parseQuantity, Quantity } from '../../../api/quantity.ts';
import { member, type Declare } from '../functions.ts';
import { boolType, doubleType, intType, objectType, stringType } from '../types.ts';
import { CelError, Opaque } from '../values.ts';

export const quantityType = objectType('kubernetes.Quantity', {});
const maxInt64 = (1n << 63n) - 1n;

class QuantityValue extends Opaque {
  readonly typeName = quantityType.name;
  constructor(readonly quantity: Quantity) {
    super();
  }
  equals(other: QuantityValue): boolean {
    return this.quantity.cmp(other.quantity) === 0;
  }
}

/** Throws a CelError for what is no quantity. */
export function quantityValue(text: string): QuantityValue {
  try {
    return new QuantityValue(parseQuantity(text));
  } catch (error) {
    throw new CelError((error as Error).message);
  }
}

/** The amount as a whole number of 64 bits; undefined when it is none. */
function whole({ quantity }: QuantityValue): bigint | undefined {
  const value = quantity.scaledUp(0);
  return quantity.cmp(Quantity.of(value)) === 0 && value <= maxInt64 && value >= -maxInt64 - 1n ? value : undefined;
}

/** Amounts of resources; mirrors k8s.io/apiserver/pkg/cel/library (quantity.go). */
export function quantityLibrary(add: Declare): void {
  add('quantity', 'string_to_quantity', [stringType], quantityType, quantityValue);
  add('isQuantity', 'is_quantity_string', [stringType], boolType, (text: string) => {
    try {
      parseQuantity(text);
      return true;
    } catch {
      return false;
    }
  });
  add('sign', 'quantity_sign', [quantityType], intType, (a: QuantityValue) => BigInt(a.quantity.sign()));
  add('sign', 'quantity_sign', [quantityType], intType, (a: QuantityValue) => BigInt(a.quantity.sign()), member);
  add('isGreaterThan', 'quantity_is_greater_than', [quantityType, quantityType], boolType, (a: QuantityValue, b: QuantityValue) => a.quantity.cmp(b.quantity) > 0, member);
  add('isLessThan', 'quantity_is_less_than', [quantityType, quantityType], boolType, (a: QuantityValue, b: QuantityValue) => a.quantity.cmp(b.quantity) < 0, member);
  add('compareTo', 'quantity_compare_to', [quantityType, quantityType], intType, (a: QuantityValue, b: QuantityValue) => BigInt(a.quantity.cmp(b.quantity)), member);
  add('asApproximateFloat', 'quantity_get_float', [quantityType], doubleType, (a: QuantityValue) => Number(a.quantity.scaledUp(-9)) / 1e9, member);
  add('asInteger', 'quantity_get_int', [quantityType], intType, (a: QuantityValue) => {
    const value = whole(a);
    if (value === undefined) throw new CelError('cannot convert value to integer');
    return value;
  }, member);
  add('isInteger', 'quantity_is_integer', [quantityType], boolType, (a: QuantityValue) => whole(a) !== undefined, member);
  add('add', 'quantity_add', [quantityType, quantityType], quantityType, (a: QuantityValue, b: QuantityValue) => new QuantityValue(a.quantity.add(b.quantity)), member);
  add('add', 'quantity_add_int', [quantityType, intType], quantityType, (a: QuantityValue, b: bigint) => new QuantityValue(a.quantity.add(Quantity.of(b))), member);
  add('sub', 'quantity_sub', [quantityType, quantityType], quantityType, (a: QuantityValue, b: QuantityValue) => new QuantityValue(a.quantity.sub(b.quantity)), member);
  add('sub', 'quantity_sub_int', [quantityType, intType], quantityType, (a: QuantityValue, b: bigint) => new QuantityValue(a.quantity.sub(Quantity.of(b))), member);
}
