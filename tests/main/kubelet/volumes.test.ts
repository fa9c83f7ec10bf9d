import { describe, expect, it } from 'vitest';
import { engineVolumeDriver } from '../../../main/api/engineVolumes.ts';
import type { PersistentVolume, PodSpec } from '../../../main/api/index.ts';
import { resources } from '../../../main/client/index.ts';
import { hostPlace } from '../../../main/kubelet/volumes/hostPlaces.ts';
import { memoryVolumeBytes } from '../../../main/kubelet/volumes/memory.ts';
import { RuntimeError } from '../../../main/runtime/index.ts';
import { settle } from '../../support/fakeClock.ts';
import { machineFiles, type HostFiles } from '../../../main/kubelet/volumes/hostPath.ts';
import { Harness } from './harness.ts';

async function start() {
  return new Harness({ runtimeName: 'docker' }).start();
}

const mounting = (volume: object): Partial<PodSpec> => ({
  containers: [{ name: 'web', image: 'web:1', volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
  volumes: [{ name: 'v', ...volume }],
});
const directory = (h: Harness, pod: string, plugin: string) => `pods/${h.pod(pod).metadata!.uid}/volumes/kubernetes.io~${plugin}/v`;

describe('a volume', () => {
  it('of a ConfigMap holds its keys and follows its changes', async () => {
    const h = await start();
    h.server.seed(resources.configMaps, { metadata: { name: 'c', namespace: 'default' }, data: { a: '1', b: '2' } });
    await h.create('web', mounting({ configMap: { name: 'c', defaultMode: 0o400 } }));
    const path = directory(h, 'web', 'configmap');
    expect(h.agent.volumes.get(path)!.files.map(({ path, mode }) => [path, mode])).toEqual([['a', 0o400], ['b', 0o400]]);
    h.server.change(resources.configMaps, 'default', 'c', (configMap) => (configMap.data!.a = '3'));
    await settle();
    expect(h.agent.text(path, 'a')).toBe('3');
  });

  it('of a ConfigMap that is missing is waited for', async () => {
    const h = await start();
    await h.create('web', mounting({ configMap: { name: 'c' } }));
    const missing = 'FailedMount: MountVolume.SetUp failed for volume "v" : configmap "c" not found';
    expect(h.said('web')).toEqual([missing]);
    await h.clock.advance(150_000);
    expect(h.said('web')).toEqual([missing, 'FailedMount: Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[]: context deadline exceeded']);
    expect(h.pod('web').status!.containerStatuses![0]!.state).toEqual({ waiting: { reason: 'ContainerCreating' } });
    expect(h.condition('web', 'PodReadyToStartContainers')!.status).toBe('False');
    h.server.seed(resources.configMaps, { metadata: { name: 'c', namespace: 'default' }, data: {} });
    await settle();
    expect(h.pod('web').status!.phase).toBe('Running');
  });

  it('that is taken away keeps what it held', async () => {
    const h = await start();
    h.server.seed(resources.configMaps, { metadata: { name: 'c', namespace: 'default' }, data: { a: '1' } });
    await h.create('web', mounting({ configMap: { name: 'c' } }));
    h.server.drop(resources.configMaps, 'default', 'c');
    await settle();
    expect(h.agent.text(directory(h, 'web', 'configmap'), 'a')).toBe('1');
    expect(h.said('web')).toContain('FailedMount: MountVolume.SetUp failed for volume "v" : configmap "c" not found');
    expect(h.pod('web').status!.phase).toBe('Running');
  });

  it('that no container mounts is not looked at', async () => {
    const h = await start();
    await h.create('web', { volumes: [{ name: 'v', configMap: { name: 'not there' } }] });
    expect(h.pod('web').status!.phase).toBe('Running');
  });

  it('that fails does not hide that others fail as well', async () => {
    const h = await start();
    const volumes = [{ name: 'a', configMap: { name: 'c' } }, { name: 'b', secret: { secretName: 's' } }];
    await h.create('web', { containers: [{ name: 'web', image: 'web:1', volumeMounts: volumes.map(({ name }) => ({ name, mountPath: `/${name}` })) }], volumes });
    expect(h.said('web').sort()).toEqual([
      'FailedMount: MountVolume.SetUp failed for volume "a" : configmap "c" not found',
      'FailedMount: MountVolume.SetUp failed for volume "b" : secret "s" not found',
    ]);
  });

  it('of a token belongs to the user of the containers, and the rest of the volume does not', async () => {
    const h = await start();
    h.server.seed(resources.configMaps, { metadata: { name: 'c', namespace: 'default' }, data: { a: '1' } });
    const sources = [{ configMap: { name: 'c' } }, { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } }];
    await h.create('web', { ...mounting({ projected: { sources, defaultMode: 0o440 } }), securityContext: { runAsUser: 1000 } });
    expect(h.agent.volumes.get(directory(h, 'web', 'projected'))!.files).toEqual([
      { path: 'a', data: Buffer.from('1').toString('base64'), mode: 0o440 },
      { path: 'name', data: Buffer.from('web').toString('base64'), mode: 0o440 },
    ]);
  });

  it('of a projected source of which the API server has left nothing, as its kind is off, is empty', async () => {
    const h = await start();
    await h.create('web', mounting({ projected: { sources: [{}] } }));
    expect(h.agent.volumes.get(directory(h, 'web', 'projected'))!.files).toEqual([]);
    expect(h.pod('web').status!.phase).toBe('Running');
  });

  it('of an optional Secret that is missing is empty', async () => {
    const h = await start();
    await h.create('web', mounting({ secret: { secretName: 's', optional: true } }));
    expect(h.agent.volumes.get(directory(h, 'web', 'secret'))!.files).toEqual([]);
    expect(h.pod('web').status!.phase).toBe('Running');
  });

  it('of chosen items says which is missing', async () => {
    const h = await start();
    h.server.seed(resources.configMaps, { metadata: { name: 'c', namespace: 'default' }, data: { a: '1' } });
    await h.create('web', mounting({ configMap: { name: 'c', items: [{ key: 'z', path: 'z' }] } }));
    expect(h.said('web')[0]).toBe('FailedMount: MountVolume.SetUp failed for volume "v" : configmap references non-existent config key: z');
  });

  it('of the downward API tells what the pod is', async () => {
    const h = await start();
    await h.create(
      'web',
      mounting({ downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }, { path: 'cpu', resourceFieldRef: { containerName: 'web', resource: 'limits.cpu' } }] } }),
      { labels: { b: 'two "x"', a: '1' } },
    );
    const path = directory(h, 'web', 'downward-api');
    expect(h.agent.text(path, 'labels')).toBe('a="1"\nb="two \\"x\\""');
    expect(h.agent.text(path, 'cpu')).toBe('8');
  });

  it('of an empty directory belongs to the file system group', async () => {
    const h = await start();
    await h.create('web', { ...mounting({ emptyDir: {} }), securityContext: { fsGroup: 2000 } });
    expect(h.agent.directories.get(directory(h, 'web', 'empty-dir'))).toMatchObject({ mode: 0o2777, group: 2000 });
  });

  it.each<[string, string | undefined, string | undefined, number]>([
    ['itself', '16Mi', '64Mi', 16],
    ['its pod', undefined, '64Mi', 64],
    ['its pod, when it says more,', '1Gi', '64Mi', 64],
    ['the node', undefined, undefined, 4096],
  ])('of memory holds no more than %s may', (_name, sizeLimit, memory, mebibytes) => {
    const pod = { spec: { containers: [{ name: 'c', resources: memory ? { limits: { memory } } : {} }] } };
    expect(memoryVolumeBytes(pod, { name: 'v', emptyDir: { medium: 'Memory', ...(sizeLimit ? { sizeLimit } : {}) } }, '4Gi')).toBe(mebibytes * 2 ** 20);
  });

  it('of a pod that was deleted while nobody was there goes when somebody comes', async () => {
    const h = await start();
    h.agent.directories.set('pods/long-gone/volumes/kubernetes.io~empty-dir/v', { mode: 0o777 });
    await h.create('web', mounting({ emptyDir: {} }));
    await h.restart();
    expect([...h.agent.directories.keys()]).toEqual([directory(h, 'web', 'empty-dir')]);
  });

  it('goes with its pod', async () => {
    const h = await start();
    await h.create('web', mounting({ emptyDir: {} }));
    const path = directory(h, 'web', 'empty-dir');
    await h.delete('web');
    expect(h.agent.directories.has(path)).toBe(false);
    expect(h.find('web')).toBeUndefined();
  });

  it('waits for the node’s agent', async () => {
    const h = await start();
    h.kubelet.setAgent(undefined);
    await h.create('web', mounting({ emptyDir: {} }));
    expect(h.said('web')[0]).toBe('FailedMount: MountVolume.SetUp failed for volume "v" : the agent of node node-1 cannot be reached');
    const condition = () => h.server.find(resources.nodes, '', 'node-1')!.status!.conditions!.find(({ type }) => type === 'Ready')!;
    expect(condition()).toMatchObject({ status: 'False', message: "the node's agent cannot be reached" });
    h.kubelet.setAgent(h.agent);
    await settle();
    expect(h.pod('web').status!.phase).toBe('Running');
    expect(condition().status).toBe('True');
  });
});

describe('a claim of a pod', () => {
  const claimed = mounting({ persistentVolumeClaim: { claimName: 'data' } });

  async function bound(h: Harness, spec: PersistentVolume['spec'] = {}): Promise<void> {
    const { metadata } = h.server.seed(resources.persistentVolumeClaims, {
      metadata: { name: 'data', namespace: 'default' },
      spec: { volumeName: 'pv' },
      status: { phase: 'Bound' },
    });
    const claimRef = { namespace: 'default', name: 'data', uid: metadata!.uid };
    h.server.seed(resources.persistentVolumes, { metadata: { name: 'pv' }, spec: { csi: { driver: engineVolumeDriver, volumeHandle: 'pv' }, claimRef, ...spec } });
  }

  const processing = (problem: string) =>
    `FailedMount: Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: error processing PVC default/data: ${problem}`;

  it('is waited for until it is bound', async () => {
    const h = await start();
    await h.create('web', claimed);
    expect(h.said('web')).toEqual([processing('failed to fetch PVC from API server: persistentvolumeclaims "data" not found')]);
    h.server.seed(resources.persistentVolumeClaims, { metadata: { name: 'data', namespace: 'default' }, status: { phase: 'Pending' } });
    await h.clock.advance(1000);
    expect(h.said('web')).toContain(processing('PVC is not bound'));
    h.server.drop(resources.persistentVolumeClaims, 'default', 'data');
    await bound(h);
    await h.clock.advance(5000);
    expect(h.pod('web').status!.phase).toBe('Running');
  });

  it('for one pod only is not given to a second one', async () => {
    const h = await start();
    await bound(h, { accessModes: ['ReadWriteOncePod'] });
    await h.create('web', claimed);
    await h.create('second', claimed);
    expect(h.said('second')).toEqual(['FailedMount: MountVolume.SetUp failed for volume "pv" : volume uses the ReadWriteOncePod access mode and is already in use by another pod']);
    await h.delete('web');
    await h.clock.advance(20_000);
    expect(h.pod('second').status!.phase).toBe('Running');
  });

  it('is measured when somebody asks, against what it was promised, and at most once a minute', async () => {
    const h = await start();
    const asked: string[][] = [];
    h.runtime.volumeUsage = async (names) => {
      asked.push(names);
      return new Map(names.map((name) => [name, { usedBytes: 700, availableBytes: 10_000, inodes: 50, inodesFree: 20 }]));
    };
    await bound(h, { capacity: { storage: '1000' } });
    const ask = async (path: string) => (await h.kubelet.api.http(path, new URLSearchParams())).body;
    expect(await ask('/metrics')).not.toContain('kubelet_volume_stats');
    await h.create('web', claimed);
    await h.create('second', claimed);
    const metrics = (await ask('/metrics')).split('\n').filter((line) => line.startsWith('kubelet_volume_stats'));
    const labels = '{namespace="default",persistentvolumeclaim="data"}';
    expect(metrics).toEqual([['capacity_bytes', 1000], ['available_bytes', 300], ['used_bytes', 700], ['inodes', 50], ['inodes_free', 20], ['inodes_used', 30]].map(([name, value]) => `kubelet_volume_stats_${name}${labels} ${value}`));
    expect(JSON.parse(await ask('/stats/summary')).pods[0].volume).toEqual([
      { time: expect.any(String), name: 'v', pvcRef: { name: 'data', namespace: 'default' }, capacityBytes: 1000, usedBytes: 700, availableBytes: 300, inodes: 50, inodesFree: 20, inodesUsed: 30 },
    ]);
    expect(asked).toEqual([['pv']]);
    await h.clock.advance(60_000);
    await ask('/metrics');
    expect(asked).toHaveLength(2);
    await h.delete('web');
    await h.delete('second');
    await h.clock.advance(20_000);
    expect(await ask('/metrics')).not.toContain('kubelet_volume_stats');
  });

  it('whose volume is elsewhere is refused', async () => {
    const h = await start();
    const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['another'] }];
    await bound(h, { nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } } });
    await h.create('web', claimed);
    expect(h.said('web')).toEqual(['FailedMount: MountVolume.NodeAffinity check failed for volume "pv" : no matching NodeSelectorTerms']);
  });

  it('that is no device cannot be had as one, which is told as such', async () => {
    const hostFiles: HostFiles = { ...machineFiles, stat: async () => 'characterDevice' };
    const h = await new Harness({ runtimeName: 'docker', kubelet: { hostFiles } }).start();
    await bound(h, { csi: undefined, volumeMode: 'Block', local: { path: '/dev/tty' } });
    const containers = [{ name: 'web', image: 'web:1', volumeDevices: [{ name: 'v', devicePath: '/dev/xvda' }] }];
    await h.create('web', { ...claimed, containers });
    expect(h.said('web')).toEqual(['FailedMapVolume: MapVolume.SetUpDevice failed for volume "pv" : path "/dev/tty" is not a block device']);
  });

  it('is given to the pod’s group once, as its policy says', async () => {
    const given: unknown[] = [];
    const h = await start();
    h.runtime.setVolumeGroup = async (...about) => void given.push(about);
    await bound(h);
    await h.create('web', { ...claimed, securityContext: { fsGroup: 2000, fsGroupChangePolicy: 'OnRootMismatch' } });
    await h.clock.advance(200_000);
    expect(given).toEqual([[{ kind: 'volume', name: 'pv' }, { group: 2000, readOnly: false, onRootMismatch: true }]]);
  });

  const unknownDriver =
    'FailedMount: MountVolume.MountDevice failed for volume "pv" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name csi.example.com not found in the list of registered CSI drivers';

  it('of a driver that nobody has installed says so', async () => {
    const h = await start();
    h.server.seed(resources.csiDrivers, { metadata: { name: 'csi.example.com' }, spec: { attachRequired: false } });
    await bound(h, { csi: { driver: 'csi.example.com', volumeHandle: 'x' } });
    await h.create('web', claimed);
    expect(h.said('web')).toEqual([unknownDriver]);
  });

  it('is waited for until the node has it, and after two minutes that is told', async () => {
    const h = await start();
    await bound(h, { csi: { driver: 'csi.example.com', volumeHandle: 'x' } });
    await h.create('web', claimed);
    await h.clock.advance(120_000);
    expect(h.said('web')).toEqual([]);
    await h.clock.advance(30_000);
    const late = 'FailedMount: Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[v], failed to process volumes=[]: context deadline exceeded';
    expect(h.said('web')).toEqual([late]);
    h.server.change(resources.nodes, '', 'node-1', (node) => (node.status = { ...node.status, volumesAttached: [{ name: 'kubernetes.io/csi/csi.example.com^x', devicePath: '' }] } as typeof node.status));
    await h.clock.advance(20_000);
    expect(h.said('web')).toEqual([late, unknownDriver]);
  });
});

describe('an image as a volume', () => {
  it('is pulled, and what its pull lacks is what the container waits for', async () => {
    const h = await start();
    const pull = h.runtime.pullImage.bind(h.runtime);
    h.runtime.pullImage = async (image, ...rest) => {
      if (image.startsWith('data:')) throw new RuntimeError('pullFailed', 'manifest unknown');
      return pull(image, ...rest);
    };
    await h.create('web', mounting({ image: { reference: 'data:1', pullPolicy: 'IfNotPresent' } }));
    expect(h.pod('web').status!.containerStatuses![0]!.state!.waiting).toEqual({ reason: 'ErrImagePull', message: 'manifest unknown' });
    expect(h.said('web')).toContain('Failed: Failed to pull image "data:1": manifest unknown');
    h.runtime.pullImage = pull;
    await h.clock.advance(60_000);
    expect(h.pod('web').status!.phase).toBe('Running');
  });

  it('is counted when it was wanted, and when it was mounted or could not be', async () => {
    const h = await start();
    const counted = async () =>
      (await h.kubelet.api.http('/metrics', new URLSearchParams())).body.split('\n').filter((line) => line.startsWith('kubelet_image_volume_')).map((line) => Number(line.split(' ')[1]));
    await h.create('plain', mounting({ emptyDir: {} }));
    expect(await counted()).toEqual([0, 0, 0]);
    const create = h.runtime.createContainer.bind(h.runtime);
    h.runtime.createContainer = () => Promise.reject(new RuntimeError('imageVolume', 'no such path in it'));
    await h.create('web', mounting({ image: { reference: 'data:1', pullPolicy: 'IfNotPresent' } }));
    const [wanted] = await counted();
    expect(wanted).toBeGreaterThan(0);
    expect(await counted()).toEqual([wanted, 0, wanted]);
    h.runtime.createContainer = create;
    await h.clock.advance(60_000);
    expect(h.pod('web').status!.phase).toBe('Running');
    expect(await counted()).toEqual([wanted! + 1, 1, wanted]);
  });
});

describe('a sub-path', () => {
  it('that a link leads out of its volume is refused', async () => {
    const h = await start();
    h.agent.links.add('escape');
    const containers = [{ name: 'web', image: 'web:1', volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'escape' }] }];
    await h.create('web', { ...mounting({ emptyDir: {} }), containers });
    expect(h.pod('web').status!.containerStatuses![0]!.state!.waiting).toEqual({
      reason: 'CreateContainerConfigError',
      message: 'failed to prepare subPath for volumeMount "v" of container "web"',
    });
  });
});

describe('a path of the host', () => {
  it.each([
    ['/anything', true, 'linux', 'machine'],
    ['/Users/me/data', false, 'darwin', 'machine'],
    ['/home/me', false, 'linux', 'machine'],
    ['/home/me', false, 'darwin', 'node'],
    ['/Usersome', false, 'darwin', 'node'],
    ['/mnt/data', false, 'darwin', 'node'],
    ['/var/run/docker.sock', false, 'darwin', 'engine'],
    ['/proc', false, 'win32', 'engine'],
  ] as const)('%s (engine here: %s, on %s) is of the %s', (path, here, platform, place) => {
    expect(hostPlace(path, here, platform)).toBe(place);
  });

  it('that is on no machine but the node’s is a directory of the node, and typed as one', async () => {
    const h = new Harness({ runtimeName: 'docker' });
    const info = h.runtime.info.bind(h.runtime);
    h.runtime.info = async () => ({ ...(await info()), onThisMachine: false });
    await h.start();
    await h.create('made', mounting({ hostPath: { path: '/mnt/data', type: 'DirectoryOrCreate' } }));
    await h.create('plain', mounting({ hostPath: { path: '/mnt/plain' } }));
    await h.create('wrong', mounting({ hostPath: { path: '/mnt/none', type: 'Directory' } }));
    expect([...h.agent.directories.keys()]).toEqual(expect.arrayContaining(['host/mnt/data', 'host/mnt/plain']));
    expect(h.said('wrong')).toEqual(['FailedMount: MountVolume.SetUp failed for volume "v" : hostPath type check failed: /mnt/none is not a directory']);
    expect([h.pod('made').status!.phase, h.pod('plain').status!.phase]).toEqual(['Running', 'Running']);
  });
});
