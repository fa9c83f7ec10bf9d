import { expect, it } from 'vitest';
import type { JsonSchema } from '../../../../main/apiserver/apiextensions/schema/types.ts';
import { validateValue } from '../../../../main/apiserver/apiextensions/schema/validate.ts';
import { FieldErrors } from '../../../../main/apiserver/validation/field.ts';

function findings(schema: JsonSchema, value: unknown): string[] {
  const errors = new FieldErrors();
  validateValue({ x: value }, { type: 'object', properties: { x: schema } }, errors);
  return errors.all.map(({ reason, field, message }) => `${reason} ${field}: ${message}`);
}

const mustBe = (type: string, found: string) => `FieldValueTypeInvalid x: Invalid value: "${found}": x in body must be of type ${type}: "${found}"`;

it.each<[string, JsonSchema, unknown, string[]]>([
  ['a text of another form', { type: 'string', format: 'ipv4' }, 'a', [mustBe('ipv4', 'a')]],
  ['a number for a text that has a form', { type: 'string', format: 'ipv4' }, 5, [mustBe('ipv4', 'int64')]],
  ['an object for one', { type: 'string', format: 'ipv4' }, {}, [mustBe('ipv4', '')]],
  ['a text whose form nobody knows', { type: 'string', format: 'x' }, 5, [mustBe('string', 'integer')]],
  ['only the first that is wrong with a text', { type: 'string', minLength: 2, pattern: '^b' }, 'a', ['FieldValueInvalid x: Invalid value: "a": x in body should be at least 2 chars long']],
  ['a part of a number', { type: 'integer' }, 1.5, [mustBe('integer', 'number'), 'FieldValueInvalid <nil>: Invalid value: "": Checked value must be of type integer (default format) in x']],
  ['more than its form holds', { type: 'integer', format: 'int32' }, 3_000_000_000, ['FieldValueInvalid <nil>: Invalid value: "": Checked value must be of type integer with format int32 in x']],
  ['a number that no integer holds', { type: 'string' }, 1e30, [mustBe('string', 'number')]],
  ['a factor that is none', { type: 'integer', multipleOf: 0 }, 2, ['FieldValueInvalid x: Invalid value: 0: factor MultipleOf declared for x must be positive: 0']],
  ['no multiple', { type: 'integer', multipleOf: 2_147_483_647 }, 2, ['FieldValueInvalid x: Invalid value: 2: x in body should be a multiple of 2147483647']],
])('finds %s', (_name, schema, value, expected) => {
  expect(findings(schema, value)).toEqual(expected);
});

it.each<[string, JsonSchema, unknown]>([
  ['a list where a text has a form, which nobody looks at', { type: 'string', format: 'ipv4' }, []],
  ['a time in several words', { type: 'string', format: 'duration' }, '3 days, 2 hours'],
  ['a symbol in a name of a host', { type: 'string', format: 'hostname' }, 'YQ=='],
  ['a whole number where any may be', { type: 'number', format: 'double' }, 2],
])('takes %s', (_name, schema, value) => {
  expect(findings(schema, value)).toEqual([]);
});

it.each(['2026-01-01', '1.2.3.4', 'a.b.c'])('no host is named %s', (name) => {
  expect(findings({ type: 'string', format: 'hostname' }, name)).toEqual([mustBe('hostname', name)]);
});
