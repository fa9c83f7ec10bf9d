import { autocompletion, type Completion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import type { Extension } from '@codemirror/state';
import { hoverTooltip, type EditorView } from '@codemirror/view';
import { placeAt } from '../../yaml/place.ts';
import { schemaOf, type Field } from '../../yaml/schemas.ts';

/** What a field is, at an offset of a manifest. */
export async function fieldAt(text: string, offset: number): Promise<{ path: readonly string[]; field: Field } | undefined> {
  const place = placeAt(text, offset);
  if (!place.key) return undefined;
  const path = [...place.path, place.key];
  const field = (await schemaOf(place.apiVersion, place.kind))?.field(path);
  return field && { path, field };
}

function element(name: string, text: string, className: string): HTMLElement {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function words(field: Field): HTMLElement {
  const box = element('div', '', 'cm-field');
  box.append(element('code', field.type, 'cm-field-type'), element('p', field.description, 'cm-field-words'));
  return box;
}

const isObject = ({ type, choices }: Field) => choices.length === 0 && /^[A-Z]|^map/.test(type) && !/^(Quantity|Time|MicroTime|IntOrString|Duration)/.test(type);

/** Offers the fields that may stand where the cursor is, and the values that they may have. */
async function complete(context: CompletionContext): Promise<CompletionResult | null> {
  const place = placeAt(context.state.doc.toString(), context.pos);
  const schema = await schemaOf(place.apiVersion, place.kind);
  if (!schema) return null;
  if (place.value) {
    const field = schema.field([...place.path, place.key]);
    return field?.choices.length ? { from: place.from, options: field.choices.map((label) => ({ label, type: 'enum' })) } : null;
  }
  const typed = context.state.doc.sliceString(place.from, context.pos);
  if (!typed && !context.explicit) return null;
  const present = new Set(place.siblings);
  const indent = ' '.repeat(place.column + 2);
  const options = schema
    .fieldsBelow(place.path)
    .filter(({ name }) => !present.has(name))
    .map((field): Completion => {
      const ending = field.type.endsWith('[]') ? `:\n${indent}- ` : isObject(field) ? `:\n${indent}` : ': ';
      return { label: field.name, detail: field.type, info: () => words(field), apply: field.name + ending, boost: field.required ? 1 : 0, type: field.required ? 'keyword' : 'property' };
    });
  return options.length ? { from: place.from, options, validFor: /^\w*$/ } : null;
}

/** The server's own description of each field, on hover and while typing. */
export function fieldHelp(isReadonly: () => boolean): Extension {
  return [
    autocompletion({ override: [(context) => (isReadonly() ? null : complete(context))], icons: false }),
    hoverTooltip(async (view: EditorView, pos) => {
      const text = view.state.doc.toString();
      const place = placeAt(text, pos);
      if (place.value) return null;
      const found = await fieldAt(text, pos);
      return found ? { pos: place.from, end: place.to, above: true, create: () => ({ dom: words(found.field) }) } : null;
    }),
  ];
}
