import { beforeEach, describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../../../main/api/index.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { SchedulerCache } from '../../../main/scheduler/cache.ts';
import { CycleState } from '../../../main/scheduler/framework.ts';
import { readSchedulerConfiguration, Scheduler, type SchedulerConfiguration } from '../../../main/scheduler/index.ts';
import { nodeVolumeLimits } from '../../../main/scheduler/plugins/nodeVolumeLimits.ts';
import { PodInfo } from '../../../main/scheduler/podInfo.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { makeNode, makePod, seededRandom } from '../../support/objects.ts';

let server: FakeServer;
beforeEach(() => {
  server = new FakeServer(new FakeClock());
  server.seed(resources.namespaces, { metadata: { name: 'default' } });
});

function bound(name: string, spec: PersistentVolume['spec'] = {}, labels: Record<string, string> = {}, claim: PersistentVolumeClaim['spec'] = {}): void {
  server.seed(resources.persistentVolumes, { metadata: { name: `pv-${name}`, labels }, spec });
  server.seed(resources.persistentVolumeClaims, {
    metadata: { name, namespace: 'default', annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
    spec: { volumeName: `pv-${name}`, ...claim },
    status: { phase: 'Bound' },
  });
}

const using = (pod: string, claims: string[], nodeName?: string, priority?: number): Pod =>
  makePod(pod, {}, {
    ...(nodeName ? { nodeName } : {}),
    ...(priority === undefined ? {} : { priority }),
    volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })),
  });

/** The node that the pod got, or the reasons why it got none. */
async function place(pod: Pod, later?: () => void, configuration?: SchedulerConfiguration): Promise<string> {
  server.seed(resources.pods, { ...pod, status: { phase: 'Pending' } });
  const { clock } = server;
  const client = server.client();
  const informers = new InformerFactory(client, clock, noLog);
  const scheduler = new Scheduler({ client, informers, clock, random: seededRandom(), log: noLog, configuration });
  await scheduler.start();
  await settle();
  later?.();
  await (clock as FakeClock).advance(later ? 30_000 : 0);
  informers.stop();
  await scheduler.stop();
  const placed = server.find(resources.pods, 'default', pod.metadata!.name!)!;
  if (placed.spec!.nodeName) return placed.spec!.nodeName;
  const message = placed.status!.conditions!.find((condition) => condition.type === 'PodScheduled')!.message!;
  return message.replace(/^0\/\d+ nodes are available: /, '').replace(/ no new claims to deallocate, preemption: .*/, '');
}

describe('a claim for one pod only', () => {
  const alone = { accessModes: ['ReadWriteOncePod'] };
  const taken = '2 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod.';

  beforeEach(() => {
    for (const name of ['a', 'b']) server.seed(resources.nodes, makeNode(name));
    bound('data', {}, {}, alone);
  });

  it('is not given to a second pod, wherever the first one is', async () => {
    server.seed(resources.pods, using('first', ['data'], 'a'));
    expect(await place(using('second', ['data']))).toBe(taken);
  });

  it('is given to the next pod when the first one is gone', async () => {
    server.seed(resources.pods, using('first', ['data'], 'a'));
    expect(await place(using('second', ['data']), () => server.drop(resources.pods, 'default', 'first'))).toMatch(/^[ab]$/);
  });

  it('is taken from a pod that matters less', async () => {
    server.seed(resources.pods, using('first', ['data'], 'a', 0));
    await place(using('second', ['data'], undefined, 1000));
    expect(server.find(resources.pods, 'default', 'first')?.metadata?.deletionTimestamp ?? 'gone').toBeTruthy();
    expect(server.find(resources.pods, 'default', 'second')!.status!.nominatedNodeName).toBe('a');
  });
});

describe('a pod goes where its volume is:', () => {
  const zone = 'topology.kubernetes.io/zone';
  beforeEach(() => {
    server.seed(resources.nodes, makeNode('east', { labels: { [zone]: 'east' } }));
    server.seed(resources.nodes, makeNode('west', { labels: { [zone]: 'west' } }));
  });

  it.each([
    ['in its zone', { [zone]: 'west' }, 'west'],
    ['in one of its zones', { [zone]: 'north__west' }, 'west'],
    ['by the older name of the label', { 'failure-domain.beta.kubernetes.io/zone': 'west' }, 'west'],
    ['nowhere when no node is there', { [zone]: 'north' }, '2 node(s) had no available volume zone.'],
  ])('%s', async (_, labels, result) => {
    bound('data', {}, labels);
    expect(await place(using('p', ['data']))).toBe(result);
  });
});

describe('a disk that only one pod of a node may write', () => {
  const disk = (pod: string, readOnly: boolean, nodeName?: string): Pod =>
    makePod(pod, {}, { ...(nodeName ? { nodeName } : {}), volumes: [{ name: 'd', iscsi: { iqn: 'iqn.x', lun: 0, targetPortal: 'portal', readOnly } }] });

  it('is written by nobody where others read it', async () => {
    for (const name of ['a', 'b']) server.seed(resources.nodes, makeNode(name));
    server.seed(resources.pods, disk('reader', true, 'a'));
    expect(await place(disk('writer', false))).toBe('b');
  });

  it('is read by many', async () => {
    server.seed(resources.nodes, makeNode('a'));
    server.seed(resources.pods, disk('reader', true, 'a'));
    expect(await place(disk('other', true))).toBe('a');
  });

  it('is waited for where there is no other node', async () => {
    server.seed(resources.nodes, makeNode('a'));
    server.seed(resources.pods, disk('writer', false, 'a'));
    expect(await place(disk('other', true))).toBe('1 node(s) had no available disk.');
  });
});

describe('a driver that can have so many volumes on a node', () => {
  const csi = (handle: string) => ({ csi: { driver: 'csi.example.com', volumeHandle: handle } });
  beforeEach(() => {
    server.seed(resources.nodes, makeNode('a'));
    server.seed(resources.csiNodes, { metadata: { name: 'a' }, spec: { drivers: [{ name: 'csi.example.com', nodeID: 'a', allocatable: { count: 2 } }] } });
    for (const name of ['one', 'two', 'three']) bound(name, csi(name));
  });

  it('gets no more', async () => {
    server.seed(resources.pods, using('first', ['one', 'two'], 'a'));
    expect(await place(using('second', ['three']))).toBe('1 node(s) exceed max volume count.');
  });

  it('has one that several pods use only once', async () => {
    server.seed(resources.pods, using('first', ['one', 'two'], 'a'));
    expect(await place(using('second', ['two']))).toBe('a');
  });

  it('has one that is still attached', async () => {
    for (const name of ['one', 'two'])
      server.seed(resources.volumeAttachments, {
        metadata: { name },
        spec: { attacher: 'csi.example.com', nodeName: 'a', source: { persistentVolumeName: `pv-${name}` } },
      });
    expect(await place(using('p', ['three']))).toBe('1 node(s) exceed max volume count.');
    expect(await place(using('q', ['two']))).toBe('1 node(s) exceed max volume count.');
  });

  it('is nothing for a claim that is not there, even if nobody else looks after claims', async () => {
    const profiles = [{ plugins: { multiPoint: { disabled: ['VolumeBinding', 'VolumeRestrictions', 'VolumeZone'].map((name) => ({ name })) } } }];
    const alone = readSchedulerConfiguration({ kind: 'KubeSchedulerConfiguration', apiVersion: 'kubescheduler.config.k8s.io/v1', profiles });
    expect(await place(using('p', ['four']), undefined, alone)).toBe('1 looking up PVC default/four: persistentvolumeclaim "four" not found.');
  });
});

describe('a disk of a driver that Kubernetes once had', () => {
  const amazon = (volumeID: string) => ({ awsElasticBlockStore: { volumeID } });
  const google = (pdName: string) => ({ gcePersistentDisk: { pdName } });
  const onDisks = (pod: string, sources: Partial<Volume>[], nodeName?: string): Pod =>
    makePod(pod, {}, { ...(nodeName ? { nodeName } : {}), volumes: sources.map((source, i) => ({ name: `v${i}`, ...source })) });
  const driver = (name: string, count: number) => ({ name, nodeID: 'a', allocatable: { count } });
  const full = '1 node(s) exceed max volume count.';
  beforeEach(() => {
    server.seed(resources.nodes, makeNode('a'));
    const drivers = [driver('ebs.csi.aws.com', 1), driver('pd.csi.storage.gke.io', 0), driver('csi.vsphere.vmware.com', 0)];
    server.seed(resources.csiNodes, { metadata: { name: 'a' }, spec: { drivers } });
  });

  it('counts as one of the CSI driver that stands in for it', async () => {
    server.seed(resources.pods, onDisks('first', [amazon('vol-1')], 'a'));
    expect(await place(onDisks('second', [amazon('vol-2')]))).toBe(full);
    expect(await place(onDisks('third', [amazon('aws:///vol-1')]))).toBe('a');
  });

  it('is the same by a claim', async () => {
    bound('data', amazon('vol-1'));
    bound('more', amazon('vol-2'));
    bound('native', { csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'vol-1' } });
    server.seed(resources.pods, using('first', ['data'], 'a'));
    expect(await place(onDisks('second', [amazon('vol-1')]))).toBe('a');
    expect(await place(using('third', ['native']))).toBe('a');
    expect(await place(using('fourth', ['more']))).toBe(full);
  });

  it('counts while its class has yet to make it', async () => {
    for (const [name, provisioner] of [['pd', 'kubernetes.io/gce-pd'], ['vmdk', 'kubernetes.io/vsphere-volume']] as const) {
      server.seed(resources.storageClasses, { metadata: { name }, provisioner, volumeBindingMode: 'WaitForFirstConsumer' });
      server.seed(resources.persistentVolumeClaims, { metadata: { name, namespace: 'default' }, spec: { storageClassName: name, accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }, status: { phase: 'Pending' } });
    }
    expect(await place(using('p', ['pd']))).toBe(full);
    // A driver that counts for itself gets its pod, and is asked to make the volume there.
    await place(using('q', ['vmdk'])).catch(() => undefined);
    expect(server.find(resources.persistentVolumeClaims, 'default', 'vmdk')!.metadata!.annotations).toEqual({ 'volume.kubernetes.io/selected-node': 'a' });
  });

  it('counts nowhere where the node knows no CSI driver, nor where it has not moved to one', async () => {
    expect(await place(onDisks('p', [{ vsphereVolume: { volumePath: '[store] v' } }]))).toBe('a');
    server.drop(resources.csiNodes, '', 'a');
    expect(await place(onDisks('q', [google('d'), amazon('aws:///disk')]))).toBe('a');
  });

  it('keeps its pod from every node when that driver could not take it', async () => {
    expect(await place(onDisks('p', [amazon('aws:///disk')]))).toBe(
      'running "NodeVolumeLimits" filter plugin: converting volume(v0) from inline to csi: failed to translate Kubernetes ID to EBS Volume ID Invalid format for AWS volume (aws:///disk)',
    );
  });

  it('lets its pod try again when one of its driver is detached, and no other', async () => {
    for (const [name, attacher] of [['one', 'ebs.csi.aws.com'], ['two', 'pd.csi.storage.gke.io']] as const) {
      bound(name, { csi: { driver: attacher, volumeHandle: 'handle' } });
      server.seed(resources.volumeAttachments, { metadata: { name }, spec: { attacher, nodeName: 'a', source: { persistentVolumeName: `pv-${name}` } } });
    }
    server.seed(resources.pods, { ...onDisks('other', [google('d')]), status: { phase: 'Pending' } });
    expect(await place(onDisks('p', [amazon('vol-1')]), () => server.drop(resources.volumeAttachments, '', 'one'))).toBe('a');
  });
});

describe('a pod whose claim is not there', () => {
  it('is looked at once, however many nodes there are', () => {
    const cache = new SchedulerCache();
    for (const name of ['a', 'b', 'c']) cache.setNode(makeNode(name));
    const { clock } = server;
    const informers = new InformerFactory(server.client(), clock, noLog);
    const claims = informers.informer(resources.persistentVolumeClaims);
    let asked = 0;
    const counting = Object.assign(Object.create(claims) as typeof claims, { get: () => void asked++ });
    const limits = nodeVolumeLimits({
      claims: counting,
      volumes: informers.informer(resources.persistentVolumes),
      classes: informers.informer(resources.storageClasses),
      csiNodes: informers.informer(resources.csiNodes),
      attachments: informers.informer(resources.volumeAttachments),
    });
    const state = new CycleState();
    const pod = new PodInfo(using('p', ['gone']));
    limits.preFilter!(state, pod, cache.nodes);
    const told = cache.nodes.map((node) => limits.filter!(state, pod, node)?.reasons);
    expect(told).toEqual(Array(3).fill(['looking up PVC default/gone: persistentvolumeclaim "gone" not found']));
    expect(asked).toBe(1);
  });
});

describe('a driver that says how much room there is', () => {
  const zone = 'topology.kubernetes.io/zone';
  beforeEach(() => {
    server.seed(resources.nodes, makeNode('east', { labels: { [zone]: 'east' } }));
    server.seed(resources.nodes, makeNode('west', { labels: { [zone]: 'west' } }));
    server.seed(resources.csiDrivers, { metadata: { name: 'csi.example.com' }, spec: { storageCapacity: true } });
    server.seed(resources.storageClasses, { metadata: { name: 'disk' }, provisioner: 'csi.example.com', volumeBindingMode: 'WaitForFirstConsumer' });
    server.seed(resources.persistentVolumeClaims, {
      metadata: { name: 'data', namespace: 'default' },
      spec: { storageClassName: 'disk', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } } },
      status: { phase: 'Pending' },
    });
  });
  const room = (name: string, capacity: string) =>
    server.seed(resources.csiStorageCapacities, {
      metadata: { name, namespace: 'default' },
      storageClassName: 'disk',
      nodeTopology: { matchLabels: { [zone]: name } },
      capacity,
    });

  it('is asked before a volume is to be made', async () => {
    room('east', '1Gi');
    expect(await place(using('p', ['data']))).toBe('2 node(s) did not have enough free storage.');
  });

  it('gets the pod to where there is enough', async () => {
    room('east', '1Gi');
    room('west', '20Gi');
    const provision = () => {
      server.change(resources.persistentVolumeClaims, 'default', 'data', (claim) => {
        expect(claim.metadata!.annotations).toEqual({ 'volume.kubernetes.io/selected-node': 'west' });
        // While it waits everybody may know where it goes.
        expect(server.find(resources.pods, 'default', 'p')!.status!.nominatedNodeName).toBe('west');
        claim.metadata!.annotations!['pv.kubernetes.io/bind-completed'] = 'yes';
        claim.spec!.volumeName = 'made';
      });
      // Whoever watches may hear of the claim first.
      server.seed(resources.persistentVolumes, { metadata: { name: 'made' }, spec: {} });
    };
    expect(await place(using('p', ['data']), provision)).toBe('west');
  });

  it('has as long to make it as the profile says', async () => {
    room('west', '20Gi');
    const profiles = [{ pluginConfig: [{ name: 'VolumeBinding', args: { bindTimeoutSeconds: 20 } }] }];
    const hasty = readSchedulerConfiguration({ kind: 'KubeSchedulerConfiguration', apiVersion: 'kubescheduler.config.k8s.io/v1', profiles });
    expect(await place(using('p', ['data']), () => {}, hasty)).toContain('binding volumes: context deadline exceeded');
  });

  it('does not get the pod there where the claim has been given a volume elsewhere meanwhile', async () => {
    room('west', '20Gi');
    const giveAnother = () => {
      const term = { matchExpressions: [{ key: zone, operator: 'In', values: ['east'] }] };
      server.seed(resources.persistentVolumes, { metadata: { name: 'kept' }, spec: { nodeAffinity: { required: { nodeSelectorTerms: [term] } } } });
      server.change(resources.persistentVolumeClaims, 'default', 'data', (claim) => {
        expect(claim.metadata!.annotations).toEqual({ 'volume.kubernetes.io/selected-node': 'west' });
        claim.metadata!.annotations!['pv.kubernetes.io/bind-completed'] = 'yes';
        claim.spec!.volumeName = 'kept';
      });
    };
    expect(await place(using('p', ['data']), giveAnother)).toBe('east');
  });

  it('is asked for another place when the volume cannot be made in this one', async () => {
    room('east', '20Gi');
    room('west', '20Gi');
    let first: string | undefined;
    const refuse = () =>
      server.change(resources.persistentVolumeClaims, 'default', 'data', (claim) => {
        first = claim.metadata!.annotations!['volume.kubernetes.io/selected-node'];
        delete claim.metadata!.annotations;
        for (const { metadata } of server.all(resources.csiStorageCapacities)) if (metadata!.name === first) server.drop(resources.csiStorageCapacities, 'default', first!);
      });
    await place(using('p', ['data']), refuse).catch(() => undefined);
    const selected = server.find(resources.persistentVolumeClaims, 'default', 'data')!.metadata!.annotations;
    expect(selected).toEqual({ 'volume.kubernetes.io/selected-node': first === 'east' ? 'west' : 'east' });
  });
});

describe('a volume of a driver that Kubernetes had once', () => {
  const labels = (key: string, value: string) => ({ labels: { [key]: value } });
  const node = (name: string, migrated: string | undefined, shape: ReturnType<typeof labels>) => {
    server.seed(resources.nodes, makeNode(name, shape));
    if (migrated !== undefined) server.seed(resources.csiNodes, { metadata: { name, annotations: { 'storage.alpha.kubernetes.io/migrated-plugins': migrated } }, spec: { drivers: [] } });
  };
  const inZone = (key: string, zone: string) => ({ required: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator: 'In', values: [zone] }] }] } });
  const given: PersistentVolume['spec'] = { gcePersistentDisk: { pdName: 'd' }, nodeAffinity: inZone('topology.kubernetes.io/zone', 'europe-west1-b') };
  const conflict = "1 node(s) didn't match PersistentVolume's node affinity.";

  it('is where its CSI driver says, on nodes that leave it to that', async () => {
    bound('disk', given);
    node('other', 'kubernetes.io/aws-ebs,kubernetes.io/gce-pd', labels('topology.gke.io/zone', 'europe-west1-c'));
    expect(await place(using('p', ['disk']))).toBe(conflict);
    node('right', 'kubernetes.io/aws-ebs,kubernetes.io/gce-pd', labels('topology.gke.io/zone', 'europe-west1-b'));
    expect(await place(using('q', ['disk']))).toBe('right');
  });

  it('is where it says itself on all others', async () => {
    bound('disk', given);
    node('plain', undefined, labels('topology.gke.io/zone', 'europe-west1-b'));
    expect(await place(using('p', ['disk']))).toBe(conflict);
    node('unmigrated', 'kubernetes.io/aws-ebs', labels('topology.kubernetes.io/zone', 'europe-west1-b'));
    expect(await place(using('q', ['disk']))).toBe('unmigrated');
  });

  it('goes nowhere where that driver could not take it', async () => {
    bound('disk', { ...given, awsElasticBlockStore: { volumeID: 'aws://us-east-1a/disk' }, gcePersistentDisk: undefined });
    node('a', 'kubernetes.io/aws-ebs', labels('topology.kubernetes.io/zone', 'europe-west1-b'));
    expect(await place(using('p', ['disk']))).toContain('could not translate pv: failed to translate Kubernetes ID to EBS Volume ID Invalid format for AWS volume (aws://us-east-1a/disk)');
  });

  it('is looked at in the same way when a claim has been given it meanwhile', async () => {
    node('a', 'kubernetes.io/gce-pd', labels('topology.gke.io/zone', 'europe-west1-b'));
    server.seed(resources.storageClasses, { metadata: { name: 'disk' }, provisioner: 'pd.csi.storage.gke.io', volumeBindingMode: 'WaitForFirstConsumer' });
    server.seed(resources.persistentVolumeClaims, {
      metadata: { name: 'data', namespace: 'default' },
      spec: { storageClassName: 'disk', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      status: { phase: 'Pending' },
    });
    const provision = () => {
      server.seed(resources.persistentVolumes, { metadata: { name: 'made' }, spec: given });
      server.change(resources.persistentVolumeClaims, 'default', 'data', (claim) => {
        claim.metadata!.annotations!['pv.kubernetes.io/bind-completed'] = 'yes';
        claim.spec!.volumeName = 'made';
      });
    };
    expect(await place(using('p', ['data']), provision)).toBe('a');
  });
});
