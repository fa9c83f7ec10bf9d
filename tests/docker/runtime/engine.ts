import { execFileSync } from 'node:child_process';
import { mkdtempSync, copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { createDockerRuntime } from '../../../main/runtime/docker/index.ts';
import { realClock } from '../../../main/util/clock.ts';
import { noLog } from '../../../main/util/log.ts';
import type { RuntimeUnderTest } from '../../contracts/runtime.ts';

/** Busybox as an image: small, local, with a shell, `ip`, `nc` and `httpd`. */
export const busybox = 'skiff-test/busybox:1';
const subnets = { first: 200, count: 40 };

/** A cluster's place on the real engine: network, node container with its volume; all of it goes with `dispose`. */
export interface EngineUnderTest extends RuntimeUnderTest {
  docker: Docker;
  cluster: string;
  /** Removes everything that carries this cluster's label, and the network. */
  dispose(): Promise<void>;
}

export async function startEngine(cluster = `test-${process.pid}-${Math.floor(process.uptime() * 1000)}`): Promise<EngineUnderTest> {
  const docker = new Docker();
  await buildBusybox(docker);
  const network = `skiff-${cluster}`;
  const octet = subnets.first + (process.pid % subnets.count);
  await docker.createNetwork({
    Name: network,
    IPAM: { Driver: 'default', Config: [{ Subnet: `10.${octet}.0.0/16`, Gateway: `10.${octet}.0.1` }] },
    Labels: { 'dev.skiff.cluster': cluster },
  });
  const node = 'node-1';
  const machine = `skiff-${cluster}-${node}`;
  const gateway = `10.${octet}.0.2`;
  await docker.createVolume({ Name: machine, Labels: { 'dev.skiff.cluster': cluster } });
  const container = await docker.createContainer({
    name: machine,
    Image: busybox,
    Cmd: ['sleep', '86400'],
    Labels: { 'dev.skiff.cluster': cluster },
    HostConfig: {
      NetworkMode: network,
      CapAdd: ['NET_ADMIN'],
      Sysctls: { 'net.ipv4.ip_forward': '1' },
      Binds: [`${machine}:/var/lib/skiff`],
    },
    NetworkingConfig: { EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address: gateway } } } } as Docker.ContainerCreateOptions['NetworkingConfig'],
  });
  await container.start();
  const runtime = createDockerRuntime({ connection: {}, cluster, sandboxImage: busybox, clock: realClock, log: noLog });
  let last = 1;
  return {
    docker,
    cluster,
    runtime,
    node,
    image: busybox,
    gateway,
    nextIP: () => `10.${octet}.1.${++last}`,
    endsWith: (exitCode) => ({ command: ['sh', '-c', `echo ending; exit ${exitCode}`] }),
    runs: { command: ['sh', '-c', 'trap "exit 0" TERM; echo running; while :; do sleep 0.1; done'] },
    async dispose() {
      const label = [`dev.skiff.cluster=${cluster}`];
      const left = await docker.listContainers({ all: true, filters: { label } });
      await Promise.all(left.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true })));
      const { Volumes } = await docker.listVolumes({ filters: { label } });
      await Promise.all((Volumes ?? []).map(({ Name }) => docker.getVolume(Name).remove()));
      await docker.getNetwork(network).remove();
    },
  };
}

async function buildBusybox(docker: Docker): Promise<void> {
  const found = await docker.getImage(busybox).inspect().then(() => true, () => false);
  if (found) return;
  const root = mkdtempSync(path.join(os.tmpdir(), 'skiff-busybox-'));
  try {
    for (const directory of ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev', 'root', 'var']) mkdirSync(path.join(root, directory));
    copyFileSync('/bin/busybox', path.join(root, 'bin/busybox'));
    for (const applet of execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n'))
      if (applet !== 'busybox') symlinkSync('busybox', path.join(root, 'bin', applet));
    writeFileSync(path.join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n');
    writeFileSync(path.join(root, 'etc/group'), 'root:x:0:\nnobody:x:65534:\n');
    const archive = execFileSync('tar', ['-C', root, '--owner=0', '--group=0', '-c', '.'], { maxBuffer: 64 * 2 ** 20 });
    await new Promise<void>((resolve, reject) => {
      const { Readable } = process.getBuiltinModule('node:stream');
      const [repo, tag] = busybox.split(':');
      docker.importImage(Readable.from(archive), { repo, tag, changes: 'ENV PATH=/bin' }, (error, stream) => {
        if (error || !stream) return reject(error as Error);
        stream.on('end', () => resolve()).on('error', reject).on('data', () => {});
      });
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
