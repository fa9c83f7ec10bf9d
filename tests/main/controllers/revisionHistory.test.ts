import { expect, it } from 'vitest';
import type { ControllerRevision } from '../../../main/api/index.ts';
import { byRevisionNumber } from '../../../main/controllers/revisionHistory.ts';

it('revisions stand in the order of their numbers, then of their age, then of their names', () => {
  const make = (revision: number, creationTimestamp: string, name: string): ControllerRevision => ({ revision, metadata: { name, creationTimestamp } });
  const [early, late] = ['2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'];
  const inOrder = [make(1, late, 'z'), make(2, early, 'b'), make(2, early, 'c'), make(2, late, 'a')];
  for (const order of [[3, 2, 1, 0], [2, 0, 3, 1], [1, 2, 3, 0]]) expect(order.map((i) => inOrder[i]!).sort(byRevisionNumber)).toEqual(inOrder);
});
