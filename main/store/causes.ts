import type { Cause } from './index.ts';

/** More writers than this have passed through: begin anew, so that names made up by clients do not pile up. */
const maxNames = 10_000;

/** Causes, with the few names of writers kept once. */
export class Causes {
  readonly #byName = new Map<string, Cause>();

  of(who: string, revision: number | undefined): Cause {
    let plain = this.#byName.get(who);
    if (!plain) {
      if (this.#byName.size >= maxNames) this.#byName.clear();
      this.#byName.set(who, (plain = { who }));
    }
    return revision === undefined ? plain : { who: plain.who, revision };
  }
}
