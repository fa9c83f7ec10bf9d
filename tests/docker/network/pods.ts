import type Docker from 'dockerode';
import { PassThrough } from 'node:stream';
import type { DockerMachines } from '../../../main/runtime/index.ts';

/** Pods as the kubelet makes them, without one: a sandbox whose traffic goes through its node. */
export class Pods {
  readonly #containers: Docker.Container[] = [];

  constructor(
    private readonly docker: Docker,
    private readonly machines: DockerMachines,
    private readonly prefix: string,
    private readonly nameserver: string,
  ) {}

  /** Starts a pod; `serve` is what it answers over HTTP on port 8080, followed by the client's address. */
  async start(name: string, ip: string, gateway: string, serve?: string): Promise<Pod> {
    const network = [
      'ip route flush dev eth0',
      `ip route add ${gateway} dev eth0 scope link`,
      `ip route add default via ${gateway}`,
      `printf 'search default.svc.cluster.local svc.cluster.local cluster.local\\nnameserver ${this.nameserver}\\noptions ndots:5\\n' > /etc/resolv.conf`,
    ].join(' && ');
    const server =
      `require('http').createServer((q, s) => s.end(${JSON.stringify(serve ?? '')} + ' ' + q.socket.remoteAddress.replace('::ffff:', '')))` +
      `.listen(8080)`;
    const container = await this.docker.createContainer({
      name: `${this.prefix}-${name}`,
      Image: this.machines.image,
      Entrypoint: [
        'sh',
        '-c',
        `${network} && ${serve === undefined ? 'exec sleep 3600' : `exec node -e ${JSON.stringify(server)}`}`,
      ],
      Labels: { 'dev.skiff.test': this.prefix },
      StopSignal: 'SIGKILL',
      HostConfig: { NetworkMode: this.machines.network, CapAdd: ['NET_ADMIN'] },
      NetworkingConfig: {
        EndpointsConfig: { [this.machines.network]: { IPAMConfig: { IPv4Address: ip } } },
      } as Docker.ContainerCreateOptions['NetworkingConfig'],
    });
    this.#containers.push(container);
    await container.start();
    return new Pod(this.docker, container, ip);
  }

  async remove(): Promise<void> {
    await Promise.all(this.#containers.map((container) => container.remove({ force: true })));
  }
}

export class Pod {
  constructor(
    private readonly docker: Docker,
    readonly container: Docker.Container,
    readonly ip: string,
  ) {}

  /** Runs JavaScript in the pod; `print` tells its result. */
  async run(script: string): Promise<string> {
    const prelude = "const print = (x) => process.stdout.write(typeof x === 'string' ? x : JSON.stringify(x));";
    return this.execute([
      'node',
      '--input-type=module',
      '-e',
      `${prelude} try { ${script} } catch (e) { print('failed: ' + (e.cause?.code ?? e.code ?? e)) }`,
    ]);
  }

  /** What a URL answers. */
  get(url: string, timeoutMs = 3000): Promise<string> {
    return this.run(
      `print(await (await fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(${timeoutMs}) })).text())`,
    );
  }

  async execute(command: string[]): Promise<string> {
    const exec = await this.container.exec({ Cmd: command, AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({});
    const output = new PassThrough();
    let text = '';
    output.on('data', (chunk: Buffer) => (text += chunk.toString()));
    this.docker.modem.demuxStream(stream, output, output);
    await new Promise((resolve, reject) => stream.once('end', resolve).once('error', reject));
    return text;
  }
}
