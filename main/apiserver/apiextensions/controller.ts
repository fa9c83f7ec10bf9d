import type { CustomResourceDefinition } from '../../api/index.ts';
import { cloneJson, equalJson } from '../../api/json.ts';
import { isNotFound } from '../../api/status.ts';
import { ConflictError, type Entry, type StoreEvent, type Watch } from '../../store/index.ts';
import type { Clock, Timer } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import { manageFieldsOnUpdate } from '../managedFields.ts';
import { deleteAll } from '../registry/deletion.ts';
import type { Registry } from '../registry/generic.ts';
import { objectOf } from '../registry/stored.ts';
import type { RequestContext } from '../registry/strategy.ts';
import { ownContext } from './context.ts';
import { setCondition, settledStatus, type Condition } from './definition/conditions.ts';
import { cleanupFinalizer } from './definition/strategy.ts';
import { isEstablished } from './definition/validation.ts';
import { ServedResources, type ServedOptions } from './served.ts';

export interface CustomResourcesOptions extends ServedOptions {
  /** The collection of definitions. */
  definitions: Registry;
  clock: Clock;
  log: Logger;
}

/** Until it is looked again whether objects with finalizers of their own have gone. */
const recheckAfter = 1000;
const retryAfter = 500;

/**
 * Keeps what is served in step with the CustomResourceDefinitions: names, conditions, collections, and the end of them.
 * One definition after another, since they compete for names. Mirrors what apiextensions-apiserver does in its handler and
 * its controllers (pkg/apiserver/customresource_handler.go, pkg/controller).
 */
export class CustomResources {
  readonly #served: ServedResources;
  readonly #definitions = new Map<string, CustomResourceDefinition>();
  /** Names of definitions to look at. */
  readonly #dirty = new Set<string>();
  readonly #timers = new Map<string, Timer>();
  #watch: Watch | undefined;
  #working: Promise<void> | undefined;
  #started: Promise<void> | undefined;
  #closed = false;

  constructor(private readonly options: CustomResourcesOptions) {
    this.#served = new ServedResources(options);
  }

  /** Resolves when everything that was defined before is served. */
  start(): Promise<void> {
    return (this.#started ??= this.#start());
  }

  async #start(): Promise<void> {
    const { definitions } = this.options;
    const { entries, revision } = await definitions.store.list(definitions.prefix(''));
    if (this.#closed) return;
    for (const entry of entries) this.#learn(objectOf<CustomResourceDefinition>(entry));
    this.#watch = definitions.store.watch(definitions.prefix(''), {
      after: revision,
      onEvents: (events) => this.#onEvents(events),
      onEnd: (error) => {
        this.#watch = undefined;
        if (!this.#closed) this.options.log.error('the watch of custom resource definitions ended', { error: error.message });
      },
    });
    await this.#work();
  }

  close(): void {
    this.#closed = true;
    this.#watch?.cancel();
    for (const timer of this.#timers.values()) timer.cancel();
    for (const name of this.#served.names()) this.#served.remove(name);
  }

  #onEvents(events: readonly StoreEvent[]): void {
    for (const { type, entry } of events) {
      const definition = objectOf<CustomResourceDefinition>(entry);
      if (type === 'put') this.#learn(definition);
      else this.#forget(definition);
    }
    void this.#work();
  }

  #learn(definition: CustomResourceDefinition): void {
    const name = definition.metadata!.name!;
    this.#definitions.set(name, definition);
    this.#dirty.add(name);
  }

  /** Its names are free again for others of the group. */
  #forget(definition: CustomResourceDefinition): void {
    const name = definition.metadata!.name!;
    this.#definitions.delete(name);
    this.#dirty.delete(name);
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
    this.#served.remove(name);
    for (const other of this.#others(definition)) this.#dirty.add(other.metadata!.name!);
  }

  #others({ metadata, spec }: CustomResourceDefinition): CustomResourceDefinition[] {
    return [...this.#definitions.values()].filter((other) => other.spec.group === spec.group && other.metadata!.name !== metadata!.name);
  }

  #work(): Promise<void> {
    return (this.#working ??= this.#run().finally(() => (this.#working = undefined)));
  }

  async #run(): Promise<void> {
    for (const name of this.#dirty) {
      this.#dirty.delete(name);
      const definition = this.#definitions.get(name);
      if (!definition || this.#closed) continue;
      try {
        await this.#sync(name, definition);
      } catch (error) {
        if (error instanceof ConflictError || isNotFound(error) || this.#closed) continue;
        this.options.log.error('a custom resource definition could not be brought into effect', { name, error: error instanceof Error ? error.message : String(error) });
        this.#later(name, retryAfter);
      }
    }
  }

  #later(name: string, ms: number): void {
    this.#timers.get(name)?.cancel();
    this.#timers.set(
      name,
      this.options.clock.setTimer(ms, () => {
        this.#timers.delete(name);
        this.#dirty.add(name);
        void this.#work();
      }),
    );
  }

  async #sync(name: string, definition: CustomResourceDefinition): Promise<void> {
    const settled = settledStatus(definition, this.#others(definition), this.options.clock.now());
    const asBefore = equalJson(settled.status, definition.status);
    if (!asBefore) await this.#write(name, definition, (object) => (object.status = settled.status));
    // At once after the write: whoever reads that it is established finds it served, and whoever finds it served and goes
    // on to change the definition does not run into that write.
    if (isEstablished(settled)) this.#served.install(settled);
    if (!asBefore) {
      for (const other of this.#others(definition)) if (!isEstablished(other)) this.#dirty.add(other.metadata!.name!);
      return;
    }
    if (definition.metadata!.deletionTimestamp && definition.metadata!.finalizers?.includes(cleanupFinalizer)) await this.#finish(name, definition);
  }

  /** Removes all objects, then lets the definition go. Mirrors pkg/controller/finalizer/crd_finalizer.go. */
  async #finish(name: string, definition: CustomResourceDefinition): Promise<void> {
    const { clock } = this.options;
    const terminating = definition.status?.conditions?.find(({ type }) => type === 'Terminating');
    if (!terminating) {
      await this.#condition(name, definition, { type: 'Terminating', status: 'True', reason: 'InstanceDeletionInProgress', message: 'CustomResource deletion is in progress' });
      return;
    }
    const registry = this.#served.storageOf(name);
    if (registry) {
      const { entries } = await registry.store.list(registry.prefix(''));
      await deleteAll(registry, ownContext(clock.now()), entries.filter((entry) => !objectOf(entry).metadata!.deletionTimestamp), {});
      if (registry.store.count(registry.prefix('')) > 0) {
        this.#later(name, recheckAfter);
        return;
      }
    }
    await this.#release(name, definition, registry !== undefined);
  }

  async #release(name: string, definition: CustomResourceDefinition, established: boolean): Promise<void> {
    const { definitions, clock } = this.options;
    const context = ownContext(clock.now());
    const current = await definitions.get('', name);
    const object = cloneJson(objectOf<CustomResourceDefinition>(current));
    if (object.metadata!.uid !== definition.metadata!.uid) return;
    setCondition(
      object,
      established
        ? { type: 'Terminating', status: 'False', reason: 'InstanceDeletionCompleted', message: 'removed all instances' }
        : { type: 'Terminating', status: 'False', reason: 'NeverEstablished', message: 'resource was never established' },
      context.now,
    );
    object.metadata!.finalizers = object.metadata!.finalizers?.filter((finalizer) => finalizer !== cleanupFinalizer);
    if (object.metadata!.finalizers?.length) await this.#replace(context, current, object);
    else await definitions.remove(context, current);
  }

  #condition(name: string, definition: CustomResourceDefinition, condition: Condition): Promise<void> {
    return this.#write(name, definition, (object) => setCondition(object, condition, this.options.clock.now()));
  }

  /** Changes the definition that was looked at; a newer one will be looked at by itself. */
  async #write(name: string, definition: CustomResourceDefinition, change: (object: CustomResourceDefinition) => void): Promise<void> {
    const { definitions, clock } = this.options;
    const current = await definitions.get('', name);
    if (objectOf(current).metadata!.resourceVersion !== definition.metadata!.resourceVersion) return;
    const object = cloneJson(objectOf<CustomResourceDefinition>(current));
    change(object);
    await this.#replace(ownContext(clock.now()), current, object);
  }

  async #replace(context: RequestContext, current: Entry, object: CustomResourceDefinition): Promise<void> {
    const { definitions } = this.options;
    await manageFieldsOnUpdate(definitions, context, objectOf(current), object, 'status');
    await definitions.replace(context, current, object);
  }
}
