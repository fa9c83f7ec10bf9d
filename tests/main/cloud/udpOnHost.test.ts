import dgram from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { udpOnHost, type HostListener } from '../../../main/cloud/index.ts';
import { framedDatagrams } from '../../../main/util/datagrams.ts';
import { dialUdp } from '../../../main/util/udp.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { memoryPair } from '../../support/memoryPair.ts';

const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

const bound = async (): Promise<{ socket: dgram.Socket; port: number }> => {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  ends.push(() => socket.close());
  return { socket, port: socket.address().port };
};
const freePort = async (): Promise<number> => {
  const { socket, port } = await bound();
  ends.pop();
  socket.close();
  return port;
};

test('each client of a UDP port has its own flow, and gets its own answers', async () => {
  const clock = new FakeClock();
  const port = await freePort();
  let flows = 0;
  const listener: HostListener = await udpOnHost(clock)('127.0.0.1', port, (flow, from) => {
    const number = ++flows;
    flow.on('data', (message: Buffer) => flow.write(Buffer.from(`${number} ${from} ${message.toString()}`)));
  });
  ends.push(() => listener.close());
  const say = async (socket: dgram.Socket, text: string) => {
    socket.send(text, port, '127.0.0.1');
    return String((await once(socket, 'message'))[0]);
  };
  const [one, two] = [(await bound()).socket, (await bound()).socket];
  expect(await say(one, 'a')).toBe('1 127.0.0.1 a');
  expect(await say(two, 'b')).toBe('2 127.0.0.1 b');
  expect(await say(one, 'c')).toBe('1 127.0.0.1 c');
  // After a long silence it is somebody new.
  await clock.advance(121_000);
  expect(await say(one, 'd')).toBe('3 127.0.0.1 d');
});

test('a UDP port that another program has is refused', async () => {
  const { port } = await bound();
  await expect(udpOnHost(new FakeClock())('127.0.0.1', port, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('datagrams keep their borders on a stream of bytes', async () => {
  const [near, far] = memoryPair();
  const [a, b] = [framedDatagrams(near), framedDatagrams(far)];
  const got: string[] = [];
  b.on('data', (message: Buffer) => got.push(message.toString()));
  for (const text of ['one', '', 'x'.repeat(9000)]) a.write(Buffer.from(text));
  await new Promise((resolve) => setImmediate(resolve));
  expect(got.map((text) => text.length)).toEqual([3, 0, 9000]);
});

test('a connection of datagrams reaches one address and hears its answers', async () => {
  const { socket, port } = await bound();
  socket.on('message', (message, from) => socket.send(`re: ${message.toString()}`, from.port, from.address));
  const stream = await dialUdp('127.0.0.1', port);
  ends.push(() => stream.destroy());
  stream.write(Buffer.from('hello'));
  expect(String((await once(stream, 'data'))[0])).toBe('re: hello');
});
