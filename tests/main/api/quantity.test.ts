import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isQuantity, parseQuantity, Quantity } from '../../../main/api/quantity.ts';

describe('a quantity', () => {
  it.each([
    // written → canonical
    ['0', '0'],
    ['0Ki', '0'],
    ['00', '0'],
    ['1024Mi', '1Gi'],
    ['307200Ki', '300Mi'],
    ['1025024Mi', '1001Gi'],
    ['1.5Gi', '1536Mi'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['1.', '1.'],
    ['1.08', '1080m'],
    ['5000m', '5'],
    ['1000u', '1m'],
    ['1000M', '1G'],
    ['0.001T', '1G'],
    ['50k', '50k'],
    ['2000', '2k'],
    ['.001e12', '1e9'],
    ['1000e-12', '1e-9'],
    ['1E6', '1E6'],
    ['1e14', '100e12'],
    ['1.3E+6', '1300e3'],
    ['300Mi', '300Mi'],
    ['3.001n', '4n'],
    ['0.0000000001', '1n'],
    ['0.000000000001Ki', '2n'],
    ['9Ei', '9223372036854775807'],
    ['12E', '12E'],
    ['100.035Ki', '102435840m'],
    ['-1.5Gi', '-1536Mi'],
    ['+5', '+5'],
  ])('written %s is shown as %s', (text, canonical) => {
    expect(parseQuantity(text).toString()).toBe(canonical);
  });

  it.each(['', '1.1.M', '1+1.0M', 'aoeu', '-3.01e-', ' 1', '1 ', '1_000'])('cannot be read from %j', (text) => {
    expect(isQuantity(text)).toBe(false);
  });

  it('says what is wrong as Kubernetes does', () => {
    expect(() => parseQuantity('a lot')).toThrow(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
    expect(() => parseQuantity('1i')).toThrow("unable to parse quantity's suffix");
    expect(() => parseQuantity('1e999999999')).toThrow("unable to parse quantity's suffix");
  });

  it('counts exactly, whatever the suffixes', () => {
    expect(parseQuantity('100m').add(parseQuantity('0.9')).cmp(parseQuantity('1'))).toBe(0);
    expect(parseQuantity('1Gi').sub(parseQuantity('1')).toString()).toBe('1073741823');
    expect(parseQuantity('1Ki').cmp(parseQuantity('1k'))).toBeGreaterThan(0);
    expect(parseQuantity('250m').multiply(3).toString()).toBe('750m');
  });

  it('takes over the format of what is added to nothing', () => {
    expect(Quantity.zero.add(parseQuantity('1024Ki')).toString()).toBe('1Mi');
  });

  it('rounds up to whole units and thousandths', () => {
    expect(parseQuantity('1500m').value()).toBe(2);
    expect(parseQuantity('1500m').milliValue()).toBe(1500);
    expect(parseQuantity('1u').milliValue()).toBe(1);
    expect(parseQuantity('-1500m').value()).toBe(-2);
    expect(parseQuantity('64Gi').value()).toBe(64 * 2 ** 30);
  });

  it('is the same amount when its canonical form is read back', () => {
    const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'P', 'Ki', 'Mi', 'Gi', 'e3', 'E-2');
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 9999 }), suffix, (whole, fraction, unit) => {
        const quantity = parseQuantity(`${whole}.${fraction}${unit}`);
        const again = parseQuantity(quantity.toString());
        expect(again.cmp(quantity)).toBe(0);
        expect(again.toString()).toBe(quantity.toString());
      }),
    );
  });
});
