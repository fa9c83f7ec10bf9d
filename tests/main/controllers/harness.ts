import type { Pod } from '../../../main/api/index.ts';
import { controllerOf, timestamp } from '../../../main/api/meta.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { noLog } from '../../../main/util/log.ts';
import type { Controller, ControllerContext, EngineVolumes } from '../../../main/controllers/index.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { seededRandom } from '../../support/objects.ts';

/** Controllers at work on a fake server, with pods whose life the test decides. */
export class Cluster {
  readonly clock = new FakeClock();
  readonly server = new FakeServer(this.clock);
  readonly client = this.server.client();
  readonly informers = new InformerFactory(this.client, this.clock, noLog);
  /** Names of the engine's volumes, with the mode of each one's root. */
  readonly engineVolumes = new Map<string, number>();
  readonly removedVolumes: string[] = [];
  /** Names of those that a container has. */
  readonly volumesInUse = new Set<string>();
  /** `from → to` */
  readonly copiedVolumes: string[] = [];
  /** What controllers are given besides. */
  more: Partial<ControllerContext> = {};
  /** Why the engine cannot make volumes now. */
  engineProblem: string | undefined;
  #controllers: Controller[] = [];

  async start(...constructors: (new (context: ControllerContext) => Controller)[]): Promise<void> {
    const { client, informers, clock } = this;
    const random = seededRandom();
    const volumes: EngineVolumes = {
      createVolume: async (name, _, { mode }) => {
        if (this.engineProblem) throw new Error(this.engineProblem);
        this.engineVolumes.set(name, mode);
      },
      removeVolume: async (name) => {
        if (this.volumesInUse.has(name)) throw Object.assign(new Error(`remove ${name}: volume is in use`), { code: 'conflict' });
        this.engineVolumes.delete(name);
        this.removedVolumes.push(name);
      },
      hasVolume: async (name) => this.engineVolumes.has(name),
      copyVolume: async (from, to) => void this.copiedVolumes.push(`${from} → ${to}`),
    };
    this.#controllers = constructors.map((C) => new C({ client, informers, clock, random, log: noLog, volumes, ...this.more }));
    informers.start();
    await informers.synced();
    for (const controller of this.#controllers) controller.start();
    await settle();
  }

  async stop(): Promise<void> {
    this.informers.stop();
    await Promise.all(this.#controllers.map((controller) => controller.stop()));
  }

  pods(namespace = 'default'): Pod[] {
    return this.server.all(resources.pods, namespace);
  }

  podsOf(owner: string): Pod[] {
    return this.pods().filter((pod) => controllerOf(pod)?.name === owner);
  }

  /** What the kubelet does: the pod runs and is ready. */
  ready(pod: Pod, node = 'node-1'): void {
    this.server.change(resources.pods, pod.metadata!.namespace!, pod.metadata!.name!, (p) => {
      p.spec!.nodeName ??= node;
      p.status = {
        phase: 'Running',
        podIP: `10.244.1.${this.server.revision % 250}`,
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: timestamp(this.clock.now()) }],
      };
    });
  }

  async readyAll(): Promise<void> {
    for (const pod of this.pods())
      if (pod.status?.phase === 'Pending' && !pod.metadata!.deletionTimestamp) this.ready(pod);
    await settle();
  }

  /** What the kubelet does at the end: pods that are to go are gone. */
  async reap(): Promise<void> {
    for (const pod of this.pods()) {
      if (pod.metadata!.deletionTimestamp)
        this.server.drop(resources.pods, pod.metadata!.namespace!, pod.metadata!.name!);
    }
    await settle();
  }

  /** Writes of that kind do not arrive, until `server.intercept` is taken away. */
  fail(method: string, collection: string): void {
    this.server.intercept = (request) => {
      if (request.method === method && request.path.includes(`/${collection}`)) throw new Error('the API server is away');
    };
  }

  /** Messages of the events about an object, oldest first. */
  events(name: string, reason?: string): string[] {
    return this.server
      .all(resources.events)
      .filter((event) => event.involvedObject.name === name && (!reason || event.reason === reason))
      .map((event) => event.message ?? '');
  }
}
