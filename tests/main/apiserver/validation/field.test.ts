import { expect, it } from 'vitest';
import { FieldErrors } from '../../../../main/apiserver/validation/field.ts';

const message = (find: (errors: FieldErrors) => void) => {
  const errors = new FieldErrors();
  find(errors);
  return errors.all.map((e) => `${e.field}: ${e.message}`).join('; ');
};

it.each<[string, (errors: FieldErrors) => void, string]>([
  ['required', (e) => e.required('spec.a'), 'spec.a: Required value'],
  ['required with a reason', (e) => e.required('spec.a', 'why'), 'spec.a: Required value: why'],
  ['a text', (e) => e.invalid('spec.a', 'x"y', 'no'), 'spec.a: Invalid value: "x\\"y": no'],
  ['a text that is no text', (e) => e.invalid('spec.a', 'é\n\u0000\u200b', 'no'), 'spec.a: Invalid value: "é\\n\\x00\\u200b": no'],
  ['a number', (e) => e.invalid('spec.a', -1, 'no'), 'spec.a: Invalid value: -1: no'],
  ['an object', (e) => e.invalid('spec.a', { b: '<' }, 'no'), 'spec.a: Invalid value: {"b":"\\u003c"}: no'],
  ['nothing', (e) => e.invalid('spec.a', undefined, 'no'), 'spec.a: Invalid value: null: no'],
  ['a choice', (e) => e.notSupported('spec.a', 'x', ['y', 'z']), 'spec.a: Unsupported value: "x": supported values: "y", "z"'],
  ['maps in order', (e) => e.invalid('spec.a', { matchLabels: { b: '1', a: '2' } }, 'no'), 'spec.a: Invalid value: {"matchLabels":{"a":"2","b":"1"}}: no'],
  ['a duplicate', (e) => e.duplicate('spec.a[1]', 'x'), 'spec.a[1]: Duplicate value: "x"'],
  ['what is missing', (e) => e.notFound('spec.a', 'x'), 'spec.a: Not found: "x"'],
  ['what is forbidden', (e) => e.forbidden('spec.a', 'no'), 'spec.a: Forbidden: no'],
  ['what is too long', (e) => e.tooLong('data', 10), 'data: Too long: may not be more than 10 bytes'],
  ['what is too many', (e) => e.tooMany('spec.a', 3, 1), 'spec.a: Too many: 3: must have at most 1 item'],
])('says it as Kubernetes does: %s', (_name, find, expected) => {
  expect(message(find)).toBe(expected);
});

it('stops telling when a large value is wrong once for each of its items', () => {
  const errors = new FieldErrors();
  const scopes = Array.from({ length: 20_000 }, (_, i) => `scope-${i}`);
  for (const _ of scopes) errors.invalid('spec.scopes', scopes, 'unsupported scope');
  expect(errors.length).toBeGreaterThan(1);
  expect(errors.all.reduce((sum, { message }) => sum + message.length, 0)).toBeLessThan(32 * 2 ** 20);
  const before = errors.length;
  errors.add([{ reason: 'FieldValueRequired', field: 'spec.a', message: 'Required value' }]);
  expect(errors.length).toBe(before);
});
