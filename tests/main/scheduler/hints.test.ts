import { expect, it } from 'vitest';
import type { Affinity, Node, Pod } from '../../../main/api/index.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { SchedulerCache } from '../../../main/scheduler/cache.ts';
import { defaultConfiguration } from '../../../main/scheduler/configuration.ts';
import type { ClusterEvent } from '../../../main/scheduler/events.ts';
import { PodInfo } from '../../../main/scheduler/podInfo.ts';
import { interPodAffinity } from '../../../main/scheduler/plugins/interPodAffinity.ts';
import { nodeDeclaredFeatures } from '../../../main/scheduler/plugins/nodeDeclaredFeatures.ts';
import { nodeResourcesFit } from '../../../main/scheduler/plugins/nodeResourcesFit.ts';
import { nodeUnschedulable } from '../../../main/scheduler/plugins/nodeUnschedulable.ts';
import { nodeVolumeLimits } from '../../../main/scheduler/plugins/nodeVolumeLimits.ts';
import { podTopologySpread } from '../../../main/scheduler/plugins/podTopologySpread.ts';
import { taintToleration } from '../../../main/scheduler/plugins/taintToleration.ts';
import { volumeBinding } from '../../../main/scheduler/plugins/volumeBinding.ts';
import { volumeRestrictions } from '../../../main/scheduler/plugins/volumeRestrictions.ts';
import { noLog } from '../../../main/util/log.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FakeServer } from '../../support/fakeServer.ts';
import { makeNode, makePod } from '../../support/objects.ts';

const { args } = defaultConfiguration().profiles[0]!;
const cache = new SchedulerCache();
const clock = new FakeClock();
const informers = new InformerFactory(new FakeServer(clock).client(), clock, noLog);
const claims = informers.informer(resources.persistentVolumeClaims);
const fit = nodeResourcesFit(args.NodeResourcesFit);
const fitOfDevices = nodeResourcesFit(args.NodeResourcesFit, (resource) => (resource === 'example.com/gpu' ? { metadata: { name: 'gpu' }, spec: {} } : undefined));
const affinity = interPodAffinity(cache, informers.informer(resources.namespaces), args.InterPodAffinity);
const spread = podTopologySpread(cache, () => ({ matches: () => false, empty: true, requirements: [] }), args.PodTopologySpread);
const restrictions = volumeRestrictions(cache, claims);
const limits = nodeVolumeLimits({
  claims,
  volumes: informers.informer(resources.persistentVolumes),
  classes: informers.informer(resources.storageClasses),
  csiNodes: informers.informer(resources.csiNodes),
  attachments: informers.informer(resources.volumeAttachments),
});
const binding = volumeBinding({
  client: new FakeServer(clock).client(),
  clock,
  cache,
  claims,
  volumes: informers.informer(resources.persistentVolumes),
  classes: informers.informer(resources.storageClasses),
  csiNodes: informers.informer(resources.csiNodes),
  csiDrivers: informers.informer(resources.csiDrivers),
  capacities: informers.informer(resources.csiStorageCapacities),
  bindTimeout: () => 600_000,
});

const zoned = (zone?: string): Node => makeNode('n', { labels: zone ? { zone } : {} });
const asking = (cpu: string, name = 'p', had?: string): Pod => ({
  ...makePod(name, {}, { nodeName: name === 'p' ? undefined : 'n', containers: [{ name: 'c', resources: { requests: { cpu } } }] }),
  ...(had ? { status: { containerStatuses: [{ name: 'c', image: 'i', imageID: '', ready: true, restartCount: 0, resources: { requests: { cpu: had } } }] } } : {}),
});
const other = (labels: Record<string, string>) => makePod('other', { labels }, { nodeName: 'n' });
const term = (app: string) => ({ topologyKey: 'zone', labelSelector: { matchLabels: { app } } });
const near = (...apps: string[]): Affinity => ({ podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: apps.map(term) } });
const away = (...apps: string[]): Affinity => ({ podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: apps.map(term) } });
const spreading = (...keys: string[]) =>
  makePod('p', { labels: { app: 'web' } }, {
    topologySpreadConstraints: keys.map((topologyKey, i) => ({ maxSkew: 1, topologyKey, whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: Object.fromEntries([i ? ['tier', 'a'] : ['app', 'web']]) } })),
  });
const withAffinity = (value: Affinity) => makePod('p', {}, { affinity: value });
const taint = (...keys: string[]) => makeNode('n', { taints: keys.map((key) => ({ key, effect: 'NoSchedule' })) });
const tolerating = (...keys: string[]) => makePod('p', {}, { tolerations: keys.map((key) => ({ key, operator: 'Exists' })) });
const cordon = 'node.kubernetes.io/unschedulable';
const disk = (name: string, readOnly: boolean) => makePod(name, {}, { nodeName: name === 'p' ? undefined : 'n', volumes: [{ name: 'd', iscsi: { iqn: 'iqn.x', lun: 0, targetPortal: 't', readOnly } }] });
const declaring = (...declaredFeatures: string[]): Node => ({ ...makeNode('n'), status: { declaredFeatures } });
const csiNode = (count: number) => ({ metadata: { name: 'n' }, spec: { drivers: [{ name: 'd', nodeID: 'n', allocatable: { count } }] } });
const wantingOf = (resource: string) => makePod('p', {}, { containers: [{ name: 'c', resources: { requests: { [resource]: '1' } } }] });
const migrated = (node: ReturnType<typeof csiNode>) => ({ ...node, metadata: { ...node.metadata, annotations: { 'storage.alpha.kubernetes.io/migrated-plugins': 'kubernetes.io/gce-pd' } } });
const claiming = (name: string) => makePod('p', {}, { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: name } }] });
const onDisk = (name: string, volumeID = 'vol-1') => makePod(name, {}, { nodeName: name === 'p' ? undefined : 'n', volumes: [{ name: 'd', awsElasticBlockStore: { volumeID } }] });
const detached = (attacher: string): ClusterEvent => ({ kind: 'AttachmentDelete', attachment: { spec: { attacher, nodeName: 'n', source: {} } } });
const changed = (old: Node, node: Node): ClusterEvent => ({ kind: 'NodeUpdate', old, node });
const moved = (old: Pod, pod: Pod): ClusterEvent => ({ kind: 'AssignedPodUpdate', old, pod });
const own = (old: Pod, pod: Pod): ClusterEvent => ({ kind: 'PodUpdate', old, pod });

it.each([
  // A pod that asks for memory only also waits where there are too many pods.
  ['room', fit, makePod('p', {}, { containers: [{ name: 'c', resources: { requests: { memory: '1Gi' } } }] }), { kind: 'AssignedPodDelete', pod: asking('1', 'other') }, true],
  ['room', fit, asking('2'), { kind: 'NodeAdd', node: makeNode('n', { cpu: '1' }) }, false],
  ['room', fit, asking('2'), { kind: 'NodeAdd', node: makeNode('n', { cpu: '2', pods: '0' }) }, false],
  ['room', fit, asking('2'), changed(makeNode('n', { cpu: '1' }), makeNode('n', { cpu: '2' })), true],
  ['room', fit, asking('2'), changed(makeNode('n', { memory: '1Gi' }), makeNode('n', { memory: '2Gi' })), false],
  ['room', fit, asking('2'), changed(makeNode('n', { pods: '1' }), makeNode('n', { pods: '2' })), true],
  ['room, after a pod has shrunk', fit, asking('2'), moved(asking('1', 'other', '3'), asking('1', 'other', '1')), true],
  ['room, while a pod still has what it gives up', fit, asking('2'), moved(asking('3', 'other', '3'), asking('1', 'other', '3')), false],
  ['room', fit, asking('1'), own(asking('2'), asking('1')), true],
  ['company', affinity, withAffinity(near('db')), { kind: 'AssignedPodAdd', pod: other({ app: 'db' }) }, true],
  ['company', affinity, withAffinity(near('db', 'web')), { kind: 'AssignedPodAdd', pod: other({ app: 'db' }) }, false],
  ['company', affinity, withAffinity(near('db')), moved(other({ app: 'db' }), other({ app: 'db', x: 'y' })), false],
  ['company', affinity, withAffinity(near('db')), moved(other({}), other({ app: 'db' })), true],
  ['company', affinity, withAffinity(near('db')), { kind: 'NodeAdd', node: zoned() }, false],
  ['company', affinity, withAffinity(near('db')), changed(zoned(), zoned('east')), true],
  ['distance', affinity, withAffinity(away('db')), { kind: 'NodeAdd', node: zoned() }, true],
  ['distance', affinity, withAffinity(away('db')), changed(zoned(), zoned('east')), false],
  ['distance', affinity, withAffinity(away('db')), changed(zoned('east'), zoned()), true],
  ['distance', affinity, withAffinity(away('db')), moved(other({ app: 'db' }), other({})), true],
  ['a better spread', spread, spreading('zone'), { kind: 'AssignedPodDelete', pod: other({ app: 'web' }) }, true],
  ['a better spread', spread, spreading('zone'), { kind: 'AssignedPodDelete', pod: other({ app: 'db' }) }, false],
  // It counted for one constraint and now counts for the other one, too.
  ['a better spread', spread, spreading('zone', 'rack'), moved(other({ app: 'web' }), other({ app: 'web', tier: 'a' })), true],
  ['a better spread', spread, spreading('zone', 'rack'), { kind: 'NodeAdd', node: zoned('east') }, false],
  ['a better spread', spread, spreading('zone'), { kind: 'NodeDelete', node: zoned('east') }, true],
  ['a better spread', spread, spreading('zone'), changed(zoned('east'), zoned('west')), true],
  ['a node without taints', taintToleration, tolerating('a'), changed(taint('a', 'b'), taint('a')), true],
  ['a node without taints', taintToleration, tolerating('a'), changed(taint('a'), taint()), false],
  ['a node without taints', taintToleration, tolerating('a'), own(tolerating(), tolerating('a')), true],
  ['a node that takes pods', nodeUnschedulable, tolerating(cordon), own(tolerating(), tolerating(cordon)), true],
  ['a node that takes pods', nodeUnschedulable, tolerating('a'), own(tolerating(), tolerating('a')), false],
  ['a disk', restrictions, disk('p', false), { kind: 'AssignedPodDelete', pod: disk('other', true) }, true],
  ['a disk', restrictions, disk('p', true), { kind: 'AssignedPodDelete', pod: disk('other', true) }, false],
  ['a claim', restrictions, claiming('c'), { kind: 'VolumeClaimChange', old: undefined, object: { metadata: { namespace: 'default', name: 'c' } } }, true],
  ['a claim', restrictions, claiming('c'), { kind: 'VolumeClaimChange', old: undefined, object: { metadata: { namespace: 'other', name: 'c' } } }, false],
  ['fewer volumes', limits, claiming('c'), detached('d'), true],
  ['fewer volumes', limits, onDisk('p'), detached('ebs.csi.aws.com'), true],
  ['fewer volumes', limits, onDisk('p'), detached('pd.csi.storage.gke.io'), false],
  ['fewer volumes', limits, onDisk('p', 'aws:///nothing'), detached('pd.csi.storage.gke.io'), true],
  ['fewer volumes', limits, claiming('c'), { kind: 'AssignedPodDelete', pod: onDisk('other') }, true],
  ['fewer volumes', limits, claiming('c'), { kind: 'AssignedPodDelete', pod: disk('other', true) }, false],
  ['fewer volumes', limits, claiming('c'), { kind: 'CSINodeChange', old: csiNode(1), object: csiNode(2) }, true],
  ['fewer volumes', limits, claiming('c'), { kind: 'CSINodeChange', old: csiNode(2), object: csiNode(1) }, false],
  ['a device', fitOfDevices, wantingOf('example.com/gpu'), changed(makeNode('n', { cpu: '4' }), makeNode('n', { cpu: '4', labels: { zone: 'a' } })), true],
  ['a device', fitOfDevices, wantingOf('cpu'), changed(makeNode('n', { cpu: '4' }), makeNode('n', { cpu: '4', labels: { zone: 'a' } })), false],
  ['a volume', binding, claiming('c'), { kind: 'CSINodeChange', old: undefined, object: csiNode(1) }, true],
  ['a volume', binding, claiming('c'), { kind: 'CSINodeChange', old: csiNode(1), object: migrated(csiNode(1)) }, true],
  ['a volume', binding, claiming('c'), { kind: 'CSINodeChange', old: migrated(csiNode(1)), object: migrated(csiNode(2)) }, false],
  ['a feature', nodeDeclaredFeatures, makePod('p'), changed(declaring(), declaring('A')), true],
  ['a feature', nodeDeclaredFeatures, makePod('p'), changed(declaring('A'), declaring('A')), false],
] as const)('who waits for %s is woken by what may help, and by nothing else (%#)', (_, plugin, pod, event, helps) => {
  expect(plugin.isHelpful!(event as ClusterEvent, new PodInfo({ ...pod, metadata: { ...pod.metadata, uid: 'p' } }))).toBe(helps);
});
