import { describe, expect, it } from 'vitest';
import type { Device } from '../../../main/api/index.ts';
import { compileDeviceSelector } from '../../../main/apiserver/index.ts';

/* Mirrors k8s.io/dynamic-resource-allocation/cel/compile_test.go. */

type Given = Partial<Device>;
const own = { a: { bool: true }, n: { int: 3 }, text: { string: 'fish' }, v: { version: '1.2.0' }, 'other.example.com/a': { string: 'else' } };
const gpu: Given = { attributes: own, capacity: { memory: { value: '1Mi' } } };

function matches(expression: string, device: Given = gpu, driver = 'dra.example.com'): boolean {
  const selector = compileDeviceSelector(expression);
  if (!('matches' in selector)) throw new Error(selector.detail);
  return selector.matches(driver, device);
}

const fault = (expression: string) => {
  const selector = compileDeviceSelector(expression);
  return 'matches' in selector ? undefined : selector;
};

describe('a selector of devices', () => {
  it.each([
    'true',
    'device.driver == "dra.example.com"',
    'device.attributes["dra.example.com"].a',
    'device.attributes["dra.example.com"]["n"] > 2',
    'device.attributes["other.example.com"].a == "else"',
    'device.attributes["dra.example.com"].v.isGreaterThan(semver("1.1.9"))',
    'device.attributes["dra.example.com"].text.split("i").size() == 2',
    'device.capacity["dra.example.com"].memory.compareTo(quantity("1Ki")) > 0',
    'cel.bind(dra, device.attributes["dra.example.com"], dra.a && dra.n == 3)',
    '"a" in device.attributes["dra.example.com"] && !("b" in device.attributes["dra.example.com"])',
    '!device.allowMultipleAllocations',
    'device.attributes.exists_one(domain, domain == "other.example.com")',
  ])('selects by %s', (expression) => expect(matches(expression)).toBe(true));

  it('finds nothing under a domain that the device has nothing of', () => {
    expect(matches('"x" in device.attributes["no.example.com"]')).toBe(false);
    expect(matches('"no.example.com" in device.attributes')).toBe(false);
    expect(() => matches('device.attributes["no.example.com"].x')).toThrow('no such key: x');
  });

  it('fails for a device whose attribute is of another type than the expression takes it for', () => {
    expect(() => matches('device.attributes["dra.example.com"].text')).toThrow('could not be converted to bool');
    expect(() => matches('device.attributes["dra.example.com"].text > 1')).toThrow('no such overload');
    expect(() => matches('true', { attributes: { list: { strings: ['a'] } } })).toThrow('attribute list: unsupported attribute value');
  });

  it('is refused where it is none or comes to something else', () => {
    expect(fault('?!')).toMatchObject({ type: 'invalid', detail: expect.stringContaining('Syntax error') as string });
    expect(fault('1')).toEqual({ type: 'invalid', detail: 'must evaluate to bool or the unknown type, not int' });
    expect(fault('device.nope')).toMatchObject({ detail: expect.stringContaining("undefined field 'nope'") as string });
    expect(fault('device.attributes["a"].b.exists(x, x == 1)')).toMatchObject({ detail: expect.stringContaining('cannot be range of a comprehension') as string });
  });

  it('is refused where it might cost too much', () => {
    const all = (inner: string) => `device.attributes.all(a, device.attributes.all(b, device.attributes.all(c, ${inner})))`;
    expect(fault(all('device.attributes.all(d, a == b && c == d)'))).toEqual({ type: 'too complex', detail: 'too complex, exceeds cost limit' });
    expect(fault(all('a == b'))).toBeUndefined();
  });
});
