import { describe, expect, it } from 'vitest';
import { Turns } from '../../../main/apiserver/turns.ts';

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('requests from inside', () => {
  it('begin at once as long as they are few', () => {
    const turns = new Turns();
    for (let i = 0; i < 10; i++) expect(turns.begin('nodes')).toBeUndefined();
  });

  it('leave others their turns when they are many, and begin in their order', async () => {
    const turns = new Turns();
    const begun: number[] = [];
    const all = Array.from({ length: 200 }, async (_, i) => {
      await turns.begin('nodes');
      begun.push(i);
    });
    let others = 0;
    const seen: number[] = [];
    while (begun.length < 200) {
      await nextTurn();
      others++;
      seen.push(begun.length);
    }
    await Promise.all(all);
    expect(others).toBeGreaterThan(5);
    expect(seen[0]).toBeLessThan(50);
    expect(begun).toEqual(begun.toSorted((a, b) => a - b));
  });

  it('begin at once again when the many are through', async () => {
    const turns = new Turns();
    await Promise.all(Array.from({ length: 50 }, () => turns.begin('nodes')));
    await nextTurn();
    await nextTurn();
    expect(turns.begin('nodes')).toBeUndefined();
  });

  it('of the control plane have their half of each turn, however many those of nodes are', async () => {
    const turns = new Turns();
    const begun: string[] = [];
    const begin = async (party: 'nodes' | 'control plane') => {
      await turns.begin(party);
      begun.push(party);
    };
    const all = [...Array.from({ length: 500 }, () => begin('nodes')), ...Array.from({ length: 50 }, () => begin('control plane'))];
    await Promise.all(all);
    const last = begun.lastIndexOf('control plane');
    expect(last).toBeLessThan(130);
    expect(begun.slice(20, last)).toContain('nodes');
  });
});
