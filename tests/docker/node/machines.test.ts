import Docker from 'dockerode';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { connectAgent, type NodeAgent } from '../../../main/node/index.ts';
import type { ProxyModel, ServicePort } from '../../../main/proxy/index.ts';
import { createMachines } from '../../../main/runtime/docker/machines.ts';
import type { ClusterOwner, DockerMachines } from '../../../main/runtime/index.ts';
import { realClock } from '../../../main/util/clock.ts';
import { noLog } from '../../../main/util/log.ts';
import { agentBundle } from '../../support/agentBundle.ts';

const docker = new Docker();
const { socketPath, host, port } = docker.modem as unknown as Docker.DockerOptions;
const made: DockerMachines[] = [];
let agentFile: string;
let count = 0;

beforeAll(async () => {
  agentFile = await agentBundle();
});

afterEach(async () => {
  for (const machines of made.splice(0)) await machines.removeAll();
});

const newName = () => `machtest-${process.pid}-${++count}`;

function machinesOf(cluster: string, file = agentFile, owner?: ClusterOwner): DockerMachines {
  const machines = createMachines({
    connection: { socketPath, host, port },
    cluster,
    owner,
    agentFile: file,
    clock: realClock,
    log: noLog,
    env: process.env,
    platform: process.platform,
  });
  made.push(machines);
  return machines;
}

test('two clusters of one name in different directories do not take each other over', async () => {
  const cluster = newName();
  const first = machinesOf(cluster, agentFile, { id: 'a', directory: '/data/a' });
  await first.prepare(() => {});
  await first.ensure({ name: 'node-1', index: 1 });
  const second = machinesOf(cluster, agentFile, { id: 'b', directory: '/data/b' });
  await expect(second.prepare(() => {})).rejects.toThrow(/kept in \/data\/a: choose another --name/);
  expect(await second.owner()).toEqual({ id: 'a', directory: '/data/a' });
  // The first one moved, then another made where it was.
  const moved = machinesOf(cluster, agentFile, { id: 'a', directory: '/data/c' });
  await moved.prepare(() => {});
  expect(await moved.list()).toHaveLength(1);
  const anew = machinesOf(cluster, agentFile, { id: 'd', directory: '/data/a' });
  await anew.prepare(() => {});
  expect(await anew.list()).toEqual([]);
});

const local = { api: { address: '10.96.0.1', port: 443 }, dns: { address: '10.96.0.10', port: 53 } };
const connect = async (machines: DockerMachines, name: string): Promise<NodeAgent> =>
  connectAgent(
    await machines.connect(name),
    { onApiConnection: (connection) => connection.destroy(), onForeignQuestion: async (message) => message },
    local,
  );

async function leftovers(cluster: string) {
  const filters = { label: [`dev.skiff.cluster=${cluster}`] };
  const [containers, networks, volumes] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
    docker.listVolumes({ filters }),
  ]);
  return containers.length + networks.length + (volumes.Volumes?.length ?? 0);
}

test('a machine is made once, whoever asks how often; another app adopts it; at last nothing is left', async () => {
  const cluster = newName();
  const machines = machinesOf(cluster);
  const steps: string[] = [];
  await machines.prepare((step) => steps.push(step));
  const all = await Promise.all([1, 2, 1, 2, 1].map((index) => machines.ensure({ name: `n${index}`, index })));
  expect(new Set(all.map(({ name, ip, podCIDR }) => `${name} ${ip} ${podCIDR}`)).size).toBe(2);
  const id = (await docker.getContainer(machines.containerName('n1')).inspect()).Id;
  expect(await machines.list()).toEqual([all[0], all[1]]);

  const other = machinesOf(cluster);
  expect(await other.ensure({ name: 'n1', index: 1 })).toEqual(all[0]);
  expect((await docker.getContainer(machines.containerName('n1')).inspect()).Id).toBe(id);
  expect(other.clusterCIDR).toBe(machines.clusterCIDR);

  await other.stop('n1');
  expect((await machines.list()).map(({ running }) => running)).toEqual([false, true]);
  await machines.ensure({ name: 'n1', index: 1 });
  expect((await machines.list()).map(({ running }) => running)).toEqual([true, true]);
  await machines.removeAll();
  expect(await leftovers(cluster)).toBe(0);
});

test('two clusters do not share addresses', async () => {
  const [one, two] = [machinesOf(newName()), machinesOf(newName())];
  await one.prepare(() => {});
  await two.prepare(() => {});
  expect(one.clusterCIDR).not.toBe(two.clusterCIDR);
});

test('has no more rights than its network needs', async () => {
  const machines = machinesOf(newName());
  await machines.ensure({ name: 'one', index: 1 });
  const { HostConfig } = await docker.getContainer(machines.containerName('one')).inspect();
  expect(HostConfig.Privileged).toBe(false);
  expect(HostConfig.CapDrop).toEqual(['ALL']);
  const added: string[] = (HostConfig.CapAdd ?? []).map((name: string) => name.replace('CAP_', ''));
  expect(added.filter((name) => /^(NET_ADMIN|NET_RAW)$|SYS_|MODULE/.test(name))).toEqual(['NET_ADMIN']);
});

test('a newer agent takes over in the same machine, with its files and its network', async () => {
  const cluster = newName();
  const machines = machinesOf(cluster);
  await machines.ensure({ name: 'one', index: 1 });
  const before = await connect(machines, 'one');
  await before.writeFile('kept', Buffer.from('x'), 0o600);
  const pid = (await docker.getContainer(machines.containerName('one')).inspect()).State.Pid;

  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'skiff-newer-'));
  try {
    const newer = path.join(folder, 'agent.mjs');
    await fs.writeFile(newer, `${await fs.readFile(agentFile, 'utf8')}\n// newer\n`);
    const next = machinesOf(cluster, newer);
    await next.ensure({ name: 'one', index: 1 });
    await before.closed;
    const after = await connect(next, 'one');
    expect((await after.readFile('kept', 10))?.toString()).toBe('x');
    expect((await docker.getContainer(machines.containerName('one')).inspect()).State.Pid).toBe(pid);
    after.close();
  } finally {
    await fs.rm(folder, { recursive: true });
  }
});

test('of two connections the newer stays', async () => {
  const machines = machinesOf(newName());
  await machines.ensure({ name: 'one', index: 1 });
  const first = await connect(machines, 'one');
  const second = await connect(machines, 'one');
  await first.closed;
  await expect(first.stat('x')).rejects.toThrow();
  expect(await second.stat('nothing')).toBeUndefined();
  second.close();
});

test('large files come and go whole', async () => {
  const machines = machinesOf(newName());
  await machines.ensure({ name: 'one', index: 1 });
  const agent = await connect(machines, 'one');
  const data = Buffer.alloc(3_000_000, 'skiff ');
  await agent.writeFile('large', data, 0o600);
  expect((await agent.readFile('large', data.length))?.equals(data)).toBe(true);
  agent.close();
});

test('the kernel takes every change of rules', async () => {
  const machines = machinesOf(newName());
  await machines.ensure({ name: 'one', index: 1 });
  const agent = await connect(machines, 'one');
  const endpoint = (number: number) => ({ ip: `10.244.1.${number}`, port: 8080 });
  const base: ServicePort = {
    name: 'default/web:http',
    protocol: 'TCP',
    clusterIPs: ['10.96.1.1'],
    externalIPs: [],
    port: 80,
    nodePort: 0,
    endpoints: [],
    localEndpoints: [],
    internalLocal: false,
    externalLocal: false,
    affinitySeconds: 0,
  };
  const many = Array.from({ length: 200 }, (_, i) => ({
    ...base,
    name: `default/s${i}:`,
    clusterIPs: [`10.96.2.${i}`],
    endpoints: [endpoint(1), endpoint(2), endpoint(3)],
  }));
  const steps: ServicePort[][] = [
    [base],
    [{ ...base, endpoints: [endpoint(1)] }],
    [{ ...base, endpoints: [endpoint(1), endpoint(2)], nodePort: 30_080, affinitySeconds: 10 }],
    [
      {
        ...base,
        endpoints: [endpoint(2)],
        nodePort: 30_080,
        affinitySeconds: 20,
        externalLocal: true,
        externalIPs: ['192.0.2.1'],
      },
    ],
    [
      {
        ...base,
        endpoints: [endpoint(2)],
        localEndpoints: [endpoint(2)],
        externalLocal: true,
        internalLocal: true,
        nodePort: 30_081,
        affinitySeconds: 20,
      },
    ],
    [
      { ...base, protocol: 'UDP', endpoints: [endpoint(1), endpoint(2)] },
      { ...base, protocol: 'SCTP', endpoints: [endpoint(1), endpoint(2)] },
    ],
    many,
    many.slice(50),
    [],
  ];
  const model = (services: ServicePort[]): ProxyModel => ({
    nodeCIDR: '10.244.1.0/24',
    nodeIP: '10.244.0.2',
    nodeEligible: true,
    serviceCIDRs: ['10.96.0.0/16'],
    services,
    hostPorts: [], healthChecks: [], routes: [],
  });
  for (const services of steps) await agent.syncProxy(model(services));
  // Not even a table that a human broke stops the next change for good.
  await (
    await docker.getContainer(machines.containerName('one')).exec({ Cmd: ['nft', 'delete', 'table', 'ip', 'skiff'] })
  ).start({});
  const probe = { kind: 'tcp', host: '10.96.1.1', port: 80, timeoutMs: 2000 } as const;
  await agent.syncProxy(model([base])).catch(() => {});
  await agent.syncProxy(model([base]));
  expect((await agent.probe(probe)).output).toContain('connection refused');
  // What no Service has leads out of the cluster neither: nobody answers, whatever network this computer is in.
  expect(await agent.probe({ ...probe, host: '10.96.1.2', timeoutMs: 500 })).toMatchObject({ result: 'failure', output: expect.stringContaining('timeout') });
  agent.close();
});
