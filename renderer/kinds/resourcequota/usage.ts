import { quantityOf } from '../../../main/api/quantity.ts';
import type { ResourceQuota } from '../../../main/api/index.ts';
import type { Tone } from '../../components/grid/types.ts';

/** What a quota allows of one resource, and what is used of it. Amounts are quantities. */
export interface Usage {
  resource: string;
  /** Empty until the quota controller has counted. */
  used: string;
  hard: string;
  /** From 0 to 1; 1 too where more is used than is allowed now. */
  share: number;
  tone: Tone;
}

/** From here on the next pods may be refused. */
const nearlyFull = 0.8;

export function usageOf({ spec, status }: ResourceQuota): Usage[] {
  return Object.entries({ ...spec?.hard, ...status?.hard })
    .map(([resource, hard]) => {
      const used = status?.used?.[resource] ?? '';
      const share = shareOf(used, hard);
      return { resource, used, hard, share, tone: share >= 1 ? ('bad' as const) : share >= nearlyFull ? ('warn' as const) : ('ok' as const) };
    })
    .sort((a, b) => (a.resource < b.resource ? -1 : 1));
}

function shareOf(used: string, hard: string): number {
  const [part, whole] = [quantityOf(used || '0'), quantityOf(hard)];
  if (!part || !whole) return 0;
  if (part.cmp(whole) >= 0) return 1;
  return part.milliValue() / whole.milliValue();
}
