import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { resources } from '../../../main/client/index.ts';
import { RuntimeError } from '../../../main/runtime/index.ts';
import { exitAnnotation } from '../../../main/runtime/simulated/index.ts';
import { settle } from '../../support/fakeClock.ts';
import { Harness } from './harness.ts';

const node = (h: Harness) => h.server.find(resources.nodes, '', 'node-1')!;
const target = (h: Harness, name: string) => ({ namespace: 'default', name, uid: h.pod(name).metadata!.uid!, container: 'web' });

describe('a node', () => {
  it('registers with what it is and has', async () => {
    const h = await new Harness({ kubelet: { zone: 'here', labels: { disk: 'fast' } } }).start();
    expect(node(h)).toMatchObject({
      metadata: { labels: { 'kubernetes.io/hostname': 'node-1', 'kubernetes.io/os': 'linux', 'topology.kubernetes.io/zone': 'here', disk: 'fast' } },
      spec: { podCIDR: '10.244.1.0/24' },
      status: {
        addresses: [{ type: 'InternalIP', address: '10.244.0.2' }, { type: 'Hostname', address: 'node-1' }],
        capacity: { cpu: '8', memory: '16777216Ki', pods: '110' },
        allocatable: { cpu: '8', memory: '16674816Ki', pods: '110' },
        nodeInfo: { containerRuntimeVersion: 'simulated://1.0', kubeletVersion: 'v1.36.0' },
      },
    });
    expect(node(h).status!.conditions!.map(({ type, status, reason }) => `${type}=${status} ${reason}`)).toEqual([
      'MemoryPressure=False KubeletHasSufficientMemory',
      'DiskPressure=False KubeletHasNoDiskPressure',
      'PIDPressure=False KubeletHasSufficientPID',
      'Ready=True KubeletReady',
    ]);
  });

  it('renews its lease every ten seconds and its status every five minutes', async () => {
    const h = await new Harness().start();
    const lease = () => h.server.find(resources.leases, 'kube-node-lease', 'node-1')!.spec!;
    expect(lease()).toMatchObject({ holderIdentity: 'node-1', leaseDurationSeconds: 40, renewTime: '2026-01-01T00:00:00.000000Z' });
    await h.clock.advance(20_000);
    expect(lease().renewTime).toBe('2026-01-01T00:00:20.000000Z');
    const beat = () => node(h).status!.conditions!.find(({ type }) => type === 'Ready')!;
    expect(beat().lastHeartbeatTime).toBe('2026-01-01T00:00:00Z');
    await h.clock.advance(300_000);
    expect(beat()).toMatchObject({ lastHeartbeatTime: '2026-01-01T00:05:00Z', lastTransitionTime: '2026-01-01T00:00:00Z' });
  });

  it('keeps what others have said of it', async () => {
    const h = await new Harness().start();
    h.server.change(resources.nodes, '', 'node-1', (n) => (n.metadata!.labels!.mine = 'yes'));
    await h.restart();
    expect(node(h).metadata!.labels!.mine).toBe('yes');

    h.server.change(resources.nodes, '', 'node-1', (n) => (n.status!.capacity!['example.com/gpu'] = '2'));
    await h.clock.advance(300_000);
    expect(node(h).status).toMatchObject({ capacity: { 'example.com/gpu': '2', cpu: '8' }, allocatable: { 'example.com/gpu': '2', cpu: '8' } });
  });

  it('says within ten seconds how it is where others have said that they do not know, as after a computer’s sleep', async () => {
    const h = await new Harness().start();
    h.server.change(resources.nodes, '', 'node-1', ({ status }) => {
      for (const condition of status!.conditions!) Object.assign(condition, { status: 'Unknown', reason: 'NodeStatusUnknown', lastTransitionTime: '2026-01-01T00:00:00Z' });
    });
    const version = () => node(h).metadata!.resourceVersion;
    await h.clock.advance(10_000);
    expect(node(h).status!.conditions!.map(({ type, status }) => `${type}=${status}`)).toEqual(['MemoryPressure=False', 'DiskPressure=False', 'PIDPressure=False', 'Ready=True']);
    expect(node(h).status!.conditions!.at(-1)!.lastTransitionTime).toBe('2026-01-01T00:00:10Z');
    const before = version();
    await h.clock.advance(60_000);
    expect(version()).toBe(before);
  });

  it('says which CSI drivers it has, and for whose volumes of old CSI drivers stand in', async () => {
    const key = 'storage.alpha.kubernetes.io/migrated-plugins';
    const migrated = 'kubernetes.io/aws-ebs,kubernetes.io/azure-disk,kubernetes.io/azure-file,kubernetes.io/cinder,kubernetes.io/gce-pd,kubernetes.io/portworx-volume,kubernetes.io/vsphere-volume';
    const h = await new Harness({ runtimeName: 'docker' }).start();
    const told = () => h.server.find(resources.csiNodes, '', 'node-1')!;
    expect(told()).toMatchObject({ metadata: { annotations: { [key]: migrated } }, spec: { drivers: [{ nodeID: 'node-1' }] } });
    // As an older kubelet has left it, beside what others have written.
    h.server.change(resources.csiNodes, '', 'node-1', ({ metadata, spec }) => {
      metadata!.annotations = { mine: 'yes' };
      spec.drivers.unshift({ name: 'csi.example.com', nodeID: 'n' });
    });
    await h.restart();
    expect(told().metadata!.annotations).toEqual({ mine: 'yes', [key]: migrated });
    expect(told().spec.drivers.map(({ name }) => name)).toContain('csi.example.com');
  });

  it('says the same of a simulated one, when the start is over', async () => {
    const h = await new Harness().start();
    const told = () => h.server.find(resources.csiNodes, '', 'node-1');
    await h.clock.advance(2000);
    expect(told()).toBeUndefined();
    await h.clock.advance(10_000);
    expect(told()).toMatchObject({ metadata: { ownerReferences: [{ kind: 'Node', name: 'node-1', uid: node(h).metadata!.uid }] }, spec: { drivers: [{ nodeID: 'node-1' }] } });
  });

  it('waits for a runtime that is not there yet', async () => {
    const h = new Harness();
    const info = h.runtime.info.bind(h.runtime);
    h.runtime.info = () => Promise.reject(new RuntimeError('unavailable', 'nobody there'));
    h.informers.start();
    const started = h.kubelet.start();
    await h.clock.advance(4000);
    expect(h.server.find(resources.nodes, '', 'node-1')).toBeUndefined();
    h.runtime.info = info;
    await h.clock.advance(2000);
    await started;
    expect(node(h).metadata!.name).toBe('node-1');
  });
});

describe('the kubelet’s server', () => {
  const text = async (h: Harness, options: object) => {
    const out = new PassThrough();
    const chunks: Buffer[] = [];
    out.on('data', (chunk: Buffer) => chunks.push(chunk));
    await h.kubelet.api.containerLogs(target(h, 'web'), options, out, new AbortController().signal);
    await settle();
    return Buffer.concat(chunks).toString();
  };

  it('gives a log', async () => {
    const h = await new Harness().start();
    await h.create('web');
    expect(await text(h, {})).toMatch(/^This container is simulated: web:1 does not run/);
    expect(await text(h, { timestamps: true })).toMatch(/^2026-01-01T00:00:00\.000000000Z This/);
    expect(await text(h, { limitBytes: 4 })).toBe('This');
    expect(await text(h, { stream: 'Stderr' })).toBe('');
  });

  it('says why there is no log', async () => {
    const h = await new Harness({ simulated: { missingImages: { 'web:1': 'no' } } }).start();
    await h.create('web');
    await expect(text(h, {})).rejects.toThrow('container "web" in pod "web" is waiting to start: image can\'t be pulled');
    await expect(text(h, { previous: true })).rejects.toThrow('previous terminated container "web" in pod "web" not found');
  });

  it('runs nothing in a container that does not run', async () => {
    const h = await new Harness({ simulated: { missingImages: { 'web:1': 'no' } } }).start();
    await h.create('web');
    const io = { tty: false, signal: new AbortController().signal };
    await expect(h.kubelet.api.exec(target(h, 'web'), ['ls'], io)).rejects.toThrow('container not found ("web")');
    await expect(h.kubelet.api.findContainer(target(h, 'web'), false)).rejects.toThrow('container not found ("web")');
    await expect(h.kubelet.api.findContainer(target(h, 'web'), true)).rejects.toThrow('container web not found in pod web_default');
  });

  it('lists pods and what they use', async () => {
    const h = await new Harness().start();
    await h.create('web');
    const get = async (path: string) => (await h.kubelet.api.http(path, new URLSearchParams())).body;
    expect(JSON.parse(await get('/pods')).items[0].metadata.name).toBe('web');
    expect(JSON.parse(await get('/stats/summary'))).toMatchObject({ node: { nodeName: 'node-1' }, pods: [{ podRef: { name: 'web' }, containers: [{ name: 'web' }] }] });
    expect(await get('/healthz')).toBe('ok');
    expect(await get('/healthz/syncloop')).toBe('ok');
    expect(await get('/healthz/none')).toBe('404 page not found\n');
    expect(await get('/metrics/slis')).toContain('kubernetes_healthcheck{name="syncloop",type="healthz"} 1\n');
    expect(JSON.parse(await get('/runningpods')).items).toEqual([expect.objectContaining({ metadata: expect.objectContaining({ name: 'web' }) })]);
    expect(JSON.parse(await get('/configz')).kubeletconfig).toMatchObject({ clusterDomain: 'cluster.local', evictionHard: { 'memory.available': '100Mi' } });
    expect(await get('/metrics')).toContain('kubelet_running_containers{container_state="running"} 1');
    await h.create('job', { restartPolicy: 'Never' }, { annotations: { [exitAnnotation]: '3' } });
    await h.clock.advance(1);
    expect(await get('/metrics')).toContain('kubelet_terminated_containers_total{container_type="container",exit_code="3",reason="Error"} 1');
    const metrics = (await get('/metrics')).split('\n');
    for (const line of [
      'kubelet_pod_start_duration_seconds_bucket{le="0.5"} 2',
      'kubelet_pod_start_duration_seconds_count 2',
      'kubelet_runtime_operations_total{operation_type="run_podsandbox"} 2',
      'kubelet_runtime_operations_duration_seconds_bucket{operation_type="run_podsandbox",le="+Inf"} 2',
    ])
      expect(metrics).toContain(line);
    expect(metrics.some((line) => line.startsWith('kubelet_runtime_operations_errors_total{'))).toBe(false);
    expect(await get('/metrics/probes')).toContain('# TYPE prober_probe_total counter');
    const cadvisor = await get('/metrics/cadvisor');
    expect(cadvisor).toMatch(/^container_memory_working_set_bytes\{container="web",id="[^"]+",image="web:1",name="k8s_web_web_default_[^"]+_0",namespace="default",pod="web"\} 0 \d+$/m);
    expect(cadvisor).toMatch(/^machine_cpu_cores\{.*\} \d+$/m);
    expect(await get('/metrics/resource')).toContain('container_memory_working_set_bytes{container="web",namespace="default",pod="web"} 0');
  });
});

describe('graceful ends', () => {
  it('run the preStop hook before the stop signal, within the grace period', async () => {
    const h = await new Harness().start();
    const stopped: [number, number][] = [];
    const stop = h.runtime.stopContainer.bind(h.runtime);
    h.runtime.stopContainer = (id, grace) => {
      stopped.push([h.clock.now(), grace]);
      return stop(id, grace);
    };
    await h.create('web', { containers: [{ name: 'web', image: 'web:1', lifecycle: { preStop: { sleep: { seconds: 10 } } } }] });
    const began = h.clock.now();
    await h.delete('web', 30);
    expect(stopped).toEqual([]);
    await h.clock.advance(10_000);
    expect(stopped).toEqual([[began + 10_000, 20]]);
    expect(h.find('web')).toBeUndefined();
  });

  it('do not wait for a postStart hook that hangs', async () => {
    const h = await new Harness().start();
    h.runtime.execSync = () => new Promise(() => {});
    await h.create('web', { containers: [{ name: 'web', image: 'web:1', lifecycle: { postStart: { exec: { command: ['hang'] } } } }] });
    expect(h.said('web').at(-1)).toBe('Started: Container started');
    await h.delete('web', 30);
    await settle();
    expect(h.find('web')).toBeUndefined();
    expect(h.said('web')).not.toContain('FailedPostStartHook: PostStartHook failed');
    expect(await h.runtime.listContainers()).toEqual([]);
  });

  it('end sidecars after all others', async () => {
    const h = await new Harness().start();
    const stopped: string[] = [];
    const stop = h.runtime.stopContainer.bind(h.runtime);
    h.runtime.stopContainer = async (id, grace) => {
      stopped.push((await h.runtime.containerStatus(id)).name);
      return stop(id, grace);
    };
    const sidecar = (name: string) => ({ name, image: 'p:1', restartPolicy: 'Always' });
    await h.create('web', { initContainers: [sidecar('one'), sidecar('two')], containers: [{ name: 'web', image: 'web:1' }] });
    await h.delete('web');
    await h.clock.advance(60_000);
    expect(stopped).toEqual(['web', 'two', 'one']);
    expect(h.find('web')).toBeUndefined();
  });
});
