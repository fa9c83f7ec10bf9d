import type { Pod } from '../../../main/api/index.ts';
import { timestamp } from '../../../main/api/meta.ts';
import { Client, InformerFactory, resources } from '../../../main/client/index.ts';
import type { Controller, ControllerContext } from '../../../main/controllers/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { seededRandom } from '../../support/objects.ts';
import { UnreliableTransport } from '../../support/unreliable.ts';

/** Controllers that are killed, cut off and kept in the dark by chance. */
export class Stormy {
  readonly clock = new FakeClock();
  readonly server = new FakeServer(this.clock);
  readonly chance;
  readonly transport;
  #informers: InformerFactory | undefined;
  #controllers: Controller[] = [];
  /** Pods as they are in the store at its latest revision. */
  readonly pods = new Map<string, Pod>();

  constructor(
    seed: number,
    private readonly constructors: (new (context: ControllerContext) => Controller)[],
    /** Called at every revision at which pods have changed. */
    check: (change: { type: string; pod: Pod }) => void,
  ) {
    this.chance = seededRandom(seed);
    this.transport = new UnreliableTransport(this.server, this.chance);
    this.server.onChange = ({ type, def, object }) => {
      if (def.resource !== 'pods') return;
      const pod = object as Pod;
      if (type === 'DELETED') this.pods.delete(pod.metadata!.name!);
      else this.pods.set(pod.metadata!.name!, pod);
      check({ type, pod });
    };
  }

  async start(): Promise<void> {
    const client = new Client(this.transport, { userAgent: 'test' });
    const informers = new InformerFactory(client, this.clock, noLog);
    const context = { client, informers, clock: this.clock, random: this.chance, log: noLog };
    this.#informers = informers;
    this.#controllers = this.constructors.map((C) => new C(context));
    informers.start();
    await settle();
    await informers.synced();
    for (const controller of this.#controllers) controller.start();
    await settle();
  }

  async stop(): Promise<void> {
    this.#informers?.stop();
    await Promise.all(this.#controllers.map((controller) => controller.stop()));
  }

  pick<T>(items: T[]): T | undefined {
    return items[Math.floor(this.chance.next() * items.length)];
  }

  /** What may go wrong around the controllers between two steps of the pods. `lag`: their caches may fall behind. */
  async storm({ lag = true } = {}): Promise<void> {
    const dice = this.chance.next();
    if (dice < 0.1) {
      await this.stop();
      this.server.resume();
      await this.start();
    } else if (lag && dice < 0.25) this.server.pause(resources.pods);
    else if (lag && dice < 0.35) this.server.pause();
    else if (dice < 0.6) this.server.resume();
    // Caches are not behind for so long that controllers cease to wait for what they have set in motion.
    if (dice > 0.7) await this.clock.advance(Math.floor(this.chance.next() * 8_000));
    await settle();
  }

  async calm(): Promise<void> {
    this.transport.unsent = this.transport.unanswered = 0;
    this.server.resume();
    await settle();
    await this.clock.advance(20 * 60_000);
  }

  /** What the kubelet does to one pod: it becomes ready, or is gone at its end. */
  moveOne(): void {
    const movable = [...this.pods.values()].filter((pod) => pod.metadata!.deletionTimestamp || !pod.status?.phase || pod.status.phase === 'Pending');
    const pod = this.pick(movable);
    if (!pod) return;
    if (pod.metadata!.deletionTimestamp) this.remove(pod);
    else this.#become(pod, 'Running', [{ type: 'Ready', status: 'True', lastTransitionTime: timestamp(this.clock.now()) }]);
  }

  /** The kubelet's last word about a pod that is to go; finalizers keep the object. */
  remove(pod: Pod): void {
    const { name, finalizers } = pod.metadata!;
    if (finalizers?.length) this.#become(pod, 'Failed', []);
    else this.server.drop(resources.pods, 'default', name!);
  }

  end(pod: Pod, phase: 'Succeeded' | 'Failed'): void {
    this.#become(pod, phase, []);
  }

  #become(pod: Pod, phase: string, conditions: NonNullable<Pod['status']>['conditions']): void {
    if (!this.server.find(resources.pods, 'default', pod.metadata!.name!)) return;
    this.server.change(resources.pods, 'default', pod.metadata!.name!, (p) => {
      p.spec!.nodeName ??= wantedNode(p) ?? 'node-1';
      p.status = { ...p.status, phase, conditions };
    });
  }
}

/** Of a daemon's pod. */
const wantedNode = ({ spec }: Pod) => spec!.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.[0];
