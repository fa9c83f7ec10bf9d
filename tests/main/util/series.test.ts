import { Counter, Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { Counts, Distributions } from '../../../main/util/series.ts';

const linesOf = async (register: Registry) => (await register.metrics()).split('\n').filter((line) => line !== '');

it('tells the same as prom-client does', async () => {
  const [own, others] = [new Registry(), new Registry()];
  const about = { name: 'sizes', help: 'How large.' };
  const buckets = [0.5, 1, 10];
  const counts = new Counts(own, { name: 'things', help: 'How many.' });
  const sizes = new Distributions(own, { ...about, buckets });
  const counter = new Counter({ name: 'things', help: 'How many.', labelNames: ['verb', 'code'], registers: [others] });
  const histogram = new Histogram({ ...about, buckets, labelNames: ['verb'], registers: [others] });
  for (const [verb, code, value] of [['GET', '200', 0.5], ['POST', '201', 7], ['GET', '200', 0.75], ['GET', '404', 12]] as const) {
    counts.series({ verb, code }).add();
    counter.inc({ verb, code });
    sizes.series({ verb }).add(value);
    histogram.observe({ verb }, value);
  }
  expect(await linesOf(own)).toEqual(await linesOf(others));
});

it('tells nothing of what has not happened, unless it is said to have happened no times', async () => {
  const register = new Registry();
  const counts = new Counts(register, { name: 'things', help: 'How many.' });
  const sizes = new Distributions(register, { name: 'sizes', help: 'How large.', buckets: [1] });
  counts.series({ verb: 'GET' });
  sizes.series({ verb: 'GET' });
  counts.series({ verb: 'POST' }).add(0);
  expect((await linesOf(register)).filter((line) => !line.startsWith('#'))).toEqual(['things{verb="POST"} 0']);
});

it('counts several at once, and the same labels in one series', async () => {
  const register = new Registry();
  const sizes = new Distributions(register, { name: 'sizes', help: 'How large.', buckets: [1, 2] });
  sizes.series({ verb: 'GET' }).add(1.5, 3);
  sizes.series({ verb: 'GET' }).add(0.5);
  expect((await linesOf(register)).filter((line) => !line.startsWith('#'))).toEqual([
    'sizes_bucket{le="1",verb="GET"} 1', 'sizes_bucket{le="2",verb="GET"} 4', 'sizes_bucket{le="+Inf",verb="GET"} 4', 'sizes_sum{verb="GET"} 5', 'sizes_count{verb="GET"} 4',
  ]);
});
