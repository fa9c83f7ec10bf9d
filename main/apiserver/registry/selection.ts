import { parseFieldSelector, type FieldSelector } from '../../api/fields.ts';
import { parseSelector, type Selector } from '../../api/labels.ts';
import type { KubeObject } from '../../api/meta.ts';
import { badRequest } from '../../api/status.ts';
import type { Entry } from '../../store/index.ts';
import { objectOf } from './stored.ts';
import type { Strategy } from './strategy.ts';

/** Which objects of a collection a list or watch is about (upstream: storage/selection_predicate.go). */
export class Selection {
  static readonly everything = new Selection(undefined, undefined, undefined);

  /** What the text of every object that matches has in it. */
  readonly #marks: readonly string[];

  private constructor(
    private readonly labels: Selector | undefined,
    private readonly fields: FieldSelector | undefined,
    private readonly strategy: Strategy | undefined,
  ) {
    this.#marks = marksOf(labels);
  }

  /** Throws 400 for a selector that does not parse or names a field that the kind has no selector for. */
  static of(strategy: Strategy, labelSelector: string | undefined, fieldSelector: string | undefined): Selection {
    const labels = labelSelector ? parseSelector(labelSelector) : undefined;
    const fields = fieldSelector ? parseFieldSelector(fieldSelector) : undefined;
    if (!labels && !fields) return Selection.everything;
    if (fields) checkFields(strategy, fields);
    return new Selection(labels?.empty ? undefined : labels, fields?.requirements.length ? fields : undefined, strategy);
  }

  get empty(): boolean {
    return !this.labels && !this.fields;
  }

  /** The only value that the field may have, when the selector says so. */
  exact(field: 'metadata.name' | 'metadata.namespace'): string | undefined {
    return this.fields?.requirements.find((r) => r.field === field && r.operator === '=')?.value;
  }

  matches(object: KubeObject): boolean {
    if (this.labels && !this.labels.matches(object.metadata?.labels)) return false;
    return !this.fields || this.fields.matches(fieldsOf(this.strategy!, object));
  }

  /** The same of an entry, which is parsed only where its text leaves it open. */
  picks(entry: Entry): boolean {
    if (entry.memo === undefined) for (const mark of this.#marks) if (!entry.value.includes(mark)) return false;
    return this.matches(objectOf(entry));
  }
}

function marksOf(labels: Selector | undefined): string[] {
  const marks: string[] = [];
  for (const { key, operator, values } of labels?.requirements ?? []) {
    if (operator === '=' || operator === '==') marks.push(`${JSON.stringify(key)}:${JSON.stringify(values[0])}`);
    else if (operator === 'in' || operator === 'exists') marks.push(`${JSON.stringify(key)}:`);
  }
  return marks;
}

function fieldsOf(strategy: Strategy, object: KubeObject): Record<string, string> {
  const fields: Record<string, string> = strategy.fields?.(object) ?? {};
  fields['metadata.name'] = object.metadata?.name ?? '';
  fields['metadata.namespace'] = object.metadata?.namespace ?? '';
  return fields;
}

function checkFields(strategy: Strategy, selector: FieldSelector): void {
  const skeleton = { metadata: {}, spec: {}, status: {}, involvedObject: {}, regarding: {}, source: {}, data: {} } as KubeObject;
  const known = fieldsOf(strategy, skeleton);
  for (const { field } of selector.requirements) {
    if (field in known) continue;
    throw badRequest(
      strategy.fields
        ? `field label not supported: ${field}`
        : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
    );
  }
}
