import { celLimits, CostLimitExceeded, declaredType, Environment, instantiationFailed, maxCardinality, Optional, optionalType, schemaValue, sizesOf, withTypeAndMetadata, type Compiled, type DeclaredType, type Value } from '../../cel/index.ts';
import type { FieldError } from '../../../api/status.ts';
import { FieldErrors } from '../../validation/field.ts';
import { itemOf, type Correlation } from './correlate.ts';
import { resolvePath } from './fieldPath.ts';
import { begin, ended } from './ruleTimes.ts';
import { isJsonObject, type JsonSchema, type ValidationRule } from './types.ts';

/** A rule, compiled; or why it does not compile. */
export interface CompiledRule {
  rule: ValidationRule;
  program?: Compiled;
  error?: string;
  message?: Compiled;
  messageError?: string;
  usesOldSelf: boolean;
  /** The most that one evaluation can cost, and how often it can be due when nothing but the size of a request bounds it. */
  maxCost: number;
  messageMaxCost: number;
  maxCardinality: number;
  /** The rule's fieldPath as messages show it. */
  fieldPath: string;
}

/** Compiles the rules of one node of a schema. Mirrors apiextensions' pkg/apiserver/schema/cel/compilation.go. */
export function compileRules(schema: JsonSchema, declared: DeclaredType): CompiledRule[] {
  const since = begin();
  try {
    return compile(schema, declared);
  } finally {
    ended('compilation', since);
  }
}

function compile(schema: JsonSchema, declared: DeclaredType): CompiledRule[] {
  const variables = { self: declared.type, oldSelf: declared.type };
  const plain = new Environment({ variables });
  const optional = new Environment({ variables: { ...variables, oldSelf: optionalType(declared.type) } });
  const sizes = sizesOf(declared);
  return (schema['x-kubernetes-validations'] ?? []).map((rule): CompiledRule => {
    const compiled: CompiledRule = { rule, usesOldSelf: false, maxCost: 0, messageMaxCost: 0, maxCardinality: maxCardinality(declared), fieldPath: '' };
    if (!rule.rule?.trim()) return compiled;
    const environment = rule.optionalOldSelf ? optional : plain;
    const program = environment.compile(rule.rule);
    if (typeof program === 'string') return { ...compiled, error: program.startsWith(instantiationFailed) ? program : `compilation failed: ${program}` };
    if (program.outputType.kind !== 'bool') return { ...compiled, error: 'cel expression must evaluate to a bool' };
    compiled.program = program;
    compiled.usesOldSelf = program.uses('oldSelf');
    compiled.maxCost = program.estimate(sizes).max;
    if (rule.messageExpression) {
      const message = environment.compile(rule.messageExpression);
      if (typeof message === 'string') compiled.messageError = `messageExpression compilation failed: ${message}`;
      else if (message.outputType.kind !== 'string') compiled.messageError = 'messageExpression must evaluate to a string';
      else {
        compiled.message = message;
        compiled.messageMaxCost = message.estimate(sizes).max;
      }
    }
    if (rule.fieldPath) {
      const resolved = resolvePath(rule.fieldPath, schema);
      if (typeof resolved !== 'string') compiled.fieldPath = resolved.path;
    }
    return compiled;
  });
}

/** What rules may still cost, all together; below zero: no further ones run. */
interface Budget {
  left: number;
}

interface RuleContext {
  errors: FieldErrors;
  budget: Budget;
  /** Findings that an update may leave as they were. */
  warn(text: string): void;
}

/**
 * The rules of a schema and of all that is in it, ready to run on many objects.
 * Mirrors apiextensions' pkg/apiserver/schema/cel/validation.go.
 */
export class RuleValidator {
  readonly #rules: readonly CompiledRule[];
  readonly #schema: JsonSchema;
  readonly #items: RuleValidator | undefined;
  readonly #additional: RuleValidator | undefined;
  readonly #properties = new Map<string, RuleValidator>();
  readonly #allOf: readonly RuleValidator[];

  private constructor(rules: JsonSchema, schema: JsonSchema, isResource: boolean) {
    this.#schema = isResource ? (withTypeAndMetadata(schema) as JsonSchema) : schema;
    const declared = rules['x-kubernetes-validations']?.length ? declaredType(schema, isResource, 'selfType') : undefined;
    this.#rules = declared ? compileRules({ ...schema, 'x-kubernetes-validations': rules['x-kubernetes-validations'] }, declared) : [];
    const within = (ofRules: JsonSchema | boolean | undefined, of: JsonSchema | boolean | undefined) =>
      typeof ofRules === 'object' && typeof of === 'object' ? RuleValidator.of(ofRules, isEmbedded(of), of) : undefined;
    this.#items = within(rules.items, schema.items);
    this.#additional = within(rules.additionalProperties, schema.additionalProperties);
    for (const [name, property] of Object.entries(rules.properties ?? {})) {
      const validator = within(property, schema.properties?.[name]);
      if (validator) this.#properties.set(name, validator);
    }
    this.#allOf = (rules.allOf ?? []).flatMap((part) => RuleValidator.of(part, isResource, schema) ?? []);
  }

  /** `schema` says what the data is where `rules` is a part of it that has no types of its own. Undefined: there are no rules in it. */
  static of(rules: JsonSchema, isResource: boolean, schema = rules): RuleValidator | undefined {
    const validator = new RuleValidator(rules, schema, isResource);
    return validator.#isEmpty ? undefined : validator;
  }

  get #isEmpty(): boolean {
    return !this.#rules.length && !this.#items && !this.#additional && !this.#properties.size && !this.#allOf.length;
  }

  /** `old` undefined: the value is new. Texts of `warnings` are findings that an update left as they were. */
  validate(value: unknown, old: unknown, path = '', correlation?: Correlation, warnings: string[] = []): FieldError[] {
    const errors = new FieldErrors();
    this.#validate(value, old, path, correlation, { errors, budget: { left: celLimits.runtimeBudget }, warn: (text) => warnings.push(text) });
    return errors.all;
  }

  #validate(value: unknown, old: unknown, path: string, correlation: Correlation | undefined, context: RuleContext): void {
    if (value === null || value === undefined) return;
    const since = begin();
    try {
      this.#judge(value, old, path, correlation, context);
    } finally {
      ended('evaluation', since);
    }
  }

  #judge(value: unknown, old: unknown, path: string, correlation: Correlation | undefined, context: RuleContext): void {
    this.#run(value, old ?? undefined, path, correlation, context);
    for (const part of this.#allOf) if (context.budget.left >= 0) part.#validate(value, old, path, undefined, context);
    if (Array.isArray(value)) this.#inList(value, old, path, correlation, context);
    else if (isJsonObject(value)) this.#inObject(value, old, path, correlation, context);
  }

  #inList(value: readonly unknown[], old: unknown, path: string, correlation: Correlation | undefined, context: RuleContext): void {
    if (!this.#items) return;
    const keys = this.#schema['x-kubernetes-list-type'] === 'map' ? (this.#schema['x-kubernetes-list-map-keys'] ?? []) : [];
    for (let i = 0; i < value.length && context.budget.left >= 0; i++)
      this.#items.#validate(value[i], Array.isArray(old) ? itemOf(old, value[i], keys) : undefined, `${path}[${i}]`, correlation?.item(i), context);
  }

  #inObject(value: Record<string, unknown>, old: unknown, path: string, correlation: Correlation | undefined, context: RuleContext): void {
    const before = isJsonObject(old) ? old : {};
    for (const name of Object.keys(value)) {
      if (context.budget.left < 0) return;
      const property = this.#properties.get(name);
      if (property) property.#validate(value[name], before[name], path ? `${path}.${name}` : name, correlation?.member(name), context);
      else if (this.#additional && !this.#schema.properties?.[name]) this.#additional.#validate(value[name], before[name], `${path}[${name}]`, correlation?.member(name), context);
    }
  }

  #run(value: unknown, old: unknown, path: string, correlation: Correlation | undefined, context: RuleContext): void {
    if (!this.#rules.length || context.budget.left < 0) return;
    const { errors, budget } = context;
    const type = this.#schema.type ?? '';
    const stop = (detail: string) => {
      errors.invalid(path, type, detail);
      budget.left = -1;
    };
    if (budget.left <= 0) return stop('validation failed due to running out of cost budget, no further validation rules will be run');
    const variables = this.#variables(value, old);
    for (const compiled of this.#rules) {
      const { rule } = compiled;
      if (compiled.error) {
        errors.invalid(path, type, `rule compile error: ${compiled.error}`);
        continue;
      }
      if (!compiled.program || (compiled.usesOldSelf && old === undefined && !rule.optionalOldSelf)) continue;
      const lookup = (name: string) => variables(name, rule.optionalOldSelf === true);
      const result = compiled.program.program.evaluate(lookup, celLimits.perCall);
      if (result.cost > budget.left) return stop('validation failed due to running out of cost budget, no further validation rules will be run');
      budget.left -= result.cost;
      if ('error' in result) {
        const { message } = result.error;
        if (result.error instanceof CostLimitExceeded) return stop(`'${message}': no further validation rules will be run due to call cost exceeds limit for rule: ${nameOf(rule)}`);
        if (message.startsWith('no such overload'))
          errors.invalid(path, type, `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${nameOf(rule)}`);
        else errors.invalid(path, type, `${message} evaluating rule: ${nameOf(rule)}`);
        continue;
      }
      if (result.value === true) continue;
      const at = compiled.fieldPath ? (path ? `${path}.${compiled.fieldPath}` : compiled.fieldPath) : path;
      const said = compiled.message && evaluateMessage(compiled.message, rule.messageExpression!, lookup, budget);
      if (said && 'fatal' in said) {
        errors.invalid(at, type, said.fatal);
        budget.left = -1;
        return;
      }
      const detail = said?.text ?? (rule.message ? rule.message.trim() : `failed rule: ${nameOf(rule)}`);
      const finding = new FieldErrors();
      refuse(finding, at, type, value, detail, rule.reason);
      if (!compiled.usesOldSelf && correlation?.unchanged) for (const error of finding.all) context.warn(`${error.field}: ${error.message}`);
      else errors.add(finding.all);
    }
  }

  /** The two variables; each is made when it is first asked for. */
  #variables(value: unknown, old: unknown): (name: string, optional: boolean) => Value | undefined {
    let self: Value | undefined;
    let oldSelf: Value | undefined;
    return (name, optional) => {
      if (name === 'self') return (self ??= schemaValue(value, this.#schema));
      if (name !== 'oldSelf') return undefined;
      if (old === undefined) return optional ? Optional.none : undefined;
      oldSelf ??= schemaValue(old, this.#schema);
      return optional ? Optional.of(oldSelf) : oldSelf;
    };
  }
}

const isEmbedded = (schema: JsonSchema) => schema['x-kubernetes-embedded-resource'] === true;
const nameOf = (rule: ValidationRule) => (rule.message ?? rule.rule).trim();

function refuse(errors: FieldErrors, path: string, type: string, value: unknown, detail: string, reason: ValidationRule['reason']): void {
  const whole = type === 'object' || type === 'array';
  switch (reason) {
    case 'FieldValueForbidden':
      return errors.forbidden(path, detail);
    case 'FieldValueRequired':
      return errors.required(path, detail);
    case 'FieldValueDuplicate':
      return whole ? errors.add([{ reason, field: path || '<nil>', message: 'Duplicate value' }]) : errors.duplicate(path, value);
    default:
      // A whole object is not shown: it may be long.
      return whole ? errors.add([{ reason: 'FieldValueInvalid', field: path || '<nil>', message: `Invalid value: ${detail}` }]) : errors.invalid(path, value, detail);
  }
}

/** The text that a messageExpression gives; undefined text: it failed, and the rule's own words must do. */
function evaluateMessage(message: Compiled, source: string, lookup: (name: string) => Value | undefined, budget: Budget): { text: string | undefined } | { fatal: string } {
  const result = message.program.evaluate(lookup, celLimits.perCall);
  if (result.cost > budget.left) return { fatal: 'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run' };
  if ('error' in result && result.error instanceof CostLimitExceeded)
    return { fatal: `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${JSON.stringify(source)}` };
  budget.left -= result.cost;
  if ('error' in result || typeof result.value !== 'string') return { text: undefined };
  const text = result.value.trim();
  return { text: text === '' || text.includes('\n') || Buffer.byteLength(text) > celLimits.maxMessageBytes ? undefined : text };
}

