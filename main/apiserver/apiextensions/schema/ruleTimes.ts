import type { Registry } from 'prom-client';
import { realClock } from '../../../util/clock.ts';
import { Distribution, publish } from '../../../util/series.ts';

/** Those that Prometheus has where none are chosen, in seconds. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** How long it took to compile the rules of schemas, and to judge values by them and by those of all that is in them; for the whole process. */
const times = { compilation: new Distribution({}, bounds), evaluation: new Distribution({}, bounds) };

/** When something begins, in milliseconds. */
export const begin = (): number => realClock.monotonic();

/** What began then has ended. */
export function ended(what: keyof typeof times, since: number): void {
  times[what].add((realClock.monotonic() - since) / 1000);
}

/** Mirrors k8s.io/apiserver/pkg/cel/metrics. */
export function describeRules(register: Registry): void {
  publish(register, { name: 'apiserver_cel_compilation_duration_seconds', help: 'How long it took to compile the rules of a part of a schema.' }, times.compilation);
  publish(register, { name: 'apiserver_cel_evaluation_duration_seconds', help: 'How long it took to judge a value by the rules of its schema, with all that is in it.' }, times.evaluation);
}
