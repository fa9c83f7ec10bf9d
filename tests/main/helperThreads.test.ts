import { expect, it } from 'vitest';
import { helpersStepBack } from '../../main/helperThreads.ts';

it('puts every thread that it is told of behind all others', () => {
  const told: [number, number][] = [];
  helpersStepBack([11, 12], (thread, priority) => void told.push([thread, priority]));
  expect(told).toEqual([[11, 19], [12, 19]]);
});

it('leaves alone what may not be changed, and goes on with the rest', () => {
  const told: number[] = [];
  helpersStepBack([11, 12], (thread) => {
    if (thread === 11) throw new Error('no such process');
    told.push(thread);
  });
  expect(told).toEqual([12]);
});
