import type { Attempt, NodeVerdict } from '../api/attempt.ts';
import type { Resources } from '../api/podResources.ts';
import type { Outcome } from './algorithm.ts';
import type { NodeInfo } from './nodeInfo.ts';
import type { PodInfo } from './podInfo.ts';
import { shortagesOf } from './shortage.ts';

const maxKept = 1000;
/** What was said of a node counts, so that large clusters do not take more memory than small ones; a few MB at most. */
const maxVerdicts = 200_000;

interface Kept {
  at: number;
  result: Attempt['result'];
  node: string | undefined;
  message: string | undefined;
  requests: Resources;
  statuses: Outcome['statuses'];
  // Names, not nodes: what is kept must not keep the cache's objects alive.
  feasible: readonly string[];
  scorers: string[];
  /** Weighted, of each scorer all of the feasible nodes. */
  scores: Row[] | undefined;
}

/** One scorer's scores: a number where all are the same, else characters of those codes, or the scores themselves where they do not fit. */
type Row = number | string | readonly number[];

/** The last try of the last pods, at most a thousand: what the window shows when it is asked why a pod is pending. */
export class AttemptLog {
  /** By pod, the oldest try first. */
  readonly #attempts = new Map<string, Kept>();
  #verdicts = 0;
  /** Of the last try: most tries find the same nodes. */
  #feasible: readonly string[] = [];

  record({ uid, requests }: PodInfo, at: number, result: Attempt['result'], outcome: Outcome, message?: string): void {
    const { statuses, scores, feasible, node } = outcome;
    const kept: Kept = {
      at,
      result,
      node: node?.name,
      message,
      requests,
      statuses,
      feasible: this.#namesOf(feasible),
      scorers: scores?.plugins ?? [],
      scores: scores?.weighted.map(rowOf),
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
      const byPlugin = scorers.map((plugin, p) => [plugin, scoreAt(scores[p]!, i)] as const);
      const total = byPlugin.reduce((sum, [, score]) => sum + score, 0);
      nodes.push({ name, scores: Object.fromEntries(byPlugin), total });
    }
    return { at, result, ...(node ? { node } : {}), ...(message ? { message } : {}), nodes };
  }

  #namesOf(nodes: readonly NodeInfo[]): readonly string[] {
    const last = this.#feasible;
    if (last.length !== nodes.length || nodes.some((node, i) => node.name !== last[i])) this.#feasible = nodes.map((node) => node.name);
    return this.#feasible;
  }

  #forget(uid: string): void {
    const kept = this.#attempts.get(uid);
    if (!kept) return;
    this.#verdicts -= verdictsOf(kept);
    this.#attempts.delete(uid);
  }
}

const verdictsOf = ({ statuses, feasible }: Kept) => statuses.size + feasible.length;

/** Where scores that fit a byte each become text, which takes no more than that. */
let codes = Buffer.alloc(256);

function rowOf(scores: readonly number[]): Row {
  const [first = 0] = scores;
  let same = true;
  let fits = true;
  if (codes.length < scores.length) codes = Buffer.alloc(scores.length * 2);
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    codes[i] = score;
    if (score !== first) same = false;
    if (codes[i] !== score) fits = false;
  }
  if (same) return first;
  return fits ? codes.toString('latin1', 0, scores.length) : scores;
}

function scoreAt(row: Row, i: number): number {
  if (typeof row === 'number') return row;
  return typeof row === 'string' ? row.charCodeAt(i) : row[i]!;
}
