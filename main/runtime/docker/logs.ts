import type Docker from 'dockerode';
import type { Readable } from 'node:stream';
import type { Clock } from '../../util/clock.ts';
import type { LogLine, LogOptions } from '../index.ts';
import { engineCall, runtimeError } from './errors.ts';
import { ended, FrameReader } from './frames.ts';
import { LogRepeats } from './logRepeats.ts';
import { LogSkips } from './logSkips.ts';

type OnLine = (line: LogLine) => unknown;

/** How an engine's answer ended: `skipped` when it was left because lines were missing in it. */
interface Answer {
  skipped: boolean;
  bytes: number;
}

/** An answer of so many bytes may have lost its end: a log that is turned over while it is followed is larger. */
const surelyWhole = 2 ** 20;
/** Lines of one container are not quite in the order of their times. Milliseconds. */
const disorder = 1000;

/** Reads a container's log; resolves at its end, for a follower when the container has ended or the signal aborts. */
export async function readLogs(docker: Docker, id: string, tty: boolean, options: LogOptions, clock: Clock, onLine: OnLine): Promise<void> {
  const read = (options: LogOptions, onLine: OnLine) => readAnswer(docker, id, tty, options, onLine);
  if (!options.follow) return void (await read(options, onLine));
  const repeats = { stdout: new LogRepeats(), stderr: new LogRepeats() };
  let first: string | undefined;
  let last = 0;
  const sinceLast = (): LogOptions => {
    const since = last - disorder > Date.parse(first!) ? new Date(last - disorder).toISOString() : first!;
    return { follow: true, since, ...(options.signal ? { signal: options.signal } : {}) };
  };
  for (let from = options; ; from = sinceLast()) {
    const skips = new LogSkips(clock.now());
    const answer = await read(from, (line) => {
      const time = Date.parse(line.timestamp);
      if (repeats[line.stream].isRepeat(line.timestamp, line.text.at(-1) === 0x0a)) return skips.repeated(clock.now());
      if (skips.isSkip(time, clock.now(), line.text.length)) {
        repeats[line.stream].forgetLast();
        return leave;
      }
      first ??= line.timestamp;
      last = Math.max(last, time);
      return onLine(line);
    });
    if (options.signal?.aborted || !first || (!answer.skipped && answer.bytes < surelyWhole)) return;
    // All that is there is read as it lies in the files, which loses nothing.
    await read({ ...sinceLast(), follow: false }, (line) => {
      if (repeats[line.stream].isRepeat(line.timestamp, line.text.at(-1) === 0x0a)) return undefined;
      last = Math.max(last, Date.parse(line.timestamp));
      return onLine(line);
    });
    if (!answer.skipped) return;
  }
}

/** What a listener says to hear no more lines. */
const leave = Symbol();

/** One answer of the engine. Waits for promises that `onLine` returns. */
async function readAnswer(docker: Docker, id: string, tty: boolean, options: LogOptions, onLine: OnLine): Promise<Answer> {
  const query = {
    stdout: true as const,
    stderr: true as const,
    timestamps: true,
    ...(options.tail === undefined ? {} : { tail: options.tail }),
    ...(options.since ? { since: engineTime(options.since) as unknown as number } : {}),
  };
  const answer: Answer = { skipped: false, bytes: 0 };
  const container = docker.getContainer(id);
  if (options.signal?.aborted) return answer;
  // `follow` gives a stream; without it dockerode would gather the whole log in memory, so the request is made a stream.
  const stream = (await engineCall(() =>
    options.follow ? container.logs({ ...query, follow: true }) : wholeLog(container, query),
  )) as Readable;
  const onAbort = () => stream.destroy();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  let waiting = 0;
  const emit = (kind: LogLine['stream'], content: Buffer) => {
    const space = content.indexOf(0x20);
    if (space < 0 || answer.skipped) return;
    answer.bytes += content.length;
    const taken = onLine({ stream: kind, timestamp: content.toString('latin1', 0, space), text: content.subarray(space + 1) });
    if (taken === leave) {
      answer.skipped = true;
      stream.destroy();
    }
    if (!(taken instanceof Promise)) return;
    // Who reads slowly is waited for.
    waiting++;
    stream.pause();
    void taken.finally(() => --waiting === 0 && stream.resume());
  };
  if (tty) {
    // A terminal's log has no frames: each of its lines begins with a time.
    let rest: Buffer = Buffer.alloc(0);
    stream.on('data', (chunk: Buffer) => {
      rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
        emit('stdout', rest.subarray(0, end + 1));
        rest = rest.subarray(end + 1);
      }
    });
    stream.once('end', () => rest.length > 0 && emit('stdout', rest));
  } else {
    const reader = new FrameReader(emit, true);
    stream.on('data', (chunk: Buffer) => reader.push(chunk));
  }
  try {
    await ended(stream);
  } catch (error) {
    if (!options.signal?.aborted && !answer.skipped) throw runtimeError(error);
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
  }
  return answer;
}

function wholeLog(container: Docker.Container, query: Record<string, unknown>): Promise<NodeJS.ReadableStream> {
  return new Promise((resolve, reject) => {
    const parameters = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)]));
    container.modem.dial(
      {
        path: `/containers/${container.id}/logs?${parameters}&`,
        method: 'GET',
        isStream: true,
        statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
      },
      (error: unknown, stream: unknown) => (error ? reject(error) : resolve(stream as NodeJS.ReadableStream)),
    );
  });
}

/** The engine wants seconds, with nanoseconds behind the dot. */
export function engineTime(rfc3339: string): string {
  const match = /^(.*?)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(rfc3339);
  if (!match) return rfc3339;
  const seconds = Date.parse(`${match[1]}${match[3]}`) / 1000;
  return `${seconds}.${(match[2] ?? '').padEnd(9, '0')}`;
}
