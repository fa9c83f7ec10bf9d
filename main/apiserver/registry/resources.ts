import type { GroupVersionResource } from '../../api/meta.ts';
import type { Registry } from './generic.ts';

/** The collections that are served now. */
export class ResourceTable {
  readonly #registries = new Map<string, Registry>();
  #version = 0;
  /** Called after a collection came or went. */
  changed: () => void = () => {};

  /** Changes whenever a collection comes or goes, for what is computed from all of them. */
  get version(): number {
    return this.#version;
  }

  add(registry: Registry): void {
    this.#registries.set(keyOf(registry.definition), registry);
    this.#version++;
    this.changed();
  }

  remove(resource: GroupVersionResource): void {
    if (!this.#registries.delete(keyOf(resource))) return;
    this.#version++;
    this.changed();
  }

  find(group: string, version: string, resource: string): Registry | undefined {
    return this.#registries.get(`${group}/${version}/${resource}`);
  }

  /** Whether there is anything in the group and version. */
  serves(group: string, version: string): boolean {
    const start = `${group}/${version}/`;
    for (const key of this.#registries.keys()) if (key.startsWith(start)) return true;
    return false;
  }

  all(): Registry[] {
    return [...this.#registries.values()];
  }
}

const keyOf = ({ group, version, resource }: GroupVersionResource) => `${group}/${version}/${resource}`;
