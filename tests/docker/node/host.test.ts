import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { expect, test } from 'vitest';
import { connectAgent } from '../../../main/node/index.ts';
import { createMachines } from '../../../main/runtime/docker/machines.ts';
import { realClock } from '../../../main/util/clock.ts';
import { noLog } from '../../../main/util/log.ts';
import { agentBundle } from '../../support/agentBundle.ts';

const run = promisify(execFile);
const docker = new Docker();

/** Everything that this computer's firewall and links say, without what changes by itself. */
async function linesOfHost(): Promise<string[]> {
  const said = await Promise.all([run('iptables-save'), run('nft', ['list', 'ruleset']), run('ip', ['-o', 'addr']), run('ip', ['route'])]);
  const lines = said.flatMap(({ stdout }) => stdout.split('\n'));
  return lines.map((line) => line.replace(/^\d+: |counter packets \d+ bytes \d+ |\[\d+:\d+\] |linkdown|valid_lft .*$/g, '').trim());
}

/**
 * The lines that name a network's bridge or range, as they would be for any network; but for those of `before`, of an
 * engine that was killed.
 */
async function tracesOf(network: Docker.NetworkInspectInfo, before: ReadonlySet<string>): Promise<string[]> {
  const bridge = `br-${network.Id.slice(0, 12)}`;
  const subnet = network.IPAM!.Config![0]!.Subnet!;
  const prefix = subnet.split('.').slice(0, 2).join('.');
  const lines = (await linesOfHost()).filter((line) => !before.has(line) && (line.includes(bridge) || line.includes(`${prefix}.`)));
  const plain = (line: string) => line.replaceAll(bridge, 'BRIDGE').replaceAll(`${prefix}.`, 'NET.');
  // Addresses of IPv6 are made of the bridge's MAC address.
  return [...new Set(lines.filter((line) => !line.includes('inet6')).map(plain))].sort();
}

const rulesToo = async (): Promise<boolean> => run('iptables-save').then(() => true, () => false);

test('this computer has of a cluster what the container engine does for any network, and nothing once it is deleted', async (context) => {
  if (process.platform !== 'linux' || !(await rulesToo())) return context.skip();
  const { socketPath, host, port } = docker.modem as unknown as Docker.DockerOptions;
  const cluster = `hosttest-${process.pid}`;
  const machines = createMachines({ connection: { socketPath, host, port }, cluster, agentFile: await agentBundle(), clock: realClock, log: noLog, env: process.env, platform: process.platform });
  const before = new Set(await linesOfHost());
  const control = await docker.createNetwork({ Name: `${cluster}-control`, Driver: 'bridge', IPAM: { Config: [{ Subnet: '10.251.0.0/16', Gateway: '10.251.0.1' }] } });
  try {
    await machines.prepare(() => {});
    await machines.ensure({ name: 'node-1', index: 1 });
    const place = machines.place(1);
    const agent = await connectAgent(
      await machines.connect('node-1'),
      { onApiConnection: (connection) => connection.destroy(), onForeignQuestion: async (message) => message },
      { api: { address: '10.96.0.1', port: 443 }, dns: { address: '10.96.0.10', port: 53 } },
    );
    const endpoints = [{ ip: place.podCIDR.replace('0/24', '5'), port: 8080 }];
    await agent.syncProxy({
      nodeCIDR: place.podCIDR,
      nodeIP: place.ip,
      serviceCIDRs: ['10.96.0.0/16'],
      nodeEligible: true,
      services: [{ name: 'default/web:', protocol: 'TCP', clusterIPs: ['10.96.1.1'], externalIPs: [], port: 80, nodePort: 30_080, endpoints, localEndpoints: [], internalLocal: false, externalLocal: false, affinitySeconds: 0 }],
      hostPorts: [],
      healthChecks: [],
      routes: [],
    });
    const network = (await docker.getNetwork(machines.network).inspect()) as Docker.NetworkInspectInfo;
    expect(await tracesOf(network, before)).toEqual(await tracesOf((await control.inspect()) as Docker.NetworkInspectInfo, before));
    agent.close();
    await machines.removeAll();
    expect(await tracesOf(network, before)).toEqual([]);
  } finally {
    await machines.removeAll();
    await control.remove();
  }
});
