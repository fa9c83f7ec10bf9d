import { describe, expect, it } from 'vitest';
import { allocate } from '../../../../main/apiserver/flowControl/allocation.ts';
import { dealHand } from '../../../../main/apiserver/flowControl/dealer.ts';
import { DemandIntegrator } from '../../../../main/apiserver/flowControl/demand.ts';

const claim = (lowerBound: number, target: number, upperBound: number) => ({ lowerBound, target, upperBound });

/* Mirrors k8s.io/apiserver/pkg/util/flowcontrol/conc_alloc_test.go. */
describe('seats are divided', () => {
  it.each([
    ['by what is wanted', 30, [claim(0, 10, 100), claim(0, 5, 100)], [20, 10]],
    ['with no less than the least', 30, [claim(0, 1, 100), claim(25, 25, 100)], [30 / 26, 750 / 26]],
    ['with no less than the least, though it wants little', 10, [claim(6, 6, 100), claim(0, 20, 100)], [6, 4]],
    ['with no more than the most', 30, [claim(0, 10, 12), claim(0, 10, 100)], [12, 18]],
    ['even where nothing is wanted', 10, [claim(0, 0, 100), claim(0, 0, 100)], [5, 5]],
    ['up to all upper bounds', 30, [claim(0, 1, 5), claim(0, 1, 6)], [5, 6]],
    ['down to all lower bounds', 5, [claim(5, 5, 5), claim(6, 6, 9)], [5, 6]],
  ])('%s', (_how, seats, claims, expected) => {
    allocate(seats, claims).allocations.forEach((allocation, i) => expect(allocation).toBeCloseTo(expected[i]!, 6));
  });
});

describe('a hand', () => {
  it('is the same each time, and has no card twice', () => {
    for (let i = 0; i < 200; i++) {
      const hand = dealHand(16, 4, `flow ${i}`);
      expect(new Set(hand).size).toBe(4);
      expect(hand.every((card) => card >= 0 && card < 16)).toBe(true);
      expect(dealHand(16, 4, `flow ${i}`)).toEqual(hand);
    }
  });

  it('takes every card now and then', () => {
    const seen = new Set<number>();
    for (let i = 0; i < 200; i++) for (const card of dealHand(8, 2, `flow ${i}`)) seen.add(card);
    expect(seen.size).toBe(8);
  });
});

it('demand is weighed by time', () => {
  const demand = new DemandIntegrator(0);
  demand.set(4, 0);
  demand.set(0, 500);
  expect(demand.reset(1000)).toEqual({ duration: 1000, average: 2, deviation: 2, max: 4 });
  expect(demand.reset(2000)).toEqual({ duration: 1000, average: 0, deviation: 0, max: 0 });
});
