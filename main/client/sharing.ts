import type { KubeObject } from '../api/meta.ts';
import { LruMap } from '../util/lru.ts';

/** Families whose last object is kept. */
const families = 256;

/**
 * Lets objects of one collection hold what is alike in them together: the pods of one controller differ in little more than
 * their names, and an update changes a corner of what was there. Nothing of an object given is changed.
 */
export class SharedParts<T extends KubeObject> {
  readonly #models = new LruMap<string, T>(families);

  /** `object`, with all that is equal in `old`, or else in the last object of its controller or namespace, taken from there. */
  share(object: T, old: T | undefined): T {
    const family = object.metadata?.ownerReferences?.[0]?.uid ?? object.metadata?.namespace ?? '';
    const shared = withPartsOf(object, old ?? this.#models.get(family)) as T;
    this.#models.set(family, shared);
    return shared;
  }
}

/** `model` where both are equal; else `value`, or a copy of it that holds what is equal in `model`. */
function withPartsOf(value: unknown, model: unknown): unknown {
  if (value === model) return model;
  // A member of that name may be called __proto__: what every object has is nobody's part.
  if (typeof value !== 'object' || value === null || typeof model !== 'object' || model === null || model === Object.prototype) return value;
  if (Array.isArray(value)) return Array.isArray(model) ? arrayWithPartsOf(value, model) : value;
  return Array.isArray(model) ? value : objectWithPartsOf(value as Members, model as Members);
}

type Members = Record<string, unknown>;

function arrayWithPartsOf(values: readonly unknown[], model: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let i = 0; i < values.length; i++) {
    const part = i < model.length ? withPartsOf(values[i], model[i]) : values[i];
    if (!copy) {
      if (i < model.length && part === model[i]) continue;
      copy = model.slice(0, i);
    }
    copy.push(part);
  }
  return copy ?? (values.length === model.length ? model : model.slice(0, values.length));
}

function objectWithPartsOf(value: Members, model: Members): Members {
  let copy: Members | undefined;
  let equal = 0;
  for (const name in value) {
    const part = withPartsOf(value[name], model[name]);
    if (!copy) {
      if (part !== undefined && part === model[name]) {
        equal++;
        continue;
      }
      copy = partsOf(value, model, equal);
    }
    copy[name] = part;
  }
  if (copy) return copy;
  let members = 0;
  for (const _ in model) members++;
  return equal === members ? model : partsOf(value, model, equal);
}

/** A copy of `value` whose first `equal` members are those of `model`. */
function partsOf(value: Members, model: Members, equal: number): Members {
  const copy = { ...value };
  if (equal > 0)
    for (const name in value) {
      copy[name] = model[name];
      if (--equal === 0) break;
    }
  return copy;
}
