import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Settings } from '../../../main/bridge/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { systemRandom } from '../../../main/util/random.ts';
import { startWebShell, WebMemory, type Forwards, type WebShell } from '../../../main/web/index.ts';
import type { ShellState } from '../../../preload/contract.ts';

const state: ShellState = { kind: 'web', platform: 'linux', version: '1', cluster: { phase: 'starting', step: 'x' }, forwards: [] };

describe('the web shell', () => {
  let folder: string;
  let shell: WebShell;
  let announce: (state: ShellState) => void;
  let used: number;
  let forwards: Forwards | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'skiff-web-'));
    used = 0;
    forwards = undefined;
    await writeFile(path.join(folder, 'index.html'), '<!doctype html>');
    shell = await start();
  });
  const start = () =>
    startWebShell({
      page: folder,
      memory: new WebMemory(path.join(folder, 'web.json')),
      state: () => state,
      onState: (listener) => {
        announce = listener;
        return () => {};
      },
      client: () => undefined,
      mergeKubeconfig: (action) => Promise.resolve({ path: `/${action}` }),
      forwards: () => forwards,
      onLinkUsed: () => (used += 1),
      settings: new Settings(path.join(folder, 'settings.json')),
      random: systemRandom,
      log: noLog,
    });
  afterEach(async () => {
    await shell.close();
    await rm(folder, { recursive: true });
  });

  function call(method: string, pathname: string, headers: Record<string, string> = {}, body?: string): Promise<{ status: number; body: string; headers: Record<string, unknown> }> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port: shell.port, method, path: pathname, headers: { host: `127.0.0.1:${shell.port}`, ...headers } }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode!, body: text, headers: response.headers }));
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  async function enter(): Promise<string> {
    const link = new URL(shell.link());
    const answer = await call('GET', `/${link.search}`);
    expect(answer.status).toBe(303);
    return String((answer.headers['set-cookie'] as string[])[0]).split(';')[0]!;
  }

  test('a link lets one browser in, once', async () => {
    const link = new URL(shell.link());
    expect((await call('GET', '/')).status).toBe(401);
    const first = await call('GET', `/${link.search}`);
    expect(first.headers['set-cookie']).toEqual([expect.stringMatching(/HttpOnly; SameSite=Strict/)]);
    expect((await call('GET', `/${link.search}`)).status).toBe(401);
    expect(used).toBe(1);
    const cookie = String((first.headers['set-cookie'] as string[])[0]).split(';')[0]!;
    const page = await call('GET', '/', { cookie });
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  });

  test('a browser that was let in finds the next shell where the last one was', async () => {
    const cookie = await enter();
    const { port } = shell;
    await shell.close();
    expect(await readFile(path.join(folder, 'web.json'), 'utf8')).not.toContain(cookie.split('=')[1]);
    expect((await stat(path.join(folder, 'web.json'))).mode & 0o777).toBe(0o600);
    shell = await start();
    expect(shell.port).toBe(port);
    expect((await call('GET', '/', { cookie })).status).toBe(200);
    expect((await call('GET', '/', { cookie: `${cookie}0` })).status).toBe(401);
  });

  test('what it remembers may be broken, and its port taken: it starts all the same', async () => {
    await enter();
    const second = await start();
    expect(second.port).not.toBe(shell.port);
    await second.close();
    await shell.close();
    await writeFile(path.join(folder, 'web.json'), '{"port": 99999999, "sessions": [1, "x"]');
    shell = await start();
    expect((await call('GET', '/')).status).toBe(401);
  });

  test('another host or origin is refused, session or not', async () => {
    const cookie = await enter();
    expect((await call('GET', '/', { cookie, host: `evil.example:${shell.port}` })).status).toBe(421);
    expect((await call('GET', '/bridge/state', { cookie, origin: 'https://evil.example' })).status).toBe(403);
    expect((await call('POST', '/bridge/setting', { cookie, 'x-skiff': '1', 'sec-fetch-site': 'cross-site' }, '{}')).status).toBe(403);
  });

  test('a form of another page cannot call: the header is missing', async () => {
    const cookie = await enter();
    expect((await call('POST', '/bridge/kubeconfig', { cookie }, '{"action":"add"}')).status).toBe(403);
    expect((await call('POST', '/bridge/kubeconfig', { cookie, 'x-skiff': '1' }, '{"action":"add"}')).body).toBe('{"path":"/add"}');
    expect((await call('POST', '/bridge/kubeconfig', { cookie, 'x-skiff': '1' }, '{"action":"explode"}')).status).toBe(400);
  });

  test('settings outlive the window', async () => {
    const cookie = await enter();
    await call('POST', '/bridge/setting', { cookie, 'x-skiff': '1' }, JSON.stringify({ name: 'theme', value: 'dark' }));
    expect(JSON.parse((await call('GET', '/bridge/settings', { cookie })).body)).toEqual({ theme: 'dark' });
    expect(await new Settings(path.join(folder, 'settings.json')).all()).toEqual({ theme: 'dark' });
  });

  test('a request is refused in words while the cluster is not running', async () => {
    const cookie = await enter();
    const answer = await call('POST', '/bridge/request', { cookie, 'x-skiff': '1' }, JSON.stringify({ method: 'GET', path: '/version' }));
    expect(answer).toMatchObject({ status: 503, body: 'the cluster is not running' });
  });

  test('ports are forwarded for the window alone, and what it asks is checked', async () => {
    const cookie = await enter();
    const ask = (method: string, body: unknown, headers: Record<string, string> = { cookie, 'x-skiff': '1' }) => call('POST', `/bridge/${method}`, headers, JSON.stringify(body));
    const request = { resource: 'pods', namespace: 'default', name: 'web', port: 80 };
    expect(await ask('forward', request)).toMatchObject({ status: 503, body: 'the cluster is not running' });
    const stopped: number[] = [];
    forwards = {
      start: (asked) => (asked.name === 'web' ? Promise.resolve({ ...asked, id: 1, localPort: asked.localPort ?? 8080 }) : Promise.reject(new Error('pods "x" not found'))),
      stop: (id) => void stopped.push(id),
      freePort: (near) => Promise.resolve(near + 8000),
    };
    expect(JSON.parse((await ask('forward', { ...request, extra: 1 })).body)).toEqual({ ...request, id: 1, localPort: 8080 });
    expect(await ask('forward', { ...request, name: 'x' })).toMatchObject({ status: 502, body: 'pods "x" not found' });
    expect(await ask('forward', { ...request, port: '80' })).toMatchObject({ status: 400, body: 'not a port' });
    expect((await ask('forward', request, { cookie })).status).toBe(403);
    expect((await ask('forward', request, { 'x-skiff': '1' })).status).toBe(401);
    expect((await ask('freePort', { near: 80 })).body).toBe('8080');
    expect((await ask('freePort', { near: 0 })).status).toBe(400);
    await ask('stopForward', { id: 1 });
    expect(stopped).toEqual([1]);
  });

  test('a socket hears of the state, and needs session and origin', async () => {
    const cookie = await enter();
    const url = `ws://127.0.0.1:${shell.port}/bridge/socket`;
    const refused = (headers: Record<string, string>) =>
      new Promise((resolve) => new WebSocket(url, { headers }).on('error', (error) => resolve(error.message)));
    expect(await refused({ cookie })).toMatch(/403/);
    expect(await refused({ origin: `http://127.0.0.1:${shell.port}` })).toMatch(/401/);
    expect(await refused({ cookie, origin: 'https://evil.example' })).toMatch(/403/);
    const socket = new WebSocket(url, { headers: { cookie, origin: `http://127.0.0.1:${shell.port}` } });
    const messages: string[] = [];
    const next = () => new Promise<void>((resolve) => socket.once('message', (data: Buffer) => resolve(void messages.push(data.toString()))));
    await next();
    const announced = next();
    announce({ ...state, cluster: { phase: 'failed', message: 'no' } });
    await announced;
    expect(messages.map((m) => (JSON.parse(m) as { event: { state: ShellState } }).event.state.cluster.phase)).toEqual(['starting', 'failed']);
    socket.send('not json');
    socket.send(JSON.stringify({ id: 7, type: 'watch', path: '/api/v1/pods?watch=1' }));
    await next();
    expect(JSON.parse(messages.at(-1)!)).toEqual({ id: 7, type: 'end', error: 'the cluster is not running' });
    socket.terminate();
  });
});
