import { badRequest } from './status.ts';

export interface FieldRequirement {
  /** `metadata.name`, `spec.nodeName` … */
  field: string;
  operator: '=' | '!=';
  value: string;
}

/** All requirements must hold; none: everything matches. Mirrors k8s.io/apimachinery/pkg/fields/selector.go. */
export class FieldSelector {
  constructor(readonly requirements: readonly FieldRequirement[]) {}

  get empty(): boolean {
    return this.requirements.length === 0;
  }

  /** A field that is absent counts as empty text. */
  matches(fields: Readonly<Record<string, string>>): boolean {
    return this.requirements.every(
      ({ field, operator, value }) => ((fields[field] ?? '') === value) === (operator === '='),
    );
  }

  /** The value that a field must have, where the selector says so. */
  exactValue(field: string): string | undefined {
    return this.requirements.find((r) => r.field === field && r.operator === '=')?.value;
  }

  toString(): string {
    return this.requirements.map(({ field, operator, value }) => `${field}${operator}${escape(value)}`).join(',');
  }
}

const escape = (value: string) => value.replace(/[\\,=]/g, (character) => `\\${character}`);

/** `spec.nodeName=a,status.phase!=Running`; throws a 400 StatusError with upstream's message. */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text).sort()) {
    if (!term) continue;
    const found = /!=|==|=/.exec(term);
    if (!found) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    requirements.push({
      field: term.slice(0, found.index),
      operator: found[0] === '!=' ? '!=' : '=',
      value: unescape(term.slice(found.index + found[0].length)),
    });
  }
  return new FieldSelector(requirements);
}

/** At the commas that no backslash escapes. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function unescape(value: string): string {
  if (!/[\\,=]/.test(value)) return value;
  let plain = '';
  for (let i = 0; i < value.length; i++) {
    const character = value[i]!;
    if (character === '\\') {
      const escaped = value.slice(i + 1, i + 2);
      if (!/[\\,=]/.test(escaped)) throw badRequest(`invalid field selector: invalid escape sequence: \\${escaped}`);
      plain += escaped;
      i++;
    } else if (character === ',' || character === '=') {
      // Go prints a rune as its number.
      throw badRequest(`invalid field selector: unescaped character in value: ${character.charCodeAt(0)}`);
    } else plain += character;
  }
  return plain;
}
