import { spawn } from 'node:child_process';
import os from 'node:os';
import { addressFamily } from '../../api/serviceAddress.ts';
import { planPolicies } from '../../networkPolicy/dataplane/index.ts';
import type { PolicyModel } from '../../networkPolicy/model.ts';
import { planTable, renderChanges, type Plan } from '../../proxy/dataplane/index.ts';
import type { ProxyModel } from '../../proxy/model.ts';
import type { LocalServices } from '../connect.ts';
import { HealthChecks } from './healthChecks.ts';
import { ProxyHealth } from './proxyStatus.ts';

/** Runs a program with `input`; rejects with what it said. */
export function runWith(program: string, args: string[], input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
    child.stdin.on('error', () => {});
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${program}: ${said.trim() || `exit status ${code}`}`)),
    );
    child.stdin.end(input);
  });
}

/** Whose routes are meant, for `ip`. */
const family = (cidr: string): string[] => (addressFamily(cidr) === 'IPv6' ? ['-6'] : []);

/** Whether the node has an address that others reach. */
const hasIPv6 = (): boolean => Object.values(os.networkInterfaces()).some((all) => all?.some(({ family: of, internal, scopeid }) => of === 'IPv6' && !internal && scopeid === 0));

/** One of the node's nftables tables; all of a change is applied at once, or nothing. */
class Table {
  #plan: Plan | undefined;

  constructor(private readonly name: string) {}

  async apply(plan: Plan): Promise<void> {
    const changes = renderChanges(this.name, this.#plan, plan);
    if (changes === '') return;
    try {
      await runWith('nft', ['-f', '-'], changes);
      this.#plan = plan;
    } catch (error) {
      // What the kernel holds now is not certain: the next attempt starts from nothing.
      this.#plan = undefined;
      throw error;
    }
  }
}

/** The node's addresses, routes and rules: what `ip` and `nft` are told. Changes are made one after the other. */
export class Network {
  readonly #services = { IPv4: new Table('ip skiff'), IPv6: new Table('ip6 skiff') };
  readonly #healthChecks = new HealthChecks();
  readonly health = new ProxyHealth(Date.now);
  readonly #policies = { IPv4: new Table('ip skiff-policy'), IPv6: new Table('ip6 skiff-policy') };
  #routes = new Map<string, string>();
  #turn: Promise<void> = Promise.resolve();

  /** Addresses of the cluster at which this node itself answers. */
  addLocal(local: LocalServices): Promise<void> {
    return this.#inTurn(async () => {
      for (const address of new Set([local.api.address, local.dns.address]))
        // It may be there: a network outlives its agent.
        await runWith('ip', ['addr', 'add', `${address}/32`, 'dev', 'lo'], '').catch((error: Error) => {
          if (!/exists|already assigned/i.test(error.message)) throw error;
        });
    });
  }

  sync(model: ProxyModel): Promise<void> {
    return this.#inTurn(async () => {
      this.health.nodeEligible = model.nodeEligible;
      await this.health.measure(async () => {
        await this.#syncRoutes([...model.routes, ...(model.ipv6?.routes ?? [])]);
        await this.#services.IPv4.apply(planTable(model));
        if (model.ipv6) await this.#services.IPv6.apply(planTable(model.ipv6));
      });
      this.#healthChecks.sync([model.nodeIP, ...(model.ipv6 ? [model.ipv6.nodeIP] : [])], model.healthChecks);
    });
  }

  syncPolicies(model: PolicyModel): Promise<void> {
    return this.#inTurn(async () => {
      await this.#policies.IPv4.apply(planPolicies(model, 'IPv4'));
      // Not every kernel knows IPv6.
      if (hasIPv6()) await this.#policies.IPv6.apply(planPolicies(model, 'IPv6'));
    });
  }

  async #syncRoutes(wanted: ProxyModel['routes']): Promise<void> {
    const routes = new Map(wanted.map(({ cidr, via }) => [cidr, via]));
    for (const [cidr, via] of routes)
      if (this.#routes.get(cidr) !== via) {
        await runWith('ip', [...family(cidr), 'route', 'replace', cidr, 'via', via], '');
        this.#routes.set(cidr, via);
      }
    for (const [cidr, via] of this.#routes)
      if (!routes.has(cidr)) {
        await runWith('ip', [...family(cidr), 'route', 'del', cidr, 'via', via], '').catch(() => {});
        this.#routes.delete(cidr);
      }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}
