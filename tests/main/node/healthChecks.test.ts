import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { HealthChecks } from '../../../main/node/agent/healthChecks.ts';

const checks = new HealthChecks();
afterEach(() => checks.sync([], []));

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Tried until somebody listens there: to listen takes a moment. */
async function ask(host: string, port: number): Promise<{ status: number; weight: string; body: unknown }> {
  for (;;)
    try {
      const [response] = (await once(http.get({ host, port, agent: false }), 'response')) as [http.IncomingMessage];
      const chunks: Buffer[] = await response.toArray();
      return { status: response.statusCode!, weight: String(response.headers['x-load-balancing-endpoint-weight']), body: JSON.parse(Buffer.concat(chunks).toString()) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
    }
}

test('load balancers are told at every address of a node how many endpoints it has, and nothing once nobody asks for that', async () => {
  const port = await freePort();
  const check = { namespace: 'default', name: 'web', port, localEndpoints: 2 };
  checks.sync(['127.0.0.1', '127.0.0.2'], [check]);
  const healthy = { status: 200, weight: '2', body: { service: { namespace: 'default', name: 'web' }, localEndpoints: 2, serviceProxyHealthy: true } };
  expect([await ask('127.0.0.1', port), await ask('127.0.0.2', port)]).toEqual([healthy, healthy]);
  checks.sync(['127.0.0.1', '127.0.0.2'], [{ ...check, localEndpoints: 0 }]);
  expect((await ask('127.0.0.2', port)).status).toBe(503);
  checks.sync(['127.0.0.1'], [check]);
  await expect(once(http.get({ host: '127.0.0.2', port, agent: false }), 'response')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect((await ask('127.0.0.1', port)).status).toBe(200);
});
