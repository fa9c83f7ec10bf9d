import type { Lease } from '../api/index.ts';
import { isConflict, isNotFound } from '../api/status.ts';
import type { Client } from './client.ts';
import { resources } from './resources.ts';

export interface HeldLeaseOptions {
  client: Client;
  namespace: string;
  name: string;
  /** What the lease is to be from now on; `held` is as it stands, or has nothing but its name where it has to be made. */
  renewed(held: Lease): Lease;
}

/**
 * The Lease of one component, which hardly anybody else writes: it is read again only where somebody has. Mirrors
 * k8s.io/component-helpers/apimachinery/lease/controller.go.
 */
export class HeldLease {
  #held: Lease | undefined;

  constructor(private readonly options: HeldLeaseOptions) {}

  /** Writes it, makes it where it is not there. Rejects when the server does not take it. */
  async renew(): Promise<void> {
    const { client, namespace, name, renewed } = this.options;
    const leases = client.of(resources.leases);
    if (this.#held) {
      try {
        this.#held = await leases.update(renewed(this.#held));
        return;
      } catch (error) {
        if (!isNotFound(error) && !isConflict(error)) throw error;
        this.#held = undefined;
      }
    }
    try {
      this.#held = await leases.update(renewed(await leases.get(namespace, name)));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#held = await leases.create(renewed({ metadata: { namespace, name } }));
    }
  }
}
