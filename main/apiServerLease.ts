import { createHash } from 'node:crypto';
import type { Lease } from './api/index.ts';
import { microTimestamp } from './api/meta.ts';
import { isLabelValue } from './api/names.ts';
import { isConflict, isNotFound } from './api/status.ts';
import { HeldLease, resources, type Client } from './client/index.ts';
import type { Clock } from './util/clock.ts';
import type { Logger } from './util/log.ts';
import type { Random } from './util/random.ts';

const namespace = 'kube-system';
const label = 'apiserver.kubernetes.io/identity';
const component = 'kube-apiserver';
/** How long an API server is taken to be there after its last word, seconds. Upstream: IdentityLeaseDurationSeconds. */
const leaseSeconds = 3600;
/** How often it says that it is there, milliseconds, give or take a little. Upstream: IdentityLeaseRenewIntervalPeriod. */
const renewal = 10_000;
const jitter = 0.04;
/** How often what others have left is looked for, milliseconds. Upstream: IdentityLeaseGCPeriod. */
const cleaning = 3_600_000;

export interface ApiServerLeaseOptions {
  client: Client;
  clock: Clock;
  random: Random;
  log: Logger;
  hostname: string;
  /** Tells this engine from the others on the same etcd, of which several may be on one computer. */
  engine?: string | undefined;
}

/**
 * Says that this API server is there, by a Lease of its own in kube-system that it makes at the start and takes away at the end, and
 * removes those of API servers that were killed and have not come back. Mirrors pkg/controlplane/apiserver/server.go
 * (APIServerIdentity) and pkg/controlplane/controller/apiserverleasegc.
 */
export class ApiServerLease {
  /** Of the lease. */
  readonly name: string;
  readonly #holder: string;
  readonly #abort = new AbortController();
  readonly #held: HeldLease;
  #loops: Promise<unknown> | undefined;

  constructor(private readonly options: ApiServerLeaseOptions) {
    this.name = identityOf(options.hostname, options.engine);
    this.#holder = `${this.name}_${options.random.uuid()}`;
    this.#held = new HeldLease({ client: options.client, namespace, name: this.name, renewed: (held) => this.#renewed(held) });
  }

  /** Begins; what fails is tried again with the next turn. */
  start(): void {
    const { random } = this.options;
    this.#loops ??= Promise.all([
      // Whoever had the name before is not there any more.
      this.#attempt(() => this.#take()).then(() => this.#every(() => renewal * (1 + random.next() * jitter), () => this.#held.renew())),
      this.#every(() => cleaning, () => this.#clean()),
    ]);
  }

  /** Resolves when the lease is gone. */
  async stop(): Promise<void> {
    this.#abort.abort();
    if (!this.#loops) return;
    await this.#loops;
    await this.#attempt(() => this.#take());
  }

  async #every(wait: () => number, act: () => Promise<void>): Promise<void> {
    while (!this.#abort.signal.aborted) {
      await this.#attempt(act);
      await this.options.clock.sleep(wait(), this.#abort.signal).catch(() => {});
    }
  }

  async #attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.options.log.warn("an API server's lease could not be written", { lease: this.name, error: String(error) });
    }
  }

  async #take(): Promise<void> {
    try {
      await this.options.client.of(resources.leases).delete(namespace, this.name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #renewed({ metadata, spec }: Lease): Lease {
    const { clock, hostname } = this.options;
    // Not every computer's name can be a label's value.
    const host: Record<string, string> = isLabelValue(hostname).length === 0 ? { 'kubernetes.io/hostname': hostname } : {};
    return {
      metadata: { ...metadata, labels: { ...metadata?.labels, [label]: component, ...host } },
      spec: { ...spec, holderIdentity: this.#holder, leaseDurationSeconds: leaseSeconds, renewTime: microTimestamp(clock.now()) },
    };
  }

  async #clean(): Promise<void> {
    const leases = this.options.client.of(resources.leases);
    const { items } = await leases.list(namespace, { labelSelector: `${label}=${component}` });
    for (const lease of items) {
      if (!this.#isExpired(lease)) continue;
      const { name, uid, resourceVersion } = lease.metadata!;
      try {
        await leases.delete(namespace, name!, { preconditions: { uid, resourceVersion } });
      } catch (error) {
        // Another API server was faster, or its owner has come back.
        if (!isNotFound(error) && !isConflict(error)) throw error;
      }
    }
  }

  #isExpired({ spec }: Lease): boolean {
    if (!spec?.renewTime || spec.leaseDurationSeconds === undefined) return true;
    return Date.parse(spec.renewTime) + spec.leaseDurationSeconds * 1000 < this.options.clock.now();
  }
}

/** The same after each start on one computer. Mirrors k8s.io/apiserver/pkg/server/config.go (NewConfig). */
function identityOf(hostname: string, engine: string | undefined): string {
  const hash = createHash('sha256');
  for (const part of [hostname, component, ...(engine === undefined ? [] : [engine])]) {
    const bytes = Buffer.from(part);
    hash.update(Buffer.from([bytes.length >> 8, bytes.length & 0xff])).update(bytes);
  }
  return `apiserver-${base32(hash.digest().subarray(0, 16))}`;
}

/** Lower case, without padding. */
function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  return bits.replace(/.{1,5}/g, (five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five.padEnd(5, '0'), 2)]!);
}
