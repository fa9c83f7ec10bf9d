import { describe, expect, it } from 'vitest';
import { resources } from '../../../main/client/index.ts';
import { exitAnnotation } from '../../../main/runtime/simulated/index.ts';
import { settle } from '../../support/fakeClock.ts';
import { Harness } from './harness.ts';

describe('a pod on a node', () => {
  it('has an address of each family where its node has', async () => {
    const h = await new Harness({ kubelet: { nodeIPv6: 'fd00:10:244::2', podCIDRv6: 'fd00:10:244:0:1::/80' } }).start();
    await h.create('web');
    await h.create('agent', { hostNetwork: true });
    const hostIPs = [{ ip: '10.244.0.2' }, { ip: 'fd00:10:244::2' }];
    expect(h.pod('web').status).toMatchObject({ podIP: '10.244.1.2', podIPs: [{ ip: '10.244.1.2' }, { ip: 'fd00:10:244:0:1::2' }], hostIP: '10.244.0.2', hostIPs });
    expect(h.pod('agent').status).toMatchObject({ podIP: '10.244.0.2', podIPs: hostIPs });
    const node = h.server.find(resources.nodes, '', 'node-1');
    expect(node?.spec).toMatchObject({ podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24', 'fd00:10:244:0:1::/80'] });
    expect(node?.status?.addresses?.map(({ address }) => address)).toEqual(['10.244.0.2', 'fd00:10:244::2', 'node-1']);
  });

  it('becomes running and ready, with an address of the node', async () => {
    const h = await new Harness().start();
    await h.create('web', { containers: [{ name: 'web', image: 'web:1' }, { name: 'side', image: 'side:1' }] });
    const { status } = h.pod('web');
    expect(status).toMatchObject({ phase: 'Running', podIP: '10.244.1.2', podIPs: [{ ip: '10.244.1.2' }], hostIP: '10.244.0.2', qosClass: 'BestEffort' });
    expect(status!.containerStatuses!.map(({ name, ready, started, restartCount }) => ({ name, ready, started, restartCount }))).toEqual([
      { name: 'side', ready: true, started: true, restartCount: 0 },
      { name: 'web', ready: true, started: true, restartCount: 0 },
    ]);
    expect(status!.containerStatuses![1]!.containerID).toMatch(/^simulated:\/\/[0-9a-f]{64}$/);
    for (const type of ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'])
      expect(h.condition('web', type)).toMatchObject({ status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' });
  });

  it('has its containers created while its sandbox starts, and started afterwards', async () => {
    const h = await new Harness().start();
    const { runSandbox } = h.runtime;
    let ready = () => {};
    h.runtime.runSandbox = async (config, onCreated) => {
      const id = await runSandbox.call(h.runtime, config, onCreated);
      await new Promise<void>((resolve) => (ready = resolve));
      return id;
    };
    await h.create('web', { containers: [{ name: 'web', image: 'web:1', env: [{ name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }] }, { name: 'side', image: 'side:1' }] });
    expect((await h.container('web', 'web'))?.state).toBe('created');
    expect((await h.container('web', 'side'))?.state).toBe('created');
    expect(h.said('web')).not.toContain('Started: Container started');
    ready();
    await settle();
    expect(h.pod('web').status).toMatchObject({ phase: 'Running', podIP: '10.244.1.2' });
    expect(h.events('web').map(({ reason }) => reason)).toEqual(['Pulling', 'Pulled', 'Created', 'Pulling', 'Pulled', 'Created', 'Started', 'Started']);
  });

  it('counts no restart for what was created for a sandbox that then failed', async () => {
    const h = await new Harness().start();
    const { runSandbox } = h.runtime;
    h.runtime.runSandbox = async (config, onCreated) => {
      const id = await runSandbox.call(h.runtime, config, onCreated);
      await settle();
      h.runtime.runSandbox = runSandbox;
      await h.runtime.stopSandbox(id);
      throw new Error('no network');
    };
    await h.create('once', { restartPolicy: 'Never' });
    await settle();
    expect(h.said('once')).toContain('FailedCreatePodSandBox: Failed to create pod sandbox: no network');
    await h.clock.advance(1000);
    expect(h.pod('once').status).toMatchObject({ phase: 'Running', containerStatuses: [{ restartCount: 0 }] });
  });

  it('tells how its image and container went', async () => {
    const h = await new Harness().start();
    await h.create('web');
    expect(h.said('web')).toEqual([
      'Pulling: Pulling image "web:1"',
      'Pulled: Successfully pulled image "web:1" in 0s (0s including waiting). Image size: 0 bytes.',
      'Created: Container created',
      'Started: Container started',
    ]);
    expect(h.events('web').at(-1)).toMatchObject({
      involvedObject: { kind: 'Pod', fieldPath: 'spec.containers{web}' },
      source: { component: 'kubelet', host: 'node-1' },
    });
  });

  it('uses an image that is there without asking the registry', async () => {
    const h = await new Harness().start();
    await h.runtime.pullImage('web:1', undefined);
    await h.create('web');
    expect(h.said('web')[0]).toBe('Pulled: Container image "web:1" already present on machine and can be accessed by the pod');
  });

  it('waits for its image, tells why, and tries again later and later', async () => {
    const h = await new Harness({ simulated: { missingImages: { 'web:1': 'manifest for web:1 not found: manifest unknown' } } }).start();
    await h.create('web');
    const waiting = () => h.pod('web').status!.containerStatuses![0]!.state!.waiting;
    expect(waiting()).toEqual({ reason: 'ErrImagePull', message: 'manifest for web:1 not found: manifest unknown' });
    expect(h.pod('web').status!.phase).toBe('Pending');
    await h.clock.advance(2000);
    expect(waiting()).toEqual({
      reason: 'ImagePullBackOff',
      message: 'Back-off pulling image "web:1": ErrImagePull: manifest for web:1 not found: manifest unknown',
    });
    expect(h.said('web')).toContain('Failed: Error: ErrImagePull');
    expect(h.said('web')).toContain('BackOff: Back-off pulling image "web:1"');
    await h.clock.advance(10_000);
    const pulls = () => h.events('web').find((event) => event.message === 'Pulling image "web:1"')!.count;
    expect(pulls()).toBe(2);
  });

  it('says that a name is no image name', async () => {
    const h = await new Harness().start();
    await h.create('web', { containers: [{ name: 'web', image: 'Web:1' }] });
    expect(h.pod('web').status!.containerStatuses![0]!.state!.waiting).toEqual({
      reason: 'InvalidImageName',
      message: 'Failed to apply default image tag "Web:1": couldn\'t parse image name "Web:1": invalid reference format: repository name (library/Web) must be lowercase',
    });
  });

  it('tells how the pull of an image goes on that the pod waits for', async () => {
    const h = await new Harness().start();
    let finish = () => {};
    const { pullImage } = h.runtime;
    h.runtime.pullImage = async (image, auth, onProgress) => {
      onProgress!({ current: 5, total: 20, status: 'Downloading' });
      await new Promise<void>((resolve) => (finish = resolve));
      return pullImage.call(h.runtime, image, auth, onProgress);
    };
    const { uid } = (await h.create('web', { containers: [{ name: 'main', image: 'big' }] })).metadata!;
    const pulls = async (podUID: string) => JSON.parse((await h.kubelet.api.http('/imagepulls', new URLSearchParams({ podUID }))).body).items;
    expect(await pulls(uid!)).toEqual([{ image: 'big', current: 5, total: 20, status: 'Downloading' }]);
    expect(await pulls('another')).toEqual([]);
    finish();
    await settle();
    expect(await pulls(uid!)).toEqual([]);
    expect(h.said('web')).toContain('Started: Container started');
  });

  it('never pulls with the policy Never', async () => {
    const h = await new Harness().start();
    await h.create('web', { containers: [{ name: 'web', image: 'web:1', imagePullPolicy: 'Never' }] });
    expect(h.pod('web').status!.containerStatuses![0]!.state!.waiting).toEqual({
      reason: 'ErrImageNeverPull',
      message: 'Container image "web:1" is not present with pull policy of Never',
    });
  });
});

describe('a container that ends', () => {
  it('is started again at once, then after a growing wait', async () => {
    const h = await new Harness().start();
    await h.create('web', {}, { annotations: { [exitAnnotation]: '1@100ms' } });
    const status = () => h.pod('web').status!.containerStatuses![0]!;
    await h.clock.advance(100);
    expect(status()).toMatchObject({ restartCount: 1, state: { running: {} }, lastState: { terminated: { exitCode: 1, reason: 'Error' } } });
    await h.clock.advance(100);
    const uid = h.pod('web').metadata!.uid;
    expect(status()).toMatchObject({
      restartCount: 1,
      ready: false,
      state: { waiting: { reason: 'CrashLoopBackOff', message: `back-off 10s restarting failed container=web pod=web_default(${uid})` } },
    });
    expect(h.pod('web').status!.phase).toBe('Running');
    expect(h.said('web')).toContain(`BackOff: Back-off restarting failed container web in pod web_default(${uid})`);
    await h.clock.advance(10_000);
    expect(status().restartCount).toBe(2);
    await h.clock.advance(200);
    expect(status().state!.waiting!.message).toContain('back-off 20s');
    await h.clock.advance(19_000);
    expect(status().restartCount).toBe(2);
    await h.clock.advance(1000);
    expect(status().restartCount).toBe(3);
  });

  it('leaves one dead predecessor for its log, not more', async () => {
    const h = await new Harness().start();
    await h.create('web', {}, { annotations: { [exitAnnotation]: '1@100ms' } });
    await h.clock.advance(100_000);
    const all = await h.runtime.listContainers({ podUid: h.pod('web').metadata!.uid! });
    expect(all.length).toBe(2);
  });

  it('completes a pod that is never to be started again', async () => {
    const h = await new Harness().start();
    await h.create('job', { restartPolicy: 'Never' }, { annotations: { [exitAnnotation]: '0@1s' } });
    expect(h.pod('job').status!.phase).toBe('Running');
    await h.clock.advance(1000);
    expect(h.pod('job').status).toMatchObject({
      phase: 'Succeeded',
      containerStatuses: [{ restartCount: 0, ready: false, state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
    });
    expect(h.condition('job', 'Ready')).toMatchObject({ status: 'False', reason: 'PodCompleted' });
    expect(h.condition('job', 'Initialized')).toMatchObject({ status: 'True', reason: 'PodCompleted' });
    expect((await h.runtime.listSandboxes()).map((s) => s.state)).toEqual(['notReady']);
  });

  it('fails a pod when its code says so', async () => {
    const h = await new Harness().start();
    await h.create('job', { restartPolicy: 'Never' }, { annotations: { [exitAnnotation]: '3@1s' } });
    await h.clock.advance(1000);
    expect(h.pod('job').status).toMatchObject({ phase: 'Failed' });
    expect(h.condition('job', 'Ready')).toMatchObject({ reason: 'PodFailed' });
  });

  it('with OnFailure is started again until it succeeds', async () => {
    const h = await new Harness().start();
    await h.create('job', { restartPolicy: 'OnFailure' }, { annotations: { [exitAnnotation]: '1@1s' } });
    await h.clock.advance(1000);
    expect(h.pod('job').status).toMatchObject({ phase: 'Running', containerStatuses: [{ restartCount: 1 }] });
  });
});

describe('init containers', () => {
  it('run one after the other, before the containers', async () => {
    const h = await new Harness().start();
    await h.create('web', { initContainers: [{ name: 'one', image: 'i:1' }, { name: 'two', image: 'i:1' }] });
    expect(h.pod('web').status).toMatchObject({
      phase: 'Pending',
      initContainerStatuses: [{ name: 'one', state: { running: {} } }, { name: 'two', state: { waiting: { reason: 'PodInitializing' } } }],
      containerStatuses: [{ state: { waiting: { reason: 'PodInitializing' } } }],
    });
    expect(h.condition('web', 'Initialized')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotInitialized',
      message: 'containers with incomplete status: [one two]',
    });
    await h.clock.advance(1000);
    expect(h.pod('web').status!.initContainerStatuses![0]).toMatchObject({ ready: true, state: { terminated: { exitCode: 0, reason: 'Completed' } } });
    await h.clock.advance(1000);
    expect(h.pod('web').status!.phase).toBe('Running');
    expect(h.condition('web', 'Initialized')!.status).toBe('True');
  });

  it('a sidecar stays beside the containers and does not hold up the pod', async () => {
    const h = await new Harness().start();
    await h.create('web', { initContainers: [{ name: 'proxy', image: 'p:1', restartPolicy: 'Always' }] });
    expect(h.pod('web').status).toMatchObject({
      phase: 'Running',
      initContainerStatuses: [{ name: 'proxy', started: true, ready: true, state: { running: {} } }],
    });
    expect(h.condition('web', 'Ready')!.status).toBe('True');
  });

  it('a sidecar ends with the pod that has completed', async () => {
    const h = await new Harness().start();
    await h.create(
      'job',
      { restartPolicy: 'Never', initContainers: [{ name: 'proxy', image: 'p:1', restartPolicy: 'Always' }] },
      { annotations: { [exitAnnotation]: '0@1s' } },
    );
    await h.clock.advance(1500);
    // The annotation is the whole pod's: the sidecar has ended once by itself as well.
    expect(h.pod('job').status!.phase).toBe('Succeeded');
    expect((await h.runtime.listContainers()).filter((c) => c.state === 'running')).toEqual([]);
  });
});

describe('a deleted pod', () => {
  it('ends, gives its address back and is gone from API and runtime', async () => {
    const h = await new Harness().start();
    await h.create('web');
    await h.delete('web');
    expect(h.find('web')).toBeUndefined();
    expect(await h.runtime.listSandboxes()).toEqual([]);
    expect(h.said('web')).toContain('Killing: Stopping container web');
    await h.create('again');
    expect(h.pod('again').status!.podIP).not.toBe('10.244.1.2');
  });

  it('that was never started goes as well', async () => {
    const h = await new Harness({ simulated: { missingImages: { 'web:1': 'no' } } }).start();
    await h.create('web');
    await h.delete('web');
    expect(h.find('web')).toBeUndefined();
    expect(await h.runtime.listSandboxes()).toEqual([]);
  });

  it('that completed long ago goes at once', async () => {
    const h = await new Harness().start();
    await h.create('job', { restartPolicy: 'Never' }, { annotations: { [exitAnnotation]: '0' } });
    await h.clock.advance(60_000);
    expect(h.pod('job').status!.phase).toBe('Succeeded');
    await h.delete('job');
    expect(h.find('job')).toBeUndefined();
    expect(await h.runtime.listContainers()).toEqual([]);
  });

  it('taken from the API by force ends here too', async () => {
    const h = await new Harness().start();
    await h.create('web');
    h.server.drop(resources.pods, 'default', 'web');
    await settle();
    await h.clock.advance(3000);
    expect(await h.runtime.listSandboxes()).toEqual([]);
  });
});

describe('a rule that restarts all containers', () => {
  it('begins the pod anew in its sandbox when it fits', async () => {
    const h = await new Harness().start();
    const rules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }];
    await h.create(
      'web',
      {
        restartPolicy: 'Never',
        initContainers: [{ name: 'prepare', image: 'prepare:1' }],
        containers: [{ name: 'web', image: 'web:1', restartPolicy: 'Never', restartPolicyRules: rules }, { name: 'side', image: 'side:1' }],
      },
      { annotations: { [exitAnnotation]: '42@5s' } },
    );
    const [sandbox] = await h.runtime.listSandboxes();
    await h.clock.advance(1000);
    expect(h.condition('web', 'AllContainersRestarting')).toMatchObject({ status: 'False' });
    await h.clock.advance(5000);
    const counts = () => [...h.pod('web').status!.initContainerStatuses!, ...h.pod('web').status!.containerStatuses!].map(({ name, restartCount }) => `${name} ${restartCount}`);
    await h.clock.advance(2000);
    expect(counts()).toEqual(['prepare 1', 'side 1', 'web 1']);
    expect(h.pod('web').status).toMatchObject({ phase: 'Running', containerStatuses: [{ lastState: { terminated: { reason: 'RestartingAllContainers', exitCode: 137 } } }, {}] });
    expect(await h.runtime.listSandboxes()).toEqual([sandbox]);
  });
});

describe('what a pod relies on', () => {
  it('may be pull secrets that are missing: it is told, and tried all the same', async () => {
    const h = await new Harness().start();
    h.server.seed(resources.secrets, { metadata: { name: 'there', namespace: 'default' }, type: 'kubernetes.io/dockerconfigjson', data: {} });
    await h.create('web', { imagePullSecrets: [{ name: 'there' }, { name: 'one' }, { name: '' }, { name: 'two' }] });
    expect(h.pod('web').status!.phase).toBe('Running');
    expect(h.said('web')).toContain('FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (one, two); attempting to pull the image may not succeed.');
  });

  it('may be a runtime that the engine has not: its sandbox is refused', async () => {
    const h = new Harness();
    const info = h.runtime.info.bind(h.runtime);
    h.runtime.info = async () => ({ ...(await info()), handlers: ['runc'] });
    await h.start();
    for (const handler of ['runc', 'kata', 'io.containerd.runsc.v1']) h.server.seed(resources.runtimeClasses, { metadata: { name: handler }, handler });
    await h.create('usual', { runtimeClassName: 'runc' });
    await h.create('shim', { runtimeClassName: 'io.containerd.runsc.v1' });
    await h.create('unknown', { runtimeClassName: 'kata' });
    expect(['usual', 'shim', 'unknown'].map((name) => h.pod(name).status!.phase)).toEqual(['Running', 'Running', 'Pending']);
    expect(h.said('unknown')).toContain('FailedCreatePodSandBox: Failed to create pod sandbox: failed to get sandbox runtime: no runtime for "kata" is configured');
  });
});

describe('a deadline', () => {
  it('fails the pod when it has passed', async () => {
    const h = await new Harness().start();
    await h.create('web', { activeDeadlineSeconds: 10 });
    await h.clock.advance(9000);
    expect(h.pod('web').status!.phase).toBe('Running');
    await h.clock.advance(2000);
    expect(h.pod('web').status).toMatchObject({
      phase: 'Failed',
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    });
    expect((await h.container('web'))!.state).toBe('exited');
  });
});

describe('containers that never ran', () => {
  const lost = { terminated: { exitCode: 137, reason: 'ContainerStatusUnknown', message: 'The container could not be located when the pod was terminated' } };
  const unknown = { image: 'unknown:1', imagePullPolicy: 'Never' };

  it('have ended for good with their pod', async () => {
    const h = await new Harness().start();
    await h.create('web', { activeDeadlineSeconds: 10, containers: [{ name: 'web', ...unknown }] });
    expect(h.pod('web').status).toMatchObject({ phase: 'Pending', containerStatuses: [{ state: { waiting: {} } }] });
    await h.clock.advance(11_000);
    expect(h.pod('web').status).toMatchObject({ phase: 'Failed', containerStatuses: [{ state: lost }] });
  });

  it('still wait where their turn had not come', async () => {
    const h = await new Harness().start();
    await h.create('web', { activeDeadlineSeconds: 10, initContainers: [{ name: 'first', ...unknown }, { name: 'second', ...unknown }] });
    await h.clock.advance(11_000);
    expect(h.pod('web').status).toMatchObject({ phase: 'Failed', initContainerStatuses: [{ state: lost }, { state: { waiting: {} } }], containerStatuses: [{ state: { waiting: {} } }] });
  });
});

describe('a kubelet that starts again', () => {
  it('learns of a container that ends while its pod is not known yet', async () => {
    const h = await new Harness().start();
    await h.create('web');
    const { id } = (await h.container('web'))!;
    const list = h.runtime.listContainers.bind(h.runtime);
    h.runtime.listContainers = async (filter) => {
      h.runtime.listContainers = list;
      const found = (await list(filter)).map((container) => ({ ...container }));
      await h.runtime.stopContainer(id, 0);
      return found;
    };
    await h.restart();
    await settle();
    expect(h.pod('web').status!.containerStatuses![0]).toMatchObject({ restartCount: 1, state: { running: {} } });
  });

  it('finds its pods and leaves them as they are', async () => {
    const h = await new Harness().start();
    await h.create('web', {}, { annotations: { [exitAnnotation]: '1@60s' } });
    await h.clock.advance(60_000);
    const before = h.pod('web').status!;
    expect(before.containerStatuses![0]!.restartCount).toBe(1);
    await h.restart();
    expect(h.pod('web').status).toEqual(before);
    await h.create('other');
    expect(h.pod('other').status!.podIP).not.toBe(before.podIP);
  });

  it('removes what belongs to pods that were deleted meanwhile', async () => {
    const h = await new Harness().start();
    await h.create('web');
    await h.kubelet.stop();
    h.server.drop(resources.pods, 'default', 'web');
    await h.restart();
    expect(await h.runtime.listSandboxes()).toEqual([]);
    expect(await h.runtime.listContainers()).toEqual([]);
  });

  it('gives a pod whose sandbox died a new one', async () => {
    const h = await new Harness().start();
    await h.create('web');
    const [sandbox] = await h.runtime.listSandboxes();
    await h.runtime.stopSandbox(sandbox!.id);
    await settle();
    expect(h.said('web')).toContain('SandboxChanged: Pod sandbox changed, it will be killed and re-created.');
    expect(h.pod('web').status).toMatchObject({ phase: 'Running', containerStatuses: [{ restartCount: 1, ready: true }] });
  });
});

it('what somebody else has written over a pod\'s status is put right', async () => {
  const harness = await new Harness().start();
  await harness.create('web');
  await harness.clock.advance(1000);
  expect(harness.condition('web', 'Ready')).toMatchObject({ status: 'True' });
  harness.server.change(resources.pods, 'default', 'web', (pod) => {
    const ready = pod.status!.conditions!.find(({ type }) => type === 'Ready')!;
    ready.status = 'False';
    pod.status!.conditions!.push({ type: 'example.com/Seen', status: 'True' });
  });
  await harness.clock.advance(1000);
  expect(harness.condition('web', 'Ready')).toMatchObject({ status: 'True' });
  expect(harness.condition('web', 'example.com/Seen')).toMatchObject({ status: 'True' });
  const { resourceVersion } = harness.pod('web').metadata!;
  await harness.clock.advance(5000);
  expect(harness.pod('web').metadata!.resourceVersion).toBe(resourceVersion);
});
