import type { CustomResourceDefinition } from '../../api/index.ts';
import { cloneJson, equalJson } from '../../api/json.ts';
import { apiVersionOf } from '../../api/meta.ts';
import type { Store } from '../../store/index.ts';
import type { Random } from '../../util/random.ts';
import { Registry } from '../registry/generic.ts';
import type { ResourceTable } from '../registry/resources.ts';
import type { Objects, Strategy } from '../registry/strategy.ts';
import type { WebhookClient } from '../webhook/index.ts';
import { sameFields, webhookConverter } from './conversion/converter.ts';
import { VersionStore, type VersionForm } from './conversion/versionStore.ts';
import { conditionOf } from './definition/validation.ts';
import { customResource, ResourceSchema } from './resource/strategy.ts';

export interface ServedOptions {
  store: Store;
  objects: Objects;
  random: Random;
  resources: ResourceTable;
  webhooks: WebhookClient;
}

/** Everything that follows from one state of a definition. */
interface Installed {
  /** What it follows from. */
  of: unknown;
  registries: Registry[];
  stores: VersionStore[];
  /** The stored version's, whether served or not: for cleaning up. */
  storage: Registry;
}

/** The custom resources that there are, as collections in the table of all. */
export class ServedResources {
  readonly #installed = new Map<string, Installed>();

  constructor(private readonly options: ServedOptions) {}

  /** Serves the versions of a definition as it is now. What it says of its names is accepted. */
  install(definition: CustomResourceDefinition): void {
    const name = definition.metadata!.name!;
    const of = essenceOf(definition);
    const before = this.#installed.get(name);
    if (before && equalJson(before.of, of)) return;
    const installed = this.#make(definition, of);
    if (before) this.#withdraw(before);
    this.#installed.set(name, installed);
    for (const registry of installed.registries) this.options.resources.add(registry);
  }

  remove(name: string): void {
    const installed = this.#installed.get(name);
    if (!installed) return;
    this.#installed.delete(name);
    this.#withdraw(installed);
  }

  /** The collection of a definition's stored objects; undefined: it is not installed. */
  storageOf(name: string): Registry | undefined {
    return this.#installed.get(name)?.storage;
  }

  names(): string[] {
    return [...this.#installed.keys()];
  }

  #withdraw(installed: Installed): void {
    for (const registry of installed.registries) this.options.resources.remove(registry.definition);
    for (const store of installed.stores) void store.close();
  }

  #make(definition: CustomResourceDefinition, of: unknown): Installed {
    const { store, objects, random, webhooks, resources } = this.options;
    const { spec } = definition;
    const schemas = new Map(spec.versions.map((version) => [version.name, new ResourceSchema(definition, version)]));
    const storageVersion = apiVersionOf({ group: spec.group, version: spec.versions.find(({ storage }) => storage)!.name });
    const convert = spec.conversion?.strategy === 'Webhook' ? webhookConverter(definition, webhooks, random) : sameFields;
    const terminating = conditionOf(definition, 'Terminating') === 'True';
    const stores: VersionStore[] = [];
    const registryOf = (schema: ResourceSchema) => {
      const strategy: Strategy = {
        ...customResource(definition, schema, terminating),
        convert: async (object, apiVersion) => (await convert([cloneJson(object)], apiVersion))[0]!,
        patchSchemaAt: (apiVersion) => all.find(({ registry }) => registry.apiVersion === apiVersion)?.registry.strategy.patchSchema,
      };
      const form: VersionForm = { kind: strategy.definition.kind, apiVersion: apiVersionOf(strategy.definition), storageVersion, schemas, convert };
      const seen = new VersionStore(store, form);
      stores.push(seen);
      return new Registry(strategy, seen, objects, random);
    };
    const all = [...schemas.values()].map((schema) => ({ schema, registry: registryOf(schema) }));
    const registries = all
      .filter(({ schema, registry: { definition: { group, version, resource } } }) => {
        // What is built in is not taken over.
        const there = resources.find(group, version, resource);
        return schema.version.served && (!there || there.store !== store);
      })
      .map(({ registry }) => registry);
    return { of, registries, stores, storage: all.find(({ schema }) => schema.version.storage)!.registry };
  }
}

/** What of a definition its resources depend on. */
function essenceOf(definition: CustomResourceDefinition): unknown {
  return [definition.spec, definition.status?.acceptedNames, conditionOf(definition, 'Terminating')];
}
