import { on, once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import https from 'node:https';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { KubeletApi } from '../../../main/api/kubelet.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import type { Strategy } from '../../../main/apiserver/index.ts';
import { attributesOf } from '../../../main/apiserver/kubeletServer/attributes.ts';
import { gadgets, start, type Harness } from './support/harness.ts';
import { TestAuthority } from './support/certificates.ts';

const pods: Strategy<KubeObject> = {
  ...gadgets,
  definition: { ...gadgets.definition, kind: 'Pod', resource: 'pods', singular: 'pod', listKind: 'PodList', namespaced: true },
};

const kubelet: KubeletApi = {
  async containerLogs({ name, container }, { tailLines }, out) {
    out.write(`${name} ${container} ${tailLines}\n`);
  },
  findContainer: () => Promise.resolve(),
  async exec(_target, command, io) {
    io.stdout!.write(command.join(' '));
    return { exitCode: 0 };
  },
  attach: () => Promise.reject(new Error('not asked for here')),
  portForward: () => Promise.resolve(new PassThrough()),
  http: async (path) => (path === '/healthz' ? { status: 200, contentType: 'text/plain', body: 'ok' } : { status: 404, contentType: 'text/plain', body: '404 page not found\n' }),
  usage: () => Promise.reject(new Error('not asked for here')),
};

let harness: Harness;
let door: net.Server;
let port: number;
/** Subresources of the node that jane may get. */
let allowed: string[] = [];

beforeAll(async () => {
  harness = await start({
    strategies: [pods],
    kubelets: (node) => (node === 'node-1' ? kubelet : undefined),
    authorizer: { authorize: (user, { resource, name, subresource, verb }) => (user.name === 'jane' && resource === 'nodes' && name === 'node-1' && verb === 'get' && allowed.includes(subresource) ? { allowed: true, reason: '' } : { allowed: false, reason: '' }) },
  });
  for (const [name, nodeName] of [['web', 'node-1'], ['elsewhere', 'node-2']])
    await harness.local.request({ method: 'POST', path: '/api/v1/namespaces/default/pods', body: { metadata: { name }, spec: { nodeName, containers: [{ name: 'main' }] } } });
  const listener = harness.server.serveKubelet('node-1', await (await TestAuthority.create()).server());
  door = net.createServer((socket) => listener.handleConnection(socket)).listen(0, '127.0.0.1');
  await once(door, 'listening');
  port = (door.address() as AddressInfo).port;
});
afterAll(async () => {
  await harness.close();
  door.close();
});

function ask(path: string, as?: 'admin' | 'user', method = 'GET'): Promise<{ code: number; text: string }> {
  const pair = as && harness[as];
  return new Promise((resolve, reject) => {
    const request = https.request({ host: '127.0.0.1', port, rejectUnauthorized: false, cert: pair?.certificate, key: pair?.key, path, method, agent: false }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => resolve({ code: response.statusCode!, text }));
    });
    request.on('error', reject);
    request.end();
  });
}

describe('a kubelet at its node’s address', () => {
  it('lets nobody in without a name, and nobody who may not', async () => {
    allowed = [];
    expect(await ask('/healthz')).toEqual({ code: 401, text: 'Unauthorized' });
    expect(await ask('/healthz', 'user')).toEqual({ code: 403, text: 'Forbidden (user=jane, verb=get, resource=nodes, subresource(s)=[healthz proxy])\n' });
    expect(await ask('/metrics/cadvisor', 'user')).toMatchObject({ code: 403, text: expect.stringContaining('subresource(s)=[metrics]') });
  });

  it('answers who may see just this, or everything', async () => {
    for (const may of ['healthz', 'proxy']) {
      allowed = [may];
      expect(await ask('/healthz', 'user')).toEqual({ code: 200, text: 'ok' });
    }
    allowed = ['configz'];
    expect(await ask('/healthz', 'user')).toMatchObject({ code: 403 });
    expect(await ask('/healthz', 'admin')).toEqual({ code: 200, text: 'ok' });
    expect(await ask('/nothing', 'admin')).toMatchObject({ code: 404 });
    expect(await ask('/pods', 'admin', 'DELETE')).toMatchObject({ code: 405 });
  });

  it('gives logs of its own pods only', async () => {
    expect(await ask('/containerLogs/default/web/main?tailLines=5', 'admin')).toEqual({ code: 200, text: 'web main 5\n' });
    for (const path of ['default/elsewhere/main', 'default/gone/main']) expect(await ask(`/containerLogs/${path}`, 'admin')).toMatchObject({ code: 404 });
    expect(await ask('/containerLogs/default/web/main?tailLines=-5', 'admin')).toMatchObject({ code: 422 });
  });

  it('runs commands, at once or over a stream of the client', async () => {
    expect(await ask('/run/default/web/main?cmd=echo+hi', 'admin', 'POST')).toEqual({ code: 200, text: 'echo hi' });
    expect(await ask('/exec/default/web/main?command=ls&output=1', 'admin', 'POST')).toEqual({ code: 400, text: 'Upgrade request required' });
    const { admin } = harness;
    const socket = new WebSocket(`wss://127.0.0.1:${port}/exec/default/web/main?command=echo&command=hello&output=1`, ['v5.channel.k8s.io'], { rejectUnauthorized: false, cert: admin.certificate, key: admin.key });
    let said = '';
    for await (const [message] of on(socket, 'message') as AsyncIterable<[Buffer]>) {
      if (message[0] === 1) said += message.subarray(1).toString();
      if (said === 'echo hello') break;
    }
    socket.close();
  });
});

describe('what a request to a kubelet is about', () => {
  it.each([
    ['/pods', ['pods', 'proxy']],
    ['/runningpods/', ['pods', 'proxy']],
    ['/configz', ['configz', 'proxy']],
    ['/podsmore', ['proxy']],
    ['/stats/summary', ['stats']],
    ['/metrics', ['metrics']],
    ['/metrics/resource', ['metrics']],
    ['/logs/', ['log']],
    ['/exec/a/b/c', ['proxy']],
  ])('%s: %j', (path, subresources) => {
    expect(attributesOf('node-1', 'GET', path).map(({ subresource }) => subresource)).toEqual(subresources);
  });
  it('names the verb by the method, but whoever only reads runs no commands', () => {
    expect(attributesOf('node-1', 'GET', '/pods')[0]).toMatchObject({ verb: 'get', resource: 'nodes', name: 'node-1' });
    for (const method of ['GET', 'POST']) expect(attributesOf('node-1', method, '/exec/a/b/c')).toEqual([expect.objectContaining({ verb: 'create', resource: 'nodes', name: 'node-1' })]);
  });
});
