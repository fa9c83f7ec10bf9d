import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import Docker from 'dockerode';
import { afterEach, expect, test } from 'vitest';
import { findNetwork } from '../../../main/runtime/docker/machinesNetwork.ts';

const labels = { 'dev.skiff.cluster': 'x', 'dev.skiff.kind': 'network' };
let engine: http.Server;
afterEach(() => engine.close());

/** An engine with these networks; tells which were removed. */
async function engineWith(networks: object[]) {
  const removed: string[] = [];
  engine = http.createServer((request, response) => {
    if (request.method === 'DELETE') {
      removed.push(request.url!.split('/').at(-1)!);
      return response.writeHead(204).end();
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(networks));
  });
  engine.listen(0, '127.0.0.1');
  await once(engine, 'listening');
  return { docker: new Docker({ host: '127.0.0.1', port: (engine.address() as AddressInfo).port, protocol: 'http' }), removed };
}

const network = (Id: string, Created: string, more: object = {}) => ({ Id, Name: 'skiff-x', Created, Labels: labels, IPAM: { Config: [{ Subnet: '10.244.0.0/16' }] }, ...more });

test('a cluster without a network is told so, whatever others are called', async () => {
  const { docker } = await engineWith([network('other', '2026-01-01', { Name: 'skiff-xy' })]);
  expect(await findNetwork(docker, 'skiff-x', labels)).toEqual({ used: ['10.244.0.0/16'] });
});

test('a network has ranges of both families in whatever order the engine tells them', async () => {
  const { docker } = await engineWith([network('one', '2026-01-01', { IPAM: { Config: [{ Subnet: 'fd00:10:244::/64' }, { Subnet: '10.244.0.0/16' }] } })]);
  expect((await findNetwork(docker, 'skiff-x', labels)).network).toMatchObject({ subnet: '10.244.0.0/16', subnetIPv6: 'fd00:10:244::/64' });
});

test('of two networks of one cluster the first counts, and the other goes', async () => {
  const { docker, removed } = await engineWith([network('second', '2026-01-02'), network('first', '2026-01-01')]);
  expect(await findNetwork(docker, 'skiff-x', labels)).toMatchObject({ network: { id: 'first', subnet: '10.244.0.0/16' } });
  expect(removed).toEqual(['second']);
});

test("a network of that name that is another's is left alone", async () => {
  const { docker, removed } = await engineWith([network('theirs', '2026-01-01', { Labels: {} })]);
  await expect(findNetwork(docker, 'skiff-x', labels)).rejects.toThrow("has a network skiff-x that is not Skiff's");
  expect(removed).toEqual([]);
});
