import Docker from 'dockerode';
import { rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Node } from '../../../main/api/index.ts';
import { resources } from '../../../main/client/index.ts';
import { DockerNode, ready } from './node.ts';

/** Between us and the engine, so that the engine can go away without going away for everybody else. */
class EngineDoor {
  readonly socketPath = path.join(os.tmpdir(), `skiff-door-${process.pid}.sock`);
  readonly #connections = new Set<net.Socket>();
  #server: net.Server | undefined;

  constructor(private readonly target: net.NetConnectOpts) {}

  open(): Promise<void> {
    const server = net.createServer({ allowHalfOpen: true }, (client) => {
      const engine = net.connect({ ...this.target, allowHalfOpen: true });
      for (const socket of [client, engine]) {
        this.#connections.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => this.#connections.delete(socket));
      }
      client.pipe(engine).pipe(client);
    });
    this.#server = server;
    return new Promise((resolve) => server.listen(this.socketPath, () => resolve()));
  }

  shut(): void {
    this.#server?.close();
    for (const socket of this.#connections) socket.destroy();
    rmSync(this.socketPath, { force: true });
  }
}

/** Where the engine of the tests is; without DOCKER_HOST the client looks for the usual sockets itself. */
async function engineAddress(): Promise<net.NetConnectOpts> {
  const { socketPath, host, port } = new Docker().modem as unknown as { socketPath?: string | (() => Promise<string>); host?: string; port?: number };
  if (!socketPath) return { host: host!, port: Number(port) };
  return { path: typeof socketPath === 'function' ? await socketPath() : socketPath };
}

let door: EngineDoor;
let node: DockerNode;

beforeAll(async () => {
  door = new EngineDoor(await engineAddress());
  await door.open();
  node = new DockerNode(`away-${process.pid}`, new Docker({ socketPath: door.socketPath }));
  await node.start();
});
afterAll(async () => {
  await node?.dispose();
  door?.shut();
});

function untilNode(what: (node: Node) => boolean): Promise<Node> {
  return new Promise((resolve) => {
    const watch = node.server
      .client()
      .of(resources.nodes)
      .watch(undefined, {}, {
        onEvent: ({ object }) => {
          if (!what(object as Node)) return;
          queueMicrotask(() => watch.cancel());
          resolve(object as Node);
        },
        onEnd: () => {},
      });
  });
}

const readiness = (of: Node) => of.status?.conditions?.find((condition) => condition.type === 'Ready');

it('an engine that goes away makes the node not ready, and all is well when it comes back', async () => {
  const containers = [{ name: 'main', image: node.image, command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'] }];
  node.create('before', { containers });
  const before = await node.until('before', ready);

  door.shut();
  const away = await untilNode((n) => readiness(n)?.status === 'False');
  expect(readiness(away)).toMatchObject({ reason: 'KubeletNotReady' });
  expect(readiness(away)!.message).toMatch(/^container runtime is down: the container engine (cannot be reached|closed the connection)/);
  node.create('meanwhile', { containers });

  await door.open();
  await untilNode((n) => readiness(n)?.status === 'True' || /agent/.test(readiness(n)?.message ?? ''));
  await node.connectAgent();
  await untilNode((n) => readiness(n)?.status === 'True');
  await node.until('meanwhile', ready);
  const after = node.pod('before')!.status!;
  expect(after.containerStatuses![0]!.containerID).toBe(before.containerStatuses![0]!.containerID);
  for (const name of ['before', 'meanwhile']) {
    const podUid = node.pod(name)!.metadata!.uid!;
    expect(await node.runtime.listSandboxes({ podUid })).toHaveLength(1);
    expect(await node.runtime.listContainers({ podUid })).toHaveLength(1);
  }
});
