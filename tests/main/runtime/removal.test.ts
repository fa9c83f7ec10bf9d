import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createMachines } from '../../../main/runtime/docker/machines.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock } from '../../support/fakeClock.ts';

/** Time that passes as soon as somebody waits for it. */
class HurriedClock extends FakeClock {
  override sleep(): Promise<void> {
    return Promise.resolve();
  }
}

let engine: http.Server;
afterEach(() => engine.close());

/** An engine with nothing of a cluster but its network, which it refuses to remove so many times. */
async function machinesOfEngine(refusals: number) {
  const deletions: number[] = [];
  engine = http.createServer((request, response) => {
    const answer = (status: number, body: unknown) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.method === 'DELETE') {
      const status = deletions.length < refusals ? 403 : 204;
      deletions.push(status);
      return status === 204 ? response.writeHead(204).end() : answer(403, { message: 'error while removing network: network skiff-x id n1 has active endpoints' });
    }
    if (request.url!.includes('/networks')) return answer(200, [{ Id: 'n1', Name: 'skiff-x' }]);
    return answer(200, request.url!.includes('/volumes') ? { Volumes: [] } : []);
  });
  engine.listen(0, '127.0.0.1');
  await once(engine, 'listening');
  const { port } = engine.address() as AddressInfo;
  const machines = createMachines({ connection: { host: '127.0.0.1', port, protocol: 'http' }, cluster: 'x', agentFile: 'agent.mjs', clock: new HurriedClock(0), log: noLog, env: {}, platform: 'linux' });
  return { machines, deletions };
}

test('a network goes as soon as the engine has let go of its containers', async () => {
  const { machines, deletions } = await machinesOfEngine(2);
  await machines.removeAll();
  expect(deletions).toEqual([403, 403, 204]);
});

test('an engine that never lets go is said to need a restart', async () => {
  const { machines } = await machinesOfEngine(100);
  await expect(machines.removeAll()).rejects.toThrow('has active endpoints, though none of its containers is left: restart the container engine, then try again');
});
