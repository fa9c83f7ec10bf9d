import packet from 'dns-packet';
import Docker from 'dockerode';
import { execFileSync } from 'node:child_process';
import dgram from 'node:dgram';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EndpointSlice, Namespace, NetworkPolicy, Node, Pod as PodObject, Service } from '../../../main/api/index.ts';
import { buildZone, createForwarder } from '../../../main/dns/index.ts';
import { Policies, policyPods } from '../../../main/networkPolicy/index.ts';
import { connectAgent, type NodeAgent } from '../../../main/node/index.ts';
import { buildModel } from '../../../main/proxy/index.ts';
import { createMachines } from '../../../main/runtime/docker/machines.ts';
import type { DockerMachines } from '../../../main/runtime/index.ts';
import { realClock } from '../../../main/util/clock.ts';
import { noLog } from '../../../main/util/log.ts';
import { agentBundle } from '../../support/agentBundle.ts';
import { Pods, type Pod } from './pods.ts';

const cluster = `nettest-${process.pid}`;
const local = { api: { address: '10.96.0.1', port: 443 }, dns: { address: '10.96.0.10', port: 53 } };
const servedByNodes = new Set(['10.96.0.1:443/TCP', '10.96.0.10:53/UDP', '10.96.0.10:53/TCP']);

const docker = new Docker();
let machines: DockerMachines;
let pods: Pods;
const agents: NodeAgent[] = [];
const apiConnections: { from: { address: string; port: number } }[] = [];
let base: string;
let iptables: string;
let client: Pod;
let serverOne: Pod;
let serverTwo: Pod;

const hostRules = (): string => {
  try {
    return execFileSync('iptables-save', { encoding: 'utf8' });
  } catch {
    return '';
  }
};
/** The rules that are not the container engine's own. */
const own = (rules: string) =>
  rules.split('\n').filter((line) => /^-A/.test(line) && !/docker|br-|172\.|10\.\d+\.0\.0/i.test(line));

function service(name: string, spec: Service['spec']): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec };
}

function slice(
  name: string,
  addresses: { ip: string; node: string; hostname?: string; ready?: boolean }[],
  port = 8080,
): EndpointSlice {
  return {
    addressType: 'IPv4',
    metadata: { name: `${name}-abc`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: addresses.map(({ ip, node, hostname, ready = true }) => ({
      addresses: [ip],
      nodeName: node,
      hostname,
      conditions: { ready },
    })),
  };
}

const http = { name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 };

let services: Service[];
let slices: EndpointSlice[];
let podObjects: PodObject[] = [];
let policies: NetworkPolicy[] = [];

async function sync(): Promise<void> {
  const nodes: Node[] = (await machines.list()).map(({ name, ip, podCIDR }) => ({
    metadata: { name },
    spec: { podCIDR },
    status: { addresses: [{ type: 'InternalIP', address: ip }] },
  }));
  const slicesOf = (key: string) =>
    slices.filter((candidate) => `default/${candidate.metadata!.labels!['kubernetes.io/service-name']}` === key);
  const namespaces: Namespace[] = [{ metadata: { name: 'default' } }];
  const zone = buildZone({ domain: 'cluster.local', services, slicesOf, namespaces });
  for (const [index, agent] of agents.entries()) {
    await agent.syncProxy(
      buildModel(
        { services, slicesOf, nodes, serviceCIDRs: [{ spec: { cidrs: ['10.96.0.0/16'] } }], podsOf: (name) => podObjects.filter(({ spec }) => spec!.nodeName === name), servedByNodes },
        nodes[index]!.metadata!.name!,
      )!,
    );
    await agent.syncDns(zone);
    const pods = podObjects.flatMap(policyPods);
    await agent.syncPolicies(new Policies({ policies, pods, namespaces }).modelFor(nodes[index]!.metadata!.name!));
  }
}

beforeAll(async () => {
  iptables = hostRules();
  const connection = docker.modem as unknown as Docker.DockerOptions;
  machines = createMachines({
    connection: { socketPath: connection.socketPath, host: connection.host, port: connection.port },
    cluster,
    agentFile: await agentBundle(),
    clock: realClock,
    log: noLog,
    env: process.env,
    platform: process.platform,
  });
  await machines.prepare(() => {});
  await Promise.all([machines.ensure({ name: 'one', index: 1 }), machines.ensure({ name: 'two', index: 2 })]);
  const handlers = {
    onApiConnection(connection: Duplex, from: { address: string; port: number }) {
      apiConnections.push({ from });
      connection.once('data', (data: Buffer) => connection.end(`the api heard ${data.toString().trim()}`));
    },
    onForeignQuestion: createForwarder({ clock: realClock, servers: () => [foreignServer] }),
  };
  for (const name of ['one', 'two']) agents.push(await connectAgent(await machines.connect(name), handlers, local));
  base = machines.clusterCIDR.split('.').slice(0, 2).join('.');
  pods = new Pods(docker, machines, cluster, local.dns.address);
  [serverOne, serverTwo, client] = await Promise.all([
    pods.start('server-one', `${base}.1.10`, `${base}.0.2`, 'one'),
    pods.start('server-two', `${base}.2.10`, `${base}.0.3`, 'two'),
    pods.start('client', `${base}.1.11`, `${base}.0.2`),
  ]);
  const both = [
    { ip: serverOne.ip, node: 'one', hostname: 'first' },
    { ip: serverTwo.ip, node: 'two', hostname: 'second' },
  ];
  services = [
    service('web', {
      type: 'NodePort',
      clusterIP: '10.96.1.1',
      clusterIPs: ['10.96.1.1'],
      ports: [{ ...http, nodePort: 30080 }],
    }),
    service('same', { clusterIP: '10.96.1.2', clusterIPs: ['10.96.1.2'], ports: [http] }),
    service('other', { clusterIP: '10.96.1.3', clusterIPs: ['10.96.1.3'], ports: [http] }),
    service('empty', { clusterIP: '10.96.1.4', clusterIPs: ['10.96.1.4'], ports: [http] }),
    service('sticky', {
      clusterIP: '10.96.1.5',
      clusterIPs: ['10.96.1.5'],
      ports: [http],
      sessionAffinity: 'ClientIP',
    }),
    service('headless', { clusterIP: 'None', ports: [http] }),
    service('near', {
      type: 'NodePort',
      clusterIP: '10.96.1.6',
      clusterIPs: ['10.96.1.6'],
      externalTrafficPolicy: 'Local',
      internalTrafficPolicy: 'Local',
      ports: [{ ...http, nodePort: 30081 }],
    }),
    service('outside', { type: 'ExternalName', externalName: 'example.test' }),
  ];
  slices = [
    slice('web', both),
    slice('same', both.slice(0, 1)),
    slice('other', both.slice(1)),
    slice('sticky', both),
    slice('headless', both),
    slice('near', both),
  ];
  await sync();
});

let foreignServer: string;
let foreign: dgram.Socket;

beforeAll(async () => {
  foreign = dgram.createSocket('udp4');
  foreign.on('message', (message, from) => {
    const query = packet.decode(message);
    const [question] = query.questions!;
    const known = question!.name === 'example.test' && question!.type === 'A';
    const answer = packet.encode({
      type: 'response',
      id: query.id,
      flags: packet.RECURSION_AVAILABLE | (question!.name === 'example.test' ? 0 : 3),
      questions: query.questions,
      answers: known ? [{ type: 'A', name: question!.name, ttl: 60, data: '192.0.2.7' }] : [],
    });
    foreign.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => foreign.bind(0, '127.0.0.1', resolve));
  foreignServer = `127.0.0.1:${foreign.address().port}`;
});

afterAll(async () => {
  foreign?.close();
  for (const agent of agents) agent.close();
  await pods?.remove();
  await machines?.removeAll();
});

const asMany = <T>(count: number, make: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, make));

describe('a pod', () => {
  test('reaches a Service by its name on its own node; the server sees the pod itself', async () => {
    expect(await client.get('http://same')).toBe(`one ${client.ip}`);
  });

  test('reaches a Service whose pod runs on another node', async () => {
    expect(await client.get('http://other.default.svc.cluster.local')).toBe(`two ${client.ip}`);
  });

  test('reaches all pods of a Service', async () => {
    const script = `const seen = new Set(); for (let i = 0; i < 40; i++) seen.add((await (await fetch('http://web', { headers: { connection: 'close' } })).text()).split(' ')[0]); print([...seen].sort().join())`;
    expect(await client.run(script)).toBe('one,two');
  });

  test('reaches itself through its Service', async () => {
    expect(await serverOne.get('http://same')).toBe(`one ${base}.0.2`);
  });

  test('keeps to one pod of a Service with client affinity', async () => {
    const script = `const seen = new Set(); for (let i = 0; i < 20; i++) seen.add(await (await fetch('http://sticky', { headers: { connection: 'close' } })).text()); print(seen.size)`;
    expect(await client.run(script)).toBe('1');
  });

  test('is refused at once by a Service without endpoints, and at a port that a Service does not have', async () => {
    expect(await client.get('http://empty')).toBe('failed: ECONNREFUSED');
    expect(await client.get('http://same:81')).toBe('failed: ECONNREFUSED');
  });

  test('reaches node ports of every node', async () => {
    const answers = await Promise.all([client.get(`http://${base}.0.2:30080`), client.get(`http://${base}.0.3:30080`)]);
    for (const answer of answers) expect(answer).toMatch(/^(one|two) /);
  });

  test('reaches only its own node of a Service with local policies', async () => {
    expect(await asMany(4, () => client.get('http://near'))).toEqual(Array(4).fill(`one ${client.ip}`));
    expect(await client.get(`http://${base}.0.3:30081`)).toBe(`two ${client.ip}`);
  });

  test('reaches the API server through its node, half-closing', async () => {
    const before = apiConnections.length;
    const script = `const net = await import('node:net'); const s = net.connect({ port: 443, host: '10.96.0.1', allowHalfOpen: true }); s.end('hello'); let t = ''; for await (const c of s) t += c; print(t)`;
    expect(await client.run(script)).toBe('the api heard hello');
    expect(apiConnections[before]!.from.address).toBe(client.ip);
  });

  test('resolves names as the DNS specification has them', async () => {
    const ask = (method: string, ...names: string[]) =>
      client.run(
        `const dns = await import('node:dns/promises'); print(await dns.${method}(${names.map((name) => JSON.stringify(name)).join()}))`,
      );
    expect(JSON.parse(await ask('resolve4', 'web.default.svc.cluster.local'))).toEqual(['10.96.1.1']);
    expect(JSON.parse(await ask('resolve4', 'headless.default.svc.cluster.local')).sort()).toEqual(
      [serverOne.ip, serverTwo.ip].sort(),
    );
    expect(JSON.parse(await ask('resolve4', 'first.headless.default.svc.cluster.local'))).toEqual([serverOne.ip]);
    expect(JSON.parse(await ask('resolveSrv', '_http._tcp.web.default.svc.cluster.local'))).toEqual([
      { name: 'web.default.svc.cluster.local', port: 80, priority: 0, weight: 100 },
    ]);
    expect(JSON.parse(await ask('reverse', '10.96.1.1'))).toEqual(['web.default.svc.cluster.local']);
    expect(JSON.parse(await ask('resolveTxt', 'dns-version.cluster.local'))).toEqual([['1.1.0']]);
    expect(await ask('resolve4', 'nobody.default.svc.cluster.local')).toBe('failed: ENOTFOUND');
    expect(await ask('resolve6', 'web.default.svc.cluster.local')).toBe('failed: ENODATA');
  });

  test('resolves names of the rest of the world through this computer, also behind an ExternalName', async () => {
    const lookup = (name: string) =>
      client.run(
        `const dns = await import('node:dns/promises'); print((await dns.lookup(${JSON.stringify(name)}, 4)).address)`,
      );
    expect(await lookup('example.test')).toBe('192.0.2.7');
    expect(await lookup('outside')).toBe('192.0.2.7');
  });

  test('gets a change of endpoints with its next connection', async () => {
    slices = slices.map((candidate) =>
      candidate.metadata!.name === 'same-abc' ? slice('same', [{ ip: serverTwo.ip, node: 'two' }]) : candidate,
    );
    await sync();
    expect(await client.get('http://same')).toBe(`two ${client.ip}`);
  });
});

describe('a pod', () => {
  const object = (pod: Pod, nodeName: string, app: string, ports: object = {}): PodObject => ({
    metadata: { name: app, namespace: 'default', labels: { app } },
    spec: { nodeName, containers: [{ name: 'main', image: 'x', ports: [{ name: 'web', containerPort: 8080, ...ports }] }] },
    status: { phase: 'Running', podIP: pod.ip, podIPs: [{ ip: pod.ip }] },
  });

  test('is reached at its host port by others and from its own node', async () => {
    podObjects = [object(serverTwo, 'two', 'server', { hostPort: 8888 })];
    await sync();
    expect(await client.get(`http://${base}.0.3:8888`)).toBe(`two ${client.ip}`);
    const connection = await agents[1]!.dial('127.0.0.1', 8888);
    connection.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let answer = '';
    for await (const chunk of connection) answer += String(chunk);
    expect(answer).toContain(`two ${base}.0.3`);
  });

  test('is reached, and reaches, only whom policies allow', async () => {
    podObjects = [object(serverOne, 'one', 'server'), object(serverTwo, 'two', 'server'), object(client, 'one', 'client')];
    const select = (app: string) => ({ matchLabels: { app } });
    const policy = (spec: NetworkPolicy['spec']): NetworkPolicy => ({ metadata: { name: 'p', namespace: 'default' }, spec });
    const blocked = expect.stringMatching(/^failed: /) as string;
    const reach = async (timeoutMs = 3000) => [
      await client.get(`http://${serverOne.ip}:8080`, timeoutMs),
      await client.get('http://other', timeoutMs),
    ];

    policies = [policy({ podSelector: select('server') })];
    await sync();
    expect(await reach(700)).toEqual([blocked, blocked]);

    policies = [policy({ podSelector: select('server'), ingress: [{ from: [{ podSelector: select('client') }], ports: [{ port: 'web' }] }] })];
    await sync();
    expect(await reach()).toEqual([`one ${client.ip}`, `two ${client.ip}`]);
    expect(await serverOne.get('http://other', 700)).toEqual(blocked);

    // Names are asked for at the node, which is outside of the pod.
    policies = [policy({ podSelector: select('client'), policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr: `${serverTwo.ip}/32` } }] }] })];
    await sync();
    const ask = `const dns = await import('node:dns/promises'); print(await new dns.Resolver({ timeout: 300, tries: 1 }).resolve4('other.default.svc.cluster.local'))`;
    expect(await client.run(ask)).toEqual(blocked);
    expect(await client.get(`http://${serverTwo.ip}:8080`)).toBe(`two ${client.ip}`);

    policies = [];
    await sync();
    expect(await reach()).toEqual([`one ${client.ip}`, `two ${client.ip}`]);
  });
});

describe('the computer', () => {
  test('reaches Services, pods and node ports through a node', async () => {
    for (const [host, port] of [
      ['10.96.1.3', 80],
      [serverTwo.ip, 8080],
      [`${base}.0.2`, 30080],
    ] as const) {
      const connection = await agents[0]!.dial(host, port);
      connection.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      let answer = '';
      for await (const chunk of connection) answer += String(chunk);
      expect(answer).toMatch(/200 OK[\s\S]*(one|two) /);
    }
  });

  test('is told why a connection could not be made', async () => {
    await expect(agents[0]!.dial('10.96.1.4', 80)).rejects.toThrow(/ECONNREFUSED/);
  });

  test('keeps its own firewall rules', () => {
    expect(own(hostRules())).toEqual(own(iptables));
  });
});

describe('a node', () => {
  test('goes on answering while no engine is connected, and takes a new one', async () => {
    agents[1]!.close();
    await agents[1]!.closed;
    const there = await pods.start('lonely', `${base}.2.11`, `${base}.0.3`);
    expect(await there.get('http://other')).toBe(`two ${there.ip}`);
    expect(
      await there.run(
        `const net = await import('node:net'); const s = net.connect(443, '10.96.0.1'); await new Promise((r, j) => s.on('error', j).on('close', r)); print('closed')`,
      ),
    ).toMatch(/ECONNRESET|closed/);
    const handlers = {
      onApiConnection: (connection: Duplex) => void connection.end('again'),
      onForeignQuestion: async (message: Buffer) => message,
    };
    agents[1] = await connectAgent(await machines.connect('two'), handlers, local);
    expect(
      await there.run(
        `const net = await import('node:net'); let t = ''; for await (const c of net.connect(443, '10.96.0.1')) t += c; print(t)`,
      ),
    ).toBe('again');
  });

  test('serves again as before when its container was restarted', async () => {
    await docker.getContainer(machines.containerName('one')).restart({ t: 1 });
    const handlers = {
      onApiConnection: (connection: Duplex) => void connection.end(),
      onForeignQuestion: async (message: Buffer) => message,
    };
    agents[0] = await connectAgent(await machines.connect('one'), handlers, local);
    expect(await client.get('http://other')).toBe(`two ${client.ip}`);
  });
});
