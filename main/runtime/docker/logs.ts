import type Docker from 'dockerode';
import type { Readable } from 'node:stream';
import type { LogLine, LogOptions } from '../index.ts';
import { engineCall, runtimeError } from './errors.ts';
import { ended, FrameReader } from './frames.ts';
import { LogRepeats } from './logRepeats.ts';

/** Reads a container's log; resolves at its end, for a follower when the container has ended or the signal aborts. */
export async function readLogs(
  docker: Docker,
  id: string,
  tty: boolean,
  options: LogOptions,
  onLine: (line: LogLine) => unknown,
): Promise<void> {
  const query = {
    stdout: true as const,
    stderr: true as const,
    timestamps: true,
    ...(options.tail === undefined ? {} : { tail: options.tail }),
    ...(options.since ? { since: engineTime(options.since) as unknown as number } : {}),
  };
  const container = docker.getContainer(id);
  if (options.signal?.aborted) return;
  // `follow` gives a stream; without it dockerode would gather the whole log in memory, so the request is made a stream.
  const stream = (await engineCall(() =>
    options.follow ? container.logs({ ...query, follow: true }) : wholeLog(container, query),
  )) as Readable;
  const onAbort = () => stream.destroy();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const repeats = options.follow ? { stdout: new LogRepeats(), stderr: new LogRepeats() } : undefined;
  const emit = (kind: LogLine['stream'], content: Buffer) => {
    const space = content.indexOf(0x20);
    if (space < 0) return;
    const timestamp = content.toString('latin1', 0, space);
    if (repeats?.[kind].isRepeat(timestamp, content.at(-1) === 0x0a)) return;
    const taken = onLine({ stream: kind, timestamp, text: content.subarray(space + 1) });
    if (!(taken instanceof Promise)) return;
    // Who reads slowly is waited for.
    stream.pause();
    void taken.finally(() => stream.resume());
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
    if (!options.signal?.aborted) throw runtimeError(error);
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
  }
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
