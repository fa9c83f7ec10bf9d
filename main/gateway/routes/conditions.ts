import type { Condition } from '../../api/index.ts';

/** What is said of an object; when it began is added as it is written. */
export interface Finding {
  type: string;
  status: 'True' | 'False';
  reason: string;
  message: string;
}

export const yes = (type: string, reason: string = type, message = ''): Finding => ({ type, status: 'True', reason, message });
export const no = (type: string, reason: string, message = ''): Finding => ({ type, status: 'False', reason, message });

/** The conditions to write: a time changes with the status only; types that others wrote stay. */
export function conditionsOf(findings: Finding[], old: Condition[] | undefined, observedGeneration: number | undefined, now: string): Condition[] {
  const written = findings.map((finding) => {
    const before = old?.find(({ type }) => type === finding.type);
    return {
      type: finding.type,
      status: finding.status,
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
      lastTransitionTime: before?.status === finding.status ? before.lastTransitionTime : now,
      reason: finding.reason,
      message: finding.message,
    };
  });
  return [...written, ...(old ?? []).filter(({ type }) => !findings.some((finding) => finding.type === type))];
}
