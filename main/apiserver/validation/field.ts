import type { FieldError } from '../../api/status.ts';
import { goQuote } from '../../util/goQuote.ts';

/** How many characters of findings are kept: a list that is shown whole for each of its items would take all memory there is. */
const mostText = 16 * 2 ** 20;

/**
 * Collects what validation finds, in upstream's words.
 * Mirrors k8s.io/apimachinery/pkg/util/validation/field/errors.go; a field's path is its text, `spec.ports[0].name`.
 * What is found after 16 Mi characters of findings is not told.
 */
export class FieldErrors {
  readonly all: FieldError[] = [];
  #text = 0;
  #last: { value: unknown; text: string } | undefined;

  get length(): number {
    return this.all.length;
  }

  required(field: string, detail = ''): void {
    this.#add('FieldValueRequired', field, 'Required value', detail);
  }

  forbidden(field: string, detail: string): void {
    this.#add('FieldValueForbidden', field, 'Forbidden', detail);
  }

  invalid(field: string, value: unknown, detail: string): void {
    this.#add('FieldValueInvalid', field, `Invalid value: ${this.#show(value)}`, detail);
  }

  /** Where showing the value would help nobody. */
  invalidWithoutValue(field: string, detail: string): void {
    this.#add('FieldValueInvalid', field, 'Invalid value', detail);
  }

  /** One finding a message: for the checks of api/names.ts, which return several. */
  invalidEach(field: string, value: unknown, messages: string[]): void {
    for (const message of messages) this.invalid(field, value, message);
  }

  notSupported(field: string, value: unknown, supported: readonly string[]): void {
    this.#add(
      'FieldValueNotSupported',
      field,
      `Unsupported value: ${this.#show(value)}`,
      supported.length ? `supported values: ${supported.map(goQuote).join(', ')}` : '',
    );
  }

  duplicate(field: string, value: unknown, detail = ''): void {
    this.#add('FieldValueDuplicate', field, `Duplicate value: ${this.#show(value)}`, detail);
  }

  notFound(field: string, value: unknown, detail = ''): void {
    this.#add('FieldValueNotFound', field, `Not found: ${this.#show(value)}`, detail);
  }

  tooLong(field: string, maximum: number): void {
    this.#add('FieldValueTooLong', field, 'Too long', `may not be more than ${maximum} ${maximum === 1 ? 'byte' : 'bytes'}`);
  }

  tooMany(field: string, actual: number, maximum: number): void {
    this.#add('FieldValueTooMany', field, `Too many: ${actual}`, `must have at most ${maximum} ${maximum === 1 ? 'item' : 'items'}`);
  }

  internal(field: string, detail: string): void {
    this.#add('InternalError', field, 'Internal error', detail);
  }

  add(errors: readonly FieldError[]): void {
    for (const error of errors) this.#keep(error);
  }

  #add(reason: string, field: string, body: string, detail: string): void {
    this.#keep({ reason, field: field || '<nil>', message: detail ? `${body}: ${detail}` : body });
  }

  #keep(error: FieldError): void {
    if (this.#text > mostText) return;
    this.#text += error.field.length + error.message.length;
    this.all.push(error);
  }

  /** One value is often found wrong several times in a row; its text is made once. */
  #show(value: unknown): string {
    if (this.#text > mostText) return '';
    if (typeof value !== 'object' || this.#last?.value !== value) this.#last = { value, text: show(value) };
    return this.#last.text;
  }
}

/** Go writes maps in the order of their keys. */
function sortedLabels(key: string, value: unknown): unknown {
  if (key !== 'matchLabels' || !value) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A value as Go's encoding/json writes it, which escapes what HTML would misread. */
function show(value: unknown): string {
  if (value === undefined) return 'null';
  if (typeof value === 'string') return goQuote(value);
  return JSON.stringify(value, sortedLabels).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}
