import { createHash } from 'node:crypto';
import type { Event, Pod, PodSpec } from '../../../main/api/index.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { createKubelet, type Kubelet, type KubeletOptions } from '../../../main/kubelet/index.ts';
import type { Runtime, RuntimeInfo } from '../../../main/runtime/index.ts';
import { createSimulatedRuntime, type SimulatedRuntimeOptions } from '../../../main/runtime/simulated/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { randomFrom } from '../../../main/util/random.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { FakeAgent } from './fakeAgent.ts';

/** The same chance in every run. */
export function seededRandom() {
  let count = 0;
  return randomFrom((size) => createHash('shake256', { outputLength: size }).update(String(count++)).digest());
}

/** A kubelet on a simulated runtime, with an API server and an agent that exist in memory only. */
export class Harness {
  readonly clock = new FakeClock();
  readonly server = new FakeServer(this.clock);
  readonly runtime: Runtime;
  readonly agent = new FakeAgent();
  informers: InformerFactory;
  kubelet: Kubelet;

  constructor(
    private readonly options: { simulated?: Partial<SimulatedRuntimeOptions>; kubelet?: Partial<KubeletOptions>; runtimeName?: string } = {},
  ) {
    const runtime = createSimulatedRuntime({ clock: this.clock, random: seededRandom(), startDelayMs: 0, ...options.simulated });
    // Under another name the kubelet treats it as real: volumes are written, probes are made.
    const { runtimeName } = options;
    if (runtimeName) {
      const info = runtime.info.bind(runtime);
      runtime.info = async (): Promise<RuntimeInfo> => ({ ...(await info()), name: runtimeName });
    }
    this.runtime = runtime;
    this.informers = this.#newInformers();
    this.kubelet = this.newKubelet();
    this.server.seed(resources.services, {
      metadata: { name: 'kubernetes', namespace: 'default' },
      spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, protocol: 'TCP' }] },
    });
  }

  async start(): Promise<this> {
    this.informers.start();
    const started = this.kubelet.start();
    await settle();
    await started;
    await settle();
    return this;
  }

  /** The same node in a new process: the runtime goes on, the kubelet knows nothing. */
  async restart(): Promise<void> {
    await this.kubelet.stop();
    this.informers.stop();
    this.informers = this.#newInformers();
    this.kubelet = this.newKubelet();
    await this.start();
  }

  newKubelet(): Kubelet {
    return createKubelet({
      nodeName: 'node-1',
      client: this.server.client('kubelet'),
      informers: this.informers,
      runtime: this.runtime,
      agent: this.agent,
      clock: this.clock,
      random: seededRandom(),
      log: noLog,
      nodeIP: '10.244.0.2',
      podCIDR: '10.244.1.0/24',
      clusterDNS: ['10.96.0.10'],
      clusterDomain: 'cluster.local',
      storageBytes: async () => 100 * 2 ** 30,
      ...this.options.kubelet,
    });
  }

  #newInformers(): InformerFactory {
    return new InformerFactory(this.server.client('kubelet'), this.clock, noLog);
  }

  /** A pod that is bound to the node already. */
  async create(name: string, spec: Partial<PodSpec> = {}, metadata: Pod['metadata'] = {}): Promise<Pod> {
    const pod = this.server.seed(resources.pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', ...metadata },
      spec: {
        nodeName: 'node-1',
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        enableServiceLinks: true,
        containers: [{ name: 'web', image: 'web:1' }],
        ...spec,
      },
      status: { phase: 'Pending' },
    } as Pod);
    await settle();
    return pod;
  }

  pod(name: string): Pod {
    const pod = this.server.find(resources.pods, 'default', name);
    if (!pod) throw new Error(`there is no pod ${name}`);
    return pod;
  }

  find(name: string): Pod | undefined {
    return this.server.find(resources.pods, 'default', name);
  }

  condition(name: string, type: string) {
    return this.pod(name).status?.conditions?.find((condition) => condition.type === type);
  }

  events(name: string): Event[] {
    return this.server.all(resources.events).filter((event) => event.involvedObject.name === name);
  }

  /** `Reason: message`, oldest first. */
  said(name: string): string[] {
    return this.events(name).map((event) => `${event.reason}: ${event.message}`);
  }

  /** What a user does with `kubectl delete`. */
  async delete(name: string, gracePeriodSeconds = 30): Promise<void> {
    await this.server.client('kubectl').of(resources.pods).delete('default', name, { gracePeriodSeconds });
    await settle();
  }

  /** The newest container of that name, as the runtime has it. */
  async container(pod: string, name = 'web') {
    const uid = this.pod(pod).metadata!.uid!;
    const all = await this.runtime.listContainers({ podUid: uid });
    return all.filter((container) => container.name === name).sort((a, b) => b.attempt - a.attempt)[0];
  }
}
