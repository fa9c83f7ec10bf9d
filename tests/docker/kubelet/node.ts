import Docker from 'dockerode';
import type { Event, Pod, PodSpec, PodStatus } from '../../../main/api/index.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { createForwarder } from '../../../main/dns/index.ts';
import { createKubelet, type Kubelet } from '../../../main/kubelet/index.ts';
import { connectAgent, type NodeAgent } from '../../../main/node/index.ts';
import { createDockerRuntime } from '../../../main/runtime/docker/index.ts';
import { createMachines, type DockerMachines } from '../../../main/runtime/docker/machines.ts';
import type { Machine, Runtime } from '../../../main/runtime/index.ts';
import { realClock } from '../../../main/util/clock.ts';
import { noLog, type Logger } from '../../../main/util/log.ts';
import { systemRandom } from '../../../main/util/random.ts';
import { agentBundle } from '../../support/agentBundle.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { ensureTestImage } from '../../support/testImage.ts';

/** A node on the real engine: its machine and agent, a kubelet, and an API server in memory. */
export class DockerNode {
  readonly server = new FakeServer(realClock);
  runtime!: Runtime;
  image!: string;
  agent!: NodeAgent;
  machine!: Machine;
  kubelet!: Kubelet;
  machines!: DockerMachines;
  informers!: InformerFactory;
  log: Logger = noLog;

  constructor(
    readonly cluster: string,
    readonly docker = new Docker(),
  ) {}

  async start(): Promise<this> {
    this.image = await ensureTestImage(this.docker);
    const { socketPath, host, port } = this.docker.modem as unknown as Docker.DockerOptions;
    const connection = { socketPath, host, port };
    this.machines = createMachines({
      connection,
      cluster: this.cluster,
      agentFile: await agentBundle(),
      clock: realClock,
      log: this.log,
      env: process.env,
      platform: process.platform,
    });
    await this.machines.prepare(() => {});
    this.machine = await this.machines.ensure({ name: 'node-1', index: 1 });
    await this.connectAgent();
    this.runtime = createDockerRuntime({
      connection,
      cluster: this.cluster,
      sandboxImage: this.machines.image,
      network: this.machines.network,
      nodeContainer: (node) => this.machines.containerName(node),
      clock: realClock,
      log: this.log,
    });
    await this.startKubelet();
    return this;
  }

  /** Also again, after it was lost: as the node's owner does. */
  async connectAgent(): Promise<void> {
    this.agent = await connectAgent(
      await this.machines.connect('node-1'),
      { onApiConnection: (connection) => connection.destroy(), onForeignQuestion: createForwarder({ clock: realClock, servers: () => [] }) },
      { api: { address: '10.96.0.1', port: 443 }, dns: { address: '10.96.0.10', port: 53 } },
    );
    this.kubelet?.setAgent(this.agent);
  }

  /** Also again, after the kubelet was stopped: as the app does that starts anew. */
  async startKubelet(): Promise<void> {
    this.informers = new InformerFactory(this.server.client('kubelet'), realClock, this.log);
    this.kubelet = createKubelet({
      nodeName: 'node-1',
      client: this.server.client('kubelet'),
      informers: this.informers,
      runtime: this.runtime,
      agent: this.agent,
      clock: realClock,
      random: systemRandom,
      log: this.log,
      nodeIP: this.machine.ip,
      podCIDR: this.machine.podCIDR,
      clusterDNS: ['10.96.0.10'],
      clusterDomain: 'cluster.local',
    });
    this.informers.informer(resources.pods);
    this.informers.start();
    await this.kubelet.start();
  }

  async stopKubelet(): Promise<void> {
    await this.kubelet.stop();
    this.informers.stop();
  }

  async dispose(): Promise<void> {
    await this.stopKubelet();
    this.agent?.close();
    await this.machines?.removeAll();
  }

  create(name: string, spec: Partial<PodSpec>, metadata: Pod['metadata'] = {}): Pod {
    return this.server.seed(resources.pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', ...metadata },
      spec: { nodeName: 'node-1', restartPolicy: 'Always', terminationGracePeriodSeconds: 5, enableServiceLinks: true, containers: [], ...spec },
      status: { phase: 'Pending' },
    });
  }

  pod(name: string): Pod | undefined {
    return this.server.find(resources.pods, 'default', name);
  }

  /** Resolves as soon as the API's copy of the pod is as the test wants it. */
  async until(name: string, what: (status: PodStatus) => boolean | undefined): Promise<PodStatus> {
    return (await this.untilPod(name, (pod) => !!pod && !!what(pod.status ?? {})))!.status!;
  }

  async untilGone(name: string): Promise<void> {
    await this.untilPod(name, (pod) => pod === undefined);
  }

  untilPod(name: string, what: (pod: Pod | undefined) => boolean): Promise<Pod | undefined> {
    return new Promise((resolve) => {
      const look = () => {
        const pod = this.pod(name);
        if (!what(pod)) return;
        queueMicrotask(() => watch.cancel());
        resolve(pod);
      };
      const watch = this.server.client().of(resources.pods).watch(undefined, {}, { onEvent: look, onEnd: () => {} });
      look();
    });
  }

  async delete(name: string, gracePeriodSeconds = 5): Promise<void> {
    await this.server.client('kubectl').of(resources.pods).delete('default', name, { gracePeriodSeconds });
  }

  said(name: string): string[] {
    return this.server
      .all<Event>(resources.events)
      .filter((event) => event.involvedObject.name === name)
      .map((event) => `${event.reason}: ${event.message}`);
  }

  /** What a command in a container answers. */
  async run(pod: string, container: string, command: string[]): Promise<string> {
    const uid = this.pod(pod)!.metadata!.uid!;
    const [found] = (await this.runtime.listContainers({ podUid: uid })).filter((c) => c.name === container && c.state === 'running');
    const { output } = await this.runtime.execSync(found!.id, command, 20_000);
    return output.toString();
  }
}

export const ready = (status: PodStatus) => status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');
