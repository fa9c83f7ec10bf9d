import type { AdmissionAttributes, AdmissionOperation, AdmissionPlugin, Settle } from './admission/types.ts';
import type { Clock } from '../util/clock.ts';
import type { AdmissionMetrics, Step } from './admission/metrics.ts';
import type { ResourceDefinition } from './registry/strategy.ts';

/**
 * All plugins in their order: first those that change, a second time if one from outside has changed the object, then those
 * that judge. Mirrors k8s.io/apiserver/pkg/admission/{chain,reinvocation}.go.
 */
export class AdmissionChain {
  readonly #times = new Map<string, ReturnType<AdmissionMetrics['plugin']>>();
  readonly #handlers = new Map<string, AdmissionPlugin[]>();

  constructor(
    private readonly plugins: readonly AdmissionPlugin[],
    private readonly clock: Clock,
    private readonly metrics: AdmissionMetrics,
  ) {}

  admit(attributes: AdmissionAttributes): Promise<void> {
    return this.#timed('admit', attributes, async () => {
      await this.#admit(attributes);
      if (attributes.reinvocation.begin()) await this.#admit(attributes);
    });
  }

  async #timed<T>(step: Step, { operation }: AdmissionAttributes, run: () => Promise<T>): Promise<T> {
    const started = this.clock.monotonic();
    let rejected = true;
    try {
      const result = await run();
      rejected = false;
      return result;
    } finally {
      this.metrics.step(step, operation, this.clock.monotonic() - started, rejected);
    }
  }

  /** One plugin's part of it. */
  async #measured<T>({ name }: AdmissionPlugin, step: Step, { operation }: AdmissionAttributes, run: () => T | Promise<T>): Promise<T> {
    const started = this.clock.monotonic();
    let rejected = true;
    try {
      const result = await run();
      rejected = false;
      return result;
    } finally {
      const key = `${name} ${step} ${operation} ${rejected}`;
      let times = this.#times.get(key);
      if (!times) this.#times.set(key, (times = this.metrics.plugin(name, step, operation, rejected)));
      times.observe((this.clock.monotonic() - started) / 1000);
    }
  }

  async #admit(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#handling(attributes.operation, attributes.resource, attributes.subresource))
      if (plugin.admit) await this.#measured(plugin, 'admit', attributes, () => plugin.admit!(attributes));
  }

  /** What it resolves with is to be called when the write is over. */
  validate(attributes: AdmissionAttributes): Promise<Settle | undefined> {
    return this.#timed('validate', attributes, () => this.#validate(attributes));
  }

  async #validate(attributes: AdmissionAttributes): Promise<Settle | undefined> {
    const settles: Settle[] = [];
    const settle = () => settles.forEach((each) => each());
    try {
      for (const plugin of this.#handling(attributes.operation, attributes.resource, attributes.subresource)) {
        if (!plugin.validate) continue;
        const settled = await this.#measured(plugin, 'validate', attributes, () => plugin.validate!(attributes));
        if (settled) settles.push(settled);
      }
    } catch (error) {
      settle();
      throw error;
    }
    return settles.length > 0 ? settle : undefined;
  }

  close(): void {
    for (const plugin of this.plugins) plugin.close?.();
  }

  #handling(operation: AdmissionOperation, resource: ResourceDefinition, subresource: string): AdmissionPlugin[] {
    const key = `${operation} ${resource.group}/${resource.version}/${resource.resource}/${subresource}`;
    let handling = this.#handlers.get(key);
    if (!handling) {
      handling = this.plugins.filter((plugin) => plugin.handles(operation, resource, subresource));
      this.#handlers.set(key, handling);
    }
    return handling;
  }
}
