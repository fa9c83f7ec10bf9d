import type { Attempt, NodeVerdict } from '../api/attempt.ts';
import type { Resources } from '../api/podResources.ts';
import type { Outcome } from './algorithm.ts';
import type { NodeInfo } from './nodeInfo.ts';
import type { PodInfo } from './podInfo.ts';
import { shortagesOf } from './shortage.ts';

const maxKept = 1000;
/** What was said of a node counts, so that large clusters do not take more memory than small ones; some 5 MB. */
const maxVerdicts = 200_000;

interface Kept {
  at: number;
  result: Attempt['result'];
  node: string | undefined;
  message: string | undefined;
  requests: Resources;
  statuses: Outcome['statuses'];
  // Names, not nodes: what is kept must not keep the cache's objects alive.
  feasible: string[];
  scorers: string[];
  /** Weighted, of each scorer all of the feasible nodes. */
  scores: Int32Array | undefined;
}

/** The last try of the last pods, at most a thousand: what the window shows when it is asked why a pod is pending. */
export class AttemptLog {
  /** By pod, the oldest try first. */
  readonly #attempts = new Map<string, Kept>();
  #verdicts = 0;

  record({ uid, requests }: PodInfo, at: number, result: Attempt['result'], outcome: Outcome, message?: string): void {
    const { statuses, scores, feasible, node } = outcome;
    const kept: Kept = {
      at,
      result,
      node: node?.name,
      message,
      requests,
      statuses,
      feasible: feasible.map((info) => info.name),
      scorers: scores?.plugins ?? [],
      scores: scores && packed(scores.weighted, feasible.length),
    };
    this.#forget(uid);
    this.#attempts.set(uid, kept);
    this.#verdicts += verdictsOf(kept);
    for (const oldest of this.#attempts.keys()) {
      const fits = this.#attempts.size <= maxKept && this.#verdicts <= maxVerdicts;
      if (fits || oldest === uid) break;
      this.#forget(oldest);
    }
  }

  /** Of the pod with this uid; undefined when it has not been tried, or too long ago. `nodeOf` knows the nodes of now. */
  last(uid: string, nodeOf: (name: string) => NodeInfo | undefined): Attempt | undefined {
    const attempt = this.#attempts.get(uid);
    if (!attempt) return undefined;
    const { at, result, node, message, requests, statuses, feasible, scorers, scores } = attempt;
    const nodes: NodeVerdict[] = [];
    for (const [name, { plugin, reasons }] of statuses) {
      const info = plugin === 'NodeResourcesFit' ? nodeOf(name) : undefined;
      const shortages = info ? shortagesOf(requests, info) : [];
      nodes.push({ name, rejectedBy: plugin, reasons, ...(shortages.length > 0 ? { shortages } : {}) });
    }
    for (const [i, name] of feasible.entries()) {
      if (!scores) {
        nodes.push({ name });
        continue;
      }
      const byPlugin = scorers.map((plugin, p) => [plugin, scores[p * feasible.length + i]!] as const);
      const total = byPlugin.reduce((sum, [, score]) => sum + score, 0);
      nodes.push({ name, scores: Object.fromEntries(byPlugin), total });
    }
    return { at, result, ...(node ? { node } : {}), ...(message ? { message } : {}), nodes };
  }

  #forget(uid: string): void {
    const kept = this.#attempts.get(uid);
    if (!kept) return;
    this.#verdicts -= verdictsOf(kept);
    this.#attempts.delete(uid);
  }
}

const verdictsOf = ({ statuses, feasible }: Kept) => statuses.size + feasible.length;

function packed(weighted: number[][], width: number): Int32Array {
  const all = new Int32Array(weighted.length * width);
  for (const [i, scores] of weighted.entries()) all.set(scores, i * width);
  return all;
}
