import { spawn } from 'node:child_process';
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
  readonly #services = new Table('ip skiff');
  readonly #healthChecks = new HealthChecks();
  readonly health = new ProxyHealth(Date.now);
  readonly #policies = new Table('ip skiff-policy');
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
        await this.#syncRoutes(model.routes);
        await this.#services.apply(planTable(model));
      });
      this.#healthChecks.sync(model.nodeIP, model.healthChecks);
    });
  }

  syncPolicies(model: PolicyModel): Promise<void> {
    return this.#inTurn(() => this.#policies.apply(planPolicies(model)));
  }

  async #syncRoutes(wanted: ProxyModel['routes']): Promise<void> {
    const routes = new Map(wanted.map(({ cidr, via }) => [cidr, via]));
    for (const [cidr, via] of routes)
      if (this.#routes.get(cidr) !== via) {
        await runWith('ip', ['route', 'replace', cidr, 'via', via], '');
        this.#routes.set(cidr, via);
      }
    for (const [cidr, via] of this.#routes)
      if (!routes.has(cidr)) {
        await runWith('ip', ['route', 'del', cidr, 'via', via], '').catch(() => {});
        this.#routes.delete(cidr);
      }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}
