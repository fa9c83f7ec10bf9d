import type { Outcome } from './algorithm.ts';
import { LruMap } from '../client/index.ts';

const kept = 1000;

/** One try to find a node for a pod, in words. */
export interface Attempt {
  /** Milliseconds since the epoch. */
  at: number;
  result: 'Scheduled' | 'Unschedulable' | 'Error';
  /** Where the pod went. */
  node?: string;
  message?: string;
  /** What each plugin thought of each node that was looked at. */
  nodes: NodeVerdict[];
}

export interface NodeVerdict {
  name: string;
  /** The plugin that said no, and why. */
  rejectedBy?: string;
  reasons?: readonly string[];
  /** Weighted scores by plugin, and their sum; only where there were several nodes to choose from. */
  scores?: Record<string, number>;
  total?: number;
}

interface Kept {
  at: number;
  result: Attempt['result'];
  node: string | undefined;
  message: string | undefined;
  outcome: Pick<Outcome, 'statuses' | 'absent' | 'scores'> & { feasible: string[] };
}

/** The last try of each of the last thousand pods: what the window shows when it is asked why a pod is pending. */
export class AttemptLog {
  readonly #attempts = new LruMap<string, Kept>(kept);

  record(uid: string, at: number, result: Attempt['result'], outcome: Outcome, message?: string): void {
    const { statuses, absent, scores, feasible, node } = outcome;
    // Names, not nodes: what is kept must not keep the cache's objects alive.
    const verdicts = { statuses, absent, scores, feasible: feasible.map((info) => info.name) };
    this.#attempts.set(uid, { at, result, node: node?.name, message, outcome: verdicts });
  }

  /** Of the pod with this uid; undefined when it has not been tried, or too long ago. */
  last(uid: string): Attempt | undefined {
    const attempt = this.#attempts.get(uid);
    if (!attempt) return undefined;
    const { at, result, node, message, outcome } = attempt;
    const nodes: NodeVerdict[] = [];
    for (const [name, status] of outcome.statuses)
      nodes.push({ name, rejectedBy: status.plugin, reasons: status.reasons });
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
