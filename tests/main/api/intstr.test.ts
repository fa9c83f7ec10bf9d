import { describe, expect, it } from 'vitest';
import { scaledValue } from '../../../main/api/intstr.ts';

describe('a number or a percentage', () => {
  it('is a number as it stands, a percentage of the total rounded as asked', () => {
    expect(scaledValue(3, 10, true)).toBe(3);
    expect(scaledValue('25%', 10, true)).toBe(3);
    expect(scaledValue('25%', 10, false)).toBe(2);
    expect(scaledValue('0%', 10, true)).toBe(0);
    expect(scaledValue('7%', 100, true)).toBe(7);
  });

  it('of another shape is an error', () => {
    expect(() => scaledValue(undefined, 10, true)).toThrow('nil value for IntOrString');
    expect(() => scaledValue('25', 10, true)).toThrow('invalid value for IntOrString: invalid type: string is not a percentage');
    expect(() => scaledValue('x%', 10, true)).toThrow('invalid value "x%": strconv.Atoi: parsing "x": invalid syntax');
  });
});
