import packet from 'dns-packet';
import dgram from 'node:dgram';
import net, { type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createForwarder } from '../../../main/dns/index.ts';
import { realClock } from '../../../main/util/clock.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function udp(answer: (message: Buffer) => Buffer): Promise<number> {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (message, from) => socket.send(answer(message), from.port, from.address));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  closing.push(() => socket.close());
  return socket.address().port;
}

const query = packet.encode({ type: 'query', id: 9, questions: [{ name: 'example.com', type: 'A' }] });
const reply = (message: Buffer, flags = 0) =>
  packet.encode({
    type: 'response',
    id: packet.decode(message).id,
    flags,
    answers: flags ? [] : [{ type: 'A', name: 'example.com', data: '192.0.2.1' }],
  });

test('the first resolver that answers is believed', async () => {
  const port = await udp((message) => reply(message));
  // The first is no resolver at all: its port is closed.
  const closed = dgram.createSocket('udp4');
  await new Promise<void>((resolve) => closed.bind(0, '127.0.0.1', resolve));
  const dead = closed.address().port;
  await new Promise<void>((resolve) => closed.close(resolve));
  const forward = createForwarder({ clock: realClock, servers: () => [`127.0.0.1:${dead}`, `127.0.0.1:${port}`] });
  expect(packet.decode(await forward(query)).answers).toMatchObject([{ data: '192.0.2.1' }]);
});

test('an answer that was cut off is fetched over TCP', async () => {
  const port = await udp((message) => reply(message, packet.TRUNCATED_RESPONSE));
  const server = net.createServer((socket) =>
    socket.once('data', (data: Buffer) => {
      const answer = reply(data.subarray(2));
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.end(Buffer.concat([length, answer]));
    }),
  );
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  closing.push(() => server.close());
  expect((server.address() as AddressInfo).port).toBe(port);
  const forward = createForwarder({ clock: realClock, servers: () => [`127.0.0.1:${port}`] });
  expect(packet.decode(await forward(query)).answers).toMatchObject([{ data: '192.0.2.1' }]);
});

test('without a resolver there is no answer', async () => {
  await expect(createForwarder({ clock: realClock, servers: () => [] })(query)).rejects.toThrow('no DNS resolver');
});
