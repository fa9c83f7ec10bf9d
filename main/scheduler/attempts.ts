import type { Attempt, NodeVerdict } from '../api/attempt.ts';
import type { Resources } from '../api/podResources.ts';
import { LruMap } from '../client/index.ts';
import type { Outcome } from './algorithm.ts';
import type { NodeInfo } from './nodeInfo.ts';
import type { PodInfo } from './podInfo.ts';
import { shortagesOf } from './shortage.ts';

const kept = 1000;

interface Kept {
  at: number;
  result: Attempt['result'];
  node: string | undefined;
  message: string | undefined;
  requests: Resources;
  outcome: Pick<Outcome, 'statuses' | 'absent' | 'scores'> & { feasible: string[] };
}

/** The last try of each of the last thousand pods: what the window shows when it is asked why a pod is pending. */
export class AttemptLog {
  readonly #attempts = new LruMap<string, Kept>(kept);

  record({ uid, requests }: PodInfo, at: number, result: Attempt['result'], outcome: Outcome, message?: string): void {
    const { statuses, absent, scores, feasible, node } = outcome;
    // Names, not nodes: what is kept must not keep the cache's objects alive.
    const verdicts = { statuses, absent, scores, feasible: feasible.map((info) => info.name) };
    this.#attempts.set(uid, { at, result, node: node?.name, message, requests, outcome: verdicts });
  }

  /** Of the pod with this uid; undefined when it has not been tried, or too long ago. `nodeOf` knows the nodes of now. */
  last(uid: string, nodeOf: (name: string) => NodeInfo | undefined): Attempt | undefined {
    const attempt = this.#attempts.get(uid);
    if (!attempt) return undefined;
    const { at, result, node, message, requests, outcome } = attempt;
    const nodes: NodeVerdict[] = [];
    for (const [name, { plugin, reasons }] of outcome.statuses) {
      const info = plugin === 'NodeResourcesFit' ? nodeOf(name) : undefined;
      const shortages = info ? shortagesOf(requests, info) : [];
      nodes.push({ name, rejectedBy: plugin, reasons, ...(shortages.length > 0 ? { shortages } : {}) });
    }
    for (const [i, name] of outcome.feasible.entries()) {
      const { scores } = outcome;
      if (!scores) nodes.push({ name });
      else {
        const byPlugin = scores.plugins.map((plugin, p) => [plugin, scores.weighted[p]![i]!] as const);
        nodes.push({ name, scores: Object.fromEntries(byPlugin), total: scores.totals[i] });
      }
    }
    return { at, result, ...(node ? { node } : {}), ...(message ? { message } : {}), nodes };
  }
}
