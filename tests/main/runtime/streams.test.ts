import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import Docker from 'dockerode';
import { afterEach, describe, expect, it } from 'vitest';
import { readLogs } from '../../../main/runtime/docker/logs.ts';
import { attach, joinStreams } from '../../../main/runtime/docker/streams.ts';
import { FakeClock } from '../../support/fakeClock.ts';

function frame(content: string, stream = 1): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(content), 4);
  return Buffer.concat([header, Buffer.from(content)]);
}

/** Takes one write at a time, and only when it is told to. */
class SlowReader extends Writable {
  readonly taken: string[] = [];
  #go: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 1 });
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.taken.push(chunk.toString());
    this.#go = done;
  }

  next(): void {
    const go = this.#go;
    this.#go = undefined;
    go?.();
  }
}

describe('output of a command', () => {
  it('waits for a slow reader, without a listener for each of its pieces', async () => {
    const stream = new PassThrough();
    const stdout = new SlowReader();
    const joined = joinStreams(stream, { stdout, tty: false });
    const pieces = Array.from({ length: 12 }, (_, i) => `piece ${i}\n`);
    stream.write(Buffer.concat(pieces.map((piece) => frame(piece))));
    await expect.poll(() => stream.isPaused()).toBe(true);
    expect(stdout.listenerCount('drain')).toBe(1);
    stream.end();
    await expect
      .poll(() => {
        stdout.next();
        return stdout.taken;
      })
      .toEqual(pieces);
    await joined;
  });

  it('goes on when both of its readers have room', async () => {
    const stream = new PassThrough();
    const [stdout, stderr] = [new SlowReader(), new SlowReader()];
    const joined = joinStreams(stream, { stdout, stderr, tty: false });
    stream.write(Buffer.concat([frame('out'), frame('err', 2)]));
    await expect.poll(() => stderr.taken).toEqual(['err']);
    stdout.next();
    expect(stream.isPaused()).toBe(true);
    stderr.next();
    expect(stream.isPaused()).toBe(false);
    stream.end();
    await joined;
  });
});

describe('a followed log', () => {
  let engine: http.Server;
  afterEach(() => engine.close());

  it('has the lines that the engine left out when it turned the log over', async () => {
    const clock = new FakeClock(0);
    // A line every 10 ms; the engine goes from line 3 to line 40, which is there already.
    const lineAt = (i: number) => frame(`${new Date(i * 10).toISOString().replace('Z', '000000Z')} ${i} ${'x'.repeat(30_000)}\n`);
    const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => lineAt(from + i));
    const asked: string[] = [];
    engine = http.createServer((request, response) => {
      const query = new URL(request.url!, 'http://engine').searchParams;
      asked.push(query.has('follow') ? 'follow' : 'all');
      const since = Math.ceil(Number(query.get('since') ?? 0) * 100);
      if (asked.length === 1) {
        clock.advance(1000);
        response.write(Buffer.concat([...lines(1, 4), ...lines(40, 42)]));
        return;
      }
      response.end(Buffer.concat(lines(Math.max(1, since), asked.length === 2 ? 60 : 70)));
    });
    engine.listen(0, '127.0.0.1');
    await once(engine, 'listening');
    const docker = new Docker({ host: '127.0.0.1', port: (engine.address() as AddressInfo).port, protocol: 'http' });
    const numbers: number[] = [];
    await readLogs(docker, 'c1', false, { follow: true }, clock, ({ text }) => void numbers.push(parseInt(text.toString())));
    expect(numbers).toEqual(Array.from({ length: 69 }, (_, i) => i + 1));
    expect(asked.slice(0, 3)).toEqual(['follow', 'all', 'follow']);
  });
});

it('who leaves a container that goes on does not wait for its end', async () => {
  let waiting = false;
  const stream = new PassThrough();
  const container = {
    attach: async () => stream,
    wait: ({ abortSignal }: { abortSignal: AbortSignal }) => {
      waiting = true;
      return new Promise((_, reject) =>
        abortSignal.addEventListener('abort', () => {
          waiting = false;
          reject(new Error('aborted'));
        }),
      );
    },
  };
  const leaving = new AbortController();
  const attached = attach({ getContainer: () => container } as unknown as Docker, 'id', { stdout: new PassThrough(), tty: false, signal: leaving.signal }, new FakeClock());
  await expect.poll(() => waiting).toBe(true);
  leaving.abort();
  await attached;
  expect(waiting).toBe(false);
});
