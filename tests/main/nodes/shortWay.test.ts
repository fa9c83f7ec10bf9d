import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import { ShortWay } from '../../../main/nodes/shortWay.ts';
import { FakeClock } from '../../support/fakeClock.ts';

const way = (addresses: string[], clock = new FakeClock()) => new ShortWay({ cidr: '10.244.0.0/16', clock, addresses: () => addresses });

test('the way to the nodes is open where the bridge of their network is on this computer', () => {
  expect(way(['127.0.0.1', '10.244.0.1']).isOpen).toBe(true);
  expect(way(['127.0.0.1', '10.245.0.1']).isOpen).toBe(false);
});

test('a refused connection is refused, and the way stays open', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const open = way(['10.244.0.1']);
  (await open.dial('127.0.0.1', port))!.destroy();
  await new Promise((resolve) => server.close(resolve));
  await expect(open.dial('127.0.0.1', port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(open.isOpen).toBe(true);
});

test('where nothing comes back at first the way is barred from then on', async () => {
  const clock = new FakeClock();
  const barred = new ShortWay({ cidr: '10.244.0.0/16', clock, addresses: () => ['10.244.0.1'], connect: () => new net.Socket() });
  const dialling = barred.dial('10.244.0.2', 80);
  await clock.advance(2000);
  expect(await dialling).toBeUndefined();
  expect(barred.isOpen).toBe(false);
});
