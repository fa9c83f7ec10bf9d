import type { AdmissionAttributes, AdmissionOperation, AdmissionPlugin, Settle } from './admission/types.ts';
import type { Clock } from '../util/clock.ts';
import type { Distribution } from '../util/series.ts';
import type { AdmissionMetrics, Step } from './admission/metrics.ts';
import type { ResourceDefinition } from './registry/strategy.ts';

/** A plugin that has a say, and where it is told how long it took. */
interface Handling {
  plugin: AdmissionPlugin;
  admit: Times;
  validate: Times;
}

interface Times {
  passed: Distribution;
  refused: Distribution;
}

/**
 * All plugins in their order: first those that change, a second time if one from outside has changed the object, then those
 * that judge. Mirrors k8s.io/apiserver/pkg/admission/{chain,reinvocation}.go.
 */
export class AdmissionChain {
  /** By resource, then by operation and subresource. */
  readonly #handling = new WeakMap<ResourceDefinition, Map<string, Handling[]>>();

  constructor(
    private readonly plugins: readonly AdmissionPlugin[],
    private readonly clock: Clock,
    private readonly metrics: AdmissionMetrics,
  ) {}

  async admit(attributes: AdmissionAttributes): Promise<void> {
    const started = this.clock.monotonic();
    let rejected = true;
    try {
      await this.#admit(attributes, started);
      if (attributes.reinvocation.begin()) await this.#admit(attributes, this.clock.monotonic());
      rejected = false;
    } finally {
      this.metrics.step('admit', attributes.operation, this.clock.monotonic() - started, rejected);
    }
  }

  async #admit(attributes: AdmissionAttributes, last: number): Promise<void> {
    for (const { plugin, admit } of this.#handlers(attributes)) {
      if (!plugin.admit) continue;
      if (plugin.isIdle?.()) {
        admit.passed.add(0);
        continue;
      }
      let times = admit.refused;
      try {
        // Most answer at once: only what there is to wait for is waited for.
        const wait = plugin.admit(attributes);
        if (wait) await wait;
        times = admit.passed;
      } finally {
        const now = this.clock.monotonic();
        times.add((now - last) / 1000);
        last = now;
      }
    }
  }

  /** What it resolves with is to be called when the write is over. */
  async validate(attributes: AdmissionAttributes): Promise<Settle | undefined> {
    const started = this.clock.monotonic();
    let settles: Settle[] | undefined;
    let rejected = true;
    let last = started;
    try {
      for (const { plugin, validate } of this.#handlers(attributes)) {
        if (!plugin.validate) continue;
        if (plugin.isIdle?.()) {
          validate.passed.add(0);
          continue;
        }
        let times = validate.refused;
        try {
          const found = plugin.validate(attributes);
          const settled = found instanceof Promise ? await found : found;
          if (settled) (settles ??= []).push(settled);
          times = validate.passed;
        } finally {
          const now = this.clock.monotonic();
          times.add((now - last) / 1000);
          last = now;
        }
      }
      rejected = false;
      return settles && (() => settleAll(settles));
    } finally {
      this.metrics.step('validate', attributes.operation, this.clock.monotonic() - started, rejected);
      if (rejected) settleAll(settles);
    }
  }

  close(): void {
    for (const plugin of this.plugins) plugin.close?.();
  }

  #handlers({ operation, resource, subresource }: AdmissionAttributes): Handling[] {
    let ofResource = this.#handling.get(resource);
    if (!ofResource) this.#handling.set(resource, (ofResource = new Map()));
    const key = subresource ? `${operation} ${subresource}` : operation;
    let handling = ofResource.get(key);
    if (!handling) {
      handling = this.plugins.filter((plugin) => plugin.handles(operation, resource, subresource)).map((plugin) => this.#handlingOf(plugin, operation));
      ofResource.set(key, handling);
    }
    return handling;
  }

  #handlingOf(plugin: AdmissionPlugin, operation: AdmissionOperation): Handling {
    const timesOf = (step: Step) => ({
      passed: this.metrics.plugin(plugin.name, step, operation, false),
      refused: this.metrics.plugin(plugin.name, step, operation, true),
    });
    return { plugin, admit: timesOf('admit'), validate: timesOf('validate') };
  }
}

function settleAll(settles: readonly Settle[] | undefined): void {
  if (settles) for (const settle of settles) settle();
}
