import { elementText, ElementError, fieldElement, itemElement } from './elements.ts';
import { insertAt, noFields, type FieldSet, type FieldSetDraft } from './fieldSet.ts';
import { goType, goValue } from './goText.ts';
import { anySchema, isAssociative, isMap, memberSchema, type PatchSchema } from './schema.ts';

/**
 * The fields that a configuration speaks of: what its applier owns.
 * Mirrors sigs.k8s.io/structured-merge-diff/typed/tofieldset.go.
 */
export function fieldsOf(object: object, schema: PatchSchema): FieldSet {
  const set: FieldSetDraft = {};
  visit(object, schema, [], set);
  return set;
}

function visit(value: unknown, schema: PatchSchema, path: string[], set: FieldSetDraft): void {
  if (isMap(value) && !schema.atomic) {
    for (const name in value) {
      const member = value[name];
      if (member === undefined) continue;
      path.push(fieldElement(name));
      visit(member, memberSchema(schema, name), path, set);
      const declared = schema.fields?.has(name) === true;
      if (member === null || (isMap(member) && Object.keys(member).length === 0) || !declared) insertAt(set, path, noFields);
      path.pop();
    }
  } else if (Array.isArray(value) && isAssociative(schema)) {
    const seen = new Set<string>();
    const twice = new Set<string>();
    const elements = value.map((item) => itemElement(schema, item));
    for (const element of elements) (seen.has(element) ? twice : seen).add(element);
    for (const [i, element] of elements.entries()) {
      path.push(element);
      if (!twice.has(element)) visit(value[i], schema.element ?? anySchema, path, set);
      insertAt(set, path, noFields);
      path.pop();
    }
  } else if (path.length > 0 && (value !== null || schema.kind === 'scalar' || schema.atomic)) insertAt(set, path, noFields);
}

/** What is wrong with a configuration's form: paths and upstream's messages. Mirrors typed/validate.go. */
export function formErrors(value: unknown, schema: PatchSchema, path = ''): string[] {
  if (value === null || schema.kind === 'any') return [];
  switch (schema.kind) {
    case 'scalar':
      return scalarErrors(value, schema, path);
    case 'list': {
      if (!Array.isArray(value)) return [`${path}: expected list, got &{${goValue(value)}}`];
      const errors: string[] = [];
      const seen = new Set<string>();
      for (const [i, item] of value.entries()) {
        let text = `[${i}]`;
        if (!schema.atomic)
          try {
            const element = itemElement(schema, item);
            text = elementText(element);
            if (seen.has(element)) errors.push(`${path}: duplicate entries for key ${text}`);
            seen.add(element);
          } catch (error) {
            if (!(error instanceof ElementError)) throw error;
            return [...errors, `${path}: element ${i}: ${error.message}`];
          }
        errors.push(...formErrors(item, schema.element ?? anySchema, path + text));
      }
      return errors;
    }
    case 'map':
    case 'struct': {
      if (!isMap(value)) return [`${path}: expected map, got &{${goValue(value)}}`];
      const errors: string[] = [];
      for (const name in value) {
        if (schema.kind === 'struct' && !schema.fields!.has(name)) return [...errors, `${path}.${name}: field not declared in schema`];
        errors.push(...formErrors(value[name], memberSchema(schema, name), `${path}.${name}`));
      }
      return errors;
    }
  }
}

function scalarErrors(value: unknown, { scalar }: PatchSchema, path: string): string[] {
  if (scalar === 'numeric' && typeof value !== 'number') return [`${path}: expected numeric (int or float), got ${goType(value)}`];
  if (scalar === 'string' && typeof value !== 'string') return [`${path}: expected string, got &value.valueUnstructured{Value:${goValue(value)}}`];
  if (scalar === 'boolean' && typeof value !== 'boolean') return [`${path}: expected boolean, got &{${goValue(value)}}`];
  if (scalar === 'any' && typeof value === 'object') return [`${path}: expected any scalar, got &{${goValue(value)}}`];
  return [];
}
