import { cloneJson, equalJson } from '../../api/json.ts';
import type { KubeObject } from '../../api/meta.ts';

/**
 * Which webhooks and policies run a second time within one request, because others have changed the object after them.
 * Mirrors k8s.io/apiserver/pkg/admission/reinvocation.go and plugin/webhook/mutating/reinvocationcontext.go.
 */
export class Reinvocation {
  #wanted = false;
  /** Whether this is the second time. */
  again = false;
  readonly #plugins = new Map<string, PluginReinvocation>();

  /** Something from outside has changed the object. */
  want(): void {
    this.#wanted = true;
  }

  /** Whether everything is to run once more, which from now on it does. */
  begin(): boolean {
    if (!this.#wanted || this.again) return false;
    this.again = true;
    return true;
  }

  of(plugin: string): PluginReinvocation {
    let found = this.#plugins.get(plugin);
    if (!found) this.#plugins.set(plugin, (found = new PluginReinvocation()));
    return found;
  }
}

export class PluginReinvocation {
  #output: KubeObject | undefined;
  readonly #invoked = new Set<string>();
  readonly #due = new Set<string>();

  /** All that may run twice and have run so far are to run again. */
  requireInvoked(): void {
    for (const id of this.#invoked) this.#due.add(id);
    this.#invoked.clear();
  }

  isDue(id: string): boolean {
    return this.#due.has(id);
  }

  /** One that may run twice has run. */
  invoked(id: string): void {
    this.#invoked.add(id);
  }

  /** The object as the plugin left it. */
  leave(object: KubeObject | undefined): void {
    this.#output = cloneJson(object);
  }

  changedSince(object: KubeObject | undefined): boolean {
    return !equalJson(this.#output, object);
  }
}
