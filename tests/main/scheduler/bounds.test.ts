import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node, Pod, ResourceResourceClaim } from '../../../main/api/index.ts';
import { compileDeviceSelector } from '../../../main/apiserver/index.ts';
import { Client, InformerFactory, resources } from '../../../main/client/index.ts';
import { Scheduler } from '../../../main/scheduler/index.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { makeNode, makePod, seededRandom } from '../../support/objects.ts';
import { UnreliableTransport } from '../../support/unreliable.ts';

/** The same stories every time; `RUNS=300` tells so many others. */
const runs = process.env.RUNS ? { numRuns: Number(process.env.RUNS) } : { numRuns: 10, seed: 2026 };
const patience = { timeout: process.env.RUNS ? 3_600_000 : 120_000 };
const driver = 'dra.example.com';
/** What the class of devices stands for. */
const extended = 'example.com/gpu';
const wantsDevices = ({ spec }: Pod) => spec!.resourceClaims !== undefined || spec!.containers[0]!.resources!.requests![extended] !== undefined;
const cpuOf = (pod: Pod) => Number(pod.spec!.containers[0]!.resources!.requests!.cpu);
const portOf = (pod: Pod) => pod.spec!.containers[0]!.ports?.[0]?.hostPort;
const staysAlone = (pod: Pod) => pod.spec!.affinity?.podAntiAffinity !== undefined;
const team = (pod: Pod) => pod.metadata!.labels!.team!;

/** Nodes, devices and pods that come, change and go by chance, and schedulers that are killed and cut off. */
class Town {
  readonly clock = new FakeClock();
  readonly server = new FakeServer(this.clock);
  readonly chance;
  readonly transport;
  readonly broken: string[] = [];
  #made = 0;
  #informers: InformerFactory | undefined;
  #scheduler: Scheduler | undefined;

  constructor(seed: number) {
    this.chance = seededRandom(seed);
    this.transport = new UnreliableTransport(this.server, this.chance);
    this.server.onChange = ({ def, object, type }) => {
      if (type !== 'DELETED' && def.resource === 'pods' && (object as Pod).spec!.nodeName) this.#checkNode(object as Pod);
      if (type !== 'DELETED' && def.resource === 'resourceclaims') this.#checkDevices();
    };
  }

  async start(): Promise<void> {
    const client = new Client(this.transport, { userAgent: 'test' });
    this.#informers = new InformerFactory(client, this.clock, noLog);
    this.#scheduler = new Scheduler({ client, informers: this.#informers, clock: this.clock, random: this.chance, log: noLog, compileDeviceSelector });
    await this.#scheduler.start();
    await settle();
  }

  async stop(): Promise<void> {
    this.#informers?.stop();
    await this.#scheduler?.stop();
  }

  nodes = (): Node[] => this.server.all(resources.nodes);
  pods = (): Pod[] => this.server.all(resources.pods, 'default');
  on = (node: string): Pod[] => this.pods().filter(({ spec }) => spec!.nodeName === node);
  chanceOf = (share: number) => this.chance.next() < share;
  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.chance.next() * items.length)];
  }

  /** What a node has no room for, besides `pod`; undefined: it has. */
  objection(node: Node, pod: Pod): string | undefined {
    const others = this.on(node.metadata!.name!).filter(({ metadata }) => metadata!.uid !== pod.metadata!.uid);
    const { cpu, pods } = node.status!.allocatable!;
    if (others.length + 1 > Number(pods)) return 'too many pods';
    if (others.reduce((sum, other) => sum + cpuOf(other), cpuOf(pod)) > Number(cpu)) return 'too much CPU';
    if (portOf(pod) !== undefined && others.some((other) => portOf(other) === portOf(pod))) return 'a port twice';
    if (others.some((other) => team(other) === team(pod) && (staysAlone(pod) || staysAlone(other)))) return 'two that stay apart';
    return undefined;
  }

  #checkNode(pod: Pod): void {
    const node = this.server.find(resources.nodes, '', pod.spec!.nodeName!);
    const objection = node && this.objection(node, pod);
    if (objection) this.broken.push(`${pod.metadata!.name} on ${node.metadata!.name}: ${objection}`);
  }

  #checkDevices(): void {
    const taken = this.server.all(resources.resourceClaims).flatMap(({ status }) => status?.allocation?.devices?.results ?? []).map(({ pool, device }) => `${pool}/${device}`);
    if (new Set(taken).size < taken.length) this.broken.push(`a device twice: ${taken.join()}`);
  }

  addNode(): void {
    if (this.nodes().length < 5) this.server.seed(resources.nodes, makeNode(`node-${this.#made++}`, { cpu: String(1 + Math.floor(this.chance.next() * 3)), pods: '4' }));
  }

  addPod(): void {
    const name = `pod-${this.#made++}`;
    const label = { team: this.pick(['a', 'b', 'c'])! };
    const apart = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: label } }] } };
    const devices = this.chanceOf(0.25);
    const gpu: Record<string, string> = !devices && this.chanceOf(0.15) ? { [extended]: '1' } : {};
    const container = { name: 'c', image: 'i', resources: { requests: { cpu: String(this.pick([0.25, 0.5, 1, 2])), ...gpu } }, ...(this.chanceOf(0.2) ? { ports: [{ containerPort: 80, hostPort: 80 }] } : {}) };
    const spec = { containers: [container], priority: this.pick([0, 0, 0, 10, 1000])!, ...(this.chanceOf(0.25) ? { affinity: apart } : {}), ...(devices ? { resourceClaims: [{ name: 'd', resourceClaimName: name }] } : {}) };
    this.server.seed(resources.pods, { ...makePod(name, { labels: label }, spec), status: { phase: 'Pending' } });
    if (devices && this.chanceOf(0.8)) this.addClaim(name);
  }

  addClaim(name: string): void {
    if (this.server.find(resources.resourceClaims, 'default', name)) return;
    const claim: ResourceResourceClaim = { metadata: { name, namespace: 'default' }, spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1 } }] } } };
    this.server.seed(resources.resourceClaims, claim);
  }

  offerDevices(): void {
    const node = this.pick(this.nodes())?.metadata!.name;
    if (!node || this.server.find(resources.resourceSlices, '', node)) return;
    this.server.seed(resources.resourceSlices, { metadata: { name: node }, spec: { driver, nodeName: node, pool: { name: node, generation: 1, resourceSliceCount: 1 }, devices: [{ name: 'one' }, { name: 'two' }] } });
  }

  addClass(): void {
    if (!this.server.find(resources.deviceClasses, '', 'gpu')) this.server.seed(resources.deviceClasses, { metadata: { name: 'gpu' }, spec: { extendedResourceName: extended } });
  }

  removePod(pod: Pod): void {
    const { name, uid } = pod.metadata!;
    this.server.drop(resources.pods, 'default', name!);
    // What the controller of claims and the collector of garbage do.
    const isOf = ({ metadata }: ResourceResourceClaim) => metadata!.name === name || metadata!.ownerReferences?.some((owner) => owner.uid === uid);
    for (const { metadata } of this.server.all(resources.resourceClaims).filter(isOf)) this.server.drop(resources.resourceClaims, 'default', metadata!.name!);
  }

  /** What kubelets do to pods that are to go. */
  reap(): void {
    for (const pod of this.pods()) if (pod.metadata!.deletionTimestamp && this.chanceOf(0.5)) this.removePod(pod);
  }

  cordon(unschedulable: boolean): void {
    const node = this.pick(this.nodes());
    if (node) this.server.change(resources.nodes, '', node.metadata!.name!, ({ spec }) => (spec!.unschedulable = unschedulable));
  }

  async step(): Promise<void> {
    const dice = this.chance.next();
    if (dice < 0.35) this.addPod();
    else if (dice < 0.45) this.addNode();
    else if (dice < 0.55) {
      const pod = this.pick(this.pods());
      if (pod) this.removePod(pod);
    } else if (dice < 0.6) this.cordon(this.chanceOf(0.5));
    else if (dice < 0.66) this.offerDevices();
    else if (dice < 0.7) this.addClass();
    else if (dice < 0.76) {
      const waiting = this.pick(this.pods().filter(({ spec }) => spec!.resourceClaims));
      if (waiting) this.addClaim(waiting.metadata!.name!);
    } else if (dice < 0.8) {
      await this.stop();
      await this.start();
    } else await this.clock.advance(Math.floor(this.chance.next() * 8000));
    this.reap();
    await settle();
  }
}

describe('whatever comes and goes meanwhile', () => {
  it('nodes are given no more than they have, devices to one only, and nobody waits who has a place', patience, async () => {
    await fc.assert(
      fc.asyncProperty(fc.record({ seed: fc.nat(), unsent: fc.constantFrom(0, 0, 0.1) }), async ({ seed, unsent }) => {
        const town = new Town(seed);
        town.server.seed(resources.namespaces, { metadata: { name: 'default' } });
        await town.start();
        town.addNode();
        town.transport.unsent = unsent;
        for (let i = 0; i < 80; i++) await town.step();
        town.transport.unsent = 0;
        town.addClass();
        for (const node of town.nodes()) town.server.change(resources.nodes, '', node.metadata!.name!, ({ spec }) => delete spec!.unschedulable);
        for (let i = 0; i < 20; i++) {
          town.reap();
          // Long enough for every back-off, too short for the pods that nothing has helped to be tried again all the same.
          await town.clock.advance(10_000);
        }
        const waiting = town.pods().filter((pod) => !pod.spec!.nodeName && !wantsDevices(pod) && !pod.metadata!.deletionTimestamp);
        const gaveUp = town.server.all(resources.resourceClaims).filter(({ metadata, status }) => metadata!.ownerReferences && status?.allocation && !status.reservedFor?.length);
        const placeable = waiting.flatMap((pod) => town.nodes().filter((node) => !town.objection(node, pod)).map((node) => `${pod.metadata!.name} on ${node.metadata!.name}`));
        await town.stop();
        expect(town.broken).toEqual([]);
        expect(placeable).toEqual([]);
        expect(gaveUp).toEqual([]);
      }),
      runs,
    );
  });
});
