import Docker from 'dockerode';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EndpointSlice, Node, Service } from '../../../main/api/index.ts';
import { connectAgent, type NodeAgent } from '../../../main/node/index.ts';
import { buildModel } from '../../../main/proxy/index.ts';
import { createDockerRuntime } from '../../../main/runtime/docker/index.ts';
import { createMachines } from '../../../main/runtime/docker/machines.ts';
import type { DockerMachines, Runtime } from '../../../main/runtime/index.ts';
import { realClock } from '../../../main/util/clock.ts';
import { noLog } from '../../../main/util/log.ts';
import { agentBundle } from '../../support/agentBundle.ts';

const cluster = `dualtest-${process.pid}`;
const docker = new Docker();
let machines: DockerMachines;
let runtime: Runtime;
const agents: NodeAgent[] = [];
/** By node: a container of a pod there that answers with its node's name and the client's address. */
const containers = new Map<string, { id: string; ipv6: string }>();

const serve = (name: string) => `require('http').createServer((q, s) => s.end('${name} ' + q.socket.remoteAddress)).listen(8080, '::')`;
const names = ['one', 'two'];

async function startPod(node: string): Promise<void> {
  const place = machines.place(names.indexOf(node) + 1);
  const ipv6 = place.podCIDRv6!.replace('/80', 'a');
  const sandbox = await runtime.runSandbox({
    name: node, namespace: 'default', uid: node, attempt: 0, node, hostname: node, network: 'pod',
    ip: place.podCIDR.replace('0/24', '10'), gateway: place.ip, ipv6, gatewayIPv6: place.ipv6,
    dns: { servers: [], searches: [], options: [] }, hostAliases: [], sysctls: {}, sharePID: false, hostPID: false, hostIPC: false, labels: {}, annotations: {},
  });
  const id = await runtime.createContainer(sandbox, {
    name: 'web', attempt: 0, image: machines.image, command: ['node', '-e', serve(node)], args: [], env: [], mounts: [], devices: [], stdin: false, stdinOnce: false, tty: false,
    resources: {}, security: {}, labels: {}, annotations: {},
  });
  await runtime.startContainer(id);
  containers.set(node, { id, ipv6 });
}

/** What a URL answers to a pod, tried until somebody listens. */
async function get(from: string, url: string): Promise<string> {
  const script = `for (let i = 0; i < 50; i++) try { process.stdout.write(await (await fetch('${url}', { signal: AbortSignal.timeout(3000) })).text()); break } catch (e) { if (e.cause?.code !== 'ECONNREFUSED') throw e; await new Promise((r) => setTimeout(r, 100)) }`;
  const { output } = await runtime.execSync(containers.get(from)!.id, ['node', '--input-type=module', '-e', script], 20_000);
  return output.toString();
}

beforeAll(async () => {
  const { socketPath, host, port } = docker.modem as unknown as Docker.DockerOptions;
  const connection = { socketPath, host, port };
  machines = createMachines({ connection, cluster, dualStack: true, agentFile: await agentBundle(), clock: realClock, log: noLog, env: process.env, platform: process.platform });
  await machines.prepare(() => {});
  await Promise.all(names.map((name, i) => machines.ensure({ name, index: i + 1 })));
  runtime = createDockerRuntime({ connection, cluster, sandboxImage: machines.image, network: machines.network, nodeContainer: (node) => machines.containerName(node), clock: realClock, log: noLog });
  const nodes: Node[] = names.map((name, i) => {
    const { ip, podCIDR, ipv6, podCIDRv6 } = machines.place(i + 1);
    return { metadata: { name }, spec: { podCIDR, podCIDRs: [podCIDR, podCIDRv6!] }, status: { addresses: [ip, ipv6!].map((address) => ({ type: 'InternalIP', address })) } };
  });
  await Promise.all(names.map(startPod));
  const service: Service = {
    metadata: { name: 'web', namespace: 'default' },
    spec: { type: 'NodePort', clusterIP: '10.96.1.1', clusterIPs: ['10.96.1.1', 'fd00:10:96::1'], ports: [{ port: 80, nodePort: 30_080, protocol: 'TCP' }] },
  };
  const slice: EndpointSlice = {
    addressType: 'IPv6',
    metadata: { name: 'web-six', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: [{ addresses: [containers.get('two')!.ipv6], nodeName: 'two', conditions: { ready: true } }],
  };
  for (const name of names) {
    const agent = await connectAgent(
      await machines.connect(name),
      { onApiConnection: (stream) => stream.destroy(), onForeignQuestion: async (message) => message },
      { api: { address: '10.96.0.1', port: 443 }, dns: { address: '10.96.0.10', port: 53 } },
    );
    agents.push(agent);
    await agent.syncProxy(buildModel({ services: [service], slicesOf: () => [slice], nodes, serviceCIDRs: [{ spec: { cidrs: ['10.96.0.0/16', 'fd00:10:96::/112'] } }], podsOf: () => [], servedByNodes: new Set() }, name)!);
    await agent.syncPolicies({ ingress: [], egress: [], peers: {}, ports: {} });
  }
});

afterAll(async () => {
  for (const agent of agents) agent.close();
  await machines?.removeAll();
});

test('pods of two nodes, a Service and a node port are reached by IPv6, and the server sees the pod itself', async () => {
  const [one, two] = names.map((name) => containers.get(name)!.ipv6);
  expect(await get('one', `http://[${two}]:8080`)).toBe(`two ${one}`);
  // Back the other way: a pod that has not spoken is found by its node.
  expect(await get('two', `http://[${one}]:8080`)).toBe(`one ${two}`);
  expect(await get('one', 'http://[fd00:10:96::1]')).toBe(`two ${one}`);
  expect(await get('one', `http://[${machines.place(1).ipv6}]:30080`)).toMatch(/^two /);
  // A pod that reaches itself through its Service must not answer itself past the node.
  expect(await get('two', 'http://[fd00:10:96::1]')).toBe(`two ${machines.place(2).ipv6}`);
});

test('a policy isolates the IPv6 address of a pod, its neighbours on the link find it still, and it is let go again', async () => {
  const [one, two] = names.map((name) => containers.get(name)!.ipv6);
  const isolation = { name: 'none', pods: [two!], allowed: [] };
  await agents[1]!.syncPolicies({ ingress: [isolation], egress: [], peers: {}, ports: {} });
  expect(await get('one', `http://[${two}]:8080`)).toContain('TimeoutError');
  expect(await get('two', `http://[${one}]:8080`)).toBe(`one ${two}`);
  await agents[1]!.syncPolicies({ ingress: [], egress: [], peers: {}, ports: {} });
  expect(await get('one', `http://[${two}]:8080`)).toBe(`two ${one}`);
});
