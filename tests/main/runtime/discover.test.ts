import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { discoverEngine, type EngineConnection } from '../../../main/runtime/docker/discover.ts';
import { engineCandidates, type Surroundings } from '../../../main/runtime/docker/discoverCandidates.ts';
import { realClock } from '../../../main/util/clock.ts';
import { FakeClock } from '../../support/fakeClock.ts';

const contextId = (name: string) => createHash('sha256').update(name).digest('hex');

function here(change: Partial<Omit<Surroundings, 'readFile'>> & { files?: Record<string, string> } = {}): Surroundings {
  const { files = {}, ...rest } = change;
  return {
    env: {},
    platform: 'linux',
    home: '/home/me',
    uid: 1000,
    readFile: (file) => (files[file] === undefined ? undefined : Buffer.from(files[file])),
    ...rest,
  };
}

const contextFiles = (name: string, endpoint: unknown, tls: Record<string, string> = {}): Record<string, string> => ({
  [`/home/me/.docker/contexts/meta/${contextId(name)}/meta.json`]: JSON.stringify({
    Name: name,
    Endpoints: { docker: endpoint },
  }),
  ...Object.fromEntries(
    Object.entries(tls).map(([file, text]) => [
      `/home/me/.docker/contexts/tls/${contextId(name)}/docker/${file}`,
      text,
    ]),
  ),
});

describe('where an engine may be', () => {
  const first = (surroundings: Surroundings) => engineCandidates(surroundings)[0]!;

  test.each<[string, EngineConnection]>([
    ['unix:///run/user/1000/docker.sock', { socketPath: '/run/user/1000/docker.sock' }],
    ['npipe:////./pipe/docker_engine', { socketPath: '\\\\.\\pipe\\docker_engine' }],
    ['tcp://192.0.2.1:2375', { protocol: 'http', host: '192.0.2.1', port: 2375 }],
    ['tcp://[fd00::1]', { protocol: 'http', host: 'fd00::1', port: 2375 }],
    ['ssh://root@far.example', { protocol: 'ssh', host: 'far.example', port: 22, username: 'root' }],
    ['ssh://far.example:2222', { protocol: 'ssh', host: 'far.example', port: 2222, username: 'me' }],
  ])('DOCKER_HOST %s, and nowhere else', (address, connection) => {
    const found = engineCandidates(here({ env: { DOCKER_HOST: address, USER: 'me' } }));
    expect(found).toEqual([{ source: 'DOCKER_HOST', address, connection, explicit: true }]);
  });

  test('DOCKER_HOST with certificates', () => {
    const files = { '/certs/ca.pem': 'CA', '/certs/cert.pem': 'CERT', '/certs/key.pem': 'KEY' };
    const env = { DOCKER_HOST: 'tcp://far.example', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' };
    expect(first(here({ env, files })).connection).toEqual({
      protocol: 'https',
      host: 'far.example',
      port: 2376,
      ca: Buffer.from('CA'),
      cert: Buffer.from('CERT'),
      key: Buffer.from('KEY'),
      insecure: false,
    });
  });

  test.each(['nonsense', 'gopher://x'])('an address that is none: %s', (address) => {
    expect(first(here({ env: { DOCKER_HOST: address } })).problem).toBeDefined();
  });

  test('the current context before the usual places', () => {
    const files = {
      '/home/me/.docker/config.json': '{"currentContext":"colima"}',
      ...contextFiles('colima', { Host: 'unix:///home/me/.colima/default/docker.sock' }),
    };
    const found = engineCandidates(here({ files }));
    expect(found[0]).toMatchObject({
      source: 'the Docker context "colima"',
      connection: { socketPath: '/home/me/.colima/default/docker.sock' },
      explicit: false,
    });
    expect(found.filter(({ address }) => address.includes('.colima/default')).length).toBe(1);
    expect(found.length).toBeGreaterThan(5);
  });

  test('the context that DOCKER_CONTEXT names, and nowhere else', () => {
    const files = contextFiles(
      'far',
      { Host: 'tcp://far.example:2376', SkipTLSVerify: true },
      { 'cert.pem': 'CERT', 'key.pem': 'KEY' },
    );
    const found = engineCandidates(here({ env: { DOCKER_CONTEXT: 'far' }, files }));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({
      explicit: true,
      connection: { protocol: 'https', cert: Buffer.from('CERT'), insecure: true },
    });
    expect(first(here({ env: { DOCKER_CONTEXT: 'gone' } })).problem).toBe('it does not exist');
    expect(
      engineCandidates(
        here({
          env: { DOCKER_CONTEXT: 'default' },
          files: { '/home/me/.docker/config.json': '{"currentContext":"far"}' },
        }),
      )[0]!.source,
    ).toBe('Docker');
  });

  test.each<[NodeJS.Platform, Record<string, string>, string[]]>([
    [
      'linux',
      { XDG_RUNTIME_DIR: '/run/user/7' },
      [
        'unix:///var/run/docker.sock',
        'unix:///run/user/7/docker.sock',
        'unix:///run/user/7/podman/podman.sock',
        'unix:///home/me/.rd/docker.sock',
      ],
    ],
    ['linux', {}, ['unix:///run/user/1000/docker.sock', 'unix:///run/podman/podman.sock']],
    [
      'darwin',
      { TMPDIR: '/tmp/x' },
      [
        'unix:///home/me/.docker/run/docker.sock',
        'unix:///home/me/.orbstack/run/docker.sock',
        'unix:///home/me/.colima/default/docker.sock',
        'unix:///tmp/x/podman/podman-machine-default-api.sock',
      ],
    ],
    ['win32', {}, ['npipe:////./pipe/dockerDesktopLinuxEngine', 'npipe:////./pipe/docker_engine']],
  ])('the usual places of %s %j', (platform, env, expected) => {
    const addresses = engineCandidates(here({ platform, env })).map(({ address }) => address);
    expect(addresses).toEqual(expect.arrayContaining(expected));
  });
});

describe('finding the engine', () => {
  const version = { version: '28.0', apiVersion: '1.48', os: 'linux', architecture: 'amd64' };
  const failure = (code: string) => Object.assign(new Error(code), { code });

  /** What each socket does when it is asked; the others are not there. */
  function discover(places: Record<string, Error | typeof version | 'silent' | 'late'>, surroundings = here()) {
    const clock = new FakeClock();
    const found = discoverEngine({
      clock,
      surroundings,
      ask: (connection, signal) =>
        new Promise((resolve, reject) => {
          const answer = places[connection.socketPath ?? connection.host!] ?? failure('ENOENT');
          if (answer === 'late') clock.setTimer(9000, () => resolve(version));
          else if (answer === 'silent') signal.addEventListener('abort', () => reject(signal.reason as Error));
          else if (answer instanceof Error) reject(answer);
          else resolve(answer);
        }),
    });
    return clock.advance(20_000).then(() => found);
  }

  test('the best one that answers is taken, and what was wrong with the better ones is kept', async () => {
    const { found, tried } = await discover({
      '/var/run/docker.sock': failure('ECONNREFUSED'),
      '/home/me/.rd/docker.sock': version,
      '/run/podman/podman.sock': { ...version, version: '5.0' },
    });
    expect(found).toMatchObject({
      source: 'Rancher Desktop',
      version: '28.0',
      connection: { socketPath: '/home/me/.rd/docker.sock' },
    });
    expect(tried[0]).toMatchObject({ source: 'Docker', address: 'unix:///var/run/docker.sock' });
  });

  test('one that keeps silent is not waited for long', async () => {
    const { found, tried } = await discover({ '/var/run/docker.sock': 'silent', '/run/podman/podman.sock': version });
    expect(found?.source).toBe('Podman');
    expect(tried[0]?.problem).toBe('it does not answer within 3 s');
  });

  test('one that takes its time is waited for when no other answers', async () => {
    const { found, tried } = await discover({ '/var/run/docker.sock': failure('ECONNREFUSED'), '/home/me/.rd/docker.sock': 'silent', '/run/podman/podman.sock': 'late' });
    expect(found?.source).toBe('Podman');
    expect(tried.find(({ address }) => address.includes('.rd/'))?.problem).toBe('it does not answer within 15 s');
  });

  test.each<[string, Record<string, Error | typeof version>, Surroundings, string]>([
    [
      'nothing anywhere',
      {},
      here(),
      'No container engine was found: install Docker Engine (https://docs.docker.com/engine/install/) or Podman, and start it.',
    ],
    [
      'nothing on a Mac',
      {},
      here({ platform: 'darwin' }),
      'No container engine was found: install and start Docker Desktop, OrbStack, Colima, Rancher Desktop or Podman Desktop.',
    ],
    [
      'no rights',
      { '/var/run/docker.sock': failure('EACCES') },
      here(),
      'Docker is there, but your user may not use it: add yourself to the docker group (sudo usermod -aG docker "$USER"), then log out and in again.',
    ],
    [
      'not started',
      { '/var/run/docker.sock': failure('ECONNREFUSED') },
      here(),
      'Docker is installed, but it does not run: sudo systemctl start docker.',
    ],
    [
      'Colima not started',
      { '/home/me/.colima/default/docker.sock': failure('ECONNREFUSED') },
      here({ platform: 'darwin' }),
      'Colima is installed, but it does not run: colima start.',
    ],
    [
      'Windows containers',
      { '\\\\.\\pipe\\docker_engine': { ...version, os: 'windows' } },
      here({ platform: 'win32' }),
      'Docker at npipe:////./pipe/docker_engine cannot be used: it runs windows containers, and Skiff needs Linux containers.',
    ],
    [
      'a wrong DOCKER_HOST',
      {},
      here({ env: { DOCKER_HOST: 'unix:///nowhere.sock' } }),
      'DOCKER_HOST (unix:///nowhere.sock) cannot be used: nothing is there. Start that engine, or unset DOCKER_HOST to let Skiff look for another.',
    ],
    [
      'a context that is gone',
      {},
      here({ env: { DOCKER_CONTEXT: 'old' } }),
      'The Docker context "old" cannot be used: it does not exist. Start that engine, or unset DOCKER_CONTEXT to let Skiff look for another.',
    ],
  ])('%s is said in one line', async (_, places, surroundings, message) => {
    const result = await discover(places, surroundings);
    expect(result.found).toBeUndefined();
    expect(result.message).toBe(message);
  });

  test.skipIf(process.platform === 'win32')('over a real socket', async () => {
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'skiff-engine-'));
    const socketPath = path.join(folder, 'docker.sock');
    const server = http.createServer((request, response) => {
      response.end(
        request.url === '/version'
          ? JSON.stringify({ Version: '1', ApiVersion: '1.41', Os: 'linux', Arch: 'arm64' })
          : '',
      );
    });
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    try {
      const surroundings = here({ env: { DOCKER_HOST: `unix://${socketPath}` } });
      const { found, message } = await discoverEngine({ clock: realClock, surroundings });
      expect(message).toBe(`container engine 1 at unix://${socketPath}`);
      expect(found).toMatchObject({
        version: '1',
        apiVersion: '1.41',
        architecture: 'arm64',
        connection: { socketPath, host: undefined },
      });
      const missing = await discoverEngine({
        clock: realClock,
        surroundings: here({ env: { DOCKER_HOST: `unix://${folder}/none` } }),
      });
      expect(missing.message).toContain('nothing is there');
    } finally {
      server.close();
      await fs.rm(folder, { recursive: true });
    }
  });
});
