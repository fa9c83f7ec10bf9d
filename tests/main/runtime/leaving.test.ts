import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createDockerRuntime } from '../../../main/runtime/docker/index.ts';
import type { ContainerConfig } from '../../../main/runtime/index.ts';
import { label } from '../../../main/runtime/docker/labels.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock } from '../../support/fakeClock.ts';

let engine: http.Server;
afterEach(() => engine.close());

const never = '0001-01-01T00:00:00Z';
const labels = { [label.cluster]: 'x', [label.kind]: 'container', [label.podUid]: 'u1', [label.container]: 'web' };

/** An engine that takes its time to remove a container which ran since then, or never. */
async function runtimeOf(startedAt: string) {
  const created: string[] = [];
  engine = http.createServer((request, response) => {
    const answer = (status: number, body?: unknown) => response.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body));
    const url = decodeURIComponent(request.url!);
    if (request.method === 'POST') {
      const name = new URL(url, 'http://engine').searchParams.get('name')!;
      created.push(name);
      return created.length === 1 ? answer(409, { message: 'the name is in use' }) : answer(201, { Id: 'new' });
    }
    if (request.method === 'DELETE') return answer(409, { message: 'removal of container c1 is already in progress' });
    const state = { Status: 'removing', Running: false, StartedAt: startedAt, FinishedAt: never, ExitCode: 0, Error: '' };
    if (url.includes('/images/')) return answer(200, { Id: 'i1', Config: {} });
    if (/\/(info|version)$/.test(url)) return answer(200, { ApiVersion: '1.41', Version: '20.10.0' });
    return answer(200, url.includes('/json?') ? [{ Id: 'c1', State: 'removing', Created: 1, Labels: labels }] : { Id: '0123456789abcdef', Created: never, State: state, Config: { Labels: labels }, HostConfig: {} });
  });
  engine.listen(0, '127.0.0.1');
  await once(engine, 'listening');
  const { port } = engine.address() as AddressInfo;
  const runtime = createDockerRuntime({ connection: { host: '127.0.0.1', port, protocol: 'http' }, cluster: 'x', sandboxImage: 'node', clock: new FakeClock(), log: noLog });
  return { runtime, created };
}

test('a container that never ran is not there any more once the engine removes it', async () => {
  const { runtime } = await runtimeOf(never);
  expect(await runtime.listContainers()).toEqual([]);
});

test('one that ran has ended while the engine removes it', async () => {
  const { runtime } = await runtimeOf('2026-01-01T00:00:00Z');
  expect(await runtime.listContainers()).toMatchObject([{ name: 'web', state: 'exited' }]);
});

test('its name is not waited for', async () => {
  const { runtime, created } = await runtimeOf(never);
  const config: ContainerConfig = { name: 'web', attempt: 0, image: 'web:1', command: [], args: [], env: [], mounts: [], devices: [], stdin: false, stdinOnce: false, tty: false, resources: {}, security: {}, labels: {}, annotations: {} };
  expect(await runtime.createContainer('s1', config)).toBe('new');
  expect(created).toEqual([created[0], `${created[0]}_0123456789ab`]);
});
