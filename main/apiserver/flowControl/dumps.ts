import type { Page } from '../site/index.ts';
import type { FlowControl } from './index.ts';
import type { Level } from './levels.ts';

const root = '/debug/api_priority_and_fairness';

/** What is going on in the levels, as tables for people. Mirrors k8s.io/apiserver/pkg/util/flowcontrol/apf_controller_debug.go. */
export function flowDumps(flows: FlowControl, wallClockOf: (monotonic: number) => number): Record<string, Page> {
  const each = (rows: (level: Level) => (string | number | boolean)[][]) => flows.levels.all().flatMap(rows);
  const time = (monotonic: number | undefined) => (monotonic === undefined ? '0001-01-01T00:00:00Z' : new Date(wallClockOf(monotonic)).toISOString());
  return {
    [`${root}/dump_priority_levels`]: () =>
      table(
        ['PriorityLevelName', 'ActiveQueues', 'IsIdle', 'IsQuiescing', 'WaitingRequests', 'ExecutingRequests', 'DispatchedRequests', 'RejectedRequests', 'TimedoutRequests', 'CancelledRequests'],
        each(({ name, set, quiescing }) => {
          const active = [...set.queues()].filter((queue) => queue.waiting > 0).length;
          const { dispatched, rejected, timedOut, cancelled } = set.totals;
          return [[name, active, set.isIdle, quiescing, set.waiting, set.running, dispatched, rejected, timedOut, cancelled]];
        }),
      ),
    [`${root}/dump_queues`]: () =>
      table(
        ['PriorityLevelName', 'Index', 'PendingRequests', 'ExecutingRequests', 'SeatsInUse', 'NextDispatchR', 'InitialSeatsSum', 'MaxSeatsSum', 'TotalWorkSum'],
        each(({ name, set }) => [...set.queues()].map((queue) => [name, queue.index, queue.waiting, queue.running, queue.seatsInUse, seatSeconds(queue.nextDispatch), queue.initialSeats, queue.maxSeats, seatSeconds(queue.work)])),
      ),
    [`${root}/dump_requests`]: ({ query }) => {
      const detailed = !!query.get('includeRequestDetails');
      const details = detailed ? ['UserName', 'Verb', 'APIPath', 'Namespace', 'Name', 'APIVersion', 'Resource', 'SubResource'] : [];
      return table(
        ['PriorityLevelName', 'FlowSchemaName', 'QueueIndex', 'RequestIndexInQueue', 'FlowDistingsher', 'ArriveTime', 'InitialSeats', 'FinalSeats', 'AdditionalLatency', 'StartTime', ...details],
        each(({ name, set }) =>
          [...set.requests()].map(({ request: { about, seats, arrived, started }, queue, place }) => {
            const { user, info, schema, distinguisher } = about;
            const version = info.group ? `${info.group}/${info.version}` : info.version;
            const more = detailed ? [user.name, info.verb, info.path, info.namespace, info.name, version, info.resource, info.subresource] : [];
            return [name, schema.name, queue, place, distinguisher, time(arrived), seats.initial, seats.final, seats.lingering ? `${seats.lingering}ms` : '0s', time(started), ...more];
          }),
        ),
      );
    },
  };
}

const seatSeconds = (value: number) => `${value.toFixed(8)}ss`;

/** Each column but the last is as wide as its widest cell, as Go's tabwriter sets it. */
function table(headers: string[], rows: (string | number | boolean)[][]): ReturnType<Page> {
  const lines = [headers, ...rows.map((row) => row.map(String))];
  const widths = headers.map((_, column) => Math.max(8, ...lines.map((line) => line[column]!.length + 2)));
  const body = lines.map((line) => line.map((cell, column) => (column < line.length - 1 ? `${cell},`.padEnd(widths[column]!) : cell)).join('')).join('\n');
  return { type: 'text', code: 200, contentType: 'text/plain; charset=utf-8', body: `${body}\n` };
}
