import { once } from 'node:events';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { breakOff, join } from '../../../main/util/join.ts';
import { memoryPair } from '../../support/memoryPair.ts';

function joined() {
  const [client, a] = memoryPair();
  const [b, server] = memoryPair();
  join(a, b);
  return { client, server };
}
/** All that comes until the end; the other direction stays open. */
const text = (stream: Duplex) =>
  new Promise<string>((resolve, reject) => {
    let heard = '';
    stream.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    stream.on('end', () => resolve(heard));
    stream.on('error', reject);
  });
const later = () => new Promise((resolve) => setTimeout(resolve));

test('what one end says the other hears, each direction until it ends', async () => {
  const { client, server } = joined();
  const question = text(server);
  client.end('question');
  expect(await question).toBe('question');
  const answer = text(client);
  server.end('answer');
  expect(await answer).toBe('answer');
});

test('when one end breaks the other does', async () => {
  const { client, server } = joined();
  const broken = new Promise((resolve) => server.once('close', resolve));
  server.on('error', () => {});
  client.on('error', () => {});
  client.destroy();
  await broken;
  expect(server.destroyed).toBe(true);
});

test('an end that stays open after the other has ended can still be answered', async () => {
  const { client, server } = joined();
  client.end();
  server.resume();
  await later();
  const answer = text(client);
  server.end('late');
  expect(await answer).toBe('late');
});

test('a connection that its server resets is reset for its client too, after what was said before', async () => {
  const servers: net.Server[] = [];
  const listen = async (onConnection: (socket: net.Socket) => void): Promise<number> => {
    const server = net.createServer({ allowHalfOpen: true }, onConnection).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return (server.address() as net.AddressInfo).port;
  };
  let served: net.Socket | undefined;
  const behind = await listen((socket) => (served = socket).once('data', () => socket.write('half an answer')));
  const edge = await listen((socket) => join(socket, net.connect({ port: behind, host: '127.0.0.1', allowHalfOpen: true })));
  const client = net.connect(edge, '127.0.0.1');
  client.write('question');
  expect(String((await once(client, 'data'))[0])).toBe('half an answer');
  breakOff(served!);
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
  for (const server of servers) server.close();
});
