import { Counter, Gauge, type Registry as Metrics } from 'prom-client';
import type { RequestInfo } from '../auth/types.ts';
import type { FlowControl } from './index.ts';
import { Distributions, type Distribution } from '../../util/series.ts';
import type { Level } from './levels.ts';

type Labels = Record<string, string>;

const isReading = ({ verb }: RequestInfo) => ['get', 'list', 'watch'].includes(verb);

/** Publishes what is going on, most of it read when it is asked for. Mirrors k8s.io/apiserver/pkg/util/flowcontrol/metrics. */
export function describeFlows(flows: FlowControl, metrics: Metrics): void {
  const registers = [metrics];
  const prefix = 'apiserver_flowcontrol_';
  const about = (name: string, help: string, labelNames: string[]) => ({ name: prefix + name, help, labelNames, registers });
  const gauge = (name: string, help: string, labelNames: string[], values: (level: Level) => [Labels, number][]) =>
    new Gauge({
      ...about(name, help, labelNames),
      collect() {
        this.reset();
        for (const [labels, value] of flows.levels.all().flatMap(values)) this.set(labels, value);
      },
    });
  const ofLevel = (name: string, help: string, read: (level: Level) => number) =>
    gauge(name, help, ['priority_level'], (level) => [[{ priority_level: level.name }, read(level)]]);
  const ofRequests = (name: string, help: string, weigh: (level: Level, schema: string) => number) =>
    gauge(name, help, ['priority_level', 'flow_schema'], (level) => [...level.schemas.keys()].map((schema) => [{ priority_level: level.name, flow_schema: schema }, weigh(level, schema)]));
  const counter = (name: string, help: string, labelNames: string[], values: (level: Level) => [Labels, number][]) =>
    new Counter({
      ...about(name, help, labelNames),
      collect() {
        this.reset();
        for (const [labels, value] of flows.levels.all().flatMap(values)) this.inc(labels, value);
      },
    });
  const sum = (level: Level, schema: string, waiting: boolean, weigh: (initial: number, final: number) => number) => {
    let total = 0;
    for (const { request, place } of level.set.requests())
      if (request.about.schema.name === schema && place >= 0 === waiting) total += weigh(request.seats.initial, request.seats.final);
    return total;
  };

  counter('dispatched_requests_total', 'Requests that were let run.', ['priority_level', 'flow_schema'], (level) =>
    [...level.schemas.values()].map(({ name, dispatched }) => [{ priority_level: level.name, flow_schema: name }, dispatched]));
  counter('rejected_requests_total', 'Requests that were turned away.', ['priority_level', 'flow_schema', 'reason'], (level) =>
    [...level.schemas.values()].flatMap(({ name, rejected }) =>
      Object.entries(rejected).map(([reason, count]): [Labels, number] => [{ priority_level: level.name, flow_schema: name, reason }, count])));
  ofRequests('current_inqueue_requests', 'Requests that wait in a queue.', (level, schema) => sum(level, schema, true, () => 1));
  ofRequests('current_inqueue_seats', 'Seats that requests in queues wait for.', (level, schema) => sum(level, schema, true, Math.max));
  ofRequests('current_executing_requests', 'Requests that run.', (level, schema) => sum(level, schema, false, () => 1));
  ofRequests('current_executing_seats', 'Seats of the requests that run.', (level, schema) => sum(level, schema, false, Math.max));
  ofLevel('nominal_limit_seats', 'Seats of a level by its shares.', ({ nominal }) => nominal);
  ofLevel('request_concurrency_limit', 'Seats of a level by its shares.', ({ nominal }) => nominal);
  ofLevel('lower_limit_seats', 'The fewest seats that a level has when it lends.', ({ lower }) => lower);
  ofLevel('upper_limit_seats', 'The most seats that a level has when it borrows.', ({ upper }) => upper);
  ofLevel('current_limit_seats', 'Seats that a level has now.', ({ set }) => set.limit);
  ofLevel('demand_seats_high_watermark', 'The most seats that were wanted at once in the last period.', ({ demand }) => demand.highWatermark);
  ofLevel('demand_seats_average', 'Seats that were wanted on average in the last period.', ({ demand }) => demand.average);
  ofLevel('demand_seats_stdev', 'How far the wanted seats strayed in the last period.', ({ demand }) => demand.deviation);
  ofLevel('demand_seats_smoothed', 'Wanted seats, smoothed over periods.', ({ demand }) => demand.smoothed);
  ofLevel('target_seats', 'Seats that a level should have if there are enough.', ({ demand }) => demand.target);
  new Gauge({
    name: `${prefix}seat_fair_frac`,
    help: 'Which part of its target each level gets.',
    registers,
    collect() {
      this.set(flows.levels.fairFraction);
    },
  });
  new Gauge({
    name: 'apiserver_current_inflight_requests',
    help: 'Requests that run, by whether they change something.',
    labelNames: ['request_kind'],
    registers,
    collect() {
      const running = { mutating: 0, readOnly: 0 };
      for (const { set } of flows.levels.all())
        for (const { request, place } of set.requests()) if (place < 0) running[isReading(request.about.info) ? 'readOnly' : 'mutating']++;
      for (const [kind, count] of Object.entries(running)) this.set({ request_kind: kind }, count);
    },
  });
  const waits = new Distributions(metrics, {
    name: `${prefix}request_wait_duration_seconds`,
    help: 'How long requests waited for their turn.',
    buckets: [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30],
  });
  const known = new Map<string, Distribution>();
  flows.onStart = (level, schema, waited, runs) => {
    const key = `${level} ${schema} ${runs}`;
    let durations = known.get(key);
    if (!durations) known.set(key, (durations = waits.series({ priority_level: level, flow_schema: schema, execute: String(runs) })));
    durations.add(waited / 1000);
  };
}
