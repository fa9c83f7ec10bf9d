import type { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { join } from '../../../main/util/join.ts';
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
