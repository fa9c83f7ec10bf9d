import { equalJson } from '../../../api/json.ts';
import { FieldErrors } from '../../validation/field.ts';
import { matches } from '../../cel/index.ts';
import type { Correlation } from './correlate.ts';
import { hasFormat, isKnownFormat } from './formats.ts';
import { hasProperty } from './prune.ts';
import { isJsonObject, type JsonSchema } from './types.ts';

/** One finding, and how much of the schema the value met besides: the best of several alternatives is shown. */
class Findings {
  readonly errors = new FieldErrors();
  matched = 0;

  get valid(): boolean {
    return this.errors.length === 0;
  }

  merge(other: Findings): void {
    this.errors.add(other.errors.all);
    this.matched += other.matched;
  }
}

/**
 * What of a value does not fit its schema, in the words of kube-openapi as apiextensions passes them on. With a
 * correlation, what an update leaves as it was may stay wrong. `root` is put before paths. Mirrors
 * k8s.io/kube-openapi/pkg/validation/validate and apiextensions' pkg/apiserver/validation (validation.go, ratcheting.go).
 */
export function validateValue(value: unknown, schema: JsonSchema, errors: FieldErrors, root = '', correlation?: Correlation): void {
  errors.add(validate(value, schema, { path: '', root }, correlation).errors.all);
}

interface Where {
  /** Within the value; what messages speak of. */
  path: string;
  root: string;
}

function validate(value: unknown, schema: JsonSchema, where: Where, correlation: Correlation | undefined): Findings {
  const found = new Findings();
  const report = new Report(found.errors, where, value);
  checkType(value, schema, report);
  if (value !== null) {
    junctors(value, schema, where, found, report);
    if (typeof value === 'string') checkString(value, schema, report);
    else if (typeof value === 'number') checkNumber(value, schema, report);
    else if (Array.isArray(value)) checkList(value, schema, where, correlation, found, report);
    else if (isJsonObject(value)) checkObject(value, schema, where, correlation, found, report);
  }
  if (schema.enum && !(value === null && schema.nullable && !schema.enum.length) && !schema.enum.some((allowed) => equalJson(allowed, value)))
    found.errors.notSupported(report.field(), value, schema.enum.map((allowed) => (typeof allowed === 'string' ? allowed : JSON.stringify(allowed))));
  if (found.valid) found.matched++;
  if (!found.valid && correlation?.unchanged) return new Findings();
  return found;
}

class Report {
  constructor(
    private readonly errors: FieldErrors,
    private readonly where: Where,
    private readonly value: unknown,
  ) {}

  field(path = this.where.path): string {
    return [this.where.root, path.replace(/^\./, '')].filter((part) => part !== '').join('.');
  }

  /** `spec.x in body should be …` */
  says(text: string, value: unknown = this.value): void {
    this.errors.invalid(this.field(), value, `${this.where.path} in body ${text}`);
  }

  tooLong(most: number): void {
    this.errors.tooLong(this.field(), most);
  }

  /** Of no field, but of the object. */
  aboutAll(text: string): void {
    this.errors.invalid(this.where.root, '', text);
  }

  outOfRange(type: string, format: string | undefined): void {
    this.aboutAll(`Checked value must be of type ${type} ${format ? `with format ${format}` : '(default format)'} in ${this.where.path}`);
  }

  badFactor(factor: number): void {
    this.errors.invalid(this.field(), factor, `factor MultipleOf declared for ${this.where.path} must be positive: ${factor}`);
  }

  wrongType(expected: string, found: string): void {
    this.errors.add([{ reason: 'FieldValueTypeInvalid', field: this.field() || '<nil>', message: `Invalid value: ${JSON.stringify(found)}: ${this.where.path} in body must be of type ${expected}: ${JSON.stringify(found)}` }]);
  }
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? 'integer' : 'number';
  return typeof value;
}

/** What upstream calls the form of a number that it has read. */
const readAs: Record<string, string> = { integer: 'int64', number: 'float64' };

function checkType(value: unknown, schema: JsonSchema, report: Report): void {
  const types = schema['x-kubernetes-int-or-string'] ? ['integer', 'string'] : schema.type ? [schema.type] : [];
  if (!types.length) return;
  const found = typeOf(value);
  if (value === null) {
    if (!schema.nullable) report.wrongType(types.join(','), found);
    return;
  }
  const fits = types.includes(found) || (found === 'integer' && types.includes('number'));
  const format = schema.format && isKnownFormat(schema.format, schema.type) ? schema.format : undefined;
  if (!format) return fits ? undefined : report.wrongType(types.join(','), found);
  // What has a format is looked at by it: a text by its own check, a list not at all.
  if (found !== 'string' && found !== 'array') return fits || readAs[found] === format ? undefined : report.wrongType(format, readAs[found] ?? '');
  if (!fits && (types.includes('integer') || types.includes('number'))) report.wrongType(types.join(','), found);
}

function checkString(value: string, schema: JsonSchema, report: Report): void {
  const length = schema.maxLength !== undefined || schema.minLength !== undefined ? [...value].length : 0;
  if (schema.maxLength !== undefined && length > schema.maxLength) report.tooLong(schema.maxLength);
  else if (schema.minLength !== undefined && length < schema.minLength) report.says(`should be at least ${schema.minLength} chars long`);
  else if (schema.pattern && !matchesPattern(schema.pattern, value)) report.says(`should match '${schema.pattern}'`);
  if (schema.format && !hasFormat(schema.format, value)) report.wrongType(schema.format, value);
}

/** A pattern that is none matches nothing, and its CRD is refused anyway. */
function matchesPattern(pattern: string, value: string): boolean {
  try {
    return matches(pattern, value);
  } catch {
    return false;
  }
}

function checkNumber(value: number, schema: JsonSchema, report: Report): void {
  if (schema.type === 'integer' && !(typeOf(value) === 'integer' && (schema.format !== 'int32' || value === (value | 0)))) report.outOfRange(schema.type, schema.format);
  if (schema.multipleOf !== undefined && schema.multipleOf <= 0) report.badFactor(schema.multipleOf);
  else if (schema.multipleOf !== undefined && !isMultiple(value, schema.multipleOf)) report.says(`should be a multiple of ${schema.multipleOf}`);
  if (schema.maximum !== undefined) {
    if (schema.exclusiveMaximum && value >= schema.maximum) report.says(`should be less than ${schema.maximum}`);
    else if (!schema.exclusiveMaximum && value > schema.maximum) report.says(`should be less than or equal to ${schema.maximum}`);
  }
  if (schema.minimum !== undefined) {
    if (schema.exclusiveMinimum && value <= schema.minimum) report.says(`should be greater than ${schema.minimum}`);
    else if (!schema.exclusiveMinimum && value < schema.minimum) report.says(`should be greater than or equal to ${schema.minimum}`);
  }
}

function isMultiple(value: number, of: number): boolean {
  if (Number.isInteger(value) && Number.isInteger(of)) return value % of === 0;
  const quotient = value / of;
  return Math.abs(quotient - Math.round(quotient)) < 1e-9;
}

function checkList(value: readonly unknown[], schema: JsonSchema, where: Where, correlation: Correlation | undefined, found: Findings, report: Report): void {
  const { items } = schema;
  if (items) value.forEach((item, i) => found.merge(validate(item, items, { ...where, path: `${where.path}[${i}]` }, correlation?.item(i))));
  if (schema.minItems !== undefined && value.length < schema.minItems) report.says(`should have at least ${schema.minItems} items`, value.length);
  if (schema.maxItems !== undefined && value.length > schema.maxItems) found.errors.tooMany(report.field(), value.length, schema.maxItems);
  if (schema.uniqueItems && value.some((item, i) => value.slice(0, i).some((other) => equalJson(item, other)))) report.says("shouldn't contain duplicates");
}

function checkObject(value: Record<string, unknown>, schema: JsonSchema, where: Where, correlation: Correlation | undefined, found: Findings, report: Report): void {
  const names = Object.keys(value);
  if (schema.minProperties !== undefined && names.length < schema.minProperties) report.says(`should have at least ${schema.minProperties} properties`, names.length);
  if (schema.maxProperties !== undefined && names.length > schema.maxProperties) found.errors.tooMany(report.field(), names.length, schema.maxProperties);
  const { additionalProperties } = schema;
  const within = (name: string, of: JsonSchema) => {
    const ratcheted = where.path === '' && (name === 'kind' || name === 'apiVersion') ? undefined : correlation?.member(name);
    found.merge(validate(value[name], of, { ...where, path: where.path ? `${where.path}.${name}` : name }, ratcheted));
  };
  for (const name of names) {
    if (hasProperty(schema, name)) continue;
    if (additionalProperties === false) found.errors.invalid(report.field(), name, `${where.path}.${name} in body is a forbidden property`);
    else if (typeof additionalProperties === 'object') within(name, additionalProperties);
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) if (value[name] !== undefined) within(name, property);
  for (const name of schema.required ?? []) if (value[name] === undefined) found.errors.required(report.field(`${where.path}.${name}`));
}

/** allOf, anyOf, oneOf and not. What they find has no place of its own but the object. */
function junctors(value: unknown, schema: JsonSchema, where: Where, found: Findings, report: Report): void {
  const each = (schemas: readonly JsonSchema[]) => schemas.map((part) => validate(value, part, where, undefined));
  const best = (results: Findings[]) => results.reduce((a, b) => (b.matched > a.matched ? b : a));
  const say = (text: string) => report.aboutAll(`${JSON.stringify(where.path)} ${text}`);
  if (schema.anyOf?.length && !isIntOrStringPattern(schema, schema.anyOf)) {
    const results = each(schema.anyOf);
    if (!results.some(({ valid }) => valid)) {
      say('must validate at least one schema (anyOf)');
      found.merge(best(results));
    }
  }
  if (schema.oneOf?.length) {
    const results = each(schema.oneOf);
    const valid = results.filter((result) => result.valid).length;
    if (valid !== 1) {
      say(`must validate one and only one schema (oneOf). ${valid ? `Found ${valid} valid alternatives` : 'Found none valid'}`);
      if (!valid) found.merge(best(results));
    }
  }
  if (schema.allOf?.length) {
    const results = each(schema.allOf);
    for (const result of results) found.merge(result);
    const valid = results.filter((result) => result.valid).length;
    if (valid !== results.length) say(`must validate all the schemas (allOf)${valid ? '' : '. None validated'}`);
  }
  if (schema.not && validate(value, schema.not, where, undefined).valid) say('must not validate the schema (not)');
}

/** `anyOf: [{type: integer}, {type: string}]` says of int-or-string what its type says already. */
function isIntOrStringPattern(schema: JsonSchema, anyOf: readonly JsonSchema[]): boolean {
  return schema['x-kubernetes-int-or-string'] === true && anyOf.length === 2 && anyOf.every((part) => Object.keys(part).length === 1 && (part.type === 'integer' || part.type === 'string'));
}
