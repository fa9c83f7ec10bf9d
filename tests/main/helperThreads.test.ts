import { expect, it } from 'vitest';
import { helpersStepBack, threadsOfV8 } from '../../main/helperThreads.ts';

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

it('means the threads that compile and collect, which are the oldest, and not those that write files', () => {
  expect(threadsOfV8([10001, 10002, 10003, 9996, 9997, 9998, 9999, 10000], 9996)).toEqual([9997, 9998, 9999, 10000, 10001]);
});
