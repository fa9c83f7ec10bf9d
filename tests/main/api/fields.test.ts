import { describe, expect, it } from 'vitest';
import { parseFieldSelector } from '../../../main/api/fields.ts';

describe('a field selector', () => {
  it('compares fields with values; an absent field is empty text', () => {
    const selector = parseFieldSelector('status.phase!=Running,spec.nodeName==a');
    expect(selector.requirements).toEqual([
      { field: 'spec.nodeName', operator: '=', value: 'a' },
      { field: 'status.phase', operator: '!=', value: 'Running' },
    ]);
    expect(selector.matches({ 'spec.nodeName': 'a', 'status.phase': 'Pending' })).toBe(true);
    expect(selector.matches({ 'spec.nodeName': 'a', 'status.phase': 'Running' })).toBe(false);
    expect(selector.matches({})).toBe(false);
    expect(parseFieldSelector('spec.nodeName=').matches({})).toBe(true);
    expect(selector.exactValue('spec.nodeName')).toBe('a');
    expect(selector.exactValue('status.phase')).toBeUndefined();
  });

  it('that is empty matches everything', () => {
    expect(parseFieldSelector('').empty).toBe(true);
    expect(parseFieldSelector(',').matches({})).toBe(true);
  });

  it('carries commas, equal signs and backslashes behind a backslash', () => {
    const selector = parseFieldSelector('a=x\\,y\\=z\\\\');
    expect(selector.requirements).toEqual([{ field: 'a', operator: '=', value: 'x,y=z\\' }]);
    expect(selector.toString()).toBe('a=x\\,y\\=z\\\\');
  });

  it.each([
    ['a', "invalid selector: 'a'; can't understand 'a'"],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
    ['a=\\x', 'invalid field selector: invalid escape sequence: \\x'],
    ['a=b\\', 'invalid field selector: invalid escape sequence: \\'],
  ])('%j is refused as a bad request', (text, message) => {
    expect(() => parseFieldSelector(text)).toThrow(expect.objectContaining({ message, code: 400 }));
  });
});
