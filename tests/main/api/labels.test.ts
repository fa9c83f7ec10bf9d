import { describe, expect, it } from 'vitest';
import { parseSelector, selectorFromLabelSelector, selectorFromSet } from '../../../main/api/labels.ts';

const pod = { app: 'web', tier: 'front', replicas: '3' };

describe('a label selector in text', () => {
  it.each([
    ['', true],
    ['app=web', true],
    ['app==web,tier!=back', true],
    ['app=api', false],
    ['app', true],
    ['!app', false],
    ['!gone', true],
    ['tier in (front, back)', true],
    ['tier notin (front,back)', false],
    ['gone notin (a)', true],
    ['gone in ()', false],
    ['replicas>2', true],
    ['replicas<3', false],
    ['app > 1', false],
    ['in in (in,notin)', false],
    ['app=', false],
  ])('%j matches a web pod: %j', (text, expected) => {
    expect(parseSelector(text).matches(pod)).toBe(expected);
  });

  it('does not find what every object inherits', () => {
    expect(parseSelector('constructor').matches({})).toBe(false);
  });

  it.each([
    ['x in (foo,,baz),y,z notin ()', 'x in (,baz,foo),y,z notin ()'],
    ['b=1, a in (z,y)', 'a in (y,z),b=1'],
    ['!c , a==1 , b>2', 'a==1,b>2,!c'],
  ])('%j is shown as %j', (text, shown) => {
    expect(parseSelector(text).toString()).toBe(shown);
    expect(parseSelector(shown).toString()).toBe(shown);
  });

  it.each([
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a,', "found '', expected: identifier after ','"],
    ['=a', "found '=', expected: !, identifier, or 'end of string'"],
    ['!a=b', "found '=', expected: ',' or 'end of string'"],
    ['a=(b)', "unable to parse requirement: found '(', expected: identifier"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a>b', `unable to parse requirement: values[0]: Invalid value: "b": for 'Gt', 'Lt' operators, the value must be an integer`],
    [
      '-a=b',
      `unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    ],
  ])('%j is refused as a bad request', (text, message) => {
    expect(() => parseSelector(text)).toThrow(expect.objectContaining({ message, code: 400, reason: 'BadRequest' }));
  });
});

describe('a label selector of an object', () => {
  it('selects nothing when there is none, and everything when it is empty', () => {
    expect(selectorFromLabelSelector(undefined).matches(pod)).toBe(false);
    expect(selectorFromLabelSelector(undefined).empty).toBe(false);
    expect(selectorFromLabelSelector({}).matches(undefined)).toBe(true);
    expect(selectorFromLabelSelector({}).empty).toBe(true);
  });

  it('wants all of its labels and expressions', () => {
    const selector = selectorFromLabelSelector({
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['front'] },
        { key: 'old', operator: 'DoesNotExist' },
      ],
    });
    expect(selector.toString()).toBe('app=web,!old,tier in (front)');
    expect(selector.matches(pod)).toBe(true);
    expect(selector.matches({ ...pod, old: '' })).toBe(false);
  });

  it('is refused when an expression says nothing', () => {
    expect(() => selectorFromLabelSelector({ matchExpressions: [{ key: 'a', operator: 'Near' }] })).toThrow(
      '"Near" is not a valid label selector operator',
    );
    expect(() => selectorFromLabelSelector({ matchExpressions: [{ key: 'a', operator: 'In' }] })).toThrow(
      "values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty",
    );
  });

  it('of a Service is a set of labels', () => {
    expect(selectorFromSet({ tier: 'front', app: 'web' }).toString()).toBe('app=web,tier=front');
    expect(selectorFromSet({ app: 'api' }).matches(pod)).toBe(false);
  });
});
