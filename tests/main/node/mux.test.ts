import fc from 'fast-check';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { join } from '../../../main/util/join.ts';
import { Mux, type MuxHandlers } from '../../../main/node/mux.ts';
import { initialWindow } from '../../../main/node/protocol.ts';
import { settle } from '../../support/fakeClock.ts';
import { memoryPair } from '../../support/memoryPair.ts';

const silent: MuxHandlers = {
  onCall: async (method) => {
    throw new Error(`no method ${method}`);
  },
  onOpen: async (kind) => {
    throw new Error(`no stream ${kind}`);
  },
};

/** Reads to the end; unlike an iterator, without closing the other direction. */
function buffer(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('end', () => resolve(Buffer.concat(chunks)));
    stream.once('error', reject);
  });
}

const text = async (stream: Duplex): Promise<string> => (await buffer(stream)).toString();

function joined(agent: Partial<MuxHandlers>, engine: Partial<MuxHandlers> = {}, cut?: (left: number) => number) {
  const [a, b] = memoryPair(cut);
  return {
    engine: new Mux(a, 'engine', { ...silent, ...engine }),
    agent: new Mux(b, 'agent', { ...silent, ...agent }),
    wire: a,
  };
}

/** A channel whose other end is handed out too. */
async function channelPair(cut?: (left: number) => number): Promise<[Duplex, Duplex, ReturnType<typeof joined>]> {
  let far: Duplex | undefined;
  const pair = joined({ onOpen: async () => (channel) => void (far = channel) }, {}, cut);
  const near = await pair.engine.open('x', {});
  return [near, far!, pair];
}

describe('a call', () => {
  test('brings the answer back, in both directions at once', async () => {
    const { engine, agent } = joined(
      { onCall: async (method, params) => ({ method, params }) },
      { onCall: async () => 'engine' },
    );
    const [up, down] = await Promise.all([agent.call('who', {}), engine.call('echo', { a: [1, 'ü'] })]);
    expect(up).toBe('engine');
    expect(down).toEqual({ method: 'echo', params: { a: [1, 'ü'] } });
  });

  test('rejects with the message of the other side', async () => {
    await expect(joined({}).engine.call('dance', {})).rejects.toThrow('no method dance');
  });

  test('rejects when the connection is lost before the answer', async () => {
    const { engine, wire } = joined({ onCall: () => new Promise(() => {}) });
    const call = engine.call('wait', {});
    wire.destroy();
    await expect(call).rejects.toThrow('connection was closed');
    await engine.closed;
    await expect(engine.call('more', {})).rejects.toThrow();
  });
});

describe('a stream', () => {
  test('is refused with the reason', async () => {
    await expect(joined({}).engine.open('dial', {})).rejects.toThrow('no stream dial');
  });

  test('carries every byte in order, whatever pieces the connection makes of it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 90_000 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 700, max: 70_000 }), { minLength: 1, maxLength: 5 }),
        async (chunks, sizes) => {
          let turn = 0;
          const [near, far] = await channelPair(() => sizes[turn++ % sizes.length]!);
          const sent = Buffer.concat(chunks);
          const received = buffer(far);
          for (const chunk of chunks) if (!near.write(chunk)) await once(near, 'drain');
          near.end();
          expect((await received).equals(sent)).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('ends one direction while the other goes on', async () => {
    const [near, far] = await channelPair();
    near.end('question');
    expect(await text(far)).toBe('question');
    far.end('answer');
    expect(await text(near)).toBe('answer');
  });

  test('that nobody reads stops its writer and no other stream', async () => {
    const far: Duplex[] = [];
    const { engine } = joined({ onOpen: async () => (channel) => void far.push(channel) });
    const stuck = await engine.open('x', {});
    const fluent = await engine.open('x', {});
    let sent = 0;
    for (let i = 0; i < 100; i++) stuck.write(Buffer.alloc(10_000), (error) => void (error ?? (sent += 10_000)));
    await settle();
    expect(sent).toBeLessThanOrEqual(initialWindow);
    fluent.end('hello');
    expect(await text(far[1]!)).toBe('hello');
    const before = sent;
    far[0]!.resume();
    await settle();
    expect(before).toBeLessThan(1_000_000);
    expect(sent).toBe(1_000_000);
  });

  test('that breaks on one side breaks on the other, with the reason', async () => {
    const [near, far] = await channelPair();
    far.destroy(new Error('the disk is full'));
    far.on('error', () => {});
    const [error] = (await once(near, 'error')) as [Error];
    expect(error.message).toBe('the disk is full');
  });

  test('breaks with the connection', async () => {
    const [near, , { wire }] = await channelPair();
    const broken = once(near, 'error');
    wire.destroy();
    await broken;
    expect(near.destroyed).toBe(true);
  });
});

test('a stream that is accepted too late breaks: what was opened for it must not stay open', async () => {
  let accept: (use: (channel: Duplex) => void) => void = () => {};
  const { engine, wire, agent } = joined({ onOpen: () => new Promise((resolve) => (accept = resolve)) });
  const near = engine.open('dial', {});
  await settle();
  wire.destroy();
  await expect(near).rejects.toThrow('connection was closed');
  await agent.closed;
  const late = await new Promise<Duplex>((resolve) => accept(resolve));
  expect(late.destroyed).toBe(true);
});

test('a side that says goodbye closes both', async () => {
  const { engine, agent } = joined({});
  agent.goodbye();
  await Promise.all([engine.closed, agent.closed]);
});

describe('joined connections', () => {
  test('end each direction by itself', async () => {
    const [client, left] = memoryPair();
    const [right, server] = memoryPair();
    join(left, right);
    client.end('question');
    expect(await text(server)).toBe('question');
    server.end('answer');
    expect(await text(client)).toBe('answer');
  });

  test('end in the other order as well', async () => {
    const [client, left] = memoryPair();
    const [right, server] = memoryPair();
    join(left, right);
    server.end('greeting');
    expect(await text(client)).toBe('greeting');
    client.end('thanks');
    expect(await text(server)).toBe('thanks');
  });

  test('break together', async () => {
    const [client, left] = memoryPair();
    const [right, server] = memoryPair();
    join(left, right);
    client.on('error', () => {});
    server.on('error', () => {});
    client.destroy();
    await once(server, 'close');
  });
});
