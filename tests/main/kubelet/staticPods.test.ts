import { describe, expect, it } from 'vitest';
import { resources } from '../../../main/client/index.ts';
import type { ManifestFolder } from '../../../main/kubelet/manifestFolder.ts';
import { settle } from '../../support/fakeClock.ts';
import { Harness } from './harness.ts';

const manifest = (image: string, name = 'proxy') => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: kube-system, labels: {tier: node}}
spec:
  restartPolicy: Always
  terminationGracePeriodSeconds: 5
  containers: [{name: web, image: '${image}'}]
`;

async function started(files: Map<string, string>) {
  let changed = () => {};
  const manifests: ManifestFolder = {
    read: async () => files,
    watch(onChange) {
      changed = onChange;
      return () => {};
    },
  };
  const h = await new Harness({ kubelet: { manifests } }).start();
  const change = async () => {
    changed();
    await settle();
  };
  return { h, change };
}

const mirror = (h: Harness, name = 'proxy-node-1') => h.server.find(resources.pods, 'kube-system', name);
const running = async (h: Harness) => (await h.runtime.listContainers()).filter(({ state }) => state === 'running').map(({ image }) => image);

describe('a static pod', () => {
  it('runs, and the API shows it with its status', async () => {
    const { h } = await started(new Map([['a.yaml', manifest('proxy:1')]]));
    expect(await running(h)).toEqual(['proxy:1']);
    const pod = mirror(h)!;
    expect(pod).toMatchObject({
      metadata: { labels: { tier: 'node' }, annotations: { 'kubernetes.io/config.source': 'file' }, ownerReferences: [{ kind: 'Node', name: 'node-1' }] },
      spec: { nodeName: 'node-1', tolerations: [{ operator: 'Exists', effect: 'NoExecute' }] },
      status: { phase: 'Running', podIP: '10.244.1.2' },
    });
    expect(pod.metadata!.annotations!['kubernetes.io/config.mirror']).toBe(pod.metadata!.annotations!['kubernetes.io/config.hash']);
    const target = { namespace: 'kube-system', name: 'proxy-node-1', uid: pod.metadata!.uid!, container: 'web' };
    await expect(h.kubelet.api.portForward(target, 80)).rejects.toThrow('simulated');
  });

  it('stays when its mirror is deleted, which comes back', async () => {
    const { h } = await started(new Map([['a.yaml', manifest('proxy:1')]]));
    const before = await h.runtime.listContainers();
    const { uid } = mirror(h)!.metadata!;
    await h.server.client('kubectl').of(resources.pods).delete('kube-system', 'proxy-node-1', {});
    await settle();
    expect(mirror(h)!.metadata!.uid).not.toBe(uid);
    expect(mirror(h)!.status!.phase).toBe('Running');
    expect(await h.runtime.listContainers()).toEqual(before);
  });

  it('goes with its manifest, and another comes with another', async () => {
    const files = new Map([['a.yaml', manifest('proxy:1')]]);
    const { h, change } = await started(files);
    files.set('a.yaml', manifest('proxy:2'));
    await change();
    await settle();
    expect(await running(h)).toEqual(['proxy:2']);
    expect(mirror(h)!.spec!.containers[0]!.image).toBe('proxy:2');
    files.clear();
    await change();
    await settle();
    expect(await running(h)).toEqual([]);
    expect(mirror(h)).toBeUndefined();
  });

  it('is found again by a kubelet that starts anew', async () => {
    const { h } = await started(new Map([['a.yaml', manifest('proxy:1')]]));
    const before = await h.runtime.listContainers();
    const { uid } = mirror(h)!.metadata!;
    await h.restart();
    expect(await h.runtime.listContainers()).toEqual(before);
    expect(mirror(h)!.metadata!.uid).toBe(uid);
  });

  it('is not disturbed by a file that is none', async () => {
    const { h } = await started(new Map([['a.yaml', manifest('proxy:1')], ['b.yaml', 'kind: Service'], ['c.yaml', '{'], ['d.yaml', manifest('other:1')]]));
    expect(await running(h)).toEqual(['proxy:1']);
  });
});
