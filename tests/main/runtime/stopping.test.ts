import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createDockerRuntime } from '../../../main/runtime/docker/index.ts';
import { label } from '../../../main/runtime/docker/labels.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock } from '../../support/fakeClock.ts';

let engine: http.Server;
afterEach(() => engine.close());

/** An engine whose list is behind: whatever is stopped it goes on calling running. */
async function runtimeOfSlowEngine() {
  const labels = { [label.cluster]: 'x', [label.kind]: 'sandbox' };
  engine = http.createServer((request, response) => {
    const answer = (status: number, body?: unknown) => response.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body));
    if (request.method === 'POST') return answer(204);
    // Nothing is in the sandbox.
    return answer(200, decodeURIComponent(request.url!).includes(label.sandbox) ? [] : [{ Id: 's1', State: 'running', Created: 1, Labels: labels }]);
  });
  engine.listen(0, '127.0.0.1');
  await once(engine, 'listening');
  const { port } = engine.address() as AddressInfo;
  return createDockerRuntime({ connection: { host: '127.0.0.1', port, protocol: 'http' }, cluster: 'x', sandboxImage: 'node', clock: new FakeClock(), log: noLog });
}

const stateOf = async (runtime: Awaited<ReturnType<typeof runtimeOfSlowEngine>>) => (await runtime.listSandboxes())[0]!.state;

test.each(['stopSandbox', 'stopContainer'] as const)('what has been stopped does not run any more, even if the list of the engine does not know it yet (%s)', async (stop) => {
  const runtime = await runtimeOfSlowEngine();
  expect(await stateOf(runtime)).toBe('ready');
  await runtime[stop]('s1', 0);
  expect(await stateOf(runtime)).toBe('notReady');
  await runtime.startContainer('s1');
  expect(await stateOf(runtime)).toBe('ready');
});
