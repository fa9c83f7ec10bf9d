import { describe, expect, it } from 'vitest';
import type { PodSpec } from '../../../main/api/index.ts';
import { resources } from '../../../main/client/index.ts';
import { settle } from '../../support/fakeClock.ts';
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
    await h.clock.advance(90_000);
    expect(h.agent.text(path, 'a')).toBe('3');
  });

  it('of a ConfigMap that is missing is waited for', async () => {
    const h = await start();
    await h.create('web', mounting({ configMap: { name: 'c' } }));
    expect(h.said('web')).toEqual(['FailedMount: MountVolume.SetUp failed for volume "v" : configmap "c" not found']);
    expect(h.pod('web').status!.containerStatuses![0]!.state).toEqual({ waiting: { reason: 'ContainerCreating' } });
    expect(h.condition('web', 'PodReadyToStartContainers')!.status).toBe('False');
    h.server.seed(resources.configMaps, { metadata: { name: 'c', namespace: 'default' }, data: {} });
    await h.clock.advance(1000);
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
