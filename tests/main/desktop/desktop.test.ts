import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PodFailure } from '../../../main/bridge/index.ts';
import { EngineProxy, startDesktop, type EngineWorker } from '../../../main/desktop/index.ts';
import type { FromEngine, ToEngine } from '../../../main/engineMessages.ts';
import type { ShellState } from '../../../preload/contract.ts';
import { parseOptions } from '../../../main/options.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { fakeElectron, FakeWindow } from '../../support/fakeElectron.ts';

/** A worker that the test speaks for. */
class FakeWorker implements EngineWorker {
  readonly received: ToEngine[] = [];
  readonly listeners = new Map<string, (value: never) => void>();
  postMessage(message: ToEngine): void {
    this.received.push(message);
    if (message.type === 'stop') this.say({ type: 'stopped' });
  }
  on(event: string, listener: (value: never) => void): void {
    this.listeners.set(event, listener);
  }
  terminate(): Promise<number> {
    return Promise.resolve(0);
  }
  say(message: FromEngine): void {
    this.listeners.get('message')?.(message as never);
  }
  die(code: number): void {
    this.listeners.get('exit')?.(code as never);
  }
}

describe('the desktop shell', () => {
  let folder: string;
  let clock: FakeClock;
  let workers: FakeWorker[];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'skiff-desktop-'));
    await mkdir(path.join(folder, 'renderer'));
    await writeFile(path.join(folder, 'renderer/index.html'), '<!doctype html>');
    clock = new FakeClock();
    workers = [];
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function start(options: { first?: boolean; locale?: string; argv?: string[]; platform?: NodeJS.Platform } = {}) {
    const fake = fakeElectron(options);
    const engine = new EngineProxy(() => {
      workers.push(new FakeWorker());
      return workers.at(-1)!;
    }, parseOptions([]));
    await startDesktop(fake.api, {
      engine,
      clock,
      platform: options.platform ?? 'linux',
      argv: options.argv ?? ['skiff'],
      out: folder,
      icons: '/icons',
      settingsFile: path.join(folder, 'settings.json'),
    });
    await settle();
    return { ...fake, engine, worker: workers[0]!, window: FakeWindow.all[0]! };
  }

  const running: FromEngine = { type: 'state', state: { phase: 'running', name: 'default', runtime: 'docker', kubeconfig: '/k', server: 'https://127.0.0.1:6443' } };

  test('the window is sandboxed, isolated and kept to its own page', async () => {
    const { window, did } = await start();
    expect(window.options.webPreferences).toMatchObject({ sandbox: true, contextIsolation: true, nodeIntegration: false, webSecurity: true });
    let prevented = 0;
    const navigate = (url: string) => window.webContents.emit('will-navigate', { url, preventDefault: () => prevented++ });
    navigate('https://evil.example/');
    navigate('skiff-app://window/index.html');
    expect(prevented).toBe(1);
    expect(window.webContents.openHandler!({ url: 'file:///etc/passwd' } as never)).toEqual({ action: 'deny' });
    expect(window.webContents.openHandler!({ url: 'https://kubernetes.io/docs' } as never)).toEqual({ action: 'deny' });
    expect(did.opened).toEqual(['https://kubernetes.io/docs']);
    expect(['notifications', 'clipboard-read', 'clipboard-sanitized-write'].map((permission) => did.permission!(permission))).toEqual([false, false, true]);
  });

  test('the page is served from its scheme, with a policy, and nothing beside it', async () => {
    const { did } = await start();
    const page = await did.page!(new Request('skiff-app://window/index.html'));
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect((await did.page!(new Request('skiff-app://window/../settings.json'))).status).toBe(404);
    expect((await did.page!(new Request('skiff-app://other/index.html'))).status).toBe(404);
  });

  test('calls are answered for our own main frame only', async () => {
    const { invoke, window, worker } = await start();
    const { webContents } = window;
    const state = (await invoke('skiff:state', webContents, webContents.mainFrame)) as { kind: string };
    expect(state.kind).toBe('electron');
    await expect(invoke('skiff:state', webContents, { url: 'skiff-app://window/frame.html' })).rejects.toThrow('Only the window');
    webContents.mainFrame.url = 'https://evil.example/';
    await expect(invoke('skiff:state', webContents, webContents.mainFrame)).rejects.toThrow('Only the window');
    webContents.mainFrame.url = 'skiff-app://window/index.html';
    await expect(invoke('skiff:request', webContents, webContents.mainFrame, { method: 'TRACE', path: '/' })).rejects.toThrow('not a request');
    for (const url of ['javascript:alert(1)', 'http://evil.example/', 'file:///etc/passwd']) await expect(invoke('skiff:openExternal', webContents, webContents.mainFrame, url)).rejects.toThrow('https');
    const answer = invoke('skiff:request', webContents, webContents.mainFrame, { method: 'GET', path: '/version', extra: 1 });
    await settle();
    const request = worker.received.at(-1) as Extract<ToEngine, { type: 'request' }>;
    expect(request.request).toEqual({ method: 'GET', path: '/version', contentType: undefined, accept: undefined, body: undefined });
    worker.say({ type: 'answer', call: request.call, value: { status: 200, contentType: '', body: '{}', warnings: [] } });
    expect(await answer).toMatchObject({ status: 200 });
  });

  test('ports are forwarded by the engine, and what the window asks is checked', async () => {
    const { invoke, window, worker } = await start();
    const { webContents } = window;
    const ask = (channel: string, ...args: unknown[]) => invoke(channel, webContents, webContents.mainFrame, ...args);
    const state = async () => ((await ask('skiff:state')) as ShellState).forwards;
    const request = { resource: 'pods', namespace: 'default', name: 'web', port: 80 };
    const forward = { ...request, id: 1, localPort: 8080 };
    worker.say(running);
    const answer = ask('skiff:forward', { ...request, extra: 1 });
    await settle();
    const sent = worker.received.at(-1) as Extract<ToEngine, { type: 'forward' }>;
    expect(sent).toEqual({ type: 'forward', call: sent.call, request });
    worker.say({ type: 'answer', call: sent.call, value: forward });
    expect(await answer).toEqual(forward);
    worker.say({ type: 'forwards', forwards: [forward] });
    expect(window.webContents.sent.at(-1)).toMatchObject({ args: [{ type: 'state', state: { forwards: [forward] } }] });
    expect(await state()).toEqual([forward]);
    await expect(ask('skiff:forward', { ...request, port: '80' })).rejects.toThrow('not a port');
    await expect(ask('skiff:freePort', 'x')).rejects.toThrow('not a port');
    worker.say({ type: 'state', state: { phase: 'failed', message: 'no' } });
    expect(await state()).toEqual([]);
  });

  test('the tray tells the state and the window hears of it', async () => {
    const { worker, did, window } = await start();
    worker.say({ type: 'state', state: { phase: 'starting', step: 'Making the node image' } });
    worker.say(running);
    expect(did.tooltips.slice(-2)).toEqual(['Skiff: Cluster is starting: Making the node image', 'Skiff: Cluster is running (default)']);
    expect(window.webContents.sent.at(-1)).toMatchObject({ channel: 'skiff:event', args: [{ type: 'state', state: { cluster: { phase: 'running' } } }] });
    const copy = did.trayMenus.at(-1)!.find((item) => item.label === 'Copy the path of the kubeconfig')!;
    copy.click!({} as never, undefined, {} as never);
    expect(did.copied).toEqual(['/k']);
  });

  test('an engine that dies is told, and can be started again', async () => {
    const { worker, did, engine } = await start();
    worker.say(running);
    const lost = engine.request({ method: 'GET', path: '/' });
    worker.die(134);
    await expect(lost).rejects.toThrow('the engine ended with code 134');
    expect(did.tooltips.at(-1)).toContain('Cluster has failed');
    await engine.restart();
    expect(workers).toHaveLength(2);
    expect(workers[1]!.received[0]).toMatchObject({ type: 'start' });
  });

  const failure = (pod: string): PodFailure => ({ namespace: 'default', pod, container: 'app', reason: 'CrashLoopBackOff', message: 'exit code 1' });

  test('ten bad pods of one rollout are one notification; a click opens the pod', async () => {
    const { worker, did, window } = await start();
    for (const id of ['aaaaa', 'bbbbb', 'ccccc']) worker.say({ type: 'podFailure', failure: failure(`web-5d4f-${id}`) });
    await clock.advance(2000);
    expect(did.notifications.map((n) => [n.options.title, n.options.body])).toEqual([
      ['Pod default/web-5d4f-aaaaa has failed', 'CrashLoopBackOff (app): exit code 1\nand 2 more pods'],
    ]);
    did.notifications[0]!.click();
    await settle();
    expect(window.webContents.sent.at(-1)!.args[0]).toEqual({ type: 'navigate', path: '/api/v1/namespaces/default/pods/web-5d4f-aaaaa' });
  });

  test('a notification opens a window where there is none, which hears of the pod once its page is there', async () => {
    const { worker, did, window } = await start();
    window.emit('close');
    window.emit('closed');
    worker.say({ type: 'podFailure', failure: failure('web-5d4f-aaaaa') });
    await clock.advance(2000);
    did.notifications[0]!.click();
    await expect.poll(() => FakeWindow.all.length).toBe(2);
    const opened = FakeWindow.all[1]!;
    expect(opened.options).toMatchObject({ x: 1, y: 2, width: 900, height: 700 });
    await expect.poll(() => opened.webContents.sent.map(({ args }) => args[0])).toContainEqual({ type: 'navigate', path: '/api/v1/namespaces/default/pods/web-5d4f-aaaaa' });
  });

  test('files that are opened while there is no window open one', async () => {
    const { app, window } = await start();
    window.emit('closed');
    await writeFile(path.join(folder, 'pod.yaml'), 'kind: Pod');
    app.emit('open-file', { preventDefault() {} }, path.join(folder, 'pod.yaml'));
    await expect.poll(() => FakeWindow.all[1]?.webContents.sent.map(({ args }) => args[0])).toContainEqual({ type: 'manifests', files: [{ name: 'pod.yaml', text: 'kind: Pod' }] });
  });

  test('the window comes back as it was left, and in sight where its screen is gone', async () => {
    const left = async (bounds: object) => {
      await writeFile(path.join(folder, 'settings.json'), JSON.stringify({ 'window.bounds': bounds }));
      const { window } = await start();
      window.emit('ready-to-show');
      return window;
    };
    const seen = await left({ x: 100, y: 50, width: 800, height: 600, maximized: true });
    expect([seen.options.x, seen.options.width, seen.maximized]).toEqual([100, 800, true]);
    const gone = await left({ x: 2500, y: 50, width: 800, height: 600 });
    expect([gone.options.x, gone.options.width, gone.maximized]).toEqual([undefined, 800, false]);
  });

  test('a reset is asked for once, not at every restart', async () => {
    const worker = () => workers.at(-1)!.received.at(-1) as { options: { action: string } };
    const engine = new EngineProxy(() => {
      workers.push(new FakeWorker());
      return workers.at(-1)!;
    }, parseOptions(['--reset']));
    engine.start();
    expect(worker().options.action).toBe('reset');
    await engine.restart();
    expect(worker().options.action).toBe('start');
  });

  test('says who it is, and lets the menu bar of macOS colour its icon', async () => {
    const { did } = await start();
    expect(did.appId).toBe('dev.skiff.app');
    expect(await readFile('electron-builder.yml', 'utf8')).toContain(`appId: ${did.appId}\n`);
    expect(did.templates).toBe(0);
    expect((await start({ platform: 'darwin' })).did.templates).toBe(1);
  });

  test('it speaks Chinese where the user does', async () => {
    const { worker, did } = await start({ locale: 'zh-CN' });
    worker.say(running);
    expect(did.tooltips.at(-1)).toBe('Skiff: 集群正在运行 (default)');
  });

  test('a second start hands its files to the first', async () => {
    const second = fakeElectron({ first: false });
    await startDesktop(second.api, { engine: new EngineProxy(() => new FakeWorker(), parseOptions([])), clock, platform: 'linux', argv: [], out: folder, icons: '', settingsFile: path.join(folder, 's.json') });
    expect(second.did.quits).toBe(1);
    expect(FakeWindow.all).toHaveLength(0);

    const { app, window } = await start();
    await mkdir(path.join(folder, 'manifests'));
    const file = path.join(folder, 'manifests/pod.yaml');
    await writeFile(file, 'kind: Pod');
    await writeFile(path.join(folder, 'manifests/readme.txt'), 'no');
    app.emit('second-instance', {}, ['skiff', '--flag', 'pod.yaml'], path.join(folder, 'manifests'));
    app.emit('open-file', { preventDefault() {} }, path.join(folder, 'manifests'));
    await expect.poll(() => window.webContents.sent.filter((s) => (s.args[0] as { type: string }).type === 'manifests').length).toBe(2);
    const events = window.webContents.sent.map((s) => s.args[0] as { type: string; files?: { name: string }[] }).filter((e) => e.type === 'manifests');
    expect(events.map((e) => e.files!.map((f) => f.name)).sort()).toEqual([['manifests/pod.yaml'], ['pod.yaml']]);
  });

  test('quitting stops the engine first, closing the window does not', async () => {
    const { app, worker, did } = await start();
    app.emit('window-all-closed');
    expect(worker.received.some((m) => m.type === 'stop')).toBe(false);
    app.quit();
    await settle();
    expect(worker.received.at(-1)).toEqual({ type: 'stop' });
    expect(did.quits).toBe(2);
  });

  test('frames of a window go to its own session and back', async () => {
    const { ipcMain, worker, window } = await start();
    const { webContents } = window;
    const event = { sender: webContents, senderFrame: webContents.mainFrame };
    ipcMain.emit('skiff:frame', event, '{"id":1}');
    ipcMain.emit('skiff:frame', { sender: webContents, senderFrame: { url: 'https://evil.example' } }, '{"id":2}');
    expect(worker.received.filter((m) => m.type === 'frame')).toEqual([{ type: 'frame', window: webContents.id, frame: '{"id":1}' }]);
    worker.say({ type: 'frame', window: webContents.id, frame: 'x' });
    expect(webContents.sent.at(-1)).toEqual({ channel: 'skiff:frame', args: ['x'] });
    webContents.emit('did-start-navigation', { isMainFrame: true, isSameDocument: false });
    expect(worker.received.at(-1)).toEqual({ type: 'closeWindow', window: webContents.id });
  });
});
