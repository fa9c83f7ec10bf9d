import type { Lease } from '../api/index.ts';
import { microTimestamp } from '../api/meta.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../api/status.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import type { Client } from './client.ts';
import { EventRecorder } from './eventRecorder.ts';
import { resources } from './resources.ts';

export interface LeaderElectionOptions {
  client: Client;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Of the Lease, in kube-system; the component's own name. */
  name: string;
  /** Tells this candidate from all others. One that comes back under its old name leads on at once. */
  identity: string;
  /** Milliseconds after which others may take over from a leader that says nothing. Default 15 s. */
  leaseDuration?: number;
  /** Milliseconds after which a leader that cannot renew stops acting; less than `leaseDuration`. Default 10 s. */
  renewDeadline?: number;
  /** Milliseconds between tries. Default 2 s. */
  retryPeriod?: number;
  /** Leadership has begun. */
  lead(): Promise<void>;
  /** It has ended: resolves when nothing acts any more. */
  resign(): Promise<void>;
}

const namespace = 'kube-system';
/** Candidates do not all try at the same moment. */
const jitter = 1.2;

/**
 * Makes sure that of all processes with one task only one is at it. Time counts from when a lease was last seen to
 * change, so that clocks need not agree. Mirrors k8s.io/client-go/tools/leaderelection.
 */
export class LeaderElector {
  readonly #leaseDuration: number;
  readonly #renewDeadline: number;
  readonly #retryPeriod: number;
  readonly #recorder: EventRecorder;
  readonly #abort = new AbortController();
  /** What was last seen, and when (monotonic). */
  #observed: { lease: Lease; at: number } | undefined;
  #renewedAt = 0;
  #leading = false;
  #loop: Promise<void> | undefined;

  constructor(private readonly options: LeaderElectionOptions) {
    const { client, clock, random, log, name } = options;
    this.#leaseDuration = options.leaseDuration ?? 15_000;
    this.#renewDeadline = options.renewDeadline ?? 10_000;
    this.#retryPeriod = options.retryPeriod ?? 2_000;
    this.#recorder = new EventRecorder(client, name, clock, random, { log });
  }

  get leading(): boolean {
    return this.#leading;
  }

  /** Resolves after the first try, with whether it leads now (and `lead` has resolved); goes on trying until `stop`. */
  async start(): Promise<boolean> {
    if (await this.#try()) await this.#begin();
    this.#loop = this.#run();
    return this.#leading;
  }

  /** Ends leadership and lets others have it at once. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#loop;
    if (this.#leading) {
      await this.#end();
      await this.#release();
    }
    this.#recorder.stop();
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const wait = this.#leading ? this.#retryPeriod : this.#retryPeriod * (1 + this.options.random.next() * (jitter - 1));
      await this.options.clock.sleep(wait, this.#abort.signal).catch(() => {});
      if (this.#abort.signal.aborted) return;
      const held = await this.#try();
      if (held && !this.#leading) await this.#begin();
      else if (!held && this.#leading && this.#isLost()) await this.#end();
    }
  }

  #isLost(): boolean {
    const ours = this.#observed?.lease.spec?.holderIdentity === this.options.identity;
    return !ours || this.options.clock.monotonic() - this.#renewedAt >= this.#renewDeadline;
  }

  async #begin(): Promise<void> {
    this.#leading = true;
    this.#say('became leader');
    await this.options.lead();
  }

  async #end(): Promise<void> {
    this.#leading = false;
    this.#say('stopped leading');
    await this.options.resign();
  }

  #say(what: string): void {
    const { name, identity, log } = this.options;
    log.info(what, { lease: name, identity });
    const about = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name } };
    this.#recorder.event(about, 'Normal', 'LeaderElection', `${identity} ${what}`);
  }

  /** Takes or renews the lease; false when somebody else has it, or the server does not answer as it should. */
  async #try(): Promise<boolean> {
    const { client, clock, log, name } = this.options;
    const leases = client.of(resources.leases);
    try {
      const current = await leases.get(namespace, name).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
      if (current) this.#observe(current);
      if (current && !this.#isFree(current)) return false;
      const wanted = this.#claimed(current);
      this.#observe(await (current ? leases.update(wanted) : leases.create(wanted)));
      this.#renewedAt = clock.monotonic();
      return true;
    } catch (error) {
      // Somebody was faster: the next try sees who.
      if (!isConflict(error) && !isAlreadyExists(error)) log.warn('the lease could not be renewed', { lease: name, error: String(error) });
      return false;
    }
  }

  #observe(lease: Lease): void {
    const before = this.#observed?.lease.spec;
    const { holderIdentity, renewTime } = lease.spec ?? {};
    const same = before && before.holderIdentity === holderIdentity && before.renewTime === renewTime;
    this.#observed = { lease, at: same ? this.#observed!.at : this.options.clock.monotonic() };
  }

  #isFree({ spec }: Lease): boolean {
    if (!spec?.holderIdentity || spec.holderIdentity === this.options.identity) return true;
    const duration = (spec.leaseDurationSeconds ?? 0) * 1000 || this.#leaseDuration;
    return this.#observed!.at + duration <= this.options.clock.monotonic();
  }

  #claimed(current: Lease | undefined): Lease {
    const { identity, name, clock } = this.options;
    const now = microTimestamp(clock.now());
    const before = current?.spec;
    const ours = before?.holderIdentity === identity;
    const transitions = (before?.leaseTransitions ?? 0) + (current && !ours ? 1 : 0);
    return {
      ...current,
      metadata: current?.metadata ?? { namespace, name },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(this.#leaseDuration / 1000),
        acquireTime: ours ? before.acquireTime : now,
        renewTime: now,
        leaseTransitions: transitions,
      },
    };
  }

  async #release(): Promise<void> {
    const { client, clock, name, log } = this.options;
    const lease = this.#observed!.lease;
    const now = microTimestamp(clock.now());
    const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
    try {
      await client.of(resources.leases).update({ ...lease, spec });
    } catch (error) {
      log.debug('the lease could not be released', { lease: name, error: String(error) });
    }
  }
}
