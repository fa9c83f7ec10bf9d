import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Pod } from '../../../main/api/index.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { PortForwards } from '../../../main/portForward/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { memoryPair } from '../../support/memoryPair.ts';

const refused = 'failed to connect to localhost:80 inside the pod: connect ECONNREFUSED 127.0.0.1:80';

describe('ports of this computer that lead into pods', () => {
  let clock: FakeClock;
  let server: FakeServer;
  let informers: InformerFactory;
  let forwards: PortForwards;
  /** Who listens where, as the operating system would have it. */
  let open: Map<number, (connection: Duplex) => void>;
  let connections: Duplex[];
  /** Of each connection that was asked for: the path and the port. */
  let asked: string[];
  let answer: (path: string) => void;

  beforeEach(() => {
    clock = new FakeClock();
    server = new FakeServer(clock);
    informers = new InformerFactory(server.client(), clock, noLog);
    informers.start();
    open = new Map();
    connections = [];
    asked = [];
    answer = () => {};
    forwards = new PortForwards({
      client: server.client(),
      informers,
      connect: async (path, port) => {
        asked.push(`${path}:${port}`);
        await Promise.resolve();
        answer(path);
        const [ours, pods] = memoryPair();
        // A server that says who it is and then repeats what it hears.
        pods.write(`${path.split('/').at(-2)!}\n`);
        pods.pipe(pods);
        connections.push(pods);
        return ours;
      },
      listen: async (address, port, onConnection) => {
        expect(address).toBe('127.0.0.1');
        await Promise.resolve();
        if (open.has(port)) throw Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' });
        const sockets = new Set<Duplex>();
        open.set(port, (socket) => {
          sockets.add(socket);
          onConnection(socket);
        });
        return {
          close() {
            open.delete(port);
            for (const socket of sockets) socket.destroy();
          },
        };
      },
      portProblem: (port, error) => `port ${port}: ${(error as Error).message}`,
      clock,
      log: noLog,
    });
  });
  afterEach(() => {
    forwards.stopAll();
    informers.stop();
  });

  const ready = [{ type: 'Ready', status: 'True' }];
  function seedPod(name: string, more: { labels?: Record<string, string>; phase?: string; ready?: boolean; ports?: { name?: string; containerPort: number }[] } = {}): void {
    server.seed<Pod>(resources.pods, {
      metadata: { name, namespace: 'default', labels: more.labels ?? { app: 'web' } },
      spec: { containers: [{ name: 'main', image: 'x', ports: more.ports ?? [] }] },
      status: { phase: more.phase ?? 'Running', conditions: (more.ready ?? true) ? ready : [] },
    });
  }
  const seedService = (port: object = { port: 80, targetPort: 'http' }) =>
    server.seed(resources.services, { metadata: { name: 'web', namespace: 'default' }, spec: { type: 'ClusterIP', selector: { app: 'web' }, ports: [port as never] } });
  const seedDeployment = () =>
    server.seed(resources.deployments, { metadata: { name: 'web', namespace: 'default' }, spec: { selector: { matchLabels: { app: 'web' } }, template: { spec: { containers: [] } } } });
  const path = (pod: string) => `/api/v1/namespaces/default/pods/${pod}/portforward`;

  /** Connects as a program of this computer does. What it has heard so far stands in `heard`. */
  function dial(port: number): { heard(): string; say(text: string): void; closed(): boolean; socket: Duplex } {
    const [client, ours] = memoryPair();
    let text = '';
    client.on('data', (bytes: Buffer) => (text += bytes.toString()));
    client.on('error', () => {});
    open.get(port)!(ours);
    return { heard: () => text, say: (words) => void client.write(words), closed: () => client.destroyed, socket: client };
  }

  test('a connection reaches the port of the pod, and both sides hear each other to the end', async () => {
    seedPod('web-1');
    await settle();
    const forward = await forwards.start({ resource: 'pods', namespace: 'default', name: 'web-1', port: 80 });
    expect(forward).toEqual({ id: 1, resource: 'pods', namespace: 'default', name: 'web-1', port: 80, localPort: 8080, pod: 'web-1' });
    const client = dial(8080);
    client.say('hello');
    client.socket.end();
    await settle();
    expect(asked).toEqual([`${path('web-1')}:80`]);
    expect(client.heard()).toBe('web-1\nhello');
    expect(forwards.list).toEqual([forward]);
  });

  test('the port of a Service leads to the port that it names in the pod', async () => {
    seedService();
    seedPod('web-1', { ports: [{ name: 'http', containerPort: 8081 }] });
    await settle();
    const forward = await forwards.start({ resource: 'services', namespace: 'default', name: 'web', port: 80, localPort: 9000 });
    expect(forward).toMatchObject({ localPort: 9000, pod: 'web-1' });
    dial(9000);
    await settle();
    expect(asked).toEqual([`${path('web-1')}:8081`]);
  });

  test('when its pod goes, the next connection leads to another that is ready', async () => {
    seedDeployment();
    seedPod('web-1');
    seedPod('web-2', { ready: false });
    seedPod('web-3');
    seedPod('other', { labels: { app: 'other' } });
    await settle();
    const told: (string | undefined)[] = [];
    forwards.onChange(() => told.push(forwards.list[0]?.pod));
    await forwards.start({ resource: 'deployments.apps', namespace: 'default', name: 'web', port: 80 });
    server.change<Pod>(resources.pods, 'default', 'web-1', (pod) => (pod.metadata!.deletionTimestamp = '2026-01-01T00:00:00Z'));
    await settle();
    const client = dial(8080);
    await settle();
    expect(client.heard()).toBe('web-3\n');
    server.change<Pod>(resources.pods, 'default', 'web-3', (pod) => (pod.status!.phase = 'Failed'));
    server.change<Pod>(resources.pods, 'default', 'web-1', (pod) => (pod.status!.phase = 'Succeeded'));
    await settle();
    // Better one that is not ready than none.
    expect(told).toEqual(['web-1', 'web-3', 'web-2']);
    expect(forwards.list[0]?.problem).toBeUndefined();
  });

  test('a pod that breaks a connection is not given up for another', async () => {
    seedDeployment();
    seedPod('web-1');
    await settle();
    await forwards.start({ resource: 'deployments.apps', namespace: 'default', name: 'web', port: 80 });
    const client = dial(8080);
    await settle();
    connections[0]!.destroy();
    await settle();
    expect(client.closed()).toBe(true);
    expect(forwards.list[0]).toMatchObject({ pod: 'web-1' });
  });

  test('a connection waits for the pod that comes in the place of another, and not for ever', async () => {
    seedDeployment();
    await settle();
    const forward = await forwards.start({ resource: 'deployments.apps', namespace: 'default', name: 'web', port: 80 });
    expect(forward.problem).toMatchObject({ reason: 'noPod' });
    const patient = dial(8080);
    await clock.advance(5_000);
    expect(patient.closed()).toBe(false);
    seedPod('web-1', { phase: 'Pending', ready: false });
    await settle();
    expect(forwards.list[0]).toMatchObject({ problem: { reason: 'noPod' } });
    server.change<Pod>(resources.pods, 'default', 'web-1', (pod) => (pod.status = { phase: 'Running', conditions: ready }));
    await settle();
    expect(patient.heard()).toBe('web-1\n');
    expect(forwards.list[0]).not.toHaveProperty('problem');

    await server.client().of(resources.pods).delete('default', 'web-1', { gracePeriodSeconds: 0 });
    await settle();
    const vain = dial(8080);
    await clock.advance(10_000);
    expect(vain.closed()).toBe(true);
    expect(asked).toHaveLength(1);
  });

  test('a pod of the same name takes the place of the one that went', async () => {
    seedPod('db-0');
    await settle();
    await forwards.start({ resource: 'pods', namespace: 'default', name: 'db-0', port: 5432 });
    await server.client().of(resources.pods).delete('default', 'db-0', { gracePeriodSeconds: 0 });
    await settle();
    expect(forwards.list[0]).toMatchObject({ localPort: 5432, problem: { reason: 'missing', message: 'pods "db-0" not found' } });
    seedPod('db-0', { phase: 'Pending', ready: false });
    await settle();
    expect(forwards.list[0]).toMatchObject({ problem: { reason: 'noPod', message: 'pod db-0 is not running: it is Pending' } });
    server.change<Pod>(resources.pods, 'default', 'db-0', (pod) => (pod.status!.phase = 'Running'));
    await settle();
    expect(forwards.list[0]).toEqual({ id: 1, resource: 'pods', namespace: 'default', name: 'db-0', port: 5432, localPort: 5432, pod: 'db-0' });
  });

  test('where nothing listens in the pod the connection breaks, and the forward says why until one comes through', async () => {
    seedPod('web-1');
    await settle();
    await forwards.start({ resource: 'pods', namespace: 'default', name: 'web-1', port: 80 });
    answer = () => {
      throw new Error(refused);
    };
    const client = dial(8080);
    await settle();
    expect(client.closed()).toBe(true);
    expect(forwards.list[0]).toMatchObject({ pod: 'web-1', problem: { reason: 'refused', message: refused } });
    answer = () => {};
    dial(8080);
    await settle();
    expect(forwards.list[0]).not.toHaveProperty('problem');
  });

  test('a pod that cannot be reached is passed over for its neighbour', async () => {
    seedService({ port: 80 });
    seedPod('web-1');
    seedPod('web-2');
    await settle();
    await forwards.start({ resource: 'services', namespace: 'default', name: 'web', port: 80 });
    answer = (to) => {
      if (to === path('web-1')) throw new Error('the sandbox ended');
    };
    const client = dial(8080);
    await settle();
    expect(client.heard()).toBe('web-2\n');
    expect(forwards.list[0]).toMatchObject({ pod: 'web-2' });
  });

  test('a Service whose port leads nowhere says so', async () => {
    seedService();
    seedPod('web-1');
    await settle();
    await forwards.start({ resource: 'services', namespace: 'default', name: 'web', port: 80 });
    const client = dial(8080);
    await settle();
    expect(client.closed()).toBe(true);
    expect(asked).toEqual([]);
    expect(forwards.list[0]?.problem).toMatchObject({ reason: 'noPort' });
    server.change(resources.services, 'default', 'web', (service) => (service.spec!.ports![0]!.targetPort = 3000));
    await settle();
    dial(8080);
    await settle();
    expect(asked).toEqual([`${path('web-1')}:3000`]);
    expect(forwards.list[0]).not.toHaveProperty('problem');
  });

  test('a free port is proposed and found; one that is taken is refused in words', async () => {
    seedPod('web-1');
    await settle();
    const start = (localPort?: number) => forwards.start({ resource: 'pods', namespace: 'default', name: 'web-1', port: 80, ...(localPort ? { localPort } : {}) });
    open.set(8080, () => {});
    expect(await forwards.freePort(80)).toBe(8081);
    expect(await forwards.freePort(65_535)).toBe(65_535);
    open.set(65_535, () => {});
    expect(await forwards.freePort(65_535)).toBe(8001);
    expect([...open.keys()]).toEqual([8080, 65_535]);
    expect((await start()).localPort).toBe(8081);
    await expect(start(8080)).rejects.toThrow('port 8080: listen EADDRINUSE');
    await expect(start(8081)).rejects.toThrow('port 8081 already leads to port 80 of pods default/web-1');
    expect(forwards.list).toHaveLength(1);
  });

  test('what has no pods to forward to is refused, whatever it is called', async () => {
    server.seed(resources.services, { metadata: { name: 'outside', namespace: 'default' }, spec: { type: 'ExternalName', externalName: 'x.example', ports: [{ port: 80 }] } });
    seedService({ port: 53, protocol: 'UDP' });
    const start = (resource: string, name: string, port = 80) => forwards.start({ resource, namespace: 'default', name, port });
    await expect(start('pods', 'nobody')).rejects.toThrow('pods "nobody" not found');
    await expect(start('services', 'outside')).rejects.toThrow('service "outside" has no selector');
    await expect(start('services', 'web', 53)).rejects.toThrow('service "web" has no TCP port 53');
    await expect(start('nodes', 'node-1')).rejects.toThrow('ports of "nodes" cannot be forwarded');
    await expect(start('constructor', 'x')).rejects.toThrow('cannot be forwarded');
    for (const name of ['../../secrets/x', 'a/b', '', '.', '\u202eweb', 'WEB']) await expect(start('pods', name)).rejects.toThrow('not a name of an object');
    expect([...open.keys()]).toEqual([]);
  });

  test('a forward that is stopped ends its connections and gives the port back', async () => {
    seedPod('web-1');
    await settle();
    const { id } = await forwards.start({ resource: 'pods', namespace: 'default', name: 'web-1', port: 80 });
    const client = dial(8080);
    await settle();
    expect(client.closed()).toBe(false);
    forwards.stop(id);
    forwards.stop(id);
    await settle();
    expect(client.closed()).toBe(true);
    expect(connections[0]!.destroyed).toBe(true);
    expect(open.has(8080)).toBe(false);
    expect(forwards.list).toEqual([]);
  });
});
