import { equalJson } from '../../../api/json.ts';
import { isJsonObject, type JsonSchema } from './types.ts';

/** A value and the one that was in its place before an update, as far as the two can be told to belong together. */
export class Correlation {
  #same: boolean | undefined;

  constructor(
    readonly value: unknown,
    readonly old: unknown,
    private readonly schema: JsonSchema | undefined,
  ) {}

  /** Whether nothing has changed; asked for at most once a value. */
  get unchanged(): boolean {
    return (this.#same ??= equalJson(this.value, this.old));
  }

  member(name: string): Correlation | undefined {
    if (!isJsonObject(this.value) || !isJsonObject(this.old)) return undefined;
    if (this.old[name] === undefined || this.schema?.['x-kubernetes-map-type'] === 'atomic' && !this.unchanged) return undefined;
    const property = this.schema?.properties?.[name] ?? (typeof this.schema?.additionalProperties === 'object' ? this.schema.additionalProperties : undefined);
    return new Correlation(this.value[name], this.old[name], property);
  }

  /** Items of lists of type map belong together by their keys, those of others by nothing. Mirrors apiserver/pkg/cel/common (equality.go). */
  item(index: number): Correlation | undefined {
    if (!Array.isArray(this.value) || !Array.isArray(this.old)) return undefined;
    if (this.schema?.['x-kubernetes-list-type'] !== 'map') {
      // A list as a whole that has not changed has unchanged items.
      return this.unchanged ? new Correlation(this.value[index], this.old[index], this.schema?.items) : undefined;
    }
    const old = itemOf(this.old, this.value[index], this.schema['x-kubernetes-list-map-keys'] ?? []);
    return old === undefined ? undefined : new Correlation(this.value[index], old, this.schema.items);
  }
}

/** The item with the same keys; undefined when there is none. */
export function itemOf(list: readonly unknown[], item: unknown, keys: readonly string[]): unknown {
  if (!isJsonObject(item) || !keys.length) return undefined;
  return list.find((candidate) => isJsonObject(candidate) && keys.every((key) => equalJson(candidate[key], item[key])));
}
