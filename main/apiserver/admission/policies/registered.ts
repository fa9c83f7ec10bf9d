import type { KubeObject } from '../../../api/meta.ts';
import { LiveObjects } from '../../auth/liveObjects.ts';
import type { AdmissionServices } from '../types.ts';

/** The policies of a kind with the bindings that put them in force, in the order of their names, as they are now. */
export class RegisteredPolicies<P extends KubeObject, B extends KubeObject & { spec?: { policyName?: string } }> {
  readonly #policies: LiveObjects<P>;
  readonly #bindings: LiveObjects<B>;
  #bound: { policy: P; bindings: B[] }[] = [];
  #versions = '';

  constructor({ store }: AdmissionServices, policies: string, bindings: string) {
    this.#policies = new LiveObjects(store, { group: 'admissionregistration.k8s.io', resource: policies });
    this.#bindings = new LiveObjects(store, { group: 'admissionregistration.k8s.io', resource: bindings });
  }

  /** False as long as it is not known. */
  get isEmpty(): boolean {
    return this.#policies.isEmpty;
  }

  /** Policies that nothing binds are left out: they do nothing. */
  async all(): Promise<readonly { policy: P; bindings: B[] }[]> {
    if (!this.#policies.ready) await this.#policies.load();
    if (!this.#bindings.ready) await this.#bindings.load();
    const versions = `${this.#policies.version} ${this.#bindings.version}`;
    if (versions === this.#versions) return this.#bound;
    this.#versions = versions;
    const byName = (a: KubeObject, b: KubeObject) => (a.metadata!.name! < b.metadata!.name! ? -1 : 1);
    const bindings = [...this.#bindings.all()].sort(byName);
    this.#bound = [...this.#policies.all()]
      .sort(byName)
      .map((policy) => ({ policy, bindings: bindings.filter(({ spec }) => spec?.policyName === policy.metadata!.name) }))
      .filter((bound) => bound.bindings.length > 0);
    return this.#bound;
  }

  close(): void {
    this.#policies.close();
    this.#bindings.close();
  }
}
